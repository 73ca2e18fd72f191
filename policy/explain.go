package policy

import (
	"slices"
	"strconv"
	"strings"
)

// Kind says what a Step is about.
type Kind string

// Kinds of steps, in the order in which they come.
const (
	RuleStep     Kind = "rule"
	CampaignStep Kind = "campaign"
	ACSStep      Kind = "acs"
	DecisionStep Kind = "decision"
)

// Results of a RuleStep, the first two also of a CampaignStep. That of an ACSStep is a State, that of a DecisionStep
// is Chosen, IfNoAnswer or IfAllowed.
const (
	Match      = "match"
	NoMatch    = "no match"
	NotReached = "not reached" // a rule before it took the session
	Chosen     = "first"       // Decision.ACS
	IfNoAnswer = "fallback"    // Decision.Fallback
	IfAllowed  = "if allowed"  // Decision.Home, when Return or Trial is set
)

// Step is one step of an explanation.
type Step struct {
	Kind   Kind
	Name   string // of the rule, campaign or ACS
	Result string
	Detail string // why, for people
}

// Explain tells how Decide comes to its decision: every rule with why it does
// or does not match, the campaign that has moved the device, the health of the
// ACSs concerned, and the decision.
func (p *Policy) Explain(in Input, s *Snapshot) []Step {
	d := p.Decide(in, s)
	in.normalise()
	steps := append(p.explainRules(&in), p.explainMove(&in)...)
	for _, name := range []string{d.Home, p.acs[d.Home].backup} {
		if name != "" {
			steps = append(steps, s.entry(name).step(name))
		}
	}
	return append(steps, d.steps()...)
}

func (p *Policy) explainRules(in *Input) []Step {
	var steps []Step
	taken := p.match(in)
	reached := true
	for i := range p.rules {
		r := &p.rules[i]
		step := Step{RuleStep, r.name, NotReached, ""}
		switch {
		case r == taken:
			step.Result, step.Detail = Match, r.matches(in)
			reached = false
		case reached:
			step.Result, step.Detail = NoMatch, r.misses(in, r.matcher.mismatch(in))
		}
		steps = append(steps, step)
	}
	return steps
}

// explainMove tells of the campaign that has moved the device, if one has.
func (p *Policy) explainMove(in *Input) []Step {
	switch {
	case in.Moved == "":
		return nil
	case p.acs[in.Moved] == nil:
		return []Step{{CampaignStep, in.MovedBy, NoMatch, "moved the device to " + in.Moved + ", which is gone"}}
	}
	return []Step{{CampaignStep, in.MovedBy, Match, "moved the device to " + in.Moved + ", whatever the rules say"}}
}

const takesEvery = "takes every session"

// matches says what of a rule the session meets.
func (r *rule) matches(in *Input) string {
	var met []string
	for _, list := range r.config.lists() {
		if len(list.entries) > 0 {
			met = append(met, list.key+" "+strconv.Quote(in.value(list.key)))
		}
	}
	if r.matcher.share != nil {
		met = append(met, "percent "+text(r.matcher.share.asked)+", "+r.stands(in))
	}
	if len(met) == 0 {
		return takesEvery
	}
	return strings.Join(met, ", ")
}

// misses says why a session does not meet a key of a rule.
func (r *rule) misses(in *Input, key string) string {
	switch key {
	case keyDevice:
		return "asks for the device, but no Inform was read"
	case keyPercent:
		return "percent " + text(r.matcher.share.asked) + ", " + r.stands(in)
	}
	lists := r.config.lists()
	entries := lists[slices.IndexFunc(lists, func(l entryList) bool { return l.key == key })].entries
	return key + " " + strconv.Quote(in.value(key)) + " is " + noneOf(entries)
}

// stands says where a device stands among those that a percentage takes.
func (r *rule) stands(in *Input) string {
	at := strconv.FormatFloat(r.matcher.share.percent(in.Device.Key()), 'f', 3, 64)
	return "the device stands at " + at
}

func noneOf(entries []string) string {
	const most = 6
	if len(entries) == 1 {
		return "not " + strconv.Quote(entries[0])
	}
	quoted := make([]string, min(len(entries), most))
	for i := range quoted {
		quoted[i] = strconv.Quote(entries[i])
	}
	list := "none of " + strings.Join(quoted, ", ")
	if more := len(entries) - most; more > 0 {
		list += " and " + strconv.Itoa(more) + " more"
	}
	return list
}

// value returns what the session has for a key of a match.
func (in *Input) value(key string) string {
	switch key {
	case keyOUI:
		return in.Device.OUI
	case keyProductClass:
		return in.Device.ProductClass
	case keySerial:
		return in.Device.SerialNumber
	case keySoftwareVersion:
		return in.SoftwareVersion
	case keyManufacturer:
		return in.Device.Manufacturer
	case keySource:
		return in.source()
	case keyListener:
		return in.Listener
	}
	return in.Path
}

func (in *Input) source() string {
	if !in.Source.IsValid() {
		return ""
	}
	return in.Source.String()
}

func (e *entry) step(name string) Step {
	if e == sound {
		return Step{ACSStep, name, Up.String(), "nothing is known of it"}
	}
	detail := e.text
	if e.Reason != "" && e.State != Up {
		detail += " (" + e.Reason + ")"
	}
	if e.Away {
		detail += ", its sessions go to " + e.Backup
	}
	return Step{ACSStep, name, e.State.String(), detail}
}

func (d *Decision) steps() []Step {
	steps := []Step{{DecisionStep, d.ACS, Chosen, d.Reason}}
	if d.Return || d.Trial {
		why := "as return_per_second allows"
		if d.Trial {
			why = "one session each interval tries whether it is back"
		}
		steps = append(steps, Step{DecisionStep, d.Home, IfAllowed, why})
	}
	if d.Fallback != "" {
		steps = append(steps, Step{DecisionStep, d.Fallback, IfNoAnswer, "for an Inform of which no answer byte came back"})
	}
	return steps
}
