package boltstore

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/acsgate/acsgate/internal/store"
)

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, opts store.PutOptions) (revision uint64, err error) {
	w := store.Write{Key: key, Value: value, TTL: opts.TTL}
	if err := store.CheckWrite(w); err != nil {
		return 0, err
	}
	err = s.submit(ctx, func(t *txn) error {
		if err := t.expect(key, opts.Expect); err != nil {
			return err
		}
		revision = t.put(w)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// PutMany implements store.Store.
func (s *Store) PutMany(ctx context.Context, writes []store.Write) error {
	if err := store.CheckMany(writes); err != nil {
		return err
	}
	return s.submit(ctx, func(t *txn) error {
		for _, w := range writes {
			t.put(w)
		}
		return nil
	})
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string, expect uint64) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	return s.submit(ctx, func(t *txn) error {
		if expect != 0 {
			if err := t.expect(key, store.Expect(expect)); err != nil {
				return err
			}
		} else if _, err := t.store.get(t.entries, key, t.now); errors.Is(err, store.ErrNotFound) {
			return nil
		}
		t.remove(key) // damaged ones too
		return nil
	})
}

// expect returns ErrConflict if the key's entry is not the expected one.
func (t *txn) expect(key string, want store.Expect) error {
	if want == store.Any {
		return nil
	}
	r, err := t.store.get(t.entries, key, t.now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if want != store.Absent {
			return store.ErrConflict
		}
		return nil
	case err != nil:
		return err
	case want == store.Absent || r.revision != uint64(want):
		return store.ErrConflict
	}
	return nil
}

// put writes one entry. The bytes that it makes are those that bbolt and the
// watchers keep; the caller's are free afterwards.
func (t *txn) put(w store.Write) (revision uint64) {
	revision = t.nextRevision()
	r := record{revision: revision, expires: t.expires(w.TTL), value: w.Value}
	encoded, value := r.encode(w.Key)
	t.note(t.entries.Put([]byte(w.Key), encoded))
	if r.expires != never {
		t.note(t.expiry.Put(expiryKey(r.expires, w.Key), nil))
	}
	t.event(store.OpPut, store.Entry{Key: w.Key, Value: value, Revision: revision})
	return revision
}

func (t *txn) expires(ttl time.Duration) int64 {
	if ttl == 0 || int64(ttl) > math.MaxInt64-1-t.now {
		return never
	}
	return t.now + int64(ttl)
}

// remove deletes an entry that is there. The deletion has a revision too.
func (t *txn) remove(key string) {
	t.note(t.entries.Delete([]byte(key)))
	t.event(store.OpDelete, store.Entry{Key: key, Revision: t.nextRevision()})
}

func (t *txn) nextRevision() uint64 {
	revision, err := t.entries.NextSequence()
	t.note(err)
	return revision
}
