// Package fanout delivers the events of a store to its watchers, for backends
// that make those events themselves. It owns the watchers' channels; it never
// blocks a writer and stores nothing.
package fanout

import (
	"context"
	"strings"
	"sync"

	"github.com/acsgate/acsgate/internal/store"
)

// Hub is a set of watchers. The zero value is ready. All methods are safe for
// concurrent use, but events must be published in order by one caller at a time.
type Hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	closed   bool
}

type watcher struct {
	prefix string
	events chan store.Event
	stop   func() bool // forgets the context
}

// Watch adds a watcher of the keys that begin with prefix, as store.Store
// describes it.
func (h *Hub) Watch(ctx context.Context, prefix string) (<-chan store.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &watcher{prefix: prefix, events: make(chan store.Event, store.WatchBuffer)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, store.ErrClosed
	}
	if h.watchers == nil {
		h.watchers = make(map[*watcher]struct{})
	}
	h.watchers[w] = struct{}{}
	w.stop = context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.drop(w)
	})
	return w.events, nil
}

// Publish hands events to their watchers. A watcher whose buffer is full is cut
// off.
func (h *Hub) Publish(events []store.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		h.deliver(w, events)
	}
}

// Close ends all watchers; Watch fails from now on.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		h.drop(w)
	}
}

func (h *Hub) deliver(w *watcher, events []store.Event) {
	for _, e := range events {
		if !strings.HasPrefix(e.Key, w.prefix) {
			continue
		}
		select {
		case w.events <- e:
		default:
			h.drop(w)
			return
		}
	}
}

// drop closes a watcher's channel, once. The caller holds the lock.
func (h *Hub) drop(w *watcher) {
	if _, ok := h.watchers[w]; !ok {
		return
	}
	delete(h.watchers, w)
	w.stop()
	close(w.events)
}
