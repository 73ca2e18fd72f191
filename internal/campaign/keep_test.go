package campaign

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestKeepTellsAsOfDoes: a later campaign has taken some of an earlier one's devices.
func TestKeepTellsAsOfDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const members, all = 300, 400
		f := rewritten(t, members)
		defer func() { f.stop() }()
		for i := range members / 3 {
			f.devices[3*i].Current = "north"
		}
		f.launch(onward("taker"))
		pass(2 * time.Second)
		ids := make([]cwmp.DeviceID, all)
		for i := range ids {
			ids[i] = numbered(i)
		}
		for name, want := range map[string]int{"r": members / 3, "taker": members * 2 / 3, "none": 0} {
			keep, kept := slices.Repeat([]bool{true}, all), 0
			keep[1], keep[3], keep[all-1] = false, false, false // by another test
			f.Keep(name, ids, keep)
			for i := range keep {
				of, _, ok := f.Of(ids[i])
				is := ok && of == name
				if is {
					kept++
				}
				if tested := i != 1 && i != 3 && i != all-1; keep[i] != (is && tested) {
					t.Errorf("device %d is kept for %q: %v, and belongs to %q", i, name, keep[i], of)
				}
			}
			if kept != want {
				t.Errorf("%d devices belong to %q, want %d", kept, name, want)
			}
		}
	})
}

func TestEachMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const members = together + 10
		f := newFixture(t, members)
		f.start()
		defer func() { f.stop() }()
		f.create(Definition{Name: "r", Kind: Drain, From: []string{"north"}, To: "west"})
		for campaign, want := range map[string]int{"r": members, "none": 0} {
			seen := map[cwmp.DeviceID]bool{}
			f.EachMember(campaign, func(oui, class, serial []byte) bool {
				seen[cwmp.DeviceID{OUI: string(oui), ProductClass: string(class), SerialNumber: string(serial)}] = true
				return true
			})
			if len(seen) != want || want > 0 && !(seen[numbered(0)] && seen[numbered(members-1)]) {
				t.Errorf("%d members of %q, want %d", len(seen), campaign, want)
			}
		}
		calls := 0
		f.EachMember("r", func(_, _, _ []byte) bool { calls++; return calls < together+1 })
		if calls != together+1 {
			t.Errorf("%d calls after the end", calls)
		}
	})
}
