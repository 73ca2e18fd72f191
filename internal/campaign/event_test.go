package campaign

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestChanged: who is told of changes hears of each once, in order, when it is in
// the store, and may look at the engine meanwhile.
func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		var told []string
		f.changed = func(v Event) {
			f.List() // no lock is held
			what := fmt.Sprintf("%s %s %s>%s wave %d", v.Campaign, v.Status, v.From, v.To, v.Wave)
			if v.Device == numbered(0) {
				what += " " + v.State.String()
			}
			told = append(told, what)
			if v.Reason == "" || v.At.IsZero() || v.Kind != Drain {
				t.Errorf("%+v", v)
			}
		}
		f.start()
		defer f.stop()
		revision := f.create(drain("d")).Revision
		rises := func() {
			t.Helper()
			if now := f.view("d").Revision; now <= revision {
				t.Errorf("the revision was %d and is %d", revision, now)
			} else {
				revision = now
			}
		}
		f.do(f.Start, "d")
		rises()
		pass(2 * time.Second)
		f.session(0)
		pass(3 * time.Second)
		rises()
		f.do(f.RollBack, "d")
		pass(3 * time.Second)
		rises()
		f.do(f.Remove, "d")
		want := []string{
			"d draft north>south wave 0", "d running north>south wave 0",
			"d running north>south wave 0 routed", "d running north>south wave 0 arrived", "d done north>south wave 0",
			"d rolling_back north>south wave 0", "d rolling_back north>south wave 0 undone", "d rolled_back north>south wave 0",
			"d removed north>south wave 0",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
