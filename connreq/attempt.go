package connreq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The course of a request. Its transports are tried one after the other. One that
// another follows has a third of Timeout to bring the CPE here, from its first
// datagram or from the end of its HTTP exchange; the last has all that is left. A transport that cannot deliver passes on at once. A
// session is taken as the success of the request also when it comes late, while
// the next transport is tried.

var errSilent = errors.New("CPE has not answered in time")

// start begins a request's first attempt. The caller holds the lock and launches
// the job that it returns.
func (s *Service) start(r *request, now time.Time) *Job {
	r.queued = false
	r.deadline = now.Add(s.cfg.Timeout)
	for _, w := range order(s.ways, &r.target, r.device.worked) {
		j := &Job{Target: r.target, request: r, way: w}
		var reason string
		if j.to, reason = w.Check(&j.Target); reason != "" {
			j.end(now, reason)
		}
		r.jobs = append(r.jobs, j)
	}
	return s.advance(r, now)
}

// advance begins the next transport that can be used. With none left it waits for
// the session, or gives up if nothing was delivered. The caller holds the lock.
func (s *Service) advance(r *request, now time.Time) *Job {
	j := r.following()
	switch {
	case j == nil && r.outside():
		s.plan(r, r.deadline)
		return nil
	case j == nil:
		s.finish(r, classUnreachable, nil, now)
		return nil
	case j.way.numbered && !s.number(j, now):
		s.park(r)
		return nil
	}
	r.active, j.began, j.until = j, now, now.Add(s.share)
	if j.way.timeout == 0 {
		s.started(j, now)
	}
	s.plan(r, s.due(r))
	return j
}

// following returns the transport that comes after the active one, or nil.
func (r *request) following() *Job {
	for _, j := range r.jobs {
		if !j.closed && j.began.IsZero() {
			return j
		}
	}
	return nil
}

// outside tells whether a session may still come of what was sent.
func (r *request) outside() bool {
	return slices.ContainsFunc(r.jobs, func(j *Job) bool { return j.delivered })
}

// number gives a job its place in the device's sequence, and the unit of its ts;
// it fails while the store does not know enough.
func (s *Service) number(j *Job, now time.Time) bool {
	r, d := j.request, j.request.device
	seq, safe := s.sequence.next(&d.record, d.reserved, now)
	if !safe && !r.forced {
		d.demanded = seq
		return false
	}
	if !safe {
		s.metrics.unsafe.Inc()
	}
	j.seq, d.record.last, d.demanded = seq, seq, 0
	j.millis, j.trial = d.milliseconds(&j.Target)
	d.tried = d.tried || j.trial
	s.changed(d)
	return true
}

// park lets a request wait for the store.
func (s *Service) park(r *request) {
	r.parked = true
	s.parked = append(s.parked, r)
	s.changed(r.device)
	s.plan(r, r.deadline)
	select {
	case s.write <- struct{}{}:
	default:
	}
}

// started notes that a job's first Send begins. The caller holds the lock.
func (s *Service) started(j *Job, now time.Time) {
	j.started = true
	j.until = now.Add(max(s.share, j.way.least()))
	if j.request.firstSent.IsZero() {
		j.request.firstSent = now
	}
}

// due returns when something must be done for a request.
func (s *Service) due(r *request) time.Time {
	j := r.active
	if j == nil || j.closed {
		return r.deadline
	}
	due := r.deadline
	if r.following() != nil {
		due = earlier(due, j.until)
	}
	if j.way.timeout == 0 && j.copies > 0 && j.copies < len(j.way.copies) {
		due = earlier(due, j.began.Add(j.way.copies[j.copies]))
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// plan has the schedule look at a request at a time. The caller holds the lock.
func (s *Service) plan(r *request, due time.Time) {
	if s.schedule.set(r, due) {
		select {
		case s.hurry <- struct{}{}:
		default:
		}
	}
}

// launch sends what a job has to send, and what follows from that. The caller does
// not hold the lock.
func (s *Service) launch(j *Job) {
	for j != nil {
		if j.way.timeout > 0 {
			s.enqueue(j)
			return
		}
		j = s.send(j)
	}
}

// send calls Send once, and returns the job that is next for the request, or nil.
func (s *Service) send(j *Job) (next *Job) {
	ctx := s.ctx
	if j.way.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, j.way.timeout+time.Second/2)
		defer cancel()
	}
	err := j.way.Send(ctx, j)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = errSilent
	}
	now := s.now()
	s.mu.Lock()
	defer s.release()
	return s.returned(j, err, now)
}

