package device

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/store"
)

const (
	// quietInterval is how long what changes with every Inform, its time and
	// counters, may wait to be written. Then so many devices have changed that
	// neighbours in the store are written together; writing each at once would
	// rewrite a page of the store's file per Inform.
	quietInterval = 5 * time.Minute
	// maxBackOff is the longest wait between two attempts at a failing store.
	maxBackOff = 30 * time.Second
	// lastFlush bounds the writing of what is left when the gateway stops.
	lastFlush = 30 * time.Second
	// storePatience is how long a write may take until that is a failure.
	storePatience = 10 * time.Second

	// rowSize is how many device numbers of each shard are looked at together.
	// Numbers are given in the order of loading, which is that of the store, so
	// the devices of a row are neighbours there.
	rowSize = 256
	// collectMost is how many devices are encoded while a shard is locked.
	collectMost = 64
	// batchMost is after how many devices a batch is sorted and written.
	batchMost = 16 * store.MaxWrites
)

// Run writes behind: what was noted goes to the store once every FlushInterval,
// if only time and counters have changed within quietInterval, and all that is
// left when ctx ends. A store that fails is tried again, at growing intervals;
// nothing that was noted gets lost by it, for what has changed is written when
// the store is back. The error is that of the last writing.
func (r *Registry) Run(ctx context.Context) error {
	delay, hand := r.cfg.FlushInterval, newHand(r.now())
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return r.flushLast(context.WithoutCancel(ctx))
		case <-timer.C:
		}
		from, to := hand.move(r.now(), r.rows())
		err := r.flush(ctx, func(row int) bool { return from <= row && row < to })
		if err == nil {
			delay = r.cfg.FlushInterval
		} else if ctx.Err() == nil {
			delay = min(2*delay, maxBackOff)
		}
		timer.Reset(delay)
	}
}

func (r *Registry) flushLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	if err := r.flush(ctx, func(int) bool { return true }); err != nil {
		return fmt.Errorf("devices: changes of %d are not stored: %w", r.dirty(), err)
	}
	return nil
}

// hand goes round the rows once in a quietInterval, as the hand of a clock, and
// tells which rows are due.
type hand struct {
	began time.Time
	row   int
}

func newHand(now time.Time) hand { return hand{began: now} }

// move returns the rows to be written now, of so many.
func (h *hand) move(now time.Time, rows int) (from, to int) {
	from = h.row
	past := now.Sub(h.began)
	if past >= quietInterval {
		*h = hand{began: now}
		return from, rows
	}
	h.row = max(from, int(int64(rows)*int64(past)/int64(quietInterval)))
	return from, h.row
}

// rows returns how many rows the longest shard has.
func (r *Registry) rows() (rows int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		rows = max(rows, (len(s.refs)+rowSize-1)/rowSize)
		s.mu.RUnlock()
	}
	return rows
}

// dirty returns how many devices have changes that are not stored.
func (r *Registry) dirty() (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		n += s.urgent.count + s.quiet.count
		s.mu.RUnlock()
	}
	return n
}

// flush writes the urgent changes of all rows, and all changes of those for
// which quiet returns true.
func (r *Registry) flush(ctx context.Context, quiet func(row int) bool) error {
	began := r.now()
	var b batch
	for row := range r.rows() {
		for i := range r.shards {
			r.shards[i].collectRow(row, quiet(row), &b)
			if len(b.changes) >= batchMost {
				if err := r.write(ctx, &b); err != nil {
					return err
				}
			}
		}
	}
	if err := r.write(ctx, &b); err != nil {
		return err
	}
	if b.written {
		r.metrics.flushDuration.Observe(r.now().Sub(began).Seconds())
	}
	return nil
}

// write stores a batch in the order of its keys and empties it. What the store
// did not take counts as changed again.
func (r *Registry) write(ctx context.Context, b *batch) error {
	b.sort()
	for len(b.changes) > 0 {
		n := min(len(b.changes), store.MaxWrites)
		if err := r.putMany(ctx, b.next(n)); err != nil {
			b.markAgain()
			return err
		}
		b.changes = b.changes[n:]
		b.written = true
	}
	b.reset()
	return nil
}

func (r *Registry) putMany(ctx context.Context, writes []store.Write) error {
	r.health.begin(r.now())
	err := r.store.PutMany(ctx, writes)
	if err == nil {
		r.metrics.flushed.Add(float64(len(writes)))
	} else {
		r.metrics.flushErrors.Inc()
	}
	if err == nil || ctx.Err() == nil { // being stopped is no failure of the store
		r.noteHealth(err)
	}
	return err
}

// noteHealth records how an attempt went, and logs a change.
func (r *Registry) noteHealth(err error) {
	switch failing, since := r.health.end(err, r.now()); {
	case err != nil && !failing:
		r.log.Error("the store fails: changes of devices are kept in memory, assignments are refused", zap.Error(err))
	case err == nil && failing:
		r.log.Info("the store works again", zap.Duration("failed_for", r.now().Sub(since)))
	}
}
