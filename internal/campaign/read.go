package campaign

import (
	"fmt"
	"iter"
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// List returns all campaigns, oldest first.
func (e *Engine) List() []View {
	list := e.all()
	views := make([]View, len(list))
	for i, c := range list {
		views[i] = e.view(c)
	}
	return views
}

// Get returns a campaign.
func (e *Engine) Get(name string) (View, bool) {
	c, _, ok := e.named(name)
	if !ok {
		return View{}, false
	}
	return e.view(c), true
}

// view describes a campaign. It counts its devices, some at a time.
func (e *Engine) view(c *campaign) View {
	e.mu.RLock()
	v := View{
		Definition: c.Definition, Status: c.Status, Reason: c.Reason, Verdict: c.verdict,
		Phase: c.Phase, Wave: c.Wave, Total: len(c.members), Rate: c.rate(e.cfg.RatePerSecond),
		Created: c.Created, Started: c.Started, WaveStarted: c.WaveStarted, Changed: c.Changed, Revision: c.revision,
		WaveCounts: make([]Counts, len(c.Steps)), WaveTotals: make([]int, len(c.Steps)),
	}
	v.Waves = slices.Clone(c.Steps)
	e.mu.RUnlock()
	e.each(c, func(m *member) {
		s := c.shown(m)
		v.Counts[s]++
		if c.there(m) {
			v.Moved++
		}
		v.WaveCounts[m.wave][s]++
		v.WaveTotals[m.wave]++
	})
	if v.Status == Cancelled && v.Moved > 0 {
		v.Reason += fmt.Sprintf("; %d devices stay on %s: roll it back to have them back", v.Moved, v.To)
	}
	return v
}

// each calls fn for all members, some at a time under the lock.
func (e *Engine) each(c *campaign, fn func(*member)) {
	for from := 0; from < len(c.members); from += together {
		e.mu.RLock()
		for i := from; i < min(from+together, len(c.members)); i++ {
			fn(&c.members[i])
		}
		e.mu.RUnlock()
	}
}

// Members yields the devices of a campaign. Those that a later campaign has taken
// are among them.
func (e *Engine) Members(name string) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		c, _, ok := e.named(name)
		if !ok {
			return
		}
		some := make([]Member, 0, 256)
		for from := 0; from < len(c.members); from += cap(some) {
			some = some[:0]
			e.mu.RLock()
			for i := from; i < min(from+cap(some), len(c.members)); i++ {
				some = append(some, e.export(c, uint32(i)))
			}
			e.mu.RUnlock()
			for i := range some {
				if !yield(some[i]) {
					return
				}
			}
		}
	}
}

// Of returns the campaign that a device belongs to, and how far it is with it: the
// latest that has moved it or will, or else the latest that knows it.
func (e *Engine) Of(id cwmp.DeviceID) (name string, m Member, ok bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c, number, ok := e.owner(&id)
	if !ok {
		return "", Member{}, false
	}
	return c.Name, e.export(c, number), true
}
