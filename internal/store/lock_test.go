package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ttl = 30 * time.Second

// faulty is a store whose Put goes wrong as the test wants.
type faulty struct {
	store.Store
	put func(ctx context.Context, put func() (uint64, error)) (uint64, error)
}

func (f *faulty) Put(ctx context.Context, key string, value []byte, opts store.PutOptions) (uint64, error) {
	put := func() (uint64, error) { return f.Store.Put(ctx, key, value, opts) }
	if f.put == nil {
		return put()
	}
	return f.put(ctx, put)
}

var errDisk = errors.New("disk is full")

// locked gives test a store and a lease of lock "l", in a bubble of fake time.
func locked(t *testing.T, test func(t *testing.T, s *faulty, l *store.Lease)) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: memstore.New(time.Now)}
		lease, err := store.Lock(t.Context(), s, "l", ttl)
		if err != nil {
			t.Fatal(err)
		}
		test(t, s, lease)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func isLost(l *store.Lease) bool {
	synctest.Wait()
	select {
	case <-l.Lost():
		return true
	default:
		return false
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

func TestLockPassesToWaiterWhenItIsNotRenewed(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, first *store.Lease) {
		began := time.Now()
		second, err := store.Lock(t.Context(), s, "l", ttl)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < ttl || waited > ttl+2*time.Second {
			t.Errorf("waited %v for a lease of %v", waited, ttl)
		}
		if !isLost(first) || isLost(second) {
			t.Error("the wrong holder lost the lock")
		}
		wantErr(t, "renewal by the first holder", first.Renew(t.Context()), store.ErrLost)
		wantErr(t, "unlock by the first holder", first.Unlock(t.Context()), nil)
		wantErr(t, "renewal by the second holder", second.Renew(t.Context()), nil)
		wantErr(t, "unlock by the second holder", second.Unlock(t.Context()), nil)
		if isLost(second) {
			t.Error("a lock given back counts as lost")
		}
	})
}

func TestLockIsHandedOverAtUnlock(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, first *store.Lease) {
		began, done := time.Now(), make(chan error)
		go func() {
			_, err := store.Lock(t.Context(), s, "l", ttl)
			done <- err
		}()
		synctest.Wait()
		wantErr(t, "unlock", first.Unlock(t.Context()), nil)
		wantErr(t, "waiting for the lock", <-done, nil)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v though the lock was given back at once", waited)
		}
	})
}

func TestLockWaitEndsWithItsContext(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, first *store.Lease) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := store.Lock(ctx, s, "l", ttl)
		wantErr(t, "waiting", err, context.DeadlineExceeded)
		wantErr(t, "renewal", first.Renew(t.Context()), nil)
	})
}

func TestLockReportsErrorsOfTheStore(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, _ *store.Lease) {
		s.put = func(context.Context, func() (uint64, error)) (uint64, error) { return 0, errDisk }
		_, err := store.Lock(t.Context(), s, "m", ttl)
		wantErr(t, "lock", err, errDisk)
	})
}

func TestLeaseRunKeepsTheLock(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, l *store.Lease) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		time.Sleep(10 * ttl)
		_, err := store.TryLock(t.Context(), s, "l", ttl)
		wantErr(t, "another holder", err, store.ErrConflict)
		cancel()
		wantErr(t, "run", <-done, nil)
		wantErr(t, "unlock", l.Unlock(t.Context()), nil)
		_, err = store.TryLock(t.Context(), s, "l", ttl)
		wantErr(t, "the next holder", err, nil)
	})
}

func TestLeaseRunEndsWithTheLeaseWhenTheStoreFails(t *testing.T) {
	for name, put := range map[string]func(context.Context, func() (uint64, error)) (uint64, error){
		"error": func(context.Context, func() (uint64, error)) (uint64, error) { return 0, errDisk },
		"hang":  func(ctx context.Context, _ func() (uint64, error)) (uint64, error) { <-ctx.Done(); return 0, ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			locked(t, func(t *testing.T, s *faulty, l *store.Lease) {
				began := time.Now()
				s.put = put
				wantErr(t, "run", l.Run(t.Context()), store.ErrLost)
				if held := time.Since(began); held != ttl {
					t.Errorf("the lease ended after %v, want %v", held, ttl)
				}
				if !isLost(l) {
					t.Error("the loss is not announced")
				}
			})
		})
	}
}

func TestLeaseRunSurvivesFailuresOfTheStore(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, l *store.Lease) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*ttl)
		defer cancel()
		attempt := 0
		s.put = func(_ context.Context, put func() (uint64, error)) (uint64, error) {
			if attempt++; attempt%2 == 1 {
				return 0, errDisk
			}
			return put()
		}
		wantErr(t, "run", l.Run(ctx), nil)
		if isLost(l) {
			t.Error("the lease was lost")
		}
	})
}

// The store renews, but its answer does not arrive.
func TestLeaseRecognisesItsOwnRenewal(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, l *store.Lease) {
		s.put = func(_ context.Context, put func() (uint64, error)) (uint64, error) {
			if _, err := put(); err != nil {
				return 0, err
			}
			return 0, errDisk
		}
		wantErr(t, "renewal without answer", l.Renew(t.Context()), errDisk)
		s.put = nil
		wantErr(t, "next renewal", l.Renew(t.Context()), nil)
		s.put = func(_ context.Context, put func() (uint64, error)) (uint64, error) {
			_, _ = put()
			return 0, errDisk
		}
		wantErr(t, "renewal without answer", l.Renew(t.Context()), errDisk)
		wantErr(t, "unlock", l.Unlock(t.Context()), nil)
		_, err := s.Get(t.Context(), "lock/l")
		wantErr(t, "the lock's entry", err, store.ErrNotFound)
	})
}

func TestLeaseNoticesAnotherHolder(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, l *store.Lease) {
		wantErr(t, "delete", s.Delete(t.Context(), "lock/l", 0), nil)
		other, err := store.TryLock(t.Context(), s, "l", ttl)
		wantErr(t, "another holder", err, nil)
		wantErr(t, "run", l.Run(t.Context()), store.ErrLost)
		if !isLost(l) || isLost(other) {
			t.Error("the wrong holder lost the lock")
		}
		wantErr(t, "unlock by the loser", l.Unlock(t.Context()), nil)
		wantErr(t, "renewal by the holder", other.Renew(t.Context()), nil)
	})
}

func TestRenewForAnotherTime(t *testing.T) {
	locked(t, func(t *testing.T, s *faulty, l *store.Lease) {
		wantErr(t, "renewal", l.RenewFor(t.Context(), 3*ttl), nil)
		time.Sleep(3*ttl - time.Second)
		if isLost(l) {
			t.Error("lost too early")
		}
		time.Sleep(time.Second)
		if !isLost(l) {
			t.Error("not lost though its time is up")
		}
	})
}
