package tlsconf

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/store/memstore"
)

func TestStorageHasDirectories(t *testing.T) {
	ctx := t.Context()
	s := newStorage(memstore.New(time.Now))
	for _, key := range []string{"a/b/one", "a/b/two", "a/c", "ab/d", "top"} {
		if err := s.Store(ctx, key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]bool{"a": true, "a/b": true, "a/b/one": true, "a/b/o": false, "": true, "b": false, "ab": true} {
		if s.Exists(ctx, key) != want {
			t.Errorf("exists %q: %v", key, !want)
		}
	}
	for _, tt := range []struct {
		path      string
		recursive bool
		want      string
	}{
		{"a", false, "a/b a/c"},
		{"a", true, "a/b a/b/one a/b/two a/c"},
		{"a/", false, "a/b a/c"},
		{"a/b", false, "a/b/one a/b/two"},
		{"", false, "a ab top"},
	} {
		got, err := s.List(ctx, tt.path, tt.recursive)
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("list %q, %v: %v, %v; want %s", tt.path, tt.recursive, got, err, tt.want)
		}
	}
	if info, err := s.Stat(ctx, "a/c"); err != nil || !info.IsTerminal || info.Size != 3 || info.Key != "a/c" {
		t.Errorf("file: %+v, %v", info, err)
	}
	if info, err := s.Stat(ctx, "a"); err != nil || info.IsTerminal {
		t.Errorf("directory: %+v, %v", info, err)
	}
	if data, err := s.Load(ctx, "a/b/one"); err != nil || string(data) != "a/b/one" {
		t.Errorf("load: %q, %v", data, err)
	}
}

func TestStorageWithoutTheKey(t *testing.T) {
	ctx := t.Context()
	s := newStorage(memstore.New(time.Now))
	_, loadErr := s.Load(ctx, "none")
	_, statErr := s.Stat(ctx, "none")
	_, listErr := s.List(ctx, "none", true)
	for _, err := range []error{loadErr, statErr, listErr} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	}
	if err := s.Delete(ctx, "none"); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestStorageDeletesDirectories(t *testing.T) {
	ctx := t.Context()
	s := newStorage(memstore.New(time.Now))
	for _, key := range []string{"a/b/one", "a/c", "ab"} {
		if err := s.Store(ctx, key, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.List(ctx, "", true); strings.Join(got, " ") != "ab" {
		t.Errorf("left %v", got)
	}
}

func TestStorageClosedIsNotMissing(t *testing.T) {
	backend := memstore.New(time.Now)
	s := newStorage(backend)
	_ = backend.Close()
	if _, err := s.Load(t.Context(), "a"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if s.Exists(t.Context(), "a") {
		t.Error("exists")
	}
}

func TestStorageLockExcludesAndIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := memstore.New(time.Now)
		one, two := newStorage(backend), newStorage(backend)
		if err := one.Lock(t.Context(), "issue"); err != nil {
			t.Fatal(err)
		}
		var got atomic.Bool
		go func() {
			if err := two.Lock(t.Context(), "issue"); err != nil {
				t.Errorf("lock: %v", err)
			}
			got.Store(true)
		}()
		time.Sleep(10 * lockTTL)
		if got.Load() {
			t.Fatal("two processes hold the lock")
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := one.Unlock(context.WithoutCancel(cancelled), "issue"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if !got.Load() {
			t.Fatal("the lock was not given back")
		}
		if err := two.Unlock(t.Context(), "issue"); err != nil {
			t.Error(err)
		}
		if err := two.Unlock(t.Context(), "issue"); err == nil {
			t.Error("unlocked twice")
		}
	})
}

func TestStorageLockOfADeadProcessEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := memstore.New(time.Now)
		dead := newStorage(backend)
		if err := dead.Lock(t.Context(), "issue"); err != nil {
			t.Fatal(err)
		}
		dead.locks["issue"].stop() // nobody renews it any more
		ctx, cancel := context.WithTimeout(t.Context(), 2*lockTTL)
		defer cancel()
		next := newStorage(backend)
		if err := next.Lock(ctx, "issue"); err != nil {
			t.Fatal(err)
		}
		if err := next.Unlock(ctx, "issue"); err != nil {
			t.Error(err)
		}
	})
}
