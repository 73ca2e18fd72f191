package campaign

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// failedOver is a gateway with n devices of north that have arrived at south.
func failedOver(t *testing.T, n int) *fixture {
	t.Helper()
	f := newFixture(t, n)
	f.start()
	if err := f.Failover(t.Context(), "north", "south", Definition{RatePerSecond: 1000}); err != nil {
		t.Fatal(err)
	}
	pass(2 * time.Second)
	for i := range n {
		f.rewrite(i, "http://gw/north", policy.MoveOutcome{Result: policy.MoveSet, Detail: "set"})
		f.sessionAt(i, "south", true, 0, "0 BOOTSTRAP")
		f.wantState(i, Arrived)
	}
	return f
}

func (f *fixture) setBack(i int, result policy.MoveResult) {
	f.t.Helper()
	f.rewrite(i, "", policy.MoveOutcome{Result: result, Detail: "as the CPE says"})
	f.sessionAt(i, "north", true, 0)
}

// One CPE that refuses to be set back must not keep the others from the backup at
// the next outage.
func TestFailover_AfterACPEThatRefusedToReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failedOver(t, 2)
		defer f.stop()
		if err := f.Return(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		f.setBack(0, policy.MoveFault)
		f.setBack(1, policy.MoveSet)
		pass(2 * time.Second)
		f.wantStatus("failover-north", RolledBack)
		if err := f.Failover(t.Context(), "north", "south", Definition{RatePerSecond: 1000}); err != nil {
			t.Fatal(err)
		}
		f.wantStatus("failover-north", Running)
	})
}

// A device that a later campaign has taken must not keep the others away from
// home.
func TestFailover_ReturnsTheOthersOfOneThatWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failedOver(t, 2)
		defer f.stop()
		pass(5 * time.Second)
		f.wantStatus("failover-north", Done)
		f.devices[0].Current = "south"
		d := drain("out")
		d.Selector.Serial = []string{"SN0000000"}
		d.From, d.To = []string{"south"}, "west"
		f.launch(d)
		pass(2 * time.Second)
		if err := f.Return(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if task, ok := f.Due(numbered(1)); !ok || !task.Undo {
			t.Errorf("device 1 does not return: %+v", f.member(1))
		}
		if task, ok := f.Due(numbered(0)); ok {
			t.Errorf("device 0 belongs to a later campaign: %+v", task)
		}
	})
}

// An operator's campaign may have any name, but no failover may act upon it.
func TestFailover_LeavesCampaignsOfOperatorsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 2)
		f.start()
		defer f.stop()
		d := drain("failover-north")
		if _, err := f.Create(t.Context(), d); !errors.Is(err, ErrRefused) {
			t.Errorf("a drain took the name of a failover: %v", err)
		}
	})
}

// Names that a URL's path cannot carry make campaigns that nobody can end.
func TestRefusals_NamesOfDots(t *testing.T) {
	for _, name := range []string{".", "..", "a/b", "", "a b"} {
		if nameable(name) {
			t.Errorf("%q is a name", name)
		}
	}
	if !nameable("v1.2..3") {
		t.Error("dots are part of names")
	}
}

// What a failing store could not take of sessions may have moved a device: a
// pause must not send it back as if it had not been seen.
func TestLostNotes_MayHaveMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 2)
		f.start()
		defer f.stop()
		pass(3 * time.Second)
		f.launch(drain("out"))
		pass(2 * time.Second)
		f.wantPlace(0, "south")
		f.fuse.set(0, false)
		f.NoteInform(numbered(1), "south", nil) // the store fails at this one
		synctest.Wait()
		pass(50 * time.Millisecond)
		f.NoteInform(numbered(0), "south", nil) // and this one is lost
		f.NoteSession(SessionEnd{Device: numbered(0), ACS: "south", Complete: true})
		pass(30 * time.Second)
		f.fuse.set(-1, false)
		pass(20 * time.Second)
		f.do(f.Pause, "out")
		f.wantPlace(0, "south")
	})
}

// An ACS's name may be as long as that of a campaign: its failover's is longer.
func TestFailover_LongName(t *testing.T) {
	d := Definition{
		Name: failoverName(strings.Repeat("n", 64)), Kind: Failover, From: []string{"a"}, To: "b", Mode: Rewrite,
		RatePerSecond: 1, ArriveWithin: time.Minute,
	}
	if problem := d.problem([]string{"a", "b"}); problem != "" {
		t.Error(problem)
	}
}
