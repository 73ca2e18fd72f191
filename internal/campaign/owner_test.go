package campaign

import (
	"errors"
	"math/rand/v2"
	"slices"
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

// TestOwner_Random: over campaigns that are made, started, cancelled, rolled back,
// removed and loaded again, who speaks for a device is who a plain look at all
// campaigns, latest first, finds.
func TestOwner_Random(t *testing.T) {
	deepest := 0
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			const n = 5
			f := newFixture(t, n)
			f.start()
			defer func() { f.stop() }()
			names := []string{"a", "b", "c", "d"}
			for range 200 {
				name := names[random.IntN(len(names))]
				switch i := random.IntN(n); random.IntN(12) {
				case 0, 1, 2:
					d := drain(name)
					d.Kind, d.From, d.Everything = Migration, nil, true
					d.To = []string{"south", "west"}[random.IntN(2)]
					d.Mode = []Mode{Route, Rewrite}[random.IntN(2)]
					d.Selector.Percent = new(60.0)
					_, _ = f.Create(t.Context(), d)
				case 3, 4:
					_ = f.Start(t.Context(), name)
				case 5:
					_ = f.Cancel(t.Context(), name)
				case 6:
					_ = f.RollBack(t.Context(), name)
				case 7:
					_ = f.Remove(t.Context(), name)
				case 8:
					_ = f.Release(t.Context(), name)
				case 9:
					f.kill()
					f.start()
				case 10:
					if task, ok := f.Due(numbered(i)); ok && f.Begin(t.Context(), numbered(i), task, Was{URL: northURL}) == nil {
						f.NoteRewrite(Rewritten{numbered(i), task, isSet})
						pass(time.Second)
					}
				default:
					f.devices[i].Current = f.session(i)
					pass(2 * time.Second)
				}
				deepest = max(deepest, f.checkOwners())
			}
		})
	}
	if deepest < 3 {
		t.Errorf("no device was in more than %d campaigns", deepest)
	}
}

// checkOwners compares the index with the campaigns, and returns in how many a
// device is at most.
func (f *fixture) checkOwners() (deep int) {
	f.t.Helper()
	f.mu.RLock()
	defer f.mu.RUnlock()
	var list []*campaign
	for _, c := range f.byName {
		list = append(list, c)
	}
	bySeq(list)
	slices.Reverse(list)
	for i := range f.devices {
		id := numbered(i)
		var all []link
		var speaks *campaign
		place := ""
		for _, c := range list {
			for j := range c.members {
				m := &c.members[j]
				if c.ids.id(m.id) != id {
					continue
				}
				all = append(all, link{c.slot + 1, uint32(j)})
				if speaks == nil && c.begun(m) {
					speaks = c
				}
				if place == "" && c.there(m) {
					place = c.To
				}
			}
		}
		var chain []link
		for l := f.latest(&id); l.slot != 0; l = f.index.before(l) {
			chain = append(chain, l)
		}
		c, _, _ := f.find(&id, (*campaign).begun)
		acs, _ := f.placed(f.latest(&id))
		if !slices.Equal(chain, all) || c != speaks || acs != place {
			f.t.Fatalf("device %d: %v is %v; placed on %q, not %q", i, chain, all, acs, place)
		}
		deep = max(deep, len(chain))
	}
	return deep
}
