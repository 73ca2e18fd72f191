package connreq

import (
	"context"
	"time"
)

// runSchedule does what is due, when it is due.
func (s *Service) runSchedule(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.hurry:
		case <-timer.C:
		}
		timer.Reset(s.doDue())
	}
}

// doDue does all that is due, and returns how long there is nothing to do.
func (s *Service) doDue() (idle time.Duration) {
	for {
		s.mu.Lock()
		now := s.now()
		var r *request
		if r, idle = s.schedule.next(now); r == nil {
			s.release()
			return idle
		}
		if r.queued {
			s.release()
			s.refresh(r)
			s.mu.Lock()
		}
		var j *Job
		if !r.ended {
			j = s.overdue(r, now)
		}
		s.release()
		s.launch(j)
	}
}

// refresh looks a device up again whose request had to wait.
func (s *Service) refresh(r *request) {
	if t, ok := s.deps.Target(r.device.id); ok {
		s.mu.Lock()
		r.target = withID(t, r.device.id)
		s.release()
	}
}
