package campaign

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	if err := d.judgeable(); err != nil {
		return prepared{}, refused("%v", err)
	}
	p := prepared{selector: selector, steps: d.steps()}
	if _, err := policy.NewWaves(d.Name, p.steps, nil); err != nil && !d.counts() {
		return prepared{}, refused("%v", err)
	}
	return p, nil
}

// judgeable says what is wrong with the criteria and waves as the operator has
// written them, before each wave is given its criteria, and the canary is one.
func (d *Definition) judgeable() error {
	var problems []error
	d.Criteria.Validate(func(key, value, problem string) {
		problems = append(problems, errors.New(wrong("criteria."+key, value, problem)))
	})
	if len(d.Waves) > 0 && !d.counts() {
		_, err := policy.NewWaves(d.Name, d.Waves, nil)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
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

// problem says what is wrong with a definition beside its selector, waves and
// criteria, "" when nothing is.
func (d *Definition) problem(acs []string) string {
	known := func(name string) bool { return slices.Contains(acs, name) }
	unknown := slices.IndexFunc(d.From, func(name string) bool { return !known(name) })
	switch {
	case !nameable(strings.TrimPrefix(d.Name, failoverPrefix)):
		return wrong("name", d.Name, "must be 1 to 64 letters, digits, - _ and ., and not of dots alone")
	case d.Kind != Failover && strings.HasPrefix(d.Name, failoverPrefix):
		return wrong("name", d.Name, "is one of a failover, as all are that begin with "+failoverPrefix+": choose another")
	case d.Kind != Drain && d.Kind != Migration && d.Kind != Failover:
		return wrong("kind", d.Kind, "must be drain or migration")
	case d.Mode != Route && d.Mode != Rewrite && d.Mode != RouteThenRewrite:
		return wrong("mode", d.Mode, "must be route, rewrite or route_then_rewrite")
	case d.Kind == Failover && d.Mode != Rewrite:
		return wrong("mode", d.Mode, "must be rewrite for a failover: sessions are routed to the backup without a campaign")
	case d.To == "":
		return "to is missing: name the ACS that devices move to"
	case !known(d.To):
		return wrong("to", d.To, "is not an ACS (there is "+strings.Join(acs, ", ")+")")
	case unknown >= 0:
		return wrong("from", d.From[unknown], "is not an ACS (there is "+strings.Join(acs, ", ")+")")
	case slices.Contains(d.From, d.To):
		return wrong("to", d.To, "is also in from: name another ACS")
	case len(d.From) == 0 && d.Kind != Migration:
		return "from is missing: name the ACS that devices leave"
	case d.Mirror && d.Kind != Migration:
		return wrong("mirror", d.Mirror, "is for migrations alone")
	case len(d.Waves) > maxWaves:
		return wrong("waves", len(d.Waves), "are more than "+strconv.Itoa(maxWaves))
	}
	return d.numberProblem()
}

func (d *Definition) numberProblem() string {
	switch {
	case !(d.RatePerSecond > 0 && d.RatePerSecond <= maxRate):
		return wrong("rate_per_second", d.RatePerSecond, "must be more than 0 and at most "+strconv.Itoa(maxRate)+" devices a second")
	case !(d.Canary >= 0 && d.Canary < 100):
		return wrong("canary", d.Canary, "must be from 0 to less than 100 percent")
	case d.Canary > 0 && len(d.Waves) > 0 && d.Waves[0].Count == 0 && d.Waves[0].Percent <= d.Canary:
		return wrong("canary", d.Canary, fmt.Sprintf("is not less than the %v percent of the first wave: percentages count from the first device", d.Waves[0].Percent))
	case d.ArriveWithin < time.Second || d.ArriveWithin > maxArriveWithin:
		return wrong("arrive_within", d.ArriveWithin, "must be from 1s to 90 days, "+maxArriveWithin.String())
	case d.RewriteAfter < 0 || d.RewriteAfter > maxArriveWithin:
		return wrong("rewrite_after", d.RewriteAfter, "must be from 0 to 90 days, "+maxArriveWithin.String())
	case d.RewriteAfter > 0 && d.Mode != RouteThenRewrite:
		return wrong("rewrite_after", d.RewriteAfter, "has no effect in mode "+string(d.Mode)+": choose route_then_rewrite, or leave it out")
	}
	return ""
}

func wrong(key string, value any, problem string) string {
	return key + ": " + strconv.Quote(fmt.Sprint(value)) + " " + problem
}

// nameable tells whether a name can be part of keys, paths and commands.
func nameable(name string) bool {
	return strings.Trim(name, ".") != "" && len(name) <= 64 && strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	}) < 0
}
