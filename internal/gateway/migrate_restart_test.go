package gateway

import (
	"slices"
	"testing"

	"github.com/acsgate/acsgate/internal/simnet"
)

// restart stops the gateway and starts it again where its CPEs know it.
func (w *moveWorld) restart() {
	w.t.Helper()
	w.stop()
	w.world.start()
	w.api.Address = w.AdminAddr()
}

// sets is how often the gateway has set something on a CPE.
func (w *moveWorld) sets(c *simnet.CPE) (n int) {
	for _, s := range w.of(c) {
		for _, rpc := range s.RPCs {
			if rpc == "gw:SetParameterValues" {
				n++
			}
		}
	}
	return n
}

// TestRestart_InADrainByRewriting: no CPE is set twice, and none is forgotten.
func TestRestart_InADrainByRewriting(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	arrived, set, cut, waits := w.known("", 1), w.known("reboot", 2), w.known("session-cut", 3), w.known("", 4)
	all := []*simnet.CPE{arrived, set, cut, waits}
	w.begin(drainTo("rewrite"))
	for _, c := range all {
		w.member("d", c, "asked")
	}
	want(t, w.live(arrived), "north", "south")
	w.member("d", arrived, "arrived")
	want(t, w.live(set), "north")
	w.member("d", set, "set")
	if _, err := cut.Session(t.Context()); err == nil {
		t.Fatal("the session is not cut")
	}
	w.restart() // ends the session that was cut
	want(t, w.live(arrived), "south")
	want(t, w.live(set), "south")
	set.PowerCycle()
	want(t, w.live(set), "south")
	want(t, w.live(cut), "south")
	want(t, w.live(waits), "north", "south")
	for _, c := range all {
		w.member("d", c, "arrived")
		if c.URL() != w.url("south") {
			t.Errorf("%s has %q", c.Device(), c.URL())
		}
		if n := w.sets(c); n != 1 {
			t.Errorf("%s was set %d times", c.Device(), n)
		}
	}
	w.campaign("d", "done")

	w.act("d", "rollback")
	w.member("d", arrived, "undoing")
	want(t, w.live(arrived), "south", "north")
	w.member("d", arrived, "undone")
	w.restart()
	for _, c := range all[1:] {
		w.member("d", c, "undoing")
		if _, err := c.Live(t.Context(), simnet.Life{Sessions: 5, Retries: 2, Wait: simnet.NoWait}); err != nil {
			t.Fatal(err)
		}
		if c.PendingURL() != "" {
			c.PowerCycle()
			want(t, w.live(c), "north")
		}
		w.member("d", c, "undone")
		if c.URL() != w.url("north") {
			t.Errorf("%s has %q", c.Device(), c.URL())
		}
		if n := w.sets(c); n != 2 {
			t.Errorf("%s was set %d times", c.Device(), n)
		}
		want(t, w.live(c), "north")
	}
	w.campaign("d", "rolled_back")
}

// TestRestart_InADrainByRouting: who has moved stays, who has not moves, and a
// campaign that was paused is.
func TestRestart_InADrainByRouting(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	moved, waits := w.known("", 1), w.known("", 2)
	w.begin(drainTo("route"))
	w.member("d", moved, "asked")
	w.member("d", waits, "asked")
	want(t, w.live(moved), "south")
	w.member("d", moved, "arrived")
	w.restart()
	want(t, w.live(moved), "south")
	want(t, w.live(waits), "south")
	w.campaign("d", "done")
	w.act("d", "rollback")
	w.campaign("d", "rolled_back")
	w.restart()
	for _, c := range []*simnet.CPE{moved, waits} {
		want(t, w.live(c), "north")
		w.member("d", c, "undone")
	}
	var states []string
	for _, m := range w.members("d") {
		states = append(states, m.State)
	}
	if !slices.Equal(states, []string{"undone", "undone"}) {
		t.Errorf("%q", states)
	}
}
