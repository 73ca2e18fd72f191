package connreq

import (
	"context"
	"sync/atomic"
	"time"
)

// Transport is one way to make a CPE call home. Its methods are called from many
// goroutines.
type Transport interface {
	// Name is UDP or HTTP.
	Name() string
	// Check tells where the request would go, without credentials, and says in
	// words why the device cannot be reached this way, "" if it can. It does no
	// I/O.
	Check(t *Target) (to, reason string)
	// Send delivers the request once: one datagram, or one HTTP exchange with all
	// that authentication needs. It returns nil once the request is delivered as
	// far as that can be known, else an error that reads well as Attempt.Reason.
	// It is called again with the same job for each further copy, never twice at
	// a time. What leaves is counted by Job.CountSent as it leaves.
	Send(ctx context.Context, j *Job) error
}

// Job is one request to one device by one transport.
type Job struct {
	// Target is as it was when the job was made. Transports only read it.
	Target Target

	request *request
	way     *way
	to      string       // of Check
	sent    atomic.Int32 // what left

	// Of a UDP Connection Request: its place in the device's sequence, the unit
	// of ts, and the datagram once it is made.
	seq     int64
	millis  bool
	trial   bool // milliseconds are tried (quirk S-33)
	payload []byte

	// Guarded by Service.mu.
	started   bool // Send was called
	copies    int  // calls of Send that returned
	delivered bool // one of them returned nil
	closed    bool // its share of the time is over
	reason    string
	began     time.Time
	until     time.Time // the next transport's turn, if there is one
	took      time.Duration
}

// CountSent counts a datagram or an HTTP request that has left.
func (j *Job) CountSent() { j.sent.Add(1) }

// way is a transport and how the service uses it.
type way struct {
	Transport
	copies   []time.Duration // when Send is called, from the start, ascending; the first always at once
	numbered bool            // its requests carry a number of the device's sequence
	timeout  time.Duration   // of one Send on a goroutine of its own; 0: Send never blocks
}

// least returns the time without which the way makes no sense: for all copies and
// a moment more, or for the exchange.
func (w *way) least() time.Duration {
	if w.timeout > 0 {
		return w.timeout + time.Second
	}
	return w.copies[len(w.copies)-1] + time.Second
}

// end closes the job's account. The caller holds the lock.
func (j *Job) end(now time.Time, reason string) {
	if j.closed {
		return
	}
	j.closed, j.reason = true, reason
	if !j.began.IsZero() {
		j.took = now.Sub(j.began)
	}
}

func (j *Job) attempt() Attempt {
	return Attempt{Transport: j.way.Name(), To: j.to, Sent: int(j.sent.Load()), Took: j.took, Reason: j.reason}
}
