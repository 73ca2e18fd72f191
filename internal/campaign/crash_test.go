package campaign

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// TestKilledAtEveryWrite runs the same drain again and again, stops the disk after
// one write more each time, with that write done or not, kills the gateway, and
// has the next one bring it to its end.
func TestKilledAtEveryWrite(t *testing.T) {
	for n, over := 0, false; !over; n++ {
		for _, doubt := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 4)
				f.start()
				f.fuse.set(n, doubt)
				f.attempt()
				f.fuse.mu.Lock()
				over = f.fuse.left > 0
				f.fuse.mu.Unlock()
				f.kill()
				f.start()
				defer f.stop()
				f.finish()
			})
		}
		if n > 200 {
			t.Fatal("the drain never ends")
		}
	}
}

func crashing() Definition {
	d := byURL("x")
	d.Canary = 30
	return d
}

// attempt does what it can of a rewriting drain and its rollback.
func (f *fixture) attempt() {
	ctx := f.t.Context()
	if _, err := f.Create(ctx, crashing()); err != nil {
		return
	}
	if f.Start(ctx, "x") != nil {
		return
	}
	for range 3 {
		pass(2 * time.Second)
		for i := range 4 {
			f.turn(i)
		}
	}
	if f.RollBack(ctx, "x") != nil {
		return
	}
	for range 3 {
		pass(2 * time.Second)
		for i := range 4 {
			f.turn(i)
		}
	}
}

// turn is one session of a device, with what is due in it. A write that hangs
// means that the URL is not set.
func (f *fixture) turn(i int) {
	acs, _, ok := f.Placement(numbered(i))
	if !ok {
		acs = "north"
	}
	f.NoteInform(numbered(i), acs, []string{cwmp.EventBootstrap})
	synctest.Wait()
	if task, ok := f.Due(numbered(i)); ok {
		had := northURL
		if task.Undo {
			had = "http://south.example/"
			if task.URL != northURL {
				f.t.Errorf("device %d is to have %q again", i, task.URL)
			}
		}
		if f.Begin(f.t.Context(), numbered(i), task, Was{URL: had}) == nil {
			f.NoteRewrite(Rewritten{numbered(i), task, isSet})
			synctest.Wait()
		}
	}
	f.NoteSession(SessionEnd{Device: numbered(i), ACS: acs, Complete: true})
	synctest.Wait()
}

// finish brings the drain to its end, whatever the gateway before it has done.
func (f *fixture) finish() {
	f.t.Helper()
	v, ok := f.Get("x")
	if !ok {
		f.create(crashing())
		v = f.view("x")
	}
	if v.Total != 4 || v.WaveTotals[0]+v.WaveTotals[1] != 4 {
		f.t.Fatalf("%+v", v)
	}
	if v.Status == Draft {
		f.do(f.Start, "x")
	}
	for range 10 {
		pass(2 * time.Second)
		for i := range 4 {
			f.turn(i)
		}
		if f.view("x").Status == Done {
			for i := range 4 {
				f.wantPlace(i, "south")
				if m := f.member(i); m.OldURL != northURL {
					f.t.Errorf("device %d: %+v", i, m)
				}
			}
			f.do(f.RollBack, "x")
		}
	}
	f.wantStatus("x", RolledBack)
	for i := range 4 {
		f.wantState(i, Undone)
		f.wantPlace(i, "")
	}
	f.do(f.Remove, "x")
	pass(2 * time.Second)
	if err := f.disk.Scan(f.t.Context(), "", func(x store.Entry) error { return errors.New(x.Key) }); err != nil {
		f.t.Errorf("left in the store: %v", err)
	}
}

// TestBegunIsDurable: what Begin has acknowledged is known to the next gateway,
// which verifies and does not set blindly.
func TestBegunIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		f.launch(byURL("x"))
		pass(time.Second)
		task, _ := f.Due(numbered(0))
		if err := f.Begin(t.Context(), numbered(0), task, Was{URL: northURL}); err != nil {
			t.Fatal(err)
		}
		f.kill()
		f.start()
		defer f.stop()
		if m := f.member(0); m.State != Setting || m.OldURL != northURL || m.ACS != "south" {
			t.Fatalf("%+v", m)
		}
		task, ok := f.Due(numbered(0))
		if !ok || !task.Verify {
			t.Fatalf("%+v", task)
		}
		if err := f.Begin(t.Context(), numbered(0), task, Was{URL: "http://other/"}); err != nil {
			t.Fatal(err)
		}
		if m := f.member(0); m.OldURL != northURL {
			t.Errorf("the URL before the first attempt is lost: %q", m.OldURL)
		}
	})
}

