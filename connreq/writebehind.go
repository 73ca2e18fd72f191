package connreq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	if r := read.record; !r.booted() {
		return
	}
	s.mu.Lock()
	defer s.release()
	d := s.adopt(read)
	if d.booted() {
		s.changed(d)
	}
	s.settle(d)
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
	err := s.writeDue(ctx)
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

// writeDue writes the records that have changed, and the floor if it is due. After
// the clock was stepped back the floor is lowered: at once for what is used from
// now on, in the store only when all that was used above it is there.
func (s *Service) writeDue(ctx context.Context) error {
	s.mu.Lock()
	q, now := &s.sequence, s.now()
	due, wanted := q.due(now), q.wanted(now)
	lower := due && q.floor > wanted
	if lower {
		q.floor = wanted
		s.lowered = true
	}
	lower = s.lowered
	s.release()
	err := s.writeRecords(ctx)
	if !due && !lower || lower && err != nil {
		return err
	}
	if floorErr := s.putFloor(ctx, wanted); floorErr != nil {
		s.metrics.storeErrors.Inc()
		return errors.Join(err, floorErr)
	}
	s.mu.Lock()
	q.floor, s.lowered = wanted, false
	s.release()
	return err
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
	changed = slices.Compact(changed)
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
