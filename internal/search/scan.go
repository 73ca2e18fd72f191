package search

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// errEnough ends a scan whose page is full.
var errEnough = errors.New("page is full")

// Each calls fn for all parts, on all processors but one, until one fails or ctx
// ends. The error is that of the lowest part that failed. One processor stays free
// because Go's scheduler asks the network only where nothing else can run, or each
// 10 ms: with a scan on each of them every step of a session would wait for that.
func Each(ctx context.Context, parts int, fn func(part int) error) error {
	s := scanner{parts: int64(parts), failed: int64(parts)}
	var group sync.WaitGroup
	for range min(max(1, runtime.GOMAXPROCS(0)-1), parts) - 1 {
		group.Go(func() { s.work(ctx, fn) })
	}
	s.work(ctx, fn)
	group.Wait()
	if s.err != nil {
		return s.err
	}
	return ctx.Err()
}

// scanner hands out parts.
type scanner struct {
	parts int64
	next  atomic.Int64

	mu     sync.Mutex
	failed int64 // lowest part that has
	err    error
}

func (s *scanner) work(ctx context.Context, fn func(part int) error) {
	for ctx.Err() == nil {
		part := s.next.Add(1) - 1
		if part >= s.parts {
			return
		}
		if err := fn(int(part)); err != nil {
			s.fail(part, err)
			return
		}
		runtime.Gosched()
	}
}

func (s *scanner) fail(part int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if part < s.failed {
		s.failed, s.err = part, err
	}
	s.next.Store(s.parts)
}

// First returns the first most things of all parts, in the order of the parts.
// find appends those of a part to into, in their order and at most as many as
// into has room for, and gives up when done reports true: what it finds is not
// needed any more then.
func First[T any](ctx context.Context, parts, most int, find func(part int, into []T, done func() bool) ([]T, error)) ([]T, error) {
	c := collector[T]{most: most, found: make([][]T, parts)}
	c.last.Store(int64(parts))
	err := Each(ctx, parts, func(part int) error {
		if int64(part) > c.last.Load() {
			return errEnough
		}
		done := func() bool { return ctx.Err() != nil || int64(part) > c.last.Load() }
		found, err := find(part, make([]T, 0, most), done)
		if err == nil {
			c.add(part, found)
		}
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return c.all(), nil
}

// collector puts together what was found in parts that end in any order.
type collector[T any] struct {
	most int
	last atomic.Int64 // part after which nothing is needed

	mu    sync.Mutex
	found [][]T // by part; nil while it is not searched
	ended int   // parts without a gap
	count int   // of these
}

func (c *collector[T]) add(part int, found []T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found[part] = found
	if len(found) >= c.most {
		c.end(part)
	}
	for c.ended < len(c.found) && c.found[c.ended] != nil {
		c.count += len(c.found[c.ended])
		if c.count >= c.most {
			c.end(c.ended)
		}
		c.ended++
	}
}

// end makes a part the last one that is needed, if it is not beyond that.
func (c *collector[T]) end(part int) {
	if int64(part) < c.last.Load() {
		c.last.Store(int64(part))
	}
}

func (c *collector[T]) all() (all []T) {
	for _, found := range c.found {
		all = append(all, found[:min(len(found), c.most-len(all))]...)
	}
	return all
}
