package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/simnet"
)

// canaryWorld has n devices of north, whose failover rewrites with a canary of 25 %
// and more that is said of it, and takes north down.
func canaryWorld(t *testing.T, n int, habit, failover string, southDoes func(*moveWorld) []simnet.RPC) (w *moveWorld, canary, others []*simnet.CPE) {
	t.Helper()
	w = newMoveWorld(t, moveSetup{north: ", backup: south, failover: {mode: rewrite, canary: 25, " + failover + "}", southDoes: southDoes})
	m := &migrating{moveWorld: w}
	for i := range n {
		m.all = append(m.all, w.known(habit, i+1))
	}
	w.northIs(true)
	w.campaign("failover-north", "running")
	canary, others = m.wave("failover-north", 0), m.wave("failover-north", 1)
	if len(canary) == 0 || len(canary) > n/2 || len(canary)+len(others) != n {
		t.Fatalf("%d of %d devices in the canary, %d not", len(canary), n, len(others))
	}
	return w, canary, others
}

// onlyRouted holds that devices are served by the backup, and have their URL.
func (w *moveWorld) onlyRouted(all []*simnet.CPE) {
	w.t.Helper()
	for _, c := range all {
		want(w.t, w.live(c), "south")
		if c.URL() != w.url("north") || w.state("failover-north", c) != "pending" {
			w.t.Errorf("%s has %q and is %s", c.Device(), c.URL(), w.state("failover-north", c))
		}
	}
}

// TestFailover_Canary: the others' URLs are set when the canary's have proved
// themselves, and not before; all are served by the backup meanwhile.
func TestFailover_Canary(t *testing.T) {
	t.Parallel()
	w, canary, others := canaryWorld(t, 8, "", "rate_per_second: 500, criteria: {arrived: 100, second_session: 100, min_sample: 1}", nil)
	w.onlyRouted(others)
	for _, c := range canary {
		w.member("failover-north", c, "asked")
		want(t, w.live(c), "south", "south")
		if c.URL() != w.url("south") {
			t.Errorf("the CPE has %q", c.URL())
		}
	}
	w.onlyRouted(others) // the canary has held one session each
	for _, c := range canary {
		want(t, w.live(c), "south")
	}
	for _, c := range others {
		w.member("failover-north", c, "asked")
		want(t, w.live(c), "south", "south")
		want(t, w.live(c), "south")
	}
	if v := w.campaign("failover-north", "done"); v.Counts["arrived"] != 8 || v.Canary != 25 || v.RatePerSecond != 500 {
		t.Errorf("%+v", v)
	}
	w.northIs(false)
	for _, c := range slices.Concat(canary, others) {
		w.member("failover-north", c, "undoing")
		want(t, w.live(c), "south", "north")
		w.member("failover-north", c, "undone")
	}
	w.campaign("failover-north", "rolled_back")
}

// TestFailover_CanaryHalts the rewriting, for this outage and whatever gateway
// begins in it; sessions go on at the backup, and back to the ACS afterwards.
func TestFailover_CanaryHalts(t *testing.T) {
	t.Parallel()
	w, canary, others := canaryWorld(t, 6, "invalid-value", "criteria: {min_sample: 1}", nil)
	for _, c := range canary {
		w.member("failover-north", c, "asked")
	}
	want(t, w.live(canary[0]), "south") // it refuses, and is routed all the same
	if v := w.campaign("failover-north", "halted"); !strings.Contains(v.Reason, "devices failed, more than 5 %") {
		t.Errorf("the reason is %q", v.Reason)
	}
	w.onlyRouted(others)
	w.restart()
	w.northIs(true)
	w.onlyRouted(others)
	want(t, w.live(canary[0]), "south")
	w.campaign("failover-north", "halted")
	w.northIs(false)
	w.campaign("failover-north", "rolled_back")
	for _, c := range slices.Concat(canary, others) {
		want(t, w.live(c), "north")
	}
}

// TestFailover_CanaryIsRolledBack: those whose URL was set have it set back in a
// session with the backup, which goes on to serve them.
func TestFailover_CanaryIsRolledBack(t *testing.T) {
	t.Parallel()
	w, canary, others := canaryWorld(t, 6, "", "criteria: {min_sample: 1, on_failure: rollback}", func(*moveWorld) []simnet.RPC {
		return []simnet.RPC{simnet.GetValues("{root}No.Such.Parameter")} // a fault in each session
	})
	first := canary[0]
	w.member("failover-north", first, "asked")
	want(t, w.live(first), "south", "south")
	w.member("failover-north", first, "undoing")
	want(t, w.live(first), "south", "south")
	w.member("failover-north", first, "undone")
	if v := w.campaign("failover-north", "rolled_back"); !strings.Contains(v.Reason, "devices failed") {
		t.Errorf("the reason is %q", v.Reason)
	}
	if first.URL() != w.url("north") {
		t.Errorf("the CPE has %q", first.URL())
	}
	w.restart()
	w.northIs(true)
	for _, c := range others {
		want(t, w.live(c), "south")
	}
	w.campaign("failover-north", "rolled_back")
	w.northIs(false)
	want(t, w.live(first), "north")
}

// TestFailover_Cancelled by the operator is not set back when the ACS is up again;
// the campaign says what is left, and a rollback sets it back.
func TestFailover_Cancelled(t *testing.T) {
	t.Parallel()
	w := newFailoverWorld(t)
	c := w.known("", 1)
	w.northIs(true)
	w.member("failover-north", c, "asked")
	want(t, w.live(c), "south", "south")
	w.act("failover-north", "cancel")
	w.northIs(false)
	want(t, w.live(c), "south")
	if v := w.campaign("failover-north", "cancelled"); v.Reason != "cancelled by the operator; 1 devices stay on south: roll it back to have them back" {
		t.Errorf("the reason is %q", v.Reason)
	}
	w.act("failover-north", "rollback")
	w.member("failover-north", c, "undoing")
	want(t, w.live(c), "south", "north")
	w.campaign("failover-north", "rolled_back")
}
