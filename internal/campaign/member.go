package campaign

import (
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// member is one device of a campaign, without pointers. Texts are numbers of the
// campaign's table.
type member struct {
	id        uint32 // in the campaign's arena
	url, user uint32 // before they were rewritten
	reason    uint32
	from      uint32 // the ACS that it was on
	at        uint32 // seconds
	state     State
	flags     flags
	wave      uint8
	tries     uint8
	// writeBacks is how often an ACS has set the former URL again, up to
	// policy.MaxWriteBacks.
	writeBacks uint8
}

type flags uint8

const (
	placed     flags = 1 << iota // moved: sessions go to the new ACS
	changed                      // its URL was rewritten, or may have been
	woken                        // asked by Connection Request, or cannot be
	held                         // has held a second session at the new ACS
	faulted                      // its last session there had faults or did not end well
	phase2                       // begun with in the second phase
	unverified                   // seen at the new ACS while Set; whether by its new URL is not known
	returned                     // its URL was set back, or could not be
)

func (f flags) has(one flags) bool { return f&one != 0 }

// there tells whether a member is where the campaign moves it. What an operator
// has asked of the campaign counts at once, whatever the member's record still
// says.
func (c *campaign) there(m *member) bool {
	there := m.flags.has(placed) && (!c.Back || m.flags.has(changed))
	switch c.Status {
	case Paused, Halted, Cancelled:
		there = there && !c.untouched(m)
	}
	return there
}

// untouched tells whether a member was asked and surely has had no session since.
// What a gateway before this one has not recorded before its end may have been.
func (c *campaign) untouched(m *member) bool {
	return m.state == Asked && !m.flags.has(phase2) && (!m.flags.has(placed) || m.at > c.unsure.Load())
}

// export is the member as operators see it. The caller holds the lock.
func (e *Engine) export(c *campaign, number uint32) Member {
	m := &c.members[number]
	acs, _ := e.placed(link{c.slot + 1, number})
	return Member{
		Device: c.ids.id(m.id), State: c.shown(m), Reason: c.texts.at(m.reason), At: fromSeconds(m.at),
		Wave: int(m.wave), From: c.texts.at(m.from), ACS: acs,
		OldURL: c.texts.at(m.url), OldUsername: c.texts.at(m.user), Woken: m.flags.has(woken) && c.Wake,
	}
}

// shown is the state of a member in the present phase: what has arrived in the
// first phase of two waits for the second.
func (c *campaign) shown(m *member) State {
	if m.state == Arrived && c.Phase == 2 && !m.flags.has(phase2) {
		return Routed
	}
	return m.state
}

// waits tells whether a member waits to be begun with in the present phase.
func (c *campaign) waits(m *member) bool {
	if c.Phase == 2 {
		return m.state == Arrived && !m.flags.has(phase2)
	}
	return m.state == Pending
}

// rewrites tells whether the member's URL is to be rewritten in its next session.
func (c *campaign) rewrites(m *member) bool {
	return c.Mode == Rewrite || m.flags.has(phase2)
}

func (c *campaign) key(m *member) string {
	return memberPrefix + c.Name + "/" + c.ids.id(m.id).String()
}

// seconds is a time as records keep it, 0 for none.
func seconds(t time.Time) uint32 { return uint32(max(0, min(t.Unix(), 1<<32-1))) }

func fromSeconds(s uint32) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

// has tells whether an Inform carried an event.
func bootstraps(events []string) bool {
	for _, e := range events {
		if e == cwmp.EventBootstrap {
			return true
		}
	}
	return false
}
