package binding

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/store"
)

const (
	flushInterval = time.Second
	// quietInterval is how long may wait what every keep-alive changes: a million
	// devices that send one each 30 seconds must not wear the disk.
	quietInterval = 10 * time.Minute
	maxBackOff    = 30 * time.Second // between two attempts at a failing store
	lastFlush     = 30 * time.Second // for what is left when the gateway stops
)

// Run writes behind: what has changed in substance goes to the store once a
// second, the times of keep-alives within quietInterval, and all that is left
// when ctx ends. A store that fails is tried again, at growing intervals;
// nothing that was noted gets lost by it. The error is that of the last writing.
func (t *Table) Run(ctx context.Context) error {
	delay, failing := flushInterval, false
	quiet, lost := hand{round: quietInterval, began: t.now()}, hand{round: sweepInterval, began: t.now()}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return t.flushLast(context.WithoutCancel(ctx))
		case <-timer.C:
		}
		t.sweep(lost.move(t.now(), t.numbers()))
		from, to := quiet.move(t.now(), t.numbers())
		err := t.flush(ctx, from, to)
		switch {
		case err == nil:
			if failing {
				t.log.Info("the store takes bindings again")
			}
			delay, failing = flushInterval, false
		case ctx.Err() == nil:
			if !failing {
				t.log.Error("the store fails: bindings are kept in memory", zap.Error(err))
			}
			delay, failing = min(2*delay, maxBackOff), true
		}
		timer.Reset(delay)
	}
}

func (t *Table) flushLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	if err := t.flush(ctx, 0, t.numbers()); err != nil {
		return fmt.Errorf("bindings: changes of %d are not stored: %w", t.dirty(), err)
	}
	return nil
}

// hand goes round the devices once in a while, as the hand of a clock, and tells
// whose turn it is.
type hand struct {
	round time.Duration
	began time.Time
	next  uint32
}

func (h *hand) move(now time.Time, numbers uint32) (from, to uint32) {
	from = h.next
	past := now.Sub(h.began)
	if past >= h.round {
		*h = hand{round: h.round, began: now}
		return from, numbers
	}
	h.next = max(from, uint32(int64(numbers)*int64(past)/int64(h.round)))
	return from, h.next
}

func (t *Table) numbers() uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint32(len(t.refs))
}

func (t *Table) dirty() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.urgent.count + t.quiet.count
}

// change is what is to be written of a device.
type change struct {
	store.Write
	number uint32
	urgent bool
}

// flush writes all urgent changes, and the quiet ones of the devices from from on
// and below to.
func (t *Table) flush(ctx context.Context, from, to uint32) error {
	if err := t.flushSet(ctx, 0, t.numbers(), true); err != nil {
		return err
	}
	return t.flushSet(ctx, from, to, false)
}

func (t *Table) flushSet(ctx context.Context, from, to uint32, urgent bool) error {
	var changes []change
	var buffer []byte
	for {
		n := 0
		for more := true; more && n+together <= store.MaxWrites; n = len(changes) {
			changes, buffer, more = t.collect(changes, buffer, &from, to, urgent)
		}
		if n == 0 {
			return nil
		}
		if err := t.write(ctx, changes); err != nil {
			return err
		}
		changes, buffer = changes[:0], buffer[:0]
	}
}

// collect takes some changes, and reports whether there may be more. It moves
// from up to where it has looked.
func (t *Table) collect(changes []change, buffer []byte, from *uint32, to uint32, urgent bool) ([]change, []byte, bool) {
	var room [together]uint32
	t.mu.Lock()
	defer t.mu.Unlock()
	set := &t.quiet
	if urgent {
		set = &t.urgent
	}
	numbers := set.take(*from, to, room[:0])
	for _, number := range numbers {
		*from = number + 1
		t.quiet.clear(number)
		st := t.state(number)
		if !st.remote.IsValid() && len(st.user) == 0 {
			continue // the next session tells as much
		}
		start := len(buffer)
		buffer = encode(buffer, &st, t.locals)
		key := prefix + st.id().String()
		changes = append(changes, change{store.Write{Key: key, Value: buffer[start:len(buffer):len(buffer)]}, number, urgent})
	}
	return changes, buffer, len(numbers) == together
}

// write stores changes in the order of their keys. What the store did not take
// counts as changed again.
func (t *Table) write(ctx context.Context, changes []change) error {
	slices.SortFunc(changes, func(x, y change) int { return cmp.Compare(x.Key, y.Key) })
	writes := make([]store.Write, len(changes))
	for i := range changes {
		writes[i] = changes[i].Write
	}
	err := t.store.PutMany(ctx, writes)
	if err == nil {
		t.metrics.flushed.Add(float64(len(writes)))
		return nil
	}
	t.metrics.flushErrors.Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range changes {
		t.mark(changes[i].number, changes[i].urgent)
	}
	return err
}
