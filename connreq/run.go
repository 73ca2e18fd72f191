package connreq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	// floorKey is where the floor of all sequences is in the store.
	floorKey = "request-floor"
	// writeInterval is how long records wait to be written.
	writeInterval = 2 * time.Second
	// writePatience is how long one write may take.
	writePatience = 5 * time.Second
	// lastWrite bounds the writing of what is left at the end.
	lastWrite = 20 * time.Second
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

// readFloor reads the floor that an earlier run has left.
func (s *Service) readFloor(ctx context.Context) error {
	entry, err := s.deps.Store.Get(ctx, floorKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %q: %w", floorKey, err)
	}
	var floor int64
	if _, err := fmt.Sscan(string(entry.Value), &floor); err != nil {
		return fmt.Errorf("read %q: %q is no number: %w", floorKey, entry.Value, err)
	}
	s.mu.Lock()
	s.sequence.begin(floor)
	s.release()
	return nil
}

// runWriter keeps the store up to date: the floor ahead of time, records behind.
func (s *Service) runWriter(ctx context.Context) {
	tick := time.NewTicker(writeInterval)
	defer tick.Stop()
	s.writeAll(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.writeAll(ctx)
		case <-s.write:
			s.writeAll(ctx)
		case id := <-s.boots:
			s.noteBoot(ctx, id)
		}
	}
}

// noteBoot takes note of the restart of a device that is not in memory.
func (s *Service) noteBoot(ctx context.Context, id cwmp.DeviceID) {
	read := s.read(ctx, id)
	if r := read.record; read.unread || !r.booted() {
		return
	}
	s.mu.Lock()
	defer s.release()
	if d := s.adopt(read); d.booted() {
		s.changed(d)
	}
}

// writeAll writes what has changed, moves the floor on, and then lets the requests
// go that have waited for it. If the store fails they go as well: a device that
// cannot be woken while a disk is full is worse than a number that may come again
// after a crash.
func (s *Service) writeAll(ctx context.Context) {
	s.mu.Lock()
	parked := s.parked
	s.parked = nil
	s.release()
	err := s.writeRecords(ctx)
	if floorErr := s.moveFloor(ctx); err == nil {
		err = floorErr
	}
	for _, r := range parked {
		s.mu.Lock()
		var j *Job
		if r.parked && !r.ended {
			r.parked, r.forced = false, err != nil
			j = s.advance(r, s.now())
		}
		s.release()
		s.launch(j)
	}
}

// moveFloor writes the floor if it is due.
func (s *Service) moveFloor(ctx context.Context) error {
	s.mu.Lock()
	q, now := &s.sequence, s.now()
	due, wanted := q.due(now), q.wanted(now)
	if due && q.floor > wanted {
		q.floor = wanted // before it is written: what is used meanwhile must be below
	}
	s.release()
	if !due {
		return nil
	}
	if err := s.putFloor(ctx, wanted); err != nil {
		s.metrics.storeErrors.Inc()
		return err
	}
	s.mu.Lock()
	q.floor = wanted
	s.release()
	return nil
}

func (s *Service) putFloor(ctx context.Context, floor int64) error {
	ctx, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	_, err := s.deps.Store.Put(ctx, floorKey, fmt.Append(nil, floor), store.PutOptions{})
	return err
}

// writeRecords writes the records that have changed, in the order of their keys.
func (s *Service) writeRecords(ctx context.Context) error {
	s.mu.Lock()
	changed := s.devices.dirty
	s.devices.dirty = nil
	s.release()
	slices.SortFunc(changed, func(a, b *device) int { return strings.Compare(a.key, b.key) })
	for len(changed) > 0 {
		n := min(len(changed), store.MaxWrites)
		if err := s.writeBatch(ctx, changed[:n]); err != nil {
			s.metrics.storeErrors.Inc()
			s.mu.Lock()
			s.devices.dirty = append(s.devices.dirty, changed...) // all are marked as dirty
			s.release()
			return err
		}
		changed = changed[n:]
	}
	return nil
}

// writeBatch writes some records. If that fails they are dirty again.
func (s *Service) writeBatch(ctx context.Context, batch []*device) error {
	writes := make([]store.Write, len(batch))
	known := make([]int64, len(batch)) // the highest number that each record vouches for
	s.mu.Lock()
	for i, d := range batch {
		r := d.record
		r.last = max(r.last, d.demanded)
		writes[i], known[i] = store.Write{Key: d.key, Value: r.encode()}, r.last
		d.dirty, d.writing = false, true
	}
	s.release()
	ctx, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	err := s.deps.Store.PutMany(ctx, writes)
	s.mu.Lock()
	defer s.release()
	for i, d := range batch {
		d.writing = false
		if err != nil {
			d.dirty = true
			continue
		}
		d.reserved = known[i]
		s.settle(d)
	}
	return err
}

// writeLast writes all at the end. Then the floor is needed no more, unless a
// crash before still demands it.
func (s *Service) writeLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastWrite)
	defer cancel()
	if err := s.writeRecords(ctx); err != nil {
		return fmt.Errorf("connreq: records of devices are not stored: %w", err)
	}
	s.mu.Lock()
	rest := s.sequence.rest(s.now())
	s.release()
	var err error
	if rest == 0 {
		err = s.deps.Store.Delete(ctx, floorKey, 0)
	} else {
		err = s.putFloor(ctx, rest)
	}
	if err != nil {
		return fmt.Errorf("connreq: %q is not stored: %w", floorKey, err)
	}
	return nil
}

// pool runs the Sends that take their time, a bounded number at once. Service.mu
// guards it. The queue is bounded by Config.Max.
type pool struct {
	most, active int
	running      bool
	queue        []*Job
	workers      sync.WaitGroup
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
