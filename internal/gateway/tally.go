package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// tallyInterval is how old the counts of a tally may be.
const tallyInterval = 10 * time.Second

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
	for g.count(); sleep(ctx, tallyInterval); g.count() {
	}
	return nil
}

func (g *Gateway) count() {
	byACS := map[string]int{}
	for r := range g.devices.All() {
		byACS[r.CurrentACS]++
	}
	g.tally.byACS.Store(&byACS)
}