// returned takes note of what Send returned. The caller holds the lock.
func (s *Service) returned(j *Job, err error, now time.Time) (next *Job) {
	r := j.request
	j.copies++
	if j.sent.Load() > 0 {
		r.device.askedAt = r.firstSent
	}
	if r.ended {
		return nil
	}
	if err == nil {
		j.delivered = true
		if !r.isSent {
			r.markSent()
			s.out = append(s.out, r)
		}
	}
	switch {
	case j != r.active || j.closed: // it came late: another is under way
		return nil
	case err != nil && !j.delivered:
		j.end(now, err.Error())
		return s.advance(r, now)
	case j.way.timeout > 0:
		j.until = now.Add(s.share)
	}
	s.plan(r, s.due(r))
	return nil
}

// overdue does what is due for a request. The caller holds the lock and launches
// the job.
func (s *Service) overdue(r *request, now time.Time) *Job {
	j := r.active
	switch {
	case !now.Before(r.deadline):
		s.finish(r, r.failure(), nil, now)
		return nil
	case r.parked || j == nil || j.closed:
		s.plan(r, r.deadline)
		return nil
	case r.following() != nil && !now.Before(j.until):
		s.silent(j, now)
		return s.advance(r, now)
	case j.way.timeout == 0 && j.copies < len(j.way.copies):
		return j
	}
	s.plan(r, s.due(r))
	return nil
}

// failure is how a request ends whose time is up.
func (r *request) failure() class {
	if r.outside() {
		return classSilent
	}
	return classUnreachable
}

// silent closes the account of a job that has not brought the CPE here.
func (s *Service) silent(j *Job, now time.Time) {
	switch {
	case j.closed || j.began.IsZero():
		return
	case j.delivered:
		j.end(now, fmt.Sprintf("no session within %v%s", now.Sub(j.began).Round(time.Second/10), staleness(j)))
		if j.way.numbered {
			d := j.request.device
			d.unanswered(j.millis, j.Target.Stale)
			s.changed(d)
		}
	case j.started:
		j.end(now, errSilent.Error())
	default:
		j.end(now, "too many HTTP exchanges are under way")
	}
}

func staleness(j *Job) string {
	if j.way.numbered && j.Target.Stale {
		return "; the binding is stale, for the device's STUN packets have ceased"
	}
	return ""
}

// finish ends a request. The caller holds the lock.
func (s *Service) finish(r *request, c class, by *Job, now time.Time) {
	if r.ended {
		return
	}
	for _, j := range r.jobs {
		switch {
		case j == by:
			j.end(now, "")
			j.reason = "" // it may have been closed before its session came
		case c == classSilent || c == classUnreachable:
			s.silent(j, now)
		case c == classStopped:
			j.end(now, "the gateway stops")
		case !j.began.IsZero():
			j.end(now, "the session had begun before")
		}
	}
	if r.active != nil && r.note != "" {
		r.active.reason = r.note
	}
	d := r.device
	r.ended = true
	s.schedule.remove(r)
	r.compose(c, by, now)
	d.current, d.last, d.demanded = nil, r, 0
	s.inFlight--
	s.settle(d)
	if !r.isSent {
		close(r.sent)
	}
	close(r.done)
	s.ended = append(s.ended, r)
}
