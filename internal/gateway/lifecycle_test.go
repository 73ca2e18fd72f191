package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/policy"
)

// unstarted is a gateway that New has made.
func unstarted(t *testing.T) (*world, *Gateway) {
	t.Helper()
	w := &world{t: t, north: startACS(t, "north"), south: startACS(t, "south"), file: filepath.Join(t.TempDir(), "acsgate.yaml")}
	g, err := New(w.parse(""), Options{Version: "test", LogTo: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return w, g
}

// TestStoppedWhileLoading is no failure, and leaves nothing open.
func TestStoppedWhileLoading(t *testing.T) {
	w, g := unstarted(t)
	for i := range 3000 { // enough for the store to look at the context
		if _, err := g.store.Put(t.Context(), fmt.Sprintf("device/00D09E-SN%d", i), nil, store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	w.start() // the same store opens again
}

// TestFailedLoad ends Run with the reason and releases what New has bound.
func TestFailedLoad(t *testing.T) {
	w, g := unstarted(t)
	if err := g.store.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := g.Run(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("Run: %v, %v", err, ctx.Err())
	}
	w.start()
}

// TestReloadWhileStarting: a signal may come before the gateway is ready.
func TestReloadWhileStarting(t *testing.T) {
	w, g := unstarted(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	for ready := false; !ready; {
		ready = g.Ready() == nil
		if err := g.Reload(w.parse("")); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestProberReloads: no probe of the old configuration is told of once the new
// one is taken up, and none outlives Run.
func TestProberReloads(t *testing.T) {
	acs := func(name string) []policy.ACSConfig {
		c := policy.ACSConfig{Name: name}
		c.SetDefaults()
		c.Probe.Interval, c.Probe.Timeout = time.Millisecond, time.Second
		return []policy.ACSConfig{c}
	}
	told := make(chan string)
	p := newProber(acs("old"))
	p.ask = func(context.Context, string, string) error { return errors.New("down") }
	p.tick = func(time.Time) {}
	ctx, cancel := context.WithCancel(context.Background())
	p.observe = func(acs string, _ policy.Observation) {
		select {
		case told <- acs:
		case <-ctx.Done():
		}
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	if got := <-told; got != "old" {
		t.Errorf("told of %q", got)
	}
	p.reload(acs("newer"))
	p.reload(acs("newest"))
	for got := range told {
		if got == "newest" {
			break
		}
	}
	for range 20 {
		if got := <-told; got != "newest" {
			t.Errorf("told of %q after newest", got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
