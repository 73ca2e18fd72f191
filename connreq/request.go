package connreq

import (
	"errors"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// nextChance is what remains when nothing has worked (quirk S-37).
const nextChance = "next chance: the CPE's next periodic Inform"

// request is one Connection Request, which several callers may share. All but
// the channels is guarded by Service.mu until done is closed, and never changes
// after.
type request struct {
	device *device
	origin string
	at     time.Time

	queued bool // waits until MinInterval has passed
	parked bool // waits until its number is safe in the store
	forced bool // need not be: the store has failed
	target Target
	jobs   []*Job // one for each transport, in the order in which they are tried
	active *Job   // the one that was begun last, or nil

	deadline  time.Time // for the CPE's session
	firstSent time.Time // the first Send of all began
	ended     bool

	place int // in the schedule, -1 if it is not there
	due   time.Time

	isSent bool
	sent   chan struct{} // closed once it is delivered, or at the end
	done   chan struct{}
	result Result
	class  class
	note   string // for the active job: what else can be said of the session
	watch  []watcher
}

// watcher is told of the course of a request. It must not call the service.
type watcher interface {
	requestSent()
	requestDone(result *Result, c class)
}

// class is how a request ended, as a metric's label.
type class string

const (
	classWoken       class = "woken"       // 6 CONNECTION REQUEST
	classCame        class = "came"        // another session began (quirk S-37)
	classSilent      class = "silent"      // it was delivered, and nobody came
	classUnreachable class = "unreachable" // no transport could deliver it
	classStopped     class = "stopped"     // the gateway stops
)

var classes = []class{classWoken, classCame, classSilent, classUnreachable, classStopped}

// markSent tells all that the request is out.
func (r *request) markSent() {
	r.isSent = true
	close(r.sent)
}

// Pending is a Connection Request that is under way, as one of its callers sees
// it. Its methods are safe for concurrent use.
type Pending struct {
	request *request
	service *Service
	origin  string
	at      time.Time
	joined  bool
	early   bool // the request before it was delivered: this caller need not wait
}

// Sent is closed once one transport has delivered the request as far as that can
// be known, or at the request's end if none has: then Err says why. It is closed
// at once for a request that must wait for MinInterval because the one before,
// which was delivered, has woken the CPE just now.
func (p *Pending) Sent() <-chan struct{} {
	if p.early {
		return p.service.closed
	}
	return p.request.sent
}

// Done is closed at the request's end: the CPE has come, or all was in vain.
func (p *Pending) Done() <-chan struct{} { return p.request.done }

// Err returns, after Sent, nil for a request that was delivered, else what
// became of each transport. Before Sent it is nil.
func (p *Pending) Err() error {
	select {
	case <-p.request.done:
	default:
		return nil
	}
	if r := &p.request.result; !p.early && !r.OK && !r.Sent {
		return errors.New(r.Reason())
	}
	return nil
}

// Result returns how the request went. It waits for Done.
func (p *Pending) Result() Result {
	<-p.request.done
	result := p.request.result
	if p.joined {
		result.Took = max(0, result.At.Add(result.Took).Sub(p.at))
		result.Joined, result.Origin, result.At = true, p.origin, p.at
	}
	return result
}

// Reason says in words why the CPE did not come, one transport after the other;
// "" if it came.
func (r *Result) Reason() string {
	if r.OK {
		return ""
	}
	var b strings.Builder
	for _, a := range r.Attempts {
		if a.Reason != "" {
			b.WriteString(a.Transport + ": " + a.Reason + "; ")
		}
	}
	return b.String() + nextChance
}

// newRequest makes a request of a device. The caller holds the lock.
func newRequest(d *device, origin string, now time.Time) *request {
	return &request{
		device: d, origin: origin, at: now, place: -1, sent: make(chan struct{}), done: make(chan struct{}),
		result: Result{Device: d.id, Origin: origin, At: now},
	}
}

// compose fills in the result. The caller holds the lock.
func (r *request) compose(c class, by *Job, now time.Time) {
	r.class = c
	r.result.OK = c == classWoken || c == classCame
	r.result.Sent = r.outside()
	r.result.Took = now.Sub(r.at)
	if c == classWoken && by != nil {
		r.result.Transport = by.way.Name()
	}
	for _, j := range r.jobs {
		if j.closed { // else its turn never came
			r.result.Attempts = append(r.result.Attempts, j.attempt())
		}
	}
	r.jobs, r.active, r.target = nil, nil, Target{} // what is kept for long needs no secrets
}

// withID returns t for a device whose Target left out who it is.
func withID(t Target, id cwmp.DeviceID) Target {
	if t.Device == (cwmp.DeviceID{}) {
		t.Device = id
	}
	return t
}
