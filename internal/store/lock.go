package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// ErrLost says that a lease has ended: it was not renewed in time, or another
// holder has it.
var ErrLost = errors.New("lock is lost")

// lockPrefix is where locks are kept, by name.
const lockPrefix = "lock/"

// lockPoll is the longest that a waiter sleeps between two attempts. Watching
// makes it quick; polling finds locks whose holder died where nothing announces
// expiry.
const lockPoll = time.Second

// Lease is a lock that is held. It ends by itself when it is not renewed, so a
// holder that dies blocks nobody for longer than the lease's TTL. Its methods
// are safe for concurrent use.
//
// As with every lock in a distributed system, a holder that is suspended for
// longer than the TTL does not know at once that it has lost the lock: writes
// that must not be done by two holders need a compare-and-swap besides.
type Lease struct {
	store Store
	key   string
	token string // tells this lease's entries from those of others
	ttl   time.Duration

	turn     chan struct{} // capacity 1: held by who renews or deletes the entry
	revision uint64        // of the entry; whoever has the turn may use it

	expiry *time.Timer        // calls lose when the lease was not renewed
	held   context.Context    // ends when the lease is known to have ended
	lose   context.CancelFunc // ends it
}

// Lock waits until it holds the lock of that name, for ttl (at least MinTTL)
// from now, or until ctx ends. Whoever needs it for longer renews it, by Run or
// Renew; whoever is done with it calls Unlock.
func Lock(ctx context.Context, s Store, name string, ttl time.Duration) (*Lease, error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	events, err := s.Watch(watching, lockPrefix+name)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	for {
		lease, err := TryLock(ctx, s, name, ttl)
		if !errors.Is(err, ErrConflict) {
			return lease, err
		}
		if events, err = awaitUnlock(ctx, events, lockPrefix+name); err != nil {
			return nil, fmt.Errorf("lock %q: %w", name, err)
		}
	}
}

// awaitUnlock returns when another attempt at the lock is worth while. A watch
// that was cut off is not renewed; polling is enough then.
func awaitUnlock(ctx context.Context, events <-chan Event, key string) (<-chan Event, error) {
	poll := time.NewTimer(lockPoll)
	defer poll.Stop()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil // a nil channel is never ready
			} else if e.Op == OpDelete && e.Key == key {
				return events, nil
			}
		case <-poll.C:
			return events, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TryLock takes the lock if nobody holds it, else it returns ErrConflict.
func TryLock(ctx context.Context, s Store, name string, ttl time.Duration) (*Lease, error) {
	l := &Lease{
		store: s, key: lockPrefix + name, token: rand.Text(), ttl: ttl, turn: make(chan struct{}, 1),
	}
	l.held, l.lose = context.WithCancel(context.Background())
	// The lease ends earlier here than in the store, whose clock starts later.
	l.expiry = time.AfterFunc(ttl, l.lose)
	var err error
	l.revision, err = s.Put(ctx, l.key, []byte(l.token), PutOptions{TTL: ttl, Expect: Absent})
	if err != nil {
		l.expiry.Stop()
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	return l, nil
}

// Lost is closed once the lease has ended other than by Unlock: at its time, or
// when a renewal finds that it is another's.
func (l *Lease) Lost() <-chan struct{} { return l.held.Done() }

// Run renews the lease, three times in each TTL, until ctx ends, which returns
// nil, or until the lease is lost, which returns ErrLost. It does not unlock.
func (l *Lease) Run(ctx context.Context) error {
	tick := time.NewTicker(l.ttl / 3)
	defer tick.Stop()
	renewing, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(l.held, stop)()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.held.Done():
			return l.errLost()
		case <-tick.C:
			// An error may pass before the lease ends, so it is tried again.
			_ = l.renewWithin(renewing, l.ttl/3)
		}
	}
}

func (l *Lease) renewWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return l.Renew(ctx)
}

// Renew makes the lease last for its TTL from now. ErrLost says that it has
// ended; after any other error it still lasts for what was left of it.
func (l *Lease) Renew(ctx context.Context) error { return l.RenewFor(ctx, l.ttl) }

// RenewFor is Renew with another TTL, for this once.
func (l *Lease) RenewFor(ctx context.Context, ttl time.Duration) error {
	if err := l.takeTurn(ctx); err != nil {
		return err
	}
	defer l.endTurn()
	if l.held.Err() != nil {
		return l.errLost()
	}
	began := time.Now()
	revision, err := l.swap(ctx, ttl)
	if errors.Is(err, ErrConflict) {
		l.lose()
		return l.errLost()
	}
	if err != nil {
		return fmt.Errorf("renew lock %q: %w", l.name(), err)
	}
	l.revision = revision
	if !l.expiry.Stop() { // it ended while the store took its time
		return l.errLost()
	}
	l.expiry.Reset(time.Until(began.Add(ttl)))
	return nil
}

// swap rewrites the lease's entry. A conflict may be with an earlier renewal of
// our own whose answer was lost; the token tells.
func (l *Lease) swap(ctx context.Context, ttl time.Duration) (uint64, error) {
	revision, err := l.put(ctx, ttl, l.revision)
	if !errors.Is(err, ErrConflict) {
		return revision, err
	}
	if revision, err = l.actual(ctx); err != nil {
		return 0, err
	}
	return l.put(ctx, ttl, revision)
}

func (l *Lease) put(ctx context.Context, ttl time.Duration, expect uint64) (uint64, error) {
	return l.store.Put(ctx, l.key, []byte(l.token), PutOptions{TTL: ttl, Expect: Revision(expect)})
}

// actual returns the revision of the lock's entry if that is this lease's, else
// ErrConflict.
func (l *Lease) actual(ctx context.Context) (uint64, error) {
	entry, err := l.store.Get(ctx, l.key)
	if errors.Is(err, ErrNotFound) || err == nil && string(entry.Value) != l.token {
		return 0, ErrConflict
	}
	return entry.Revision, err
}

// Unlock gives the lock back. It is no error if the lease has ended before; the
// entry of another holder is never touched.
func (l *Lease) Unlock(ctx context.Context) error {
	if err := l.takeTurn(ctx); err != nil {
		return err
	}
	defer l.endTurn()
	l.expiry.Stop()
	err := l.store.Delete(ctx, l.key, l.revision)
	if errors.Is(err, ErrConflict) {
		err = l.deleteActual(ctx)
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("unlock %q: %w", l.name(), err)
	}
	return nil
}

func (l *Lease) deleteActual(ctx context.Context) error {
	revision, err := l.actual(ctx)
	if err != nil {
		return err
	}
	return l.store.Delete(ctx, l.key, revision)
}

func (l *Lease) takeTurn(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("lock %q: %w", l.name(), ctx.Err())
	}
}

func (l *Lease) endTurn() { <-l.turn }

func (l *Lease) name() string { return l.key[len(lockPrefix):] }

func (l *Lease) errLost() error { return fmt.Errorf("lock %q: %w", l.name(), ErrLost) }