// TestNothingBeginsWhileTheStoreFails: and what waited goes on afterwards.
func TestNothingBeginsWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 3)
		f.start()
		defer f.stop()
		f.launch(byURL("x"))
		pass(time.Second)
		f.fuse.set(0, true)
		task, _ := f.Due(numbered(0))
		if err := f.Begin(t.Context(), numbered(0), task, Was{URL: northURL}); !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		f.wantState(0, Asked)
		if err := f.Pause(t.Context(), "x"); !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		f.wantStatus("x", Running)
		pass(time.Minute)
		f.fuse.set(-1, false)
		pass(time.Minute)
		f.wantState(0, Setting) // the same was written again
		f.do(f.Pause, "x")
		if _, ok := f.Due(numbered(1)); ok {
			t.Error("a task while paused")
		}
		if err := f.Begin(t.Context(), numbered(1), task, Was{}); err == nil {
			t.Error("begun while paused")
		}
	})
}

// TestForgottenWakes: devices that the gateway was to wake when it was killed are
// woken by the next one.
func TestForgottenWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 3)
		d := drain("x")
		d.Wake = true
		f.start()
		f.create(d)
		f.do(f.Start, "x")
		pass(150 * time.Millisecond) // asked and woken, and that not recorded yet
		f.kill()
		f.start()
		pass(2 * time.Second)
		for i := range 3 {
			if m := f.member(i); !m.Woken || m.State != Asked {
				t.Errorf("%+v", m)
			}
		}
		f.stop()
	})
}

func TestOverflowIsCountedAndHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		f.launch(drain("x"))
		pass(time.Second)
		f.stop() // nobody reads the queue
		for range queued + 5 {
			f.NoteInform(numbered(0), "south", nil)
		}
		f.start()
		defer f.stop()
		f.session(0)
		f.wantState(0, Arrived)
	})
}

// TestAskedBeforeTheCrashMayHaveMoved: a device whose session may not have been
// recorded is not taken back by a pause; one that surely held none is.
func TestAskedBeforeTheCrashMayHaveMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 2)
		d := drain("x")
		d.RatePerSecond = 0.1
		f.start()
		f.launch(d)
		pass(15 * time.Second)
		f.fuse.set(0, false)
		for i := range 2 {
			f.session(i) // not recorded
		}
		f.kill()
		f.start()
		defer f.stop()
		pass(15 * time.Second)
		f.do(f.Pause, "x")
		v := f.wantStatus("x", Paused)
		if v.Counts[Asked] != 2 {
			t.Fatalf("%v", v.Counts.Map())
		}
		placed := 0
		for i := range 2 {
			if _, _, ok := f.Placement(numbered(i)); ok {
				placed++
			}
		}
		if placed != 1 {
			t.Errorf("%d devices are placed, want the one that was asked before the crash", placed)
		}
		f.do(f.Cancel, "x")
		pass(2 * time.Second)
		if v := f.view("x"); v.Counts[Skipped] != 1 || v.Counts[Asked] != 1 {
			t.Errorf("%v", v.Counts.Map())
		}
	})
}

// once is a store whose next Put is done and reported as failed.
type once struct {
	store.Store
	armed bool
}

func (o *once) Put(ctx context.Context, key string, value []byte, opts store.PutOptions) (uint64, error) {
	revision, err := o.Store.Put(ctx, key, value, opts)
	if o.armed {
		o.armed = false
		return 0, errStopped
	}
	return revision, err
}

// TestOpenOutcomeIsLookedAt: a command whose write was done though it failed has
// been carried out.
func TestOpenOutcomeIsLookedAt(t *testing.T) {
	f := newFixture(t, 1)
	o := &once{Store: f.disk}
	f.load()
	f.deps.Store = o
	f.create(drain("x"))
	o.armed = true
	f.do(f.Start, "x")
	f.wantStatus("x", Running)
	f.do(f.Pause, "x")
	f.wantStatus("x", Paused)
}
