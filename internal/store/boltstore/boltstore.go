// Package boltstore keeps a store in one file, by bbolt. It owns the file and
// what is read from it, down to the faults of a damaged disk; it decides nothing
// about what is stored. Concurrent writes share commits, so that their number
// is not limited by the number of syncs that the disk can do.
package boltstore

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/fanout"
)

const (
	sweepInterval = time.Second // how late expiry is announced
	// releaseAfter is after how many entries that were read or written memory is
	// given back. Each may have mapped some 64 KB, for the system maps around.
	releaseAfter = 1000
)

// Store implements store.Store. Its Run method frees expired entries; a store
// works without, but watchers hear of expiry later.
type Store struct {
	path string
	now  func() time.Time
	db   *bolt.DB
	file *os.File // the one that bbolt opened
	hub  fanout.Hub

	closed     atomic.Bool
	failed     atomic.Pointer[fileError] // why nothing works any more, see fail
	nextExpiry atomic.Int64              // when the first entry expires, or never
	touched    atomic.Int64              // entries read or written since the last release

	turn  chan struct{} // capacity 1: held by the goroutine that commits
	mu    sync.Mutex
	queue []*request // writes that wait for a commit
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (entry store.Entry, err error) {
	if err := store.CheckKey(key); err != nil {
		return store.Entry{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Entry{}, err
	}
	tx, err := s.begin(false)
	if err != nil {
		return store.Entry{}, err
	}
	defer s.touch(1) // after the rollback: transactions must not be nested
	defer s.rollback(tx)
	err = guard(s.path, func() error {
		r, err := s.get(tx.Bucket(bucketEntries), key, s.now().UnixNano())
		entry = store.Entry{Key: key, Value: append([]byte(nil), r.value...), Revision: r.revision}
		return err
	})
	if err != nil {
		return store.Entry{}, s.wrap(err)
	}
	return entry, nil
}

// get reads a record that has not expired; it refers to the mapped file.
func (s *Store) get(entries *bolt.Bucket, key string, now int64) (record, error) {
	b := entries.Get([]byte(key))
	if b == nil {
		return record{}, store.ErrNotFound
	}
	r, err := decode([]byte(key), b)
	if err != nil {
		return record{}, damaged(s.path, "entry %q: %v", key, err)
	}
	if r.expired(now) {
		return record{}, store.ErrNotFound
	}
	return r, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix string) (<-chan store.Event, error) {
	return s.hub.Watch(ctx, prefix)
}

// Run frees what has expired, until ctx ends. Errors are left to the next call of
// somebody who can act on them.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if s.nextExpiry.Load() <= s.now().UnixNano() {
				_ = s.submit(ctx, func(*txn) error { return nil }) // every commit sweeps
			}
		}
	}
}

// touch counts entries that were read or written, and after some of them gives
// the memory of the file's pages back to the system, which keeps them in its
// cache. They count as the process's own otherwise, up to the whole file.
func (s *Store) touch(entries int) {
	if s.touched.Add(int64(entries)) < releaseAfter {
		return
	}
	s.touched.Store(0)
	if tx, err := s.begin(false); err == nil {
		releasePages(tx)
		s.rollback(tx)
	}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.turn <- struct{}{} // after the commit that is under way
	defer func() { <-s.turn }()
	if s.closed.Swap(true) {
		return nil
	}
	s.hub.Close()
	if s.failed.Load() != nil {
		return s.abandon() // bbolt may wait for ever for a lock that a panic left behind
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("store file %q: close: %w", s.path, err)
	}
	return nil
}

// begin starts a transaction of bbolt. A panic here leaves bbolt's locks held.
func (s *Store) begin(writable bool) (tx *bolt.Tx, err error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	err = guard(s.path, func() error {
		tx, err = s.db.Begin(writable)
		return err
	})
	if err != nil {
		return nil, s.fail(s.wrap(err))
	}
	return tx, nil
}

// rollback ends a transaction that was not committed.
func (s *Store) rollback(tx *bolt.Tx) {
	if err := guard(s.path, tx.Rollback); err != nil {
		_ = s.fail(err) // the next call will tell
	}
}
