package campaign

import (
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Event is a change that Deps.Changed is told of: a campaign that has come into a
// status, a phase or a wave, or one of its devices that is routed, set, arrived,
// failed or undone. What it says is in the store already.
type Event struct {
	At       time.Time
	Campaign string
	Kind     Kind
	Status   Status // of the campaign; Removed when it was forgotten
	Wave     int    // the campaign's present one, or the device's; from 0
	Reason   string
	// Device is the zero value where the campaign itself has changed, and State
	// means nothing then.
	Device cwmp.DeviceID
	State  State
	// From is the ACS that the device left, or those that the campaign moves
	// devices from, separated by commas; "" for any. To is the new ACS.
	From, To string
}

// Removed is the status of a campaign in the Event that tells of its removal. No
// campaign has it.
const Removed Status = "removed"

// told tells whether devices that come into a state are events.
func (s State) told() bool {
	switch s {
	case Routed, Set, Arrived, Failed, Undone:
		return true
	}
	return false
}

// event is what a campaign has become. The caller has the turn, or the lock.
func (c *campaign) event(at time.Time) Event {
	return Event{
		At: at, Campaign: c.Name, Kind: c.Kind, Status: c.Status, Wave: c.Wave, Reason: c.Reason,
		From: strings.Join(c.From, ","), To: c.To,
	}
}

// memberEvent is what a member has become. The caller has the turn, or the lock.
func (c *campaign) memberEvent(m *member, at time.Time) Event {
	v := c.event(at)
	v.Device, v.State, v.Wave, v.From = c.ids.id(m.id), m.state, int(m.wave), c.texts.at(m.from)
	v.Reason = c.texts.at(m.reason)
	return v
}

// tell tells of changes. The caller holds no lock.
func (e *Engine) tell(events ...Event) {
	if e.deps.Changed == nil {
		return
	}
	for _, v := range events {
		e.deps.Changed(v)
	}
}
