package boltstore

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/storetest"
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestContract(t *testing.T) {
	c := &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	storetest.Run(t, func(t *testing.T) store.Store {
		return mustOpen(t, filepath.Join(t.TempDir(), "acsgate.db"), c.Now)
	}, c.Advance)
}

func mustOpen(t *testing.T, path string, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(Config{Path: path}, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
