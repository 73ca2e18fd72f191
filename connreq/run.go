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
			s.waken(r)
			s.release()
			continue
		}
		var j *Job
		if !r.ended {
			j = s.overdue(r, now)
		}
		s.release()
		s.launch(j)
	}
}

// wakeners is how many devices are looked up again at once.
const wakeners = 8

// waken has a request started that had to wait. Its device is looked up again
// before, which may read the store, and nothing else is to wait for that. The
// caller holds the lock.
func (s *Service) waken(r *request) {
	p := &s.pool
	p.waking = append(p.waking, r)
	if !s.stopped && p.wakeners < wakeners {
		p.wakeners++
		p.workers.Go(s.wakeAll)
	}
}

// wakeAll starts requests that had to wait until there are none left.
func (s *Service) wakeAll() {
	for {
		r := s.nextToWake()
		if r == nil {
			return
		}
		t, ok := s.deps.Target(r.device.id)
		var j *Job
		s.mu.Lock()
		if !r.ended {
			if ok {
				r.target = withID(t, r.device.id)
			}
			j = s.start(r, s.now())
		}
		s.release()
		s.launch(j)
	}
}

func (s *Service) nextToWake() *request {
	s.mu.Lock()
	defer s.release()
	p := &s.pool
	for len(p.waking) > 0 {
		r := p.waking[0]
		p.waking[0], p.waking = nil, p.waking[1:]
		if !r.ended {
			return r
		}
	}
	p.waking = nil
	p.wakeners--
	return nil
}
