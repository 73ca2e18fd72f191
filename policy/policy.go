package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Policy is a Config made ready to decide. It is immutable and safe for
// concurrent use.
type Policy struct {
	rules []rule
	acs   map[string]*target
}

// rule is a RouteConfig made ready.
type rule struct {
	name     string
	matcher  matcher
	config   MatchConfig // for explanations
	home     *target
	assigned bool
	reason   string
}

// target is an ACS as decisions see it.
type target struct {
	name            string
	backup          string
	probed          bool // by active probes, so that sessions need not try it
	returnPerSecond float64
}

// Compile makes a policy of a configuration, which it does not keep. Defaults
// are filled in. The error names every problem that Config.Validate reports.
func Compile(c Config) (*Policy, error) {
	c.ACS, c.Routes = slices.Clone(c.ACS), slices.Clone(c.Routes)
	c.SetDefaults()
	var problems []error
	c.Validate(func(key, value, problem string) {
		problems = append(problems, fmt.Errorf("%s: %q %s", key, value, problem))
	})
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	p := &Policy{acs: map[string]*target{}}
	for _, a := range c.ACS {
		p.acs[a.Name] = &target{a.Name, a.Backup, a.Probe.Type != ProbeOff, a.Failover.ReturnPerSecond}
	}
	for _, r := range c.Routes {
		p.rules = append(p.rules, p.newRule(r))
	}
	if len(p.rules) == 0 {
		only := p.acs[c.ACS[0].Name]
		p.rules = []rule{{name: "default", home: only, reason: "the only ACS"}}
	}
	return p, nil
}

func (p *Policy) newRule(c RouteConfig) rule {
	return rule{
		name:     c.Name,
		matcher:  newMatcher(c.Name, c.Match),
		config:   c.Match,
		home:     p.acs[c.ACS],
		assigned: c.Assigned,
		reason:   "rule " + strconv.Quote(c.Name),
	}
}
