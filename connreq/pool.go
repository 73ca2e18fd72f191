package connreq

import "sync"

// pool runs the Sends that take their time, a bounded number at once. Service.mu
// guards it. The queues are bounded by Config.Max.
type pool struct {
	most, active int
	running      bool
	queue        []*Job
	workers      sync.WaitGroup

	wakeners int        // workers that start what had to wait
	waking   []*request // for them
}

func (s *Service) startPool() {
	s.mu.Lock()
	s.pool.running = !s.stopped
	for s.pool.running && s.pool.active < min(s.pool.most, len(s.pool.queue)) {
		s.hire()
	}
	s.release()
}

// hire starts a worker. The caller holds the lock.
func (s *Service) hire() {
	s.pool.active++
	s.pool.workers.Go(s.work)
}

// enqueue has a job sent by a worker.
func (s *Service) enqueue(j *Job) {
	s.mu.Lock()
	defer s.release()
	p := &s.pool
	p.queue = append(p.queue, j)
	if p.running && p.active < p.most {
		s.hire()
	}
}

// work sends until there is nothing left to send.
func (s *Service) work() {
	for {
		j := s.take()
		if j == nil {
			return
		}
		s.launch(s.send(j))
	}
}

// take returns the job that has waited longest and is still wanted. Without one
// the worker is dismissed.
func (s *Service) take() *Job {
	s.mu.Lock()
	defer s.release()
	p := &s.pool
	for p.running && len(p.queue) > 0 {
		j := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		if !j.closed && !j.request.ended {
			s.started(j, s.now())
			return j
		}
	}
	if len(p.queue) == 0 || !p.running {
		p.queue = nil
	}
	p.active--
	return nil
}
