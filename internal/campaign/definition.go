package campaign

import (
	"time"

	"github.com/acsgate/acsgate/policy"
)

// Kind says what a campaign is for.
type Kind string

// Kinds of campaigns.
const (
	Drain     Kind = "drain"     // empties an ACS before its maintenance
	Migration Kind = "migration" // moves devices to another ACS for good
	Failover  Kind = "failover"  // rewrites URLs while an ACS is down, see Engine.Failover
)

// Kinds lists every Kind, in order, for metrics.
func Kinds() []Kind { return []Kind{Drain, Migration, Failover} }

// Mode says how a device is moved.
type Mode string

// Modes.
const (
	// Route sends the device's sessions to the new ACS. The CPE notices nothing.
	Route Mode = "route"
	// Rewrite sets ManagementServer.URL, in a session of the device with the ACS
	// that it leaves.
	Rewrite Mode = "rewrite"
	// RouteThenRewrite routes all devices first. RewriteAfter later, or when the
	// operator resumes, it rewrites the URL of those that hold sessions.
	RouteThenRewrite Mode = "route_then_rewrite"
)

// Candidate is what is known of a device that a campaign may take.
type Candidate = policy.SelectorInput

// Credentials name where the credentials of the devices at the new ACS come from.
// They are references, which the engine stores and hands out in a Task without
// looking at them; secrets do not belong here.
type Credentials struct {
	Template string `json:"template,omitempty"` // name of a configured template
	File     string `json:"file,omitempty"`     // list of devices with their credentials
}

// Definition is what an operator asks for.
type Definition struct {
	Name string `json:"name"` // letters, digits, - _ and ., at most 64
	Kind Kind   `json:"kind"`
	// From are the ACSs that devices leave. Empty takes them from any but To,
	// which only migrations may.
	From []string `json:"from,omitempty"`
	To   string   `json:"to"`
	Mode Mode     `json:"mode"` // default Route
	// Selector narrows down which devices are taken. One that takes every known
	// device is refused for migrations that do not say Everything.
	Selector   policy.SelectorConfig `json:"selector"`
	Everything bool                  `json:"everything,omitempty"`
	// Waves are the steps; empty means one wave of all devices. Canary, in
	// percent, puts a wave of that share before them; 0 means none.
	Waves  []policy.WaveConfig `json:"waves,omitempty"`
	Canary float64             `json:"canary,omitempty"`
	// Criteria are those of the canary and of waves that have none.
	Criteria policy.Criteria `json:"criteria"`
	// RatePerSecond is how many devices a second are begun with at most, whatever
	// a wave says; 0 means Config.RatePerSecond.
	RatePerSecond float64 `json:"rate_per_second,omitempty"`
	// Wake asks devices for a session by Connection Request. Others, and those
	// that cannot be woken, are moved in the next session of their own.
	Wake bool `json:"wake,omitempty"`
	// Mirror shows Informs of devices that are not moved yet to To as well, see
	// Engine.Mirrored. Only migrations may.
	Mirror bool `json:"mirror,omitempty"`
	// ArriveWithin is how long a device may take to be seen at the new ACS after
	// its URL was set; 0 means Config.ArriveWithin.
	ArriveWithin time.Duration `json:"arrive_within,omitempty"`
	// RewriteAfter is how long devices are routed before RouteThenRewrite goes on
	// to rewrite; 0 waits for the operator, see Engine.Resume.
	RewriteAfter time.Duration `json:"rewrite_after,omitempty"`
	Credentials  Credentials   `json:"credentials"`
	// DryRun makes Create return what would be, and keep nothing.
	DryRun bool `json:"dry_run,omitempty"`
}
