package provision

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	flushInterval = time.Second
	maxBackOff    = 30 * time.Second // between two attempts at a failing store
	lastFlush     = 10 * time.Second // bounds the writing of what is left at the end
)

// Run stores records, about once a second, and what is left when ctx ends. A store
// that fails is tried again, at growing intervals. The error is that of the last
// writing.
func (b *Book) Run(ctx context.Context) error {
	delay := flushInterval
	timer := time.NewTimer(delay)
	defer timer.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := b.flush(ctx); err != nil {
				_, waiting := b.sizes()
				return fmt.Errorf("provisioning: records of %d devices are not stored: %w", waiting, err)
			}
			return nil
		case <-timer.C:
		}
		switch err := b.flush(ctx); {
		case ctx.Err() != nil: // being stopped is no failure of the store
		case err == nil:
			if failing {
				b.log.Info("the store works again")
			}
			delay, failing = flushInterval, false
		default:
			if !failing {
				b.log.Error("the store fails: records are kept in memory", zap.Error(err))
			}
			delay, failing = min(2*delay, maxBackOff), true
		}
		timer.Reset(delay)
	}
}

// flush writes what waits. What the store does not take waits again.
func (b *Book) flush(ctx context.Context) error {
	b.mu.Lock()
	if len(b.waiting) > 0 {
		b.writing, b.waiting = b.waiting, map[cwmp.Key]change{}
	}
	taken := b.writing // only read from now on
	b.mu.Unlock()
	err := b.write(ctx, taken)
	if err != nil {
		b.metrics.storeErrors.Inc()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, c := range b.writing {
		if _, newer := b.waiting[key]; err != nil && !newer {
			b.waiting[key] = c
		}
	}
	b.writing = nil
	return err
}

func (b *Book) write(ctx context.Context, changes map[cwmp.Key]change) error {
	var writes []store.Write
	size := 0
	for _, c := range changes {
		value, err := c.record.encode()
		if err != nil {
			return err
		}
		w := store.Write{Key: c.key, Value: value}
		if size += len(w.Key) + len(w.Value); len(writes) == store.MaxWrites || size > store.MaxBatch {
			if err := b.deps.Store.PutMany(ctx, writes); err != nil {
				return err
			}
			writes, size = nil, len(w.Key)+len(w.Value)
		}
		writes = append(writes, w)
	}
	if len(writes) == 0 {
		return nil
	}
	return b.deps.Store.PutMany(ctx, writes)
}
