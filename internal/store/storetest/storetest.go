// Package storetest proves that a backend keeps the contract of package store.
// Every backend's tests call Run. It is for tests only and keeps nothing.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
)

// patience bounds how long a test waits for something that must happen.
const patience = 10 * time.Second

// suite is one backend under test.
type suite struct {
	newStore func(t *testing.T) store.Store
	advance  func(time.Duration)
}

// Run runs the contract suite. newStore makes an empty store for one test and
// has it closed at the test's end; advance lets time pass by the clock that the
// stores read, at once or really.
func Run(t *testing.T, newStore func(t *testing.T) store.Store, advance func(time.Duration)) {
	s := suite{newStore, advance}
	t.Run("entries", s.testEntries)
	t.Run("limits", s.testLimits)
	t.Run("expect", s.testExpect)
	t.Run("expiry", s.testExpiry)
	t.Run("many", s.testMany)
	t.Run("scan", s.testScan)
	t.Run("watch", s.testWatch)
	t.Run("context", s.testContext)
	t.Run("close", s.testClose)
	t.Run("lock", s.testLock)
}

func mustPut(t *testing.T, s store.Store, key, value string, opts store.PutOptions) uint64 {
	t.Helper()
	revision, err := s.Put(t.Context(), key, []byte(value), opts)
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	return revision
}

func mustDelete(t *testing.T, s store.Store, key string, expect uint64) {
	t.Helper()
	if err := s.Delete(t.Context(), key, expect); err != nil {
		t.Fatalf("Delete(%q, %d): %v", key, expect, err)
	}
}

func mustGet(t *testing.T, s store.Store, key string) store.Entry {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	return e
}

// wantValue checks what a key holds; "" means that it must hold nothing.
func wantValue(t *testing.T, s store.Store, key, want string) {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if want == "" {
		wantErr(t, "Get of "+key, err, store.ErrNotFound)
		return
	}
	if err != nil || string(e.Value) != want || e.Key != key {
		t.Fatalf("Get(%q) = %q of key %q, %v; want %q", key, e.Value, e.Key, err, want)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error %v, want %v", what, err, want)
	}
}

// keys returns the keys of a scan, in its order.
func keys(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	found := []string{}
	err := s.Scan(t.Context(), prefix, func(e store.Entry) error {
		found = append(found, e.Key)
		return nil
	})
	if err != nil {
		t.Fatalf("Scan(%q): %v", prefix, err)
	}
	return found
}

// next returns the watcher's next event.
func next(t *testing.T, events <-chan store.Event) store.Event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("watch ended")
		}
		return e
	case <-time.After(patience):
		t.Fatal("no event")
	}
	return store.Event{}
}

// drain reads a channel to its close and returns how many events it held.
func drain(t *testing.T, events <-chan store.Event) (n int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return n
			}
			n++
		case <-deadline:
			t.Fatal("watch was not ended")
		}
	}
}

func mustWatch(t *testing.T, ctx context.Context, s store.Store, prefix string) <-chan store.Event {
	t.Helper()
	events, err := s.Watch(ctx, prefix)
	if err != nil {
		t.Fatalf("Watch(%q): %v", prefix, err)
	}
	return events
}
