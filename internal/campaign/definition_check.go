package campaign

import (
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/policy"
)

const maxArriveWithin = 90 * 24 * time.Hour

// prepared is a definition made ready.
type prepared struct {
	selector *policy.Selector
	steps    []policy.WaveConfig
}

// prepare fills in what a definition leaves out, and says why it must be refused.
func (e *Engine) prepare(d *Definition) (prepared, error) {
	if d.Mode == "" {
		d.Mode = Route
	}
	if d.RatePerSecond == 0 {
		d.RatePerSecond = e.cfg.RatePerSecond
	}
	if d.ArriveWithin == 0 {
		d.ArriveWithin = e.cfg.ArriveWithin
	}
	acs := e.deps.ACSs()
	if problem := d.problem(acs); problem != "" {
		return prepared{}, refused("%s", problem)
	}
	selector, err := policy.CompileSelector(d.Name, d.Selector, acs)
	if err != nil {
		return prepared{}, refused("selector.%v", err)
	}
	p := prepared{selector: selector, steps: d.steps()}
	if _, err := policy.NewWaves(d.Name, p.steps, nil); err != nil && !d.counts() {
		return prepared{}, refused("%v", err)
	}
	return p, nil
}

func (d *Definition) counts() bool {
	return slices.ContainsFunc(d.Waves, func(w policy.WaveConfig) bool { return w.Count > 0 })
}

// steps are the waves with the canary, each with its criteria.
func (d *Definition) steps() []policy.WaveConfig {
	steps := slices.Clone(d.Waves)
	if len(steps) == 0 {
		steps = []policy.WaveConfig{{Percent: 100}}
	}
	if d.Canary > 0 {
		steps = slices.Insert(steps, 0, policy.WaveConfig{Percent: d.Canary})
	}
	for i := range steps {
		if steps[i].Criteria == (policy.Criteria{}) {
			steps[i].Criteria = d.Criteria
		}
	}
	return steps
}

// problem says what is wrong with a definition beside its selector and waves, ""
// when nothing is.
func (d *Definition) problem(acs []string) string {
	known := func(name string) bool { return slices.Contains(acs, name) }
	unknown := slices.IndexFunc(d.From, func(name string) bool { return !known(name) })
	switch {
	case !nameable(strings.TrimPrefix(d.Name, failoverPrefix)):
		return "the name must be 1 to 64 letters, digits, - _ and ., and not of dots alone"
	case d.Kind != Failover && strings.HasPrefix(d.Name, failoverPrefix):
		return "names that begin with " + failoverPrefix + " are those of failovers"
	case d.Kind != Drain && d.Kind != Migration && d.Kind != Failover:
		return "the kind must be drain or migration"
	case d.Mode != Route && d.Mode != Rewrite && d.Mode != RouteThenRewrite:
		return "the mode must be route, rewrite or route_then_rewrite"
	case d.Kind == Failover && d.Mode != Rewrite:
		return "a failover rewrites: sessions are routed to the backup without a campaign"
	case d.To == "":
		return "to is missing: name the ACS that devices move to"
	case !known(d.To):
		return "to: " + d.To + " is not an ACS (there is " + strings.Join(acs, ", ") + ")"
	case unknown >= 0:
		return "from: " + d.From[unknown] + " is not an ACS (there is " + strings.Join(acs, ", ") + ")"
	case slices.Contains(d.From, d.To):
		return "from and to are both " + d.To
	case len(d.From) == 0 && d.Kind != Migration:
		return "from is missing: name the ACS that devices leave"
	case d.Mirror && d.Kind != Migration:
		return "mirror is for migrations alone"
	case len(d.Waves) > maxWaves:
		return "there are more than 100 waves"
	case !(d.RatePerSecond > 0 && d.RatePerSecond <= maxRate):
		return "the rate must be more than 0 and at most 100000 devices a second"
	case !(d.Canary >= 0 && d.Canary < 100):
		return "the canary must be from 0 to less than 100 percent"
	case d.ArriveWithin < time.Second || d.ArriveWithin > maxArriveWithin:
		return "arrive_within must be from 1s to 90 days"
	case d.RewriteAfter < 0 || d.RewriteAfter > maxArriveWithin:
		return "rewrite_after must be from 0 to 90 days"
	case d.RewriteAfter > 0 && d.Mode != RouteThenRewrite:
		return "rewrite_after has no effect in mode " + string(d.Mode)
	}
	return ""
}

// nameable tells whether a name can be part of keys, paths and commands.
func nameable(name string) bool {
	return strings.Trim(name, ".") != "" && len(name) <= 64 && strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	}) < 0
}
