package campaign

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// TestFailover_DownAgainWhileItReturns: an ACS that fails again while its devices
// return begins an outage like any other. Those that were back are moved again, the
// canary among them goes first, and what was moved back is not counted as missing
// at the backup.
func TestFailover_DownAgainWhileItReturns(t *testing.T) {
	for _, killed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const n = 20
			f := newFixture(t, n)
			f.start()
			defer func() { f.stop() }()
			d := Definition{RatePerSecond: 1000, Canary: 40, Criteria: policy.Criteria{
				Arrived: 90, MinSample: 1, Within: time.Hour, OnFailure: policy.OnFailureRollBack,
			}}
			fail := func() {
				t.Helper()
				if err := f.Failover(t.Context(), "north", "south", d); err != nil {
					t.Fatal(err)
				}
			}
			moveAll := func() (moved int) {
				t.Helper()
				for range 2 { // the canary, the others
					pass(3 * time.Second)
					for i := range n {
						if task, ok := f.Due(numbered(i)); ok && !task.Undo {
							f.rewrite(i, northURL, isSet)
							f.session(i, cwmp.EventBootstrap)
							moved++
						}
					}
				}
				pass(3 * time.Second)
				return moved
			}
			fail()
			if moved := moveAll(); moved != n {
				t.Fatalf("%d devices were moved, want %d", moved, n)
			}
			pass(2 * time.Hour)
			f.back()
			if v := f.wantStatus("failover-north", RollingBack); v.Verdict.Reason != "" {
				t.Errorf("a wave that is rolled back: %q", v.Verdict.Reason)
			}
			const returned = n - 2
			for i := range returned {
				f.setBack(i, policy.MoveSet)
				f.session(i, cwmp.EventBootstrap)
				f.wantState(i, Undone)
			}
			fail()
			if killed {
				f.kill()
				f.start()
			}
			if moved := moveAll(); moved != returned {
				t.Errorf("killed %v: %d devices were moved again, want %d", killed, moved, returned)
			}
			v := f.wantStatus("failover-north", Done)
			if v.Counts[Arrived] != n {
				t.Errorf("killed %v: %v", killed, v.Counts.Map())
			}
			f.back()
			for i := range n {
				f.setBack(i, policy.MoveSet)
				f.session(i, cwmp.EventBootstrap)
			}
			pass(3 * time.Second)
			f.wantStatus("failover-north", RolledBack)
		})
	}
}

// TestFailover_DownAgainWithURLInDoubt: whose URL may have been set back when the
// ACS fails again is read before anything is believed of it.
func TestFailover_DownAgainWithURLInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failedOver(t, 1)
		defer func() { f.stop() }()
		f.back()
		task, ok := f.Due(numbered(0))
		if !ok || !task.Undo {
			t.Fatalf("%+v %v", task, ok)
		}
		if err := f.Begin(t.Context(), numbered(0), task, Was{}); err != nil {
			t.Fatal(err)
		}
		f.fail()
		f.wantPlace(0, "south")
		if task, ok := f.Due(numbered(0)); !ok || task.Undo || !task.Verify {
			t.Fatalf("%+v %v: its URL may be that of north", task, ok)
		}
		f.rewrite(0, northURL, isSet)
		f.session(0, cwmp.EventBootstrap)
		f.wantState(0, Arrived)
	})
}
