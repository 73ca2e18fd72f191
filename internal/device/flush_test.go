package device

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

type ctx = context.Context

// running runs a registry in a bubble of fake time. stop ends it and returns
// what Run did.
func running(t *testing.T, test func(t *testing.T, f *fixture, stop func() error)) {
	synctest.Test(t, func(t *testing.T) {
		f := newMemory(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		ended := false
		stop := func() error {
			ended = true
			cancel()
			return <-done
		}
		test(t, f, stop)
		if !ended {
			_ = stop()
		}
	})
}

func isStored(t *testing.T, f *fixture, id cwmp.DeviceID) bool {
	t.Helper()
	_, err := f.store.Get(t.Context(), devicePrefix+id.String())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func storedSessions(t *testing.T, f *fixture, id cwmp.DeviceID) uint32 {
	t.Helper()
	return f.reload(t).mustLookup(t, id).Sessions
}

func TestRunWritesBehind(t *testing.T) {
	running(t, func(t *testing.T, f *fixture, stop func() error) {
		id := numberedID(1)
		f.NoteInform(sighting(id))
		f.wantMetric(t, "acsgate_devices_dirty", "", 1)
		if isStored(t, f, id) {
			t.Error("written at once")
		}
		time.Sleep(f.cfg.FlushInterval + time.Millisecond)
		if !isStored(t, f, id) {
			t.Error("not written after the interval")
		}
		f.wantMetric(t, "acsgate_devices_dirty", "", 0)
		f.wantMetric(t, "acsgate_devices_flushed_total", "", 1)
		f.wantMetric(t, "acsgate_devices_flush_duration_seconds", "", 1)
		time.Sleep(10 * f.cfg.FlushInterval)
		f.wantMetric(t, "acsgate_devices_flushed_total", "", 1)
		if err := f.StoreError(); err != nil {
			t.Errorf("store error: %v", err)
		}
	})
}

// What changes with every Inform waits for its neighbours, but not for ever.
func TestRunWritesTimesAndCountersAtLeisure(t *testing.T) {
	running(t, func(t *testing.T, f *fixture, stop func() error) {
		id := numberedID(1)
		in := sighting(id)
		f.NoteInform(in)
		time.Sleep(2 * f.cfg.FlushInterval)
		for range 3 {
			in.At = in.At.Add(time.Minute)
			f.NoteInform(in)
			time.Sleep(2 * f.cfg.FlushInterval)
		}
		if n := storedSessions(t, f, id); n != 1 {
			t.Errorf("%d sessions are stored at once, want 1", n)
		}
		time.Sleep(2 * quietInterval)
		if n := storedSessions(t, f, id); n != 4 {
			t.Errorf("%d sessions are stored, want 4", n)
		}
		f.NoteInform(in)
		in.ACS = "south"
		f.NoteInform(in)
		time.Sleep(2 * f.cfg.FlushInterval)
		if n := storedSessions(t, f, id); n != 6 {
			t.Errorf("%d sessions are stored with a new ACS, want 6", n)
		}
		f.wantMetric(t, "acsgate_devices_dirty", "", 0)
	})
}

func TestRunWritesAllAtTheEnd(t *testing.T) {
	const devices = 5000
	running(t, func(t *testing.T, f *fixture, stop func() error) {
		for i := range devices {
			f.NoteInform(sighting(numberedID(i)))
		}
		time.Sleep(2 * f.cfg.FlushInterval)
		for i := range devices {
			f.NoteInform(sighting(numberedID(i))) // quiet
		}
		if err := stop(); err != nil {
			t.Errorf("run: %v", err)
		}
		other := f.reload(t)
		for i := range devices {
			if rec := other.mustLookup(t, numberedID(i)); rec.Sessions != 2 {
				t.Fatalf("%d sessions of device %d are stored, want 2", rec.Sessions, i)
			}
		}
	})
}

func TestRunTriesAgainWhenTheStoreFails(t *testing.T) {
	running(t, func(t *testing.T, f *fixture, stop func() error) {
		var attempts atomic.Int64
		f.store.onPutMany(func(ctx, []store.Write) error { attempts.Add(1); return errDisk })
		id := numberedID(1)
		f.NoteInform(sighting(id))
		time.Sleep(10 * time.Minute)
		if n := attempts.Load(); n < 20 || n > 30 {
			t.Errorf("%d attempts in ten minutes, want some 24 with a growing wait", n)
		}
		if err := f.StoreError(); !errors.Is(err, errDisk) {
			t.Errorf("store error: %v", err)
		}
		if f.logged(zap.ErrorLevel, "the store fails") != 1 || f.metric(t, "acsgate_devices_flush_errors_total", "") != float64(attempts.Load()) {
			t.Error("failures are logged once and counted each")
		}
		f.NoteInform(sighting(id)) // meanwhile
		f.wantMetric(t, "acsgate_devices_dirty", "", 1)

		f.store.onPutMany(nil)
		time.Sleep(maxBackOff + time.Second)
		if n := storedSessions(t, f, id); n != 2 {
			t.Errorf("%d sessions are stored, want 2", n)
		}
		if err := f.StoreError(); err != nil || f.logged(zap.InfoLevel, "works again") != 1 {
			t.Errorf("store error: %v", err)
		}
		f.NoteInform(sighting(numberedID(2)))
		time.Sleep(2 * f.cfg.FlushInterval)
		if !isStored(t, f, numberedID(2)) {
			t.Error("the interval is still that of a failing store")
		}
	})
}

// One batch of several fails: what it held is written later, the rest is not
// written twice.
func TestNothingIsLostWhenABatchFails(t *testing.T) {
	const devices = 3*store.MaxWrites + 5
	running(t, func(t *testing.T, f *fixture, stop func() error) {
		batch := 0
		f.store.onPutMany(func(_ ctx, writes []store.Write) error {
			if batch++; batch == 2 {
				return errDisk
			}
			return nil
		})
		for i := range devices {
			f.NoteInform(sighting(numberedID(i)))
		}
		time.Sleep(10 * time.Second)
		if n := len(stored(t, f)); n != devices {
			t.Errorf("%d devices are stored, want %d", n, devices)
		}
		f.wantMetric(t, "acsgate_devices_flushed_total", "", devices)
		f.wantMetric(t, "acsgate_devices_dirty", "", 0)
	})
}

// The store hangs: everything else goes on, and StoreError says so.
func TestABlockingStoreBlocksNothing(t *testing.T) {
	running(t, func(t *testing.T, f *fixture, stop func() error) {
		release := make(chan struct{})
		f.store.onPutMany(func(ctx ctx, _ []store.Write) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		f.NoteInform(sighting(numberedID(0)))
		time.Sleep(storePatience - time.Second)
		if err := f.StoreError(); err != nil {
			t.Errorf("impatient: %v", err)
		}
		began := time.Now()
		for i := range 2000 {
			f.NoteInform(sighting(numberedID(i % 1000)))
			f.Lookup(numberedID(i % 1000))
			f.Assigned(numberedID(i % 1000))
			f.NoteEnd(numberedID(i%1000), End{Failed: true})
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v: something waited", took)
		}
		time.Sleep(10 * time.Second)
		if err := f.StoreError(); err == nil {
			t.Error("nobody is told that the store hangs")
		}
		close(release)
		time.Sleep(2 * f.cfg.FlushInterval)
		if err := f.StoreError(); err != nil {
			t.Errorf("store error: %v", err)
		}
		if n := len(stored(t, f)); n != 1000 {
			t.Errorf("%d devices are stored, want 1000", n)
		}
	})
}

// A store that hangs does not keep the gateway from stopping.
func TestRunEndsThoughTheStoreHangs(t *testing.T) {
	running(t, func(t *testing.T, f *fixture, stop func() error) {
		f.store.onPutMany(func(ctx ctx, _ []store.Write) error { <-ctx.Done(); return ctx.Err() })
		f.NoteInform(sighting(numberedID(1)))
		time.Sleep(2 * f.cfg.FlushInterval)
		began := time.Now()
		if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("run: %v", err)
		}
		if took := time.Since(began); took > lastFlush {
			t.Errorf("stopped after %v, want at most %v", took, lastFlush)
		}
	})
}

func TestHandPassesEveryRowOnceARound(t *testing.T) {
	for _, rows := range []int{0, 1, 7, 61, 1000} {
		now := time.Unix(0, 0)
		h := newHand(now)
		seen := make([]int, rows)
		const rounds = 3
		for now.Before(time.Unix(0, 0).Add(rounds * quietInterval)) {
			now = now.Add(700 * time.Millisecond)
			from, to := h.move(now, rows)
			for row := from; row < to; row++ {
				seen[row]++
			}
		}
		for row, n := range seen {
			if n < rounds-1 || n > rounds {
				t.Errorf("row %d of %d was due %d times in %d rounds", row, rows, n, rounds)
			}
		}
	}
}

// Everything at once, for the race detector; and in the end the store has it all.
func TestConcurrentUse(t *testing.T) {
	f := newFixture(t, Config{FlushInterval: 10 * time.Millisecond}, memstore.New(time.Now))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				id := numberedID((i*7 + w) % 300)
				in := sighting(id)
				in.ACS, in.SoftwareVersion = []string{"north", "south"}[i%2], in.ID.SerialNumber[:i%8]
				f.NoteInform(in)
				f.NoteEnd(id, End{Faults: 1})
				f.Lookup(id)
				f.Placement(id)
				if i%50 == 0 {
					if err := f.Assign(t.Context(), id, "west", "race", nil); err != nil {
						t.Error(err)
					}
					for range f.All() {
					}
				}
			}
		})
	}
	wg.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	other := f.reload(t)
	total := uint32(0)
	for rec := range f.All() {
		total += rec.Sessions
		if d := diff(rec, other.mustLookup(t, rec.ID)); d != "" {
			t.Fatalf("after a restart (-want +got):\n%s", d)
		}
	}
	if total != 8*500 {
		t.Errorf("%d sessions, want %d", total, 8*500)
	}
}
