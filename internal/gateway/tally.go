package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/binding"
)

// Counts are made anew when that has cost less than half a percent of the time since.
const (
	tallyShare    = 200
	tallyFastest  = time.Second
	tallyInterval = 10 * time.Second // how old they may be
)

// tally keeps counts that take a look at every device, so that nobody waits for
// them.
type tally struct {
	byACS    atomic.Pointer[map[string]int]
	bindings atomic.Pointer[admin.BindingCount]
}

// devices returns how many devices each ACS has; not to be changed.
func (t *tally) devices() map[string]int {
	if m := t.byACS.Load(); m != nil {
		return *m
	}
	return nil
}

// bindingCounts returns how many bindings there are.
func (t *tally) bindingCounts() admin.BindingCount {
	if c := t.bindings.Load(); c != nil {
		return *c
	}
	return admin.BindingCount{Kinds: map[string]int{}, Ages: []admin.AgeCount{}}
}

// runTally counts now and then until ctx ends.
func (g *Gateway) runTally(ctx context.Context) error {
	for {
		began := time.Now()
		g.count(ctx)
		if !sleep(ctx, min(max(tallyFastest, tallyShare*time.Since(began)), tallyInterval)) {
			return nil
		}
	}
}

// count counts once, some hundredths of a second for a million devices.
func (g *Gateway) count(ctx context.Context) {
	if byACS, err := g.devices.CountByACS(ctx); err == nil {
		g.tally.byACS.Store(&byACS)
	}
	now := time.Now()
	if counts, err := g.reach.bindings.Count(ctx, now); err == nil {
		view := bindingCount(&counts, now)
		g.tally.bindings.Store(&view)
	}
}

func bindingCount(c *binding.Counts, now time.Time) admin.BindingCount {
	view := admin.BindingCount{Total: c.Total, Fresh: c.Fresh, Stale: c.Stale, Kinds: map[string]int{}, At: clock(now)}
	for kind, n := range c.Kinds {
		view.Kinds[natName(binding.Kind(kind))] = n
	}
	ages := binding.Ages()
	for i, n := range c.Ages {
		age := admin.AgeCount{Count: n}
		if i < len(ages) {
			age.WithinS = ages[i].Seconds()
		}
		view.Ages = append(view.Ages, age)
	}
	return view
}
