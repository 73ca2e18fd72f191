package device

import (
	"fmt"
	"sync"
	"time"
)

// storeHealth is what the writing behind has found of the store.
type storeHealth struct {
	mu      sync.Mutex
	err     error     // of the last attempt
	since   time.Time // when it began to fail
	waiting time.Time // when the attempt under way began, zero for none
}

func (h *storeHealth) begin(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = now
}

// end takes the result of an attempt, and returns whether the attempt before it
// failed, and since when attempts do.
func (h *storeHealth) end(err error, now time.Time) (failing bool, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	failing = h.err != nil
	h.err, h.waiting = err, time.Time{}
	if err != nil && !failing {
		h.since = now
	}
	return failing, h.since
}

// StoreError returns why what is noted does not reach the store, nil if it does
// or if nothing was to be written. Sessions go on without the store; readers of
// a status page want to know.
func (r *Registry) StoreError() error {
	h, now := &r.health, r.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return fmt.Errorf("device registry: the store has failed for %v: %w", now.Sub(h.since).Round(time.Second), h.err)
	}
	if took := now.Sub(h.waiting); !h.waiting.IsZero() && took > storePatience {
		return fmt.Errorf("device registry: the store has not answered for %v", took.Round(time.Second))
	}
	return nil
}
