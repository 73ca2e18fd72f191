package policy

import "time"

// Values of Criteria.OnFailure.
const (
	OnFailureHalt     = "halt"
	OnFailureRollBack = "rollback"
)

// Criteria are what a wave must show before the next one begins. Shares are in
// percent.
type Criteria struct {
	// Arrived is the least share of the devices tried that must be seen at the
	// new ACS; 0 asks for none.
	Arrived float64 `yaml:"arrived"`
	// FaultRate is the greatest share of the devices tried that may fail; nil
	// means 5.
	FaultRate *float64 `yaml:"fault_rate"`
	// SecondSession is the least share of the devices tried that must have held a
	// second session at the new ACS; 0 asks for none.
	SecondSession float64 `yaml:"second_session"`
	// Within is how long after its begin a wave must meet these; 0 means 24h.
	Within time.Duration `yaml:"within"`
	// MinSample is how many devices must have been tried before shares mean
	// something, or all of the wave if that is fewer; 0 means 10.
	MinSample int `yaml:"min_sample"`
	// OnFailure is "halt" (default) or "rollback".
	OnFailure string `yaml:"on_failure"`
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
