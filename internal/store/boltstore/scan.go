package boltstore

import (
	"bytes"
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/acsgate/acsgate/internal/store"
)

const (
	// scanItems and scanBytes bound what a scan reads ahead. It copies entries
	// out of the mapped file, so that a fault cannot hit the caller's code.
	scanItems = 256
	scanBytes = 64 << 10
	// scanRelease is after how many bytes a scan gives pages back, see touch.
	scanRelease = 16 << 20
)

// scan is one Scan under way.
type scan struct {
	store  *Store
	prefix []byte
	now    int64
	cursor *bolt.Cursor
	begun  bool
	buffer []byte
	items  []store.Entry // values refer to buffer
	err    error         // damage that was met, for the end
}

// Scan implements store.Store.
func (s *Store) Scan(ctx context.Context, prefix string, fn func(store.Entry) error) error {
	tx, err := s.begin(false)
	if err != nil {
		return err
	}
	defer s.rollback(tx)
	sc := scan{store: s, prefix: []byte(prefix), now: s.now().UnixNano()}
	for read := 0; ; read += len(sc.buffer) {
		if read >= scanRelease {
			releasePages(tx)
			read = 0
		}
		if err := guard(s.path, func() error { return sc.fill(tx) }); err != nil {
			return s.wrap(errors.Join(sc.err, err))
		}
		if len(sc.items) == 0 {
			return s.wrap(sc.err)
		}
		for _, e := range sc.items {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(e); err != nil {
				return err
			}
		}
	}
}

// fill reads the next items; none means the end.
func (sc *scan) fill(tx *bolt.Tx) error {
	sc.items, sc.buffer = sc.items[:0], sc.buffer[:0]
	if cap(sc.buffer) == 0 {
		sc.buffer = make([]byte, 0, scanBytes)
	}
	for len(sc.items) < scanItems && len(sc.buffer) < scanBytes {
		k, v := sc.next(tx)
		if k == nil || !bytes.HasPrefix(k, sc.prefix) {
			return nil
		}
		r, err := decode(k, v)
		if err != nil {
			sc.note(k, err)
			continue
		}
		if !r.expired(sc.now) {
			sc.keep(k, r)
		}
	}
	return nil
}

func (sc *scan) next(tx *bolt.Tx) (k, v []byte) {
	if !sc.begun {
		sc.begun = true
		sc.cursor = tx.Bucket(bucketEntries).Cursor()
		return sc.cursor.Seek(sc.prefix)
	}
	return sc.cursor.Next()
}

// keep copies an entry. When the buffer grows, earlier values stay in the old one.
func (sc *scan) keep(k []byte, r record) {
	start := len(sc.buffer)
	sc.buffer = append(sc.buffer, r.value...)
	sc.items = append(sc.items, store.Entry{
		Key: string(k), Value: sc.buffer[start:len(sc.buffer):len(sc.buffer)], Revision: r.revision,
	})
}

// note remembers the first damaged entry.
func (sc *scan) note(k []byte, err error) {
	if sc.err == nil {
		sc.err = damaged(sc.store.path, "entry %q: %v", k, err)
	}
}
