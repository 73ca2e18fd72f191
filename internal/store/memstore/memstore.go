// Package memstore keeps a store in memory: for tests, and for gateways that
// need no memory of their own. It owns its entries; nothing survives it.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/fanout"
)

// Store implements store.Store.
type Store struct {
	now func() time.Time
	hub fanout.Hub

	mu       sync.Mutex
	entries  map[string]entry
	mortal   map[string]time.Time // the keys that expire, and when
	revision uint64
	closed   bool
}

type entry struct {
	value    []byte
	revision uint64
	expires  time.Time // zero for never
}

func (e entry) expired(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.expires) }

// New returns an empty store that reads the time of expiry from now.
func New(now func() time.Time) *Store {
	return &Store{now: now, entries: make(map[string]entry), mortal: make(map[string]time.Time)}
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Entry{}, err
	}
	if err := s.lock(ctx); err != nil {
		return store.Entry{}, err
	}
	defer s.mu.Unlock()
	e, ok := s.live(key)
	if !ok {
		return store.Entry{}, store.ErrNotFound
	}
	return store.Entry{Key: key, Value: e.value, Revision: e.revision}, nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, opts store.PutOptions) (uint64, error) {
	w := store.Write{Key: key, Value: value, TTL: opts.TTL}
	if err := store.CheckWrite(w); err != nil {
		return 0, err
	}
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	s.sweep()
	e, found := s.live(key)
	switch opts.Expect {
	case store.Any:
	case store.Absent:
		if found {
			return 0, store.ErrConflict
		}
	default:
		if !found || e.revision != uint64(opts.Expect) {
			return 0, store.ErrConflict
		}
	}
	s.write(w)
	return s.revision, nil
}

// PutMany implements store.Store.
func (s *Store) PutMany(ctx context.Context, writes []store.Write) error {
	if err := store.CheckMany(writes); err != nil {
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.sweep()
	for _, w := range writes {
		s.write(w)
	}
	return nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string, expect uint64) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.sweep()
	e, found := s.live(key)
	if expect != 0 && (!found || e.revision != expect) {
		return store.ErrConflict
	}
	if found {
		s.remove(key)
	}
	return nil
}

// Scan implements store.Store. Its snapshot is a copy of the entries' headers.
func (s *Store) Scan(ctx context.Context, prefix string, fn func(store.Entry) error) error {
	entries, err := s.snapshot(ctx, prefix)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) snapshot(ctx context.Context, prefix string) ([]store.Entry, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []store.Entry
	now := s.now()
	for key, e := range s.entries {
		if strings.HasPrefix(key, prefix) && !e.expired(now) {
			found = append(found, store.Entry{Key: key, Value: e.value, Revision: e.revision})
		}
	}
	slices.SortFunc(found, func(a, b store.Entry) int { return cmp.Compare(a.Key, b.Key) })
	return found, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix string) (<-chan store.Event, error) {
	return s.hub.Watch(ctx, prefix)
}

// Run announces expiry to watchers within a second, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.mu.Lock()
			s.sweep()
			s.mu.Unlock()
		}
	}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.hub.Close()
	s.entries, s.mortal = nil, nil
	return nil
}

// lock takes the lock unless ctx has ended or the store is closed.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

func (s *Store) live(key string) (entry, bool) {
	e, ok := s.entries[key]
	return e, ok && !e.expired(s.now())
}

func (s *Store) write(w store.Write) {
	s.revision++
	e := entry{value: bytes.Clone(w.Value), revision: s.revision}
	delete(s.mortal, w.Key)
	if w.TTL > 0 {
		e.expires = s.now().Add(w.TTL)
		s.mortal[w.Key] = e.expires
	}
	s.entries[w.Key] = e
	s.publish(store.OpPut, store.Entry{Key: w.Key, Value: e.value, Revision: e.revision})
}

func (s *Store) remove(key string) {
	s.revision++
	delete(s.entries, key)
	delete(s.mortal, key)
	s.publish(store.OpDelete, store.Entry{Key: key, Revision: s.revision})
}

func (s *Store) publish(op store.Op, e store.Entry) {
	s.hub.Publish([]store.Event{{Op: op, Entry: e}})
}

// sweep removes what has expired. Few keys ever expire, so it looks at all of
// those; in order of their names, so that tests see one order of events.
func (s *Store) sweep() {
	if s.closed || len(s.mortal) == 0 {
		return
	}
	now := s.now()
	for _, key := range slices.Sorted(maps.Keys(s.mortal)) {
		if !now.Before(s.mortal[key]) {
			s.remove(key)
		}
	}
}
