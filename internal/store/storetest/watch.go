package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
)

func (st suite) testWatch(t *testing.T) {
	t.Run("events", st.testWatchEvents)
	t.Run("end", st.testWatchEnd)
	t.Run("slow", st.testWatchSlow)
	t.Run("follow", st.testWatchFollow)
}

func (st suite) testWatchEvents(t *testing.T) {
	s := st.newStore(t)
	mustPut(t, s, "a/before", "1", store.PutOptions{})
	a := mustWatch(t, t.Context(), s, "a/")
	all := mustWatch(t, t.Context(), s, "")
	r1 := mustPut(t, s, "a/1", "v1", store.PutOptions{})
	r2 := mustPut(t, s, "b/1", "v2", store.PutOptions{})
	_, err := s.Put(t.Context(), "a/1", nil, store.PutOptions{Expect: store.Absent})
	wantErr(t, "conflict", err, store.ErrConflict)
	if err := s.PutMany(t.Context(), []store.Write{{Key: "a/2", Value: []byte("v3")}, {Key: "b/2"}}); err != nil {
		t.Fatal(err)
	}
	mustDelete(t, s, "nothing", 0)
	mustDelete(t, s, "a/1", r1)
	r3 := mustGet(t, s, "a/2").Revision
	put := func(key, value string, revision uint64) store.Event {
		return store.Event{Op: store.OpPut, Entry: store.Entry{Key: key, Value: []byte(value), Revision: revision}}
	}
	for _, want := range []store.Event{put("a/1", "v1", r1), put("a/2", "v3", r3)} {
		wantEvent(t, next(t, a), want)
	}
	for _, want := range []store.Event{put("a/1", "v1", r1), put("b/1", "v2", r2)} {
		wantEvent(t, next(t, all), want)
	}
	if e := next(t, a); e.Op != store.OpDelete || e.Key != "a/1" || len(e.Value) != 0 || e.Revision <= r3 {
		t.Errorf("deletion gave %+v", e)
	}
}

func wantEvent(t *testing.T, got, want store.Event) {
	t.Helper()
	if got.Op != want.Op || got.Key != want.Key || string(got.Value) != string(want.Value) || got.Revision != want.Revision {
		t.Errorf("event %+v, want %+v", got, want)
	}
}

func (st suite) testWatchEnd(t *testing.T) {
	s := st.newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended, other := mustWatch(t, ctx, s, ""), mustWatch(t, t.Context(), s, "")
	cancel()
	drain(t, ended)
	mustPut(t, s, "k", "v", store.PutOptions{})
	if e := next(t, other); e.Key != "k" {
		t.Errorf("the other watcher got %+v", e)
	}
}

// testWatchSlow has a watcher that does not read: writers go on, and it is cut
// off after what it could hold.
func (st suite) testWatchSlow(t *testing.T) {
	s := st.newStore(t)
	slow := mustWatch(t, t.Context(), s, "")
	quiet := mustWatch(t, t.Context(), s, "quiet")
	for range 3 {
		writes := make([]store.Write, store.WatchBuffer/2)
		for i := range writes {
			writes[i] = store.Write{Key: fmt.Sprint(i)}
		}
		if err := s.PutMany(t.Context(), writes); err != nil {
			t.Fatal(err)
		}
	}
	if n := drain(t, slow); n > 3*store.WatchBuffer/2-1 {
		t.Errorf("the slow watcher was given all %d events", n)
	}
	mustPut(t, s, "quiet", "v", store.PutOptions{})
	if e := next(t, quiet); e.Key != "quiet" {
		t.Errorf("the other watcher got %+v", e)
	}
}

// testWatchFollow keeps a copy by Watch and Scan while others write; in the end
// it must equal the store, whatever the watch began in the middle of.
func (st suite) testWatchFollow(t *testing.T) {
	s := st.newStore(t)
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range 60 {
				key := fmt.Sprintf("f/%d", (i*7+w)%10)
				if i%5 == 4 {
					mustDelete(t, s, key, 0)
				} else {
					mustPut(t, s, key, fmt.Sprint(w, " ", i), store.PutOptions{})
				}
			}
		})
	}
	events := mustWatch(t, t.Context(), s, "f/")
	copied, revisions := scanAll(t, s)
	wg.Wait()
	mustPut(t, s, "f/end", "", store.PutOptions{})
	for e := next(t, events); ; e = next(t, events) {
		if last := revisions[e.Key]; e.Revision > last {
			revisions[e.Key] = e.Revision
			if e.Op == store.OpPut {
				copied[e.Key] = string(e.Value)
			} else {
				delete(copied, e.Key)
			}
		}
		if e.Key == "f/end" {
			break
		}
	}
	if want, _ := scanAll(t, s); !maps.Equal(copied, want) {
		t.Errorf("followed to %v, the store has %v", copied, want)
	}
}

func scanAll(t *testing.T, s store.Store) (values map[string]string, revisions map[string]uint64) {
	values, revisions = map[string]string{}, map[string]uint64{}
	err := s.Scan(t.Context(), "f/", func(e store.Entry) error {
		values[e.Key], revisions[e.Key] = string(e.Value), e.Revision
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return values, revisions
}

func (st suite) testLock(t *testing.T) {
	s := st.newStore(t)
	ctx := t.Context()
	lease, err := store.TryLock(ctx, s, "l", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.TryLock(ctx, s, "l", time.Hour)
	wantErr(t, "second holder", err, store.ErrConflict)
	if _, err := store.TryLock(ctx, s, "other", time.Hour); err != nil {
		t.Errorf("another lock: %v", err)
	}
	if err := lease.Renew(ctx); err != nil {
		t.Errorf("renew: %v", err)
	}
	second := make(chan error, 1)
	go func() {
		_, err := store.Lock(ctx, s, "l", 2*time.Hour)
		second <- err
	}()
	if err := lease.Unlock(ctx); err != nil {
		t.Errorf("unlock: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("waiting holder: %v", err)
	}
	wantErr(t, "renewal of a lock given back", lease.Renew(ctx), store.ErrLost)
	if err := lease.Unlock(ctx); err != nil {
		t.Errorf("second unlock: %v", err)
	}
	_, err = store.TryLock(ctx, s, "l", time.Hour)
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("the second holder's lock is gone: %v", err)
	}
}
