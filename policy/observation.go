package policy

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// unavailable is the HTTP status of an ACS that has too much to do.
const unavailable = 503

// Source says how something about an ACS was learned.
type Source uint8

// Sources of observations.
const (
	Probe   Source = iota // an active probe
	Session               // an exchange of a CPE's session
)

// String returns the source in lower case.
func (s Source) String() string {
	if s == Session {
		return "session"
	}
	return "probe"
}

// Observation is what one probe or one exchange showed of an ACS.
type Observation struct {
	OK     bool
	Source Source
	Reason string // of a failure, in few words; free text, not for metric labels
	// Overloaded says that the ACS answered, but only to refuse (503). That is
	// no failure: an ACS that defends itself against a storm is not down, and
	// to send its storm to the backup would take that down as well.
	Overloaded bool
	// Took is how long the probe or exchange lasted; 0 when unknown. A failure
	// that began before the ACS last answered is old news and changes nothing:
	// after an outage, timeouts of its time still come in.
	Took time.Duration
}

// NewObservation tells what the outcome of a probe or of an exchange says about the
// ACS: status is that of its HTTP answer, 0 when none came, err why none came.
// Any answer is a success, and so is a probe without HTTP and without error. It
// is false when the outcome says nothing about the ACS: the CPE went away, or
// the gateway has run out of sockets of its own.
func NewObservation(source Source, status int, err error, took time.Duration) (Observation, bool) {
	o := Observation{Source: source, Took: took}
	switch {
	case status > 0 || err == nil && source == Probe:
		o.OK = true
		o.Overloaded = status == unavailable
	case err == nil || errors.Is(err, context.Canceled) || exhausted(err):
		return o, false
	default:
		o.Reason = failure(err)
	}
	return o, true
}

// exhausted tells whether err is the gateway's own lack of something.
func exhausted(err error) bool {
	for _, own := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// failure says in few words why no answer came.
func failure(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection closed without an answer"
	}
	return visible(clip(err.Error()))
}

// clip bounds a text that comes from elsewhere.
func clip(s string) string {
	const most = 120
	for i := range s {
		if i >= most {
			return s[:i] + "..."
		}
	}
	return s
}
