package policy

import (
	"fmt"
	"strconv"
	"time"
)

// Values of Criteria.OnFailure.
const (
	OnFailureHalt     = "halt"
	OnFailureRollBack = "rollback"
)

// Criteria are what a wave must show before the next one begins. Shares are in
// percent of the devices tried.
type Criteria struct {
	// Arrived is the least share that must be seen at the new ACS; 0 asks for
	// none.
	Arrived float64 `yaml:"arrived" json:"arrived,omitempty"`
	// FaultRate is the greatest share that may fail; nil means 5.
	FaultRate *float64 `yaml:"fault_rate" json:"fault_rate,omitempty"`
	// SecondSession is the least share that must have held a second session at
	// the new ACS; 0 asks for none.
	SecondSession float64 `yaml:"second_session" json:"second_session,omitempty"`
	// Within is how long after its begin a wave must meet these; 0 means 24h.
	Within time.Duration `yaml:"within" json:"within,omitempty"`
	// MinSample is how many devices must have been tried before shares mean
	// something, or all of the wave if that is fewer; 0 means 10.
	MinSample int `yaml:"min_sample" json:"min_sample,omitempty"`
	// OnFailure is "halt" (default) or "rollback".
	OnFailure string `yaml:"on_failure" json:"on_failure,omitempty"`
}

// WaveCounts is how far a wave has come, in devices.
type WaveCounts struct {
	Total   int // in the wave
	Tried   int // that the campaign has begun with; the ones below are among them
	Arrived int // seen at the new ACS
	Second  int // that held a second session there; among Arrived
	Failed  int // that refused, or did not arrive in time
}

// Judgement is what becomes of a campaign after a look at its wave.
type Judgement string

// Judgements.
const (
	Wait     Judgement = "wait"
	Advance  Judgement = "advance"
	Halt     Judgement = "halt"
	RollBack Judgement = "rollback"
)

// Verdict is a Judgement with its reason, for people.
type Verdict struct {
	Judgement Judgement
	Reason    string
}

// SetDefaults fills in what the file leaves out.
func (c *Criteria) SetDefaults() {
	if c.FaultRate == nil {
		c.FaultRate = new(5.0)
	}
	orDefault(&c.Within, 24*time.Hour)
	orDefault(&c.MinSample, 10)
	orDefault(&c.OnFailure, OnFailureHalt)
}

func (c *Criteria) equal(other *Criteria) bool {
	a, b := *c, *other
	a.FaultRate, b.FaultRate = nil, nil
	return a == b && *c.FaultRate == *other.FaultRate
}

// Validate reports every problem.
func (c *Criteria) Validate(report func(key, value, problem string)) { c.validate(report) }

func (c *Criteria) validate(r reporter) {
	r.number("arrived", c.Arrived, 100)
	r.number("second_session", c.SecondSession, 100)
	if c.FaultRate != nil {
		r.number("fault_rate", *c.FaultRate, 100)
	}
	if c.Within < 0 || c.Within > maxWithin {
		r("within", c.Within.String(), "must be from 0s to "+maxWithin.String())
	}
	if c.MinSample < 0 {
		r("min_sample", strconv.Itoa(c.MinSample), "must be at least 1")
	}
	if c.OnFailure != "" {
		r.oneOf("on_failure", c.OnFailure, OnFailureHalt, OnFailureRollBack)
	}
}

const maxWithin = 90 * 24 * time.Hour

// Judge says what becomes of a campaign by what its present wave, begun at a
// time, has shown until now. It is pure: equal arguments give equal verdicts.
//
// A wave fails at once when too many of its devices have failed, and at the end
// of Within when too few have arrived. It succeeds as soon as every device of
// the wave was tried and nothing is open, and at the end of Within when those
// that were tried meet the criteria: devices that are switched off hold nobody
// up, and may be tried whenever they come. With too few tried to tell, it waits.
func (c Criteria) Judge(n WaveCounts, began, now time.Time) Verdict {
	c.SetDefaults()
	sample := min(c.MinSample, n.Total)
	late := !now.Before(began.Add(c.Within))
	switch {
	case n.Total <= 0:
		return Verdict{Advance, "the wave has no devices"}
	case n.Tried < sample:
		return Verdict{Wait, fmt.Sprintf("%d of %d devices tried, %d are needed to judge", n.Tried, n.Total, sample)}
	case exceeds(n.Failed, n.Tried, *c.FaultRate):
		return c.failure(fmt.Sprintf("%d of %d devices failed, more than %s %%", n.Failed, n.Tried, text(*c.FaultRate)))
	}
	missing := c.missing(n)
	switch {
	case missing == "" && (n.Tried >= n.Total && n.Arrived+n.Failed >= n.Tried || late):
		return Verdict{Advance, fmt.Sprintf("%d of %d devices tried, %d arrived, %d failed", n.Tried, n.Total, n.Arrived, n.Failed)}
	case late:
		return c.failure(missing + " after " + c.Within.String())
	case missing == "":
		missing = fmt.Sprintf("%d of %d devices tried, %d have not arrived yet", n.Tried, n.Total, n.Tried-n.Arrived-n.Failed)
	}
	return Verdict{Wait, missing}
}

// missing says which share is not met, "" when all are.
func (c *Criteria) missing(n WaveCounts) string {
	if below(n.Arrived, n.Tried, c.Arrived) {
		return fmt.Sprintf("%d of %d devices arrived, less than %s %%", n.Arrived, n.Tried, text(c.Arrived))
	}
	if below(n.Second, n.Tried, c.SecondSession) {
		return fmt.Sprintf("%d of %d devices held a second session, less than %s %%", n.Second, n.Tried, text(c.SecondSession))
	}
	return ""
}

func (c *Criteria) failure(reason string) Verdict {
	if c.OnFailure == OnFailureRollBack {
		return Verdict{RollBack, reason}
	}
	return Verdict{Halt, reason}
}

// below and exceeds compare a share with a percentage.
func below(part, whole int, percent float64) bool {
	return float64(part)*100 < percent*float64(whole)
}

func exceeds(part, whole int, percent float64) bool {
	return float64(part)*100 > percent*float64(whole)
}
