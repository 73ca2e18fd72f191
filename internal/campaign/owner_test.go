package campaign

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// rewritten is a gateway with n devices of north whose URL "r" has set to south's,
// and which were not seen since; "r" is over.
func rewritten(t *testing.T, n int) *fixture {
	t.Helper()
	f := newFixture(t, n)
	f.start()
	f.launch(byURL("r"))
	pass(2 * time.Second)
	for i := range n {
		f.rewrite(i, northURL, isSet)
		f.devices[i].Current = "south"
	}
	f.do(f.Cancel, "r")
	pass(2 * time.Second)
	return f
}

func onward(name string) Definition {
	return Definition{Name: name, Kind: Drain, From: []string{"south"}, To: "west", RatePerSecond: 1000}
}

func (f *fixture) stateIn(campaign string, i int) State {
	f.t.Helper()
	for m := range f.Members(campaign) {
		if m.Device == numbered(i) {
			return m.State
		}
	}
	f.t.Fatalf("device %d is not in %q", i, campaign)
	return 0
}

func (f *fixture) wantGuard(i int, by string) {
	f.t.Helper()
	if r, _ := f.LastRewrite(numbered(i)); r.Campaign != by {
		f.t.Errorf("device %d is guarded by %q, want %q", i, r.Campaign, by)
	}
}

// TestLaterCampaign_ThatHasNotMoved: a draft, one that was cancelled before a
// device's turn, and one whose turn has not come leave the earlier one its guard,
// its notes and its expiry.
func TestLaterCampaign_ThatHasNotMoved(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(f *fixture)
	}{
		{"draft", func(f *fixture) { f.create(onward("b")) }},
		{"cancelled", func(f *fixture) {
			f.create(onward("b"))
			f.do(f.Cancel, "b")
			pass(2 * time.Second)
		}},
		{"its turn has not come", func(f *fixture) {
			d := onward("b")
			d.RatePerSecond = 1e-6
			f.launch(d)
			pass(2 * time.Second)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := rewritten(t, 2)
				defer func() { f.stop() }()
				test.make(f)
				for range 2 {
					f.wantGuard(0, "r")
					f.wantPlace(0, "south")
					f.kill()
					f.start()
				}
				f.session(0, cwmp.EventBootstrap)
				if s := f.stateIn("r", 0); s != Arrived {
					t.Errorf("a device that has come is %v", s)
				}
				pass(31 * time.Minute)
				if s := f.stateIn("r", 1); s != Failed {
					t.Errorf("a device that has not come is %v", s)
				}
			})
		})
	}
}

// TestLaterCampaign_ThatHasMoved speaks for the device, until it is rolled back.
func TestLaterCampaign_ThatHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := rewritten(t, 1)
		defer f.stop()
		f.session(0, cwmp.EventBootstrap)
		d := onward("b")
		d.Mode = Rewrite
		f.launch(d)
		pass(2 * time.Second)
		f.rewrite(0, "http://south.example/", isSet)
		f.wantGuard(0, "b")
		f.session(0, cwmp.EventBootstrap)
		f.wantPlace(0, "west")
		if err := f.RollBack(t.Context(), "r"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `"b"`) {
			t.Error(err)
		}
		f.do(f.RollBack, "b")
		pass(2 * time.Second)
		f.rewrite(0, "", isSet)
		f.session(0, cwmp.EventBootstrap)
		pass(2 * time.Second)
		f.wantStatus("b", RolledBack)
		f.wantPlace(0, "south")
		f.wantGuard(0, "r")
	})
}

// TestDraft_DoesNotKeepAnotherFromRollingBack, but is not started meanwhile.
func TestDraft_DoesNotKeepAnotherFromRollingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := rewritten(t, 1)
		defer f.stop()
		f.session(0, cwmp.EventBootstrap)
		f.create(onward("b"))
		f.do(f.RollBack, "r")
		if err := f.Start(t.Context(), "b"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "SN0000000 (r)") {
			t.Error(err)
		}
		pass(2 * time.Second)
		f.rewrite(0, "", isSet)
		f.session(0, cwmp.EventBootstrap)
		pass(2 * time.Second)
		f.wantStatus("r", RolledBack)
		f.wantPlace(0, "")
		f.do(f.Start, "b")
		pass(2 * time.Second)
		f.wantPlace(0, "west")
	})
}

// TestDraft_DoesNotKeepDevicesFromAFailover, and comes after it where it is
// started later, also after a restart.
func TestDraft_DoesNotKeepDevicesFromAFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		defer func() { f.stop() }()
		d := drain("draft")
		d.To = "west"
		f.create(d)
		if err := f.Failover(t.Context(), "north", "south", Definition{}); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		f.rewrite(0, northURL, isSet)
		f.session(0, cwmp.EventBootstrap)
		if err := f.Start(t.Context(), "draft"); !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
		if err := f.Return(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		f.setBack(0, "fault") // so that the failover still has something to say
		pass(2 * time.Second)
		f.wantStatus("failover-north", RolledBack)
		f.wantPlace(0, "south")
		f.do(f.Start, "draft")
		pass(2 * time.Second)
		f.wantPlace(0, "west")
		f.kill()
		f.start()
		f.wantPlace(0, "west")
	})
}

// TestFailover_TakesWhoTheBackupHasAlready: sessions are routed to the backup as
// soon as the ACS is down, before the failover is made.
func TestFailover_TakesWhoTheBackupHasAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 3)
		f.devices[1].Current = "south"                             // by routing
		f.devices[2].Current, f.devices[2].Home = "south", "south" // is its own
		f.start()
		defer f.stop()
		if err := f.Failover(t.Context(), "north", "south", Definition{}); err != nil {
			t.Fatal(err)
		}
		var from []string
		for m := range f.Members("failover-north") {
			from = append(from, m.Device.SerialNumber+" of "+m.From)
		}
		if got := strings.Join(from, ", "); got != "SN0000000 of north, SN0000001 of north" {
			t.Errorf("it has %s", got)
		}
	})
}
