// Package store is the contract of acsgate's durable state: a small key-value
// store with compare-and-swap, expiry and change notification, and what is
// built on that contract once for every backend, namely locks. It holds no
// data itself and knows none of its backends (boltstore, memstore); what the
// contract says is proven for each of them by storetest.
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that callers tell apart. Backends wrap them, so use errors.Is.
var (
	// ErrNotFound says that the key has no entry, or one that has expired.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the key's entry is not the one that was expected;
	// nothing was written.
	ErrConflict = errors.New("conflict with another writer")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrInvalid says that the caller broke a limit of the contract; nothing
	// was written.
	ErrInvalid = errors.New("outside the limits of the store")
	// ErrDamaged says that what is stored cannot be read any more.
	ErrDamaged = errors.New("store is damaged")
)

// Entry is one key with its value.
type Entry struct {
	Key   string
	Value []byte
	// Revision identifies this state of the key. It is never 0. Every write of
	// a key has a higher revision than all earlier ones of that key, also when
	// the key was deleted or expired in between.
	Revision uint64
}

// Expect is what a Put demands of the entry that it replaces. The zero value
// is Any.
type Expect uint64

const (
	// Any writes whatever the key holds.
	Any Expect = 0
	// Absent writes only if the key has no entry.
	Absent Expect = ^Expect(0)
)

// Revision writes only if the key's entry has exactly this revision. Revision 0,
// that of an entry that was not found, is Absent.
func Revision(n uint64) Expect {
	if n == 0 {
		return Absent
	}
	return Expect(n)
}

// PutOptions refine a Put. The zero value writes for good, whatever was there.
type PutOptions struct {
	// TTL is how long the entry lives, 0 for ever; else at least MinTTL. Every
	// Put sets it anew: one without a TTL makes the entry permanent.
	TTL    time.Duration
	Expect Expect
}

// Write is one write of a PutMany.
type Write struct {
	Key   string
	Value []byte
	TTL   time.Duration
}

// Op is what happened to a key.
type Op uint8

const (
	// OpPut is a new value; the event carries the entry.
	OpPut Op = iota + 1
	// OpDelete is the end of an entry, by Delete or by expiry; the event carries
	// no value.
	OpDelete
)

// Event is one change that a watcher is told of. Its Revision orders the events
// of one store; that of an OpDelete is the deletion's own.
type Event struct {
	Op Op
	Entry
}

// Store is a key-value store.
//
// # Keys and values
//
// Keys are byte strings of 1 to MaxKey bytes; any byte may occur. Values are up
// to MaxValue bytes and may be empty. The store copies what it is given, so
// callers may reuse their slices. What it hands out is shared: callers must not
// change it.
//
// # Durability and order
//
// A write that returned nil is durable: it is there after the process was
// killed at any later moment, and every later read of any caller sees it. A
// write that failed with ErrConflict, ErrInvalid or ErrClosed has done nothing.
// After any other error, the end of the context among them, its outcome is
// open: it has been done completely or not at all, and a read tells.
// Revisions are assigned in the order in which writes take effect.
//
// # Expiry
//
// An entry with a TTL is gone when its time is up: no read, Scan or expectation
// sees it any more. Its space is freed, and watchers are told, somewhat later:
// at the latest with the next write, or within seconds where the backend has a
// Run method and it runs. Backends may round a TTL up to the next full second.
//
// # Concurrency
//
// All methods may be called at any time from any goroutine. No method starts a
// goroutine that outlives it, but for the delivery to watchers. Methods return
// early when their context ends while they wait for their turn or for a remote
// server; a write that is already in the hands of the local disk may outlast it.
type Store interface {
	// Get returns the entry of key, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)

	// Put writes one entry and returns its revision. ErrConflict when the
	// expectation does not hold; of several writers with the same expectation
	// exactly one succeeds.
	Put(ctx context.Context, key string, value []byte, opts PutOptions) (revision uint64, err error)

	// PutMany writes all entries or, when it fails, none, each with a revision
	// of its own and without expectations. It takes at most MaxWrites writes
	// with together at most MaxBatch bytes; none at all is fine. When a key
	// occurs twice the later one wins.
	PutMany(ctx context.Context, writes []Write) error

	// Delete removes the entry of key. With expect other than 0 it does so only
	// if that is the entry's revision, else it returns ErrConflict, also when
	// there is no entry. With 0 it is no error if there is none.
	Delete(ctx context.Context, key string, expect uint64) error

	// Scan calls fn for every entry whose key begins with prefix, in ascending
	// order of the keys' bytes, as they were at one moment; "" is every entry.
	// An error of fn ends the scan and is returned as it is. Entries that are
	// damaged are left out, and an error that wraps ErrDamaged is returned at
	// the end. The value is only valid until fn returns. fn must not call the
	// store and should not dawdle: space that is freed meanwhile cannot be used
	// again before the scan ends.
	Scan(ctx context.Context, prefix string, fn func(Entry) error) error

	// Watch reports every change to keys that begin with prefix that takes
	// effect after Watch returned, those of one key in order and none twice. To
	// follow a set of keys, first Watch, then Scan.
	//
	// The channel holds up to WatchBuffer events. A watcher that falls further
	// behind is cut off, and never slows a writer down: after the events that
	// it has, its channel is closed. The channel is closed too when ctx ends and
	// when the store is closed. A reader that finds it closed though its ctx
	// has not ended has missed events: it watches and scans anew, and gives up
	// when that returns ErrClosed.
	Watch(ctx context.Context, prefix string) (<-chan Event, error)

	// Close waits for the calls that are under way and releases everything.
	// Every later call returns ErrClosed, but a further Close nil.
	Close() error
}
