package boltstore

import (
	"context"
	"encoding/binary"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/acsgate/acsgate/internal/store"
)

// commitRequests bounds how many callers share one commit.
const commitRequests = 256

// fillPercent is how full bbolt leaves pages that it splits. Its default, half, is
// for keys that come at random; most of ours are there already.
const fillPercent = 0.85

// sweepLimit bounds how many expired entries one commit removes.
const sweepLimit = 1000

// request is one caller's write. apply does it inside the transaction; an error
// of it is that caller's alone, and it has then written nothing.
type request struct {
	ctx   context.Context
	apply func(*txn) error
	err   error
	done  chan struct{} // closed when err is final
}

// txn is one write transaction, which serves several requests.
type txn struct {
	store           *Store
	entries, expiry *bolt.Bucket
	now             int64
	events          []store.Event
	changed         bool  // there is something to commit
	broken          error // of bbolt: nothing of the transaction counts
}

// submit has apply done in a commit, together with those of other callers: who
// gets the turn commits for all that wait.
func (s *Store) submit(ctx context.Context, apply func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.usable(); err != nil {
		return err
	}
	r := &request{ctx: ctx, apply: apply, done: make(chan struct{})}
	s.mu.Lock()
	s.queue = append(s.queue, r)
	s.mu.Unlock()
	for {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			if s.withdraw(r) {
				return ctx.Err()
			}
			<-r.done // it is in a commit, which reads what the caller passed
			return r.err
		case s.turn <- struct{}{}:
			s.commit(s.take())
			<-s.turn
		}
	}
}

// withdraw takes a request out of the queue and reports whether it was there.
func (s *Store) withdraw(r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue, r)
	if i < 0 {
		return false
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	return true
}

func (s *Store) take() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), commitRequests)
	batch := slices.Clone(s.queue[:n])
	s.queue = slices.Delete(s.queue, 0, n)
	return batch
}

// commit does the requests in one transaction and tells their callers and the
// watchers. The caller has the turn.
func (s *Store) commit(batch []*request) {
	if len(batch) == 0 {
		return
	}
	events, err := s.transact(batch)
	if err == nil {
		s.hub.Publish(events)
	}
	for _, r := range batch {
		if err != nil {
			r.err = err
		}
		close(r.done)
	}
}

func (s *Store) transact(batch []*request) ([]store.Event, error) {
	tx, err := s.begin(true)
	if err != nil {
		return nil, err
	}
	t := &txn{store: s, now: s.now().UnixNano()}
	next := int64(never)
	err = guard(s.path, func() error {
		t.entries, t.expiry = tx.Bucket(bucketEntries), tx.Bucket(bucketExpiry)
		t.entries.FillPercent = fillPercent
		if err := t.apply(batch); err != nil || !t.changed {
			return err
		}
		next = firstExpiry(t.expiry)
		if err := s.checkBeforeCommit(); err != nil {
			return err
		}
		return tx.Commit()
	})
	switch {
	case err != nil && tx.DB() != nil: // neither committed nor rolled back
		s.rollback(tx)
		return nil, s.fail(s.wrap(err))
	case err != nil:
		return nil, s.wrap(err)
	case !t.changed:
		s.rollback(tx)
		return nil, nil
	}
	s.nextExpiry.Store(next)
	s.touch(len(t.events))
	return t.events, nil
}

// apply removes what has expired and does the requests whose callers still wait.
func (t *txn) apply(batch []*request) error {
	if t.store.nextExpiry.Load() <= t.now {
		t.sweep()
	}
	for _, r := range batch {
		if r.err = r.ctx.Err(); r.err == nil {
			r.err = r.apply(t)
		}
	}
	return t.broken
}

// sweep removes expired entries. An index entry without a record that expires
// just then is left over from an earlier Put of the key.
func (t *txn) sweep() {
	c := t.expiry.Cursor()
	for k, _ := c.First(); k != nil && t.broken == nil && len(t.events) < sweepLimit; k, _ = c.First() {
		expires, key := splitExpiry(k)
		if expires > t.now {
			return
		}
		t.changed = true
		t.note(t.expiry.Delete(k))
		// A record that cannot be decoded is left for whoever reads it.
		if r, err := decode(key, t.entries.Get(key)); err == nil && r.expires == expires {
			t.remove(string(key))
		}
	}
}

// note keeps the first error of bbolt, which dooms the transaction. None is
// expected: what it objects to is checked before.
func (t *txn) note(err error) {
	if t.broken == nil {
		t.broken = err
	}
}

// event appends an event of the transaction.
func (t *txn) event(op store.Op, e store.Entry) {
	t.changed = true
	t.events = append(t.events, store.Event{Op: op, Entry: e})
}

// expiryKey orders the index by time.
func expiryKey(expires int64, key string) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(key)), uint64(expires)), key...)
}

func splitExpiry(k []byte) (expires int64, key []byte) {
	if len(k) < 8 {
		return 0, nil
	}
	return int64(binary.BigEndian.Uint64(k)), slices.Clone(k[8:])
}

func firstExpiry(expiry *bolt.Bucket) int64 {
	k, _ := expiry.Cursor().First()
	if k == nil {
		return never
	}
	expires, _ := splitExpiry(k)
	return expires
}
