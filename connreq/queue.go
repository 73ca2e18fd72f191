package connreq

import (
	"context"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Requests to one device are coalesced, because CPEs ignore, or are even pushed
// further out by, requests that follow too soon (quirks S-36, C-84):
//
//   - while one is under way, another is joined with it;
//   - within MinInterval of one that was sent in vain, another is answered with
//     its result;
//   - within MinInterval of one that has woken the CPE, another is delayed until
//     the interval is over, for its purpose may be newer than the session. Its
//     Sent is closed at once, for whoever asks must not be kept waiting. If the
//     CPE comes in the meantime, nothing is sent.

// decision is what becomes of a request to a device.
type decision int

const (
	goNow decision = iota
	answerEarlier
	waitTurn
)

// decide says when a new request to the device may leave. The device has none
// under way.
func (d *device) decide(now time.Time, least time.Duration) (decision, time.Time) {
	turn := d.askedAt.Add(least)
	switch {
	case d.askedAt.IsZero() || !now.Before(turn) || d.askedAt.After(now): // the last: the clock was stepped back
		return goNow, now
	case d.last != nil && !d.last.result.OK:
		return answerEarlier, now
	default:
		return waitTurn, turn
	}
}

// Begin asks for a Connection Request and returns at once; unless it must wait,
// its first datagram has left by then. Several requests to one device become one.
// The errors are ErrUnknownDevice, ErrBusy and ErrStopped.
func (s *Service) Begin(id cwmp.DeviceID, origin string) (*Pending, error) {
	return s.begin(id, origin, s.cfg.Max, nil)
}

// begin is Begin for a caller who may have so many requests under way, all others
// included.
func (s *Service) begin(id cwmp.DeviceID, origin string, most int, w watcher) (*Pending, error) {
	now := s.now()
	if p, err := s.join(&id, origin, w, now); p != nil || err != nil {
		return p, err
	}
	target, ok := s.deps.Target(id)
	if !ok {
		s.metrics.refuse("unknown")
		return nil, ErrUnknownDevice
	}
	target = withID(target, id)
	s.mu.Lock()
	known := s.find(&id) != nil
	s.mu.Unlock()
	var read *device
	if !known {
		read = s.read(context.Background(), id)
	}
	s.mu.Lock()
	d := s.find(&id)
	switch {
	case s.stopped:
		s.release()
		s.metrics.refuse("stopped")
		return nil, ErrStopped
	case d != nil && d.current != nil: // begun meanwhile by another
		p := s.joined(d.current, origin, w, now)
		s.release()
		return p, nil
	case s.inFlight >= most || s.full():
		s.release()
		s.metrics.refuse("busy")
		return nil, ErrBusy
	case d == nil && read == nil: // it has left the memory meanwhile
		s.release()
		return s.begin(id, origin, most, w)
	case d == nil:
		d = s.adopt(read)
	}
	p, job := s.enter(d, target, origin, w, now)
	s.release()
	s.launch(job)
	return p, nil
}

// join returns the caller's part in a request that is under way, or nil.
func (s *Service) join(id *cwmp.DeviceID, origin string, w watcher, now time.Time) (*Pending, error) {
	s.mu.Lock()
	defer s.release()
	if s.stopped {
		s.metrics.refuse("stopped")
		return nil, ErrStopped
	}
	if d := s.find(id); d != nil && d.current != nil {
		return s.joined(d.current, origin, w, now), nil
	}
	return nil, nil //nolint:nilnil // there is nothing to join
}

func (s *Service) joined(r *request, origin string, w watcher, now time.Time) *Pending {
	s.metrics.coalesce(coalescedJoined)
	if w != nil {
		r.watch = append(r.watch, w)
		if r.isSent {
			defer w.requestSent()
		}
	}
	return &Pending{request: r, service: s, origin: origin, at: now, joined: true, early: r.queued}
}

// enter decides on a request to a device that has none under way, and starts it.
// The caller holds the lock and launches the job.
func (s *Service) enter(d *device, t Target, origin string, w watcher, now time.Time) (*Pending, *Job) {
	what, turn := d.decide(now, s.cfg.MinInterval)
	if what == answerEarlier {
		s.metrics.coalesce(coalescedAnswered)
		if w != nil {
			defer w.requestDone(&d.last.result, d.last.class)
		}
		return &Pending{request: d.last, service: s, origin: origin, at: now, joined: true}, nil
	}
	r := newRequest(d, origin, now)
	r.target = t
	if w != nil {
		r.watch = append(r.watch, w)
	}
	d.current = r
	s.inFlight++
	s.settle(d)
	p := &Pending{request: r, service: s, origin: origin, at: now}
	if what == waitTurn {
		s.metrics.coalesce(coalescedQueued)
		r.queued, p.early, p.joined = true, true, true
		r.markSent()
		s.out = append(s.out, r)
		s.plan(r, turn)
		return p, nil
	}
	return p, s.start(r, now)
}
