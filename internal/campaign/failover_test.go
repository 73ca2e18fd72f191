package campaign

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

func (f *fixture) fail() {
	f.t.Helper()
	if err := f.Failover(f.t.Context(), "north", "south", Definition{RatePerSecond: 1000}); err != nil {
		f.t.Fatal(err)
	}
	pass(2 * time.Second)
}

func (f *fixture) back() {
	f.t.Helper()
	if err := f.Return(f.t.Context(), "north"); err != nil {
		f.t.Fatal(err)
	}
	pass(2 * time.Second)
}

// TestFailover_Cancelled: what an operator has cancelled stays where it is, also
// after the outage; who asks is told what is left and what to do; and no outage is
// failed over before that was done.
func TestFailover_Cancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failedOver(t, 2)
		defer func() { f.stop() }()
		f.do(f.Cancel, "failover-north")
		f.kill()
		f.start()
		f.fail() // the same outage, of which the new gateway hears
		f.wantStatus("failover-north", Cancelled)
		f.back()
		v := f.wantStatus("failover-north", Cancelled)
		if want := "cancelled by the operator; 2 devices stay on south: roll it back to have them back"; v.Reason != want || v.Moved != 2 {
			t.Errorf("the reason is %q, want %q; %d are moved", v.Reason, want, v.Moved)
		}
		f.wantPlace(0, "south")
		if err := f.Failover(t.Context(), "north", "south", Definition{}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "roll it back first") {
			t.Error(err)
		}
		f.do(f.RollBack, "failover-north")
		pass(2 * time.Second)
		for i := range 2 {
			f.setBack(i, policy.MoveSet)
		}
		pass(2 * time.Second)
		if v := f.wantStatus("failover-north", RolledBack); v.Moved != 0 || strings.Contains(v.Reason, "stay") {
			t.Errorf("%+v", v)
		}
		f.fail()
		f.wantStatus("failover-north", Running)
	})
}

// TestFailover_CancelledBeforeAnyMoved holds for this outage, and not for the next.
func TestFailover_CancelledBeforeAnyMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		defer f.stop()
		f.fail()
		f.do(f.Cancel, "failover-north")
		pass(2 * time.Second)
		f.fail()
		f.wantStatus("failover-north", Cancelled)
		if err := f.Recovered(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
		f.fail()
		f.wantStatus("failover-north", Running)
	})
}

// TestFailover_CriteriaHold: a canary that fails halts the rewriting, or rolls it
// back, for this outage: a gateway that begins in it does not begin again.
func TestFailover_CriteriaHold(t *testing.T) {
	for _, test := range []struct {
		onFailure string
		want      Status
	}{{policy.OnFailureHalt, Halted}, {policy.OnFailureRollBack, RolledBack}} {
		t.Run(test.onFailure, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 40)
				f.start()
				defer func() { f.stop() }()
				d := Definition{RatePerSecond: 1000, Canary: 20, Criteria: policy.Criteria{MinSample: 1, OnFailure: test.onFailure}}
				begin := func() {
					t.Helper()
					if err := f.Failover(t.Context(), "north", "south", d); err != nil {
						t.Fatal(err)
					}
					pass(3 * time.Second)
				}
				begin()
				canary := f.view("failover-north").WaveTotals[0]
				if canary == 0 || canary > 20 {
					t.Fatalf("%d of 40 in a canary of 20 %%", canary)
				}
				for i := range 40 {
					if _, ok := f.Due(numbered(i)); ok {
						canary--
						f.rewrite(i, northURL, policy.MoveOutcome{Result: policy.MoveFault, Detail: "9007"})
					}
				}
				if canary != 0 {
					t.Errorf("%d more devices of the canary than tasks", canary)
				}
				pass(3 * time.Second)
				f.wantStatus("failover-north", test.want)
				f.kill()
				f.start()
				begin()
				f.wantStatus("failover-north", test.want)
				f.back()
				f.wantStatus("failover-north", RolledBack)
				begin()
				if v := f.wantStatus("failover-north", Running); v.Wave != 0 {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

// TestFailover_RolledBackByHand ends it for this outage.
func TestFailover_RolledBackByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failedOver(t, 1)
		defer f.stop()
		f.do(f.RollBack, "failover-north")
		pass(2 * time.Second)
		f.fail()
		f.wantStatus("failover-north", RollingBack)
		f.rewrite(0, "", isSet)
		f.session(0, cwmp.EventBootstrap)
		pass(2 * time.Second)
		f.fail()
		f.wantStatus("failover-north", RolledBack)
		f.back()
		f.fail()
		f.wantStatus("failover-north", Running)
	})
}

// TestSecondSession: the session by which a device arrives is not its second, and
// the end of one that follows at once is not lost.
func TestSecondSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		defer f.stop()
		d := byURL("r")
		d.Criteria = policy.Criteria{SecondSession: 100}
		f.launch(d)
		pass(2 * time.Second)
		f.rewrite(0, northURL, isSet)
		f.session(0, cwmp.EventBootstrap)
		pass(3 * time.Second)
		f.wantStatus("r", Running)
		f.session(0)
		pass(3 * time.Second)
		f.wantStatus("r", Done)

		f.devices[0].Current = "south"
		d = onward("b")
		d.Criteria = policy.Criteria{SecondSession: 100}
		f.launch(d)
		pass(2 * time.Second)
		for range 2 { // before the first is recorded
			f.NoteInform(numbered(0), "west", nil)
			f.NoteSession(SessionEnd{Device: numbered(0), ACS: "west", Complete: true})
		}
		pass(3 * time.Second)
		f.wantStatus("b", Done)
	})
}
