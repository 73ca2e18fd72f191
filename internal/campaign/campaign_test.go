package campaign

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

const northURL = "http://north.example/"

var isSet = policy.MoveOutcome{Result: policy.MoveSet, URL: northURL, Detail: "the CPE has set its URL"}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 20)
		f.devices = append(f.devices, Candidate{Device: numbered(99), Current: "south"})
		f.check = func(_ context.Context, to string, from []string) error {
			if to == "west" && slices.Equal(from, []string{"north"}) {
				return errors.New("certificate is for another name")
			}
			return nil
		}
		f.start()
		defer f.stop()
		f.launch(func() Definition {
			d := drain("first")
			d.Selector.Serial = []string{"SN0000000"}
			return d
		}())
		for _, test := range []struct {
			name string
			edit func(*Definition)
			want string
		}{
			{"no name", func(d *Definition) { d.Name = "" }, `name: "" must be`},
			{"path", func(d *Definition) { d.Name = "a/b" }, `name: "a/b" must be`},
			{"unknown target", func(d *Definition) { d.To = "est" }, `to: "est" is not an ACS (there is north, south, west)`},
			{"no target", func(d *Definition) { d.To = "" }, "to is missing"},
			{"unknown source", func(d *Definition) { d.From = []string{"nowhere"} }, `from: "nowhere" is not an ACS`},
			{"itself", func(d *Definition) { d.From = []string{"south"} }, `to: "south" is also in from`},
			{"no source", func(d *Definition) { d.From = nil }, "from is missing"},
			{"taken name", func(d *Definition) { d.Name = "first"; d.Selector.Serial = []string{"SN0000001"} }, "one of that name"},
			{"second campaign", func(*Definition) {}, "SN0000000 (first)"},
			{"nothing", func(d *Definition) { d.Selector.Serial = []string{"X*"} }, "takes none of the 21 known"},
			{"not there", func(d *Definition) { d.Selector.Serial = []string{"SN0000099"} }, "none of the selected devices is on north"},
			{"everything", func(d *Definition) { d.Kind = Migration }, "takes every device"},
			{"unknown devices", func(d *Definition) {
				d.Selector.Devices = []string{"00D09E-HG532e-SN0000001", "00D09E-HG532e-NOBODY"}
			}, "00D09E-HG532e-NOBODY"},
			{"not a device", func(d *Definition) { d.Selector.Devices = []string{"what"} }, "devices[0]"},
			{"selector's ACS", func(d *Definition) { d.Selector.ACS = []string{"est"} }, "selector.acs[0]"},
			{"waves", func(d *Definition) { d.Waves = []policy.WaveConfig{{Percent: 50}, {Percent: 10}} }, "is not more than 50"},
			{"canary and waves", func(d *Definition) { d.Canary, d.Waves = 5, []policy.WaveConfig{{Percent: 1}} }, `canary: "5" is not less than the 1 percent of the first wave`},
			{"waves after a canary", func(d *Definition) {
				d.Canary, d.Waves = 5, []policy.WaveConfig{{Percent: 50}, {Percent: 101}}
			}, `waves[1].percent: "101" must be at most 100`},
			{"criteria", func(d *Definition) { d.Criteria.Arrived = 120 }, `: criteria.arrived: "120" must be at most 100`},
			{"rate", func(d *Definition) { d.RatePerSecond = -1 }, `rate_per_second: "-1" must be`},
			{"canary", func(d *Definition) { d.Canary = 100 }, `canary: "100" must be`},
			{"rewrite_after", func(d *Definition) { d.RewriteAfter = time.Hour }, `rewrite_after: "1h0m0s" has no effect in mode route`},
			{"mirror of a drain", func(d *Definition) { d.Mirror = true }, `mirror: "true" is for migrations`},
			{"target not reachable", func(d *Definition) {
				d.To, d.Mode, d.Selector.Serial = "west", Rewrite, []string{"SN0000001"}
			}, "another name"},
		} {
			d := drain("second")
			test.edit(&d)
			_, err := f.Create(t.Context(), d)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", test.name, err, test.want)
				continue
			}
			if test.name == "taken name" {
				continue
			}
			var shown []string
			for mv, err := range f.Preview(t.Context(), d) {
				shown = append(shown, fmt.Sprintf("%v %v", mv, err))
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("%v %v", Move{}, err)}, shown); diff != "" {
				t.Errorf("%s: preview (-want +got):\n%s", test.name, diff)
			}
		}
		if n := len(f.List()); n != 1 {
			t.Errorf("%d campaigns, want 1", n)
		}
		if err := f.Pause(t.Context(), "none"); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		if err := f.Start(t.Context(), "first"); !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
	})
}

func TestDryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 100)
		f.devices[3].Current = "south"
		f.load()
		d := drain("dry")
		d.DryRun, d.Waves = true, []policy.WaveConfig{{Count: 9}, {Percent: 100}}
		v := f.create(d)
		if v.Total != 99 || v.WaveTotals[0] != 9 {
			t.Errorf("%+v", v)
		}
		if len(f.List()) != 0 || f.fuse.count != 0 {
			t.Error("a dry run is kept")
		}
		moves, first := 0, 0
		for mv, err := range f.Preview(t.Context(), d) {
			if err != nil || mv.Reason == "" {
				t.Fatalf("%+v %v", mv, err)
			}
			if mv.Moves {
				moves++
			} else if mv.Device != numbered(3) || mv.Reason != "it is on south already" {
				t.Errorf("%+v", mv)
			}
			if mv.Wave == 0 {
				first++
			}
		}
		if moves != 99 || first != 9 {
			t.Errorf("%d move, %d in the first wave", moves, first)
		}
	})
}

// TestMirrored: the new ACS is shown who has not gone over yet, from the draft on,
// also after a restart.
func TestMirrored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 3)
		f.start()
		defer func() { f.stop() }()
		wants := func(when string, want ...bool) {
			t.Helper()
			for i, w := range want {
				if acs, ok := f.Mirrored(numbered(i)); ok != w || ok != (acs == "south") {
					t.Errorf("%s: device %d is mirrored at %q (%v), want %v", when, i, acs, ok, w)
				}
			}
		}
		wants("before", false, false, false)
		d := drain("m")
		d.Kind, d.Mirror, d.Selector.Serial = Migration, true, []string{"SN0000000", "SN0000001"}
		d.Waves = []policy.WaveConfig{{Count: 1}, {Percent: 100}}
		d.Criteria = policy.Criteria{Arrived: 100, SecondSession: 100, MinSample: 1}
		f.create(d)
		wants("draft", true, true, false)
		f.do(f.Start, "m")
		pass(5 * time.Second)
		wants("running", true, true, false)
		first := 0
		if f.member(1).State == Asked {
			first = 1
		}
		f.session(first)
		wants("one has gone over", first != 0, first != 1, false)
		f.do(f.Pause, "m")
		f.kill()
		f.start()
		wants("paused, restarted", first != 0, first != 1, false)
		f.do(f.Cancel, "m")
		pass(5 * time.Second)
		wants("cancelled", false, false, false)
	})
}

func TestDrainByRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 3)
		woken := map[string]int{}
		f.wake = func(_ context.Context, id cwmp.DeviceID) error {
			woken[id.SerialNumber]++
			if id == numbered(2) {
				return errors.New("no binding")
			}
			return nil
		}
		f.start()
		defer f.stop()
		d := drain("d")
		d.Wake = true
		f.create(d)
		pass(5 * time.Second)
		f.wantPlace(0, "")
		f.wantState(0, Pending)
		f.do(f.Start, "d")
		pass(3 * time.Second)
		for i := range 3 {
			f.wantState(i, Asked)
			f.wantPlace(i, "south")
			if woken[numbered(i).SerialNumber] != 1 {
				t.Errorf("device %d was woken %d times", i, woken[numbered(i).SerialNumber])
			}
		}
		if m := f.member(2); !strings.Contains(m.Reason, "no binding") {
			t.Errorf("%+v", m)
		}
		f.NoteInform(numbered(0), "north", nil) // its session began before
		f.NoteInform(numbered(0), "south", nil)
		synctest.Wait()
		f.wantState(0, Routed)
		for i := range 3 {
			f.session(i)
			f.wantState(i, Arrived)
		}
		pass(2 * time.Second)
		f.wantStatus("d", Done)
		f.wantPlace(0, "south")
		f.do(f.RollBack, "d")
		f.wantPlace(0, "") // at once
		pass(2 * time.Second)
		f.wantStatus("d", RolledBack)
		f.wantState(0, Undone)
		if woken[numbered(0).SerialNumber] != 1 {
			t.Error("a device that was routed back was woken")
		}
		f.do(f.Remove, "d")
		if _, _, ok := f.Of(numbered(0)); ok || len(f.List()) != 0 {
			t.Error("the campaign is still there")
		}
	})
}

func TestRewriteAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 8)
		f.start()
		defer f.stop()
		d := byURL("r")
		d.Criteria.FaultRate = new(100.0)
		f.launch(d)
		pass(time.Second)
		f.wantPlace(0, "") // moves by its URL alone
		outcomes := []policy.MoveOutcome{
			isSet,
			{Result: policy.MovePending, Detail: "after a reboot"},
			{Result: policy.MoveFault, Detail: "9003"},
			{Result: policy.MoveUnknown, Detail: "broke"},
			{Result: policy.MoveTorn, Detail: "torn"},
			isSet,
		}
		for i, out := range outcomes {
			f.rewrite(i, northURL, out)
		}
		task, _ := f.Due(numbered(6))
		f.NoteRewrite(Rewritten{numbered(6), task, policy.MoveOutcome{Result: policy.MoveNotOurs, Detail: "elsewhere"}})
		f.NoteRewrite(Rewritten{numbered(7), task, policy.MoveOutcome{Result: policy.MoveAlready}})
		synctest.Wait()
		for i, want := range []State{Set, Set, Failed, Setting, Failed, Set, Skipped, Skipped} {
			f.wantState(i, want)
		}
		for i, want := range []string{"south", "south", "", "south", "south", "south", "", ""} {
			f.wantPlace(i, want)
		}
		if m := f.member(0); m.OldURL != northURL || m.OldUsername != "user" {
			t.Errorf("%+v", m)
		}
		f.session(0, cwmp.EventBootstrap)
		f.wantState(0, Arrived)
		f.session(1) // without BOOTSTRAP: its URL must be read
		f.wantState(1, Set)
		if task, ok := f.Due(numbered(1)); !ok || !task.Verify {
			t.Errorf("%+v", task)
		} else {
			f.NoteRewrite(Rewritten{numbered(1), task, policy.MoveOutcome{Result: policy.MoveAlready}})
		}
		if task, ok := f.Due(numbered(3)); !ok || !task.Verify {
			t.Errorf("an attempt without an end is not verified: %+v", task)
		} else {
			f.NoteRewrite(Rewritten{numbered(3), task, policy.MoveOutcome{Result: policy.MoveAlready}})
		}
		synctest.Wait()
		f.wantState(1, Arrived)
		f.wantState(3, Set)
		pass(31 * time.Minute)
		f.wantState(3, Failed)
		f.wantState(5, Failed) // never came
		f.wantPlace(5, "south")
		f.session(5, cwmp.EventBootstrap)
		f.wantState(5, Arrived) // late
		pass(2 * time.Second)
		f.wantStatus("r", Done)
		f.rollBackRewritten([]int{0, 1, 3, 4, 5})
	})
}

// rollBackRewritten rolls "r" back, whose devices have the new URL.
func (f *fixture) rollBackRewritten(rewritten []int) {
	f.t.Helper()
	f.do(f.RollBack, "r")
	pass(2 * time.Second)
	for _, i := range rewritten {
		f.wantState(i, Undoing)
		f.wantPlace(i, "south") // until its URL is back
		task, ok := f.Due(numbered(i))
		if !ok || !task.Undo || task.URL != northURL || task.Username != "user" {
			f.t.Fatalf("device %d: %+v", i, task)
		}
		f.rewrite(i, "http://south.example/", isSet)
		f.wantPlace(i, "")
	}
	f.wantStatus("r", RollingBack)
	for _, i := range rewritten {
		f.session(i, cwmp.EventBootstrap)
		f.wantState(i, Undone)
	}
	pass(2 * time.Second)
	f.wantStatus("r", RolledBack)
}

func TestRouteThenRewrite(t *testing.T) {
	for _, after := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, 2)
			f.start()
			defer f.stop()
			d := drain("two")
			d.Mode, d.RewriteAfter = RouteThenRewrite, after
			f.launch(d)
			pass(time.Second)
			for i := range 2 {
				f.session(i)
				f.wantState(i, Arrived)
				if _, ok := f.Due(numbered(i)); ok {
					t.Error("rewritten in the first phase")
				}
			}
			pass(5 * time.Second)
			if after == 0 {
				f.wantStatus("two", Paused)
				f.do(f.Resume, "two")
			}
			pass(after + 2*time.Second)
			if v := f.wantStatus("two", Running); v.Phase != 2 || v.Counts[Asked] != 2 {
				t.Fatalf("%+v", v)
			}
			for i := range 2 {
				f.wantPlace(i, "south")
				f.rewrite(i, northURL, isSet)
				f.session(i, cwmp.EventBootstrap)
				f.wantState(i, Arrived)
			}
			pass(2 * time.Second)
			f.wantStatus("two", Done)
		})
	}
}

func TestWavesAdvanceByJudgementOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 100)
		f.start()
		defer f.stop()
		d := drain("waves")
		d.Waves = []policy.WaveConfig{{Count: 10}, {Percent: 100}}
		d.Criteria = policy.Criteria{Arrived: 100, SecondSession: 100}
		f.launch(d)
		pass(time.Hour)
		v := f.wantStatus("waves", Running)
		if v.Wave != 0 || v.Counts[Asked] != 10 || v.Counts[Pending] != 90 || v.Verdict.Judgement != policy.Wait {
			t.Fatalf("%+v", v)
		}
		for range 2 {
			for i := range 100 {
				f.session(i)
			}
		}
		pass(2 * time.Second)
		if v := f.wantStatus("waves", Running); v.Wave != 1 || v.Counts[Arrived] != 10 || v.Counts[Asked] != 90 {
			t.Fatalf("%+v", v)
		}
	})
}

func TestCriteriaHaltAndRollBack(t *testing.T) {
	for _, test := range []struct {
		onFailure string
		want      Status
	}{{policy.OnFailureHalt, Halted}, {policy.OnFailureRollBack, RolledBack}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, 100)
			f.start()
			defer f.stop()
			d := drain("c")
			d.Canary = 20
			d.Criteria = policy.Criteria{OnFailure: test.onFailure}
			f.launch(d)
			pass(2 * time.Second)
			for i := range 100 {
				if acs, _, ok := f.Placement(numbered(i)); ok {
					f.sessionAt(i, acs, true, 1) // with a SOAP fault
				}
			}
			pass(3 * time.Second)
			v := f.wantStatus("c", test.want)
			if !strings.Contains(v.Reason, "devices failed") || v.Wave != 0 {
				t.Errorf("%+v", v)
			}
			if test.want == RolledBack {
				for i := range 100 {
					f.wantPlace(i, "")
				}
				return
			}
			f.do(f.Resume, "c") // the operator knows better
			pass(3 * time.Second)
			if v := f.wantStatus("c", Running); v.Wave != 0 && v.Wave != 1 {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestPauseAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 10)
		f.start()
		defer f.stop()
		d := drain("p")
		d.RatePerSecond = 1
		f.launch(d)
		pass(3500 * time.Millisecond)
		asked := f.view("p").Counts[Asked]
		if asked != 3 {
			t.Fatalf("%d are asked", asked)
		}
		moved := -1
		for i := range 10 {
			if f.member(i).State == Asked && moved < 0 {
				moved = i
				f.session(i)
			}
		}
		f.do(f.Pause, "p")
		pass(time.Hour)
		v := f.wantStatus("p", Paused)
		if v.Counts[Asked] != 2 || v.Counts[Arrived] != 1 {
			t.Fatalf("%v", v.Counts.Map())
		}
		for i := range 10 {
			if acs, _, ok := f.Placement(numbered(i)); ok != (i == moved) {
				t.Errorf("device %d is on %q while paused", i, acs)
			}
		}
		f.do(f.Cancel, "p")
		pass(2 * time.Second)
		if v := f.wantStatus("p", Cancelled); v.Counts[Skipped] != 9 || v.Counts[Arrived] != 1 {
			t.Fatalf("%v", v.Counts.Map())
		}
		f.wantPlace(moved, "south")
		if err := f.Remove(t.Context(), "p"); !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
		f.do(f.Release, "p")
		f.wantPlace(moved, "")
	})
}

// TestRate: never more than the rate in any second, and on average the rate.
func TestRate(t *testing.T) {
	for _, rate := range []float64{0.5, 2.5, 50, 333} {
		synctest.Test(t, func(t *testing.T) {
			n := int(rate * 40)
			f := newFixture(t, n)
			woken := make(chan time.Time, n)
			f.wake = func(context.Context, cwmp.DeviceID) error { woken <- time.Now(); return nil }
			f.start()
			defer f.stop()
			d := drain("rate")
			d.RatePerSecond, d.Wake = rate, true
			f.launch(d)
			began := time.Now()
			var at []time.Time
			for range n {
				at = append(at, <-woken)
			}
			if took := at[n-1].Sub(began).Seconds(); took < 38 || took > 42 {
				t.Errorf("rate %v: %d devices took %v s", rate, n, took)
			}
			perSecond := map[int64]int{}
			for _, x := range at {
				if perSecond[x.Unix()]++; float64(perSecond[x.Unix()]) > math.Ceil(rate) {
					t.Fatalf("rate %v: %d in one second", rate, perSecond[x.Unix()])
				}
			}
		})
	}
}

func TestLaterCampaignTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 4)
		f.start()
		defer f.stop()
		f.launch(drain("a"))
		pass(time.Second)
		for i := range 4 {
			f.session(i)
			f.devices[i].Current = "south"
		}
		pass(2 * time.Second)
		f.wantStatus("a", Done)
		d := Definition{Name: "b", Kind: Drain, From: []string{"south"}, To: "west", RatePerSecond: 1000}
		f.create(d)
		f.wantPlace(0, "south")
		f.do(f.Start, "b")
		if err := f.RollBack(t.Context(), "a"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `"b"`) {
			t.Error(err)
		}
		pass(time.Second)
		f.wantPlace(0, "west")
		f.kill()
		f.start()
		f.wantPlace(0, "west")
		f.do(f.RollBack, "b")
		f.wantPlace(0, "south")
		pass(2 * time.Second)
		f.wantStatus("b", RolledBack)
		f.do(f.Remove, "b")
		f.wantPlace(0, "south")
		f.do(f.RollBack, "a")
		f.wantPlace(0, "")
	})
}

func TestFailoverAndReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 3)
		f.start()
		defer f.stop()
		fail := func() {
			t.Helper()
			if err := f.Failover(t.Context(), "north", "south", Definition{}); err != nil {
				t.Fatal(err)
			}
		}
		back := func() {
			t.Helper()
			if err := f.Return(t.Context(), "north"); err != nil {
				t.Fatal(err)
			}
		}
		back() // of nothing
		fail()
		fail() // twice
		pass(time.Second)
		for i := range 2 {
			f.rewrite(i, northURL, isSet)
			f.session(i, cwmp.EventBootstrap)
		}
		back()
		pass(2 * time.Second)
		f.rewrite(0, "http://south.example/", isSet)
		f.session(0)
		f.wantState(0, Undone)
		fail() // down again while it returns
		pass(2 * time.Second)
		f.wantStatus("failover-north", Running)
		f.wantState(1, Arrived)
		f.wantPlace(1, "south")
		back()
		pass(2 * time.Second)
		f.rewrite(1, "http://south.example/", isSet)
		f.session(1)
		pass(2 * time.Second)
		f.wantStatus("failover-north", RolledBack)
		fail() // and once more
		pass(time.Second)
		if v := f.wantStatus("failover-north", Running); v.Counts[Asked] != 3 {
			t.Errorf("%v", v.Counts.Map())
		}
	})
}

// TestSlowWaveIsNotLeftBehind: a wave whose time is up before all of it had its
// turn goes on.
func TestSlowWaveIsNotLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 30)
		f.start()
		defer f.stop()
		d := drain("slow")
		d.RatePerSecond = 1
		d.Criteria.Within = 5 * time.Second
		d.Criteria.MinSample = 1
		f.launch(d)
		for range 20 {
			pass(time.Second)
			for i := range 30 {
				f.session(i)
			}
		}
		if v := f.wantStatus("slow", Running); !strings.Contains(v.Verdict.Reason, "wait for their turn") {
			t.Errorf("%+v", v.Verdict)
		}
		pass(15 * time.Second)
		if v := f.wantStatus("slow", Done); v.Counts[Pending] != 0 {
			t.Errorf("%v", v.Counts.Map())
		}
	})
}

// TestTakenDevicesAreLeftAlone: a campaign does nothing with devices that a later
// one has taken.
func TestTakenDevicesAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		defer f.stop()
		f.launch(byURL("r"))
		pass(time.Second)
		f.rewrite(0, northURL, isSet)
		f.do(f.Cancel, "r")
		f.devices[0].Current = "south"
		f.launch(Definition{Name: "b", Kind: Drain, From: []string{"south"}, To: "west", RatePerSecond: 1000})
		pass(time.Hour)
		for m := range f.Members("r") {
			if m.State != Set {
				t.Errorf("%+v", m)
			}
		}
		f.wantPlace(0, "west")
	})
}
