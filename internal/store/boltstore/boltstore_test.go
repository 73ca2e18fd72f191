package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/acsgate/acsgate/internal/store"
)

func put(t *testing.T, s *Store, key, value string, opts store.PutOptions) uint64 {
	t.Helper()
	revision, err := s.Put(t.Context(), key, []byte(value), opts)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func wantValue(t *testing.T, s *Store, key, want string) {
	t.Helper()
	if e, err := s.Get(t.Context(), key); err != nil || string(e.Value) != want {
		t.Errorf("Get(%q) = %q, %v; want %q", key, e.Value, err, want)
	}
}

func TestFileIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such file modes")
	}
	path := filepath.Join(t.TempDir(), "a", "b", "acsgate.db")
	mustOpen(t, path, time.Now)
	for name, want := range map[string]os.FileMode{
		path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir, filepath.Dir(filepath.Dir(path)): 0o700 | os.ModeDir,
	} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

func TestReopen(t *testing.T) {
	c := &clock{now: time.Unix(1_800_000_000, 0)}
	path := filepath.Join(t.TempDir(), "acsgate.db")
	s, err := Open(Config{Path: path}, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", "v", store.PutOptions{})
	put(t, s, "short", "v", store.PutOptions{TTL: time.Minute})
	last := put(t, s, "long", "v", store.PutOptions{TTL: time.Hour})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.Advance(10 * time.Minute)
	s = mustOpen(t, path, c.Now)
	wantValue(t, s, "k", "v")
	wantValue(t, s, "long", "v")
	if _, err := s.Get(t.Context(), "short"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("expired while closed: %v", err)
	}
	if revision := put(t, s, "k", "w", store.PutOptions{}); revision <= last {
		t.Errorf("revision %d after %d of an earlier run", revision, last)
	}
	if n := count(t, s, bucketExpiry); n != 1 {
		t.Errorf("%d keys in the index of expiry, want 1", n)
	}
}

// count returns how many keys a bucket holds.
func count(t *testing.T, s *Store, name []byte) (n int) {
	t.Helper()
	err := s.db.View(func(tx *bolt.Tx) error {
		n = tx.Bucket(name).Stats().KeyN
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

func TestRunRemovesWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, filepath.Join(t.TempDir(), "acsgate.db"), time.Now)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		for batch := range 3 {
			writes := make([]store.Write, sweepLimit)
			for i := range writes {
				writes[i] = store.Write{Key: fmt.Sprint(batch*sweepLimit + i), TTL: time.Minute}
			}
			if err := s.PutMany(t.Context(), writes); err != nil {
				t.Fatal(err)
			}
		}
		put(t, s, "renewed", "v", store.PutOptions{TTL: time.Minute})
		put(t, s, "renewed", "v", store.PutOptions{TTL: time.Hour})
		put(t, s, "permanent", "v", store.PutOptions{TTL: time.Minute})
		put(t, s, "permanent", "v", store.PutOptions{})
		events, err := s.Watch(t.Context(), "7")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if e := <-events; e.Op != store.OpDelete || e.Key != "7" {
			t.Errorf("expiry gave %+v", e)
		}
		if n := count(t, s, bucketEntries); n != 2 {
			t.Errorf("%d entries are left, want 2", n)
		}
		if n := count(t, s, bucketExpiry); n != 1 {
			t.Errorf("%d keys are left in the index of expiry, want 1", n)
		}
		wantValue(t, s, "renewed", "v")
		wantValue(t, s, "permanent", "v")
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// hold keeps writers waiting until the returned function is called.
func hold(s *Store) func() {
	s.turn <- struct{}{}
	return func() { <-s.turn }
}

// queued waits until n writes wait for a commit.
func queued(t *testing.T, s *Store, n int) {
	t.Helper()
	for range 10_000 {
		s.mu.Lock()
		have := len(s.queue)
		s.mu.Unlock()
		if have == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d writes do not wait", n)
}

func transactions(t *testing.T, s *Store) (id int) {
	t.Helper()
	if err := s.db.View(func(tx *bolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Error(err)
	}
	return id
}

func TestWritersShareCommits(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "acsgate.db"), time.Now)
	before := transactions(t, s)
	release := hold(s)
	var wg sync.WaitGroup
	conflicts := make(chan error, commitRequests)
	for i := range commitRequests {
		wg.Go(func() {
			_, err := s.Put(t.Context(), fmt.Sprint(i/2), []byte("v"), store.PutOptions{Expect: store.Absent})
			if err != nil {
				conflicts <- err
			}
		})
	}
	queued(t, s, commitRequests)
	release()
	wg.Wait()
	close(conflicts)
	if n := transactions(t, s) - before; n != 1 {
		t.Errorf("%d writes took %d commits, want 1", commitRequests, n)
	}
	if len(conflicts) != commitRequests/2 {
		t.Errorf("%d of %d writes failed, want half", len(conflicts), commitRequests)
	}
	for err := range conflicts {
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("put: %v", err)
		}
	}
}

func TestWriteThatWaitsEndsWithItsContext(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "acsgate.db"), time.Now)
	release := hold(s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Put(ctx, "k", []byte("v"), store.PutOptions{})
		done <- err
	}()
	queued(t, s, 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	release()
	put(t, s, "l", "v", store.PutOptions{})
	if _, err := s.Get(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the write that was given up: %v", err)
	}
}

func TestConflictsAreNotCommitted(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "acsgate.db"), time.Now)
	put(t, s, "k", "v", store.PutOptions{})
	before := transactions(t, s)
	_, err := s.Put(t.Context(), "k", nil, store.PutOptions{Expect: store.Absent})
	if !errors.Is(err, store.ErrConflict) || transactions(t, s) != before {
		t.Errorf("conflict %v took %d commits", err, transactions(t, s)-before)
	}
}

// A disk that is full fails writes, with an error that names the file, and
// harms nothing.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acsgate.db")
	s := mustOpen(t, path, time.Now)
	put(t, s, "before", "v", store.PutOptions{})
	s.db.MaxSize = 512 << 10
	_, err := s.Put(t.Context(), "large", make([]byte, store.MaxValue), store.PutOptions{})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("write to a full disk: %v", err)
	}
	wantValue(t, s, "before", "v")
	s.db.MaxSize = 0
	put(t, s, "after", "v", store.PutOptions{})
	wantValue(t, s, "before", "v")
}

// A panic of the caller's own function is not taken for a damaged file.
func TestPanicOfScanFunction(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "acsgate.db"), time.Now)
	put(t, s, "k", "v", store.PutOptions{})
	func() {
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recovered %v", r)
			}
		}()
		_ = s.Scan(t.Context(), "", func(store.Entry) error { panic("mine") })
	}()
	put(t, s, "k", "w", store.PutOptions{})
	wantValue(t, s, "k", "w")
}

func TestConfig(t *testing.T) {
	var c Config
	c.SetDefaults()
	if c.Path != "acsgate.db" || c.LockTimeout <= 0 {
		t.Errorf("defaults %+v", c)
	}
	c.Validate(func(key, value, problem string) { t.Errorf("default %s: %q %s", key, value, problem) })
	found := map[string]string{}
	bad := Config{LockTimeout: -time.Second}
	bad.Validate(func(key, value, problem string) { found[key] = value })
	if len(found) != 2 || found["lock_timeout"] != "-1s" {
		t.Errorf("problems %v", found)
	}
}
