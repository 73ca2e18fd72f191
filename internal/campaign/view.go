package campaign

import (
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// Status is how far a campaign is.
type Status string

// Statuses of a campaign. Those from Done on are final: nothing happens any more
// unless the operator rolls back.
const (
	Draft       Status = "draft"   // waits for Engine.Start
	Running     Status = "running" // devices are moved
	Paused      Status = "paused"  // no further device is moved until Engine.Resume
	Halted      Status = "halted"  // criteria failed
	RollingBack Status = "rolling_back"
	Done        Status = "done"
	Cancelled   Status = "cancelled" // what was moved stays moved
	RolledBack  Status = "rolled_back"
)

// State is how far a campaign is with one device.
type State uint8

// States of a device.
const (
	Pending State = iota // its turn has not come
	Asked                // its next session moves it; it was woken where that is possible
	Routed               // the new ACS has accepted its Inform, moved by routing
	Setting              // its URL is being set, or may have been: the next session tells
	Set                  // its URL is set; it was not seen since
	Arrived              // it holds sessions at the new ACS
	Failed               // see Member.Reason
	Skipped              // never moved, see Member.Reason
	Undoing              // its URL is to be set back
	Undone               // back where it was
	numStates
)

var stateNames = [numStates]string{
	"pending", "asked", "routed", "setting", "set", "arrived", "failed", "skipped", "undoing", "undone",
}

// States lists every State, in order.
func States() []State {
	return []State{Pending, Asked, Routed, Setting, Set, Arrived, Failed, Skipped, Undoing, Undone}
}

// String returns the state in lower case, as the API and metrics show it.
func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return "unknown"
}

// MarshalText writes the state as String does.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Counts are numbers of devices by State.
type Counts [numStates]int

// Map returns the counts by the states' names.
func (c Counts) Map() map[string]int {
	m := make(map[string]int, numStates)
	for s, n := range c {
		m[State(s).String()] = n
	}
	return m
}

// View is a campaign as operators see it.
type View struct {
	Definition
	Status  Status
	Reason  string         // of the status: who asked, or which criterion failed; and what is left to do
	Verdict policy.Verdict // of the last look at the present wave
	// Phase is 1, or 2 while and after RouteThenRewrite rewrites.
	Phase       int
	Wave        int      // the present one, from 0
	WaveTotals  []int    // devices in each wave
	WaveCounts  []Counts // by wave and state
	Total       int      // devices
	Counts      Counts   // by state
	Moved       int      // devices that are where it has moved them
	Rate        float64  // devices a second that the present wave may begin with
	Created     time.Time
	Started     time.Time
	WaveStarted time.Time
	Changed     time.Time // of Status
	// Revision rises with every change of the fields above but Verdict, the counts
	// and Rate. It is 0 for a dry run.
	Revision uint64
}

// Member is one device of a campaign.
type Member struct {
	Device cwmp.DeviceID
	State  State
	Reason string    // of the last change of state
	At     time.Time // of the last change of state, to the second
	Wave   int
	From   string // the ACS that it left or would leave
	// ACS is where the campaign has placed it, "" while rules decide.
	ACS         string
	OldURL      string // before it was rewritten, "" if it was not
	OldUsername string
	Woken       bool // a Connection Request was sent for it
}
