package campaign

import (
	"fmt"
	"time"

	"github.com/acsgate/acsgate/policy"
)

const (
	maxTries      = 5 // sessions in which a URL could not be set, for another reason than a fault
	maxBadSession = 3 // sessions with the new ACS in a row that did not end well, from the first on
)

// The functions of this file are the transitions of one device, each a pure
// function of the campaign's head, the member and what happened. They return what
// the member becomes and why; ok is false where nothing changes, and why is ""
// where a change is not worth a new reason.

// informed is an Inform that an ACS has accepted.
func (c *campaign) informed(m member, acs string, bootstrap bool) (_ member, why string, ok bool) {
	if c.Status == Draft {
		return m, "", false
	}
	switch {
	case m.flags.has(returned) && !m.flags.has(changed) && (m.state == Undoing || m.state == Failed):
		m.state = Undone
		return m, "its Inform came after its URL was set back, and " + acs + " took it", true
	case acs != c.To:
	case m.state == Asked && m.flags.has(placed) && !m.flags.has(phase2):
		m.state = Routed
		return m, c.To + " has accepted its Inform", true
	case m.state == Setting || m.state == Set || m.state == Failed && m.flags.has(changed) && !m.flags.has(returned):
		if bootstrap && m.writeBacks < policy.MaxWriteBacks {
			m.state = Arrived
			m.tries = 0
			return m, "0 BOOTSTRAP at " + c.To, true
		}
		if m.state == Set && !m.flags.has(unverified) {
			m.flags |= unverified
			return m, "", true
		}
	}
	return m, "", false
}

// ended is a session that has ended. One that began with 0 BOOTSTRAP is no second
// one: by that the device has arrived.
func (c *campaign) ended(m member, acs string, bootstrap, good, faults bool) (_ member, why string, ok bool) {
	if c.Status == Draft || acs != c.To {
		return m, "", false
	}
	bad := !good || faults
	switch {
	case m.state == Routed || m.state == Asked && m.flags.has(placed) && !m.flags.has(phase2),
		m.state == Failed && m.flags.has(placed) && !m.flags.has(changed):
		return c.firstSession(m, good, bad)
	case m.state != Arrived:
		return m, "", false
	}
	was := m.flags
	m.flags &^= faulted
	if bad {
		m.flags |= faulted
	}
	if good && !bootstrap {
		m.flags |= held
	}
	return m, "", m.flags != was
}

// firstSession is the end of a session of a device that is routed and has held
// none yet.
func (c *campaign) firstSession(m member, good, bad bool) (_ member, why string, ok bool) {
	m.flags &^= faulted
	if bad {
		m.flags |= faulted
	}
	switch {
	case good:
		m.state, m.tries = Arrived, 0
		return m, "has held a session with " + c.To, true
	case m.state == Failed:
		return m, "", false
	}
	m.state = Routed
	if m.tries++; m.tries >= maxBadSession {
		m.state = Failed
		return m, fmt.Sprintf("%d sessions with %s did not end well", m.tries, c.To), true
	}
	return m, "a session with " + c.To + " did not end well", true
}

// begins is the intent to set a URL in the session that runs. The error says why
// it must not be. A device that is set back is no longer placed from here on: if
// the connection is lost, its next session may be the one with 0 BOOTSTRAP, which
// is for the ACS that it returns to.
func (c *campaign) begins(m member, undo bool) (_ member, why string, err error) {
	due, ok := c.due(&m)
	switch {
	case !ok || due.Undo != undo:
		return m, "", fmt.Errorf("campaign %q is %s and the device %s: its URL must not be set", c.Name, c.Status, m.state)
	case undo:
		m.flags &^= placed
		return m, "", nil
	}
	m.state = Setting
	m.flags = m.flags&^unverified | changed | placed
	return m, "its URL is being set", nil
}

// rewritten is the outcome of a task.
func (c *campaign) rewritten(m member, undo bool, out *policy.MoveOutcome) (_ member, why string, ok bool) {
	switch {
	case c.Status == Draft:
		return m, "", false
	case undo && m.state == Undoing && !m.flags.has(returned):
		return c.setBack(m, out)
	case !undo && (m.state == Asked && c.rewrites(&m) || m.state == Setting || m.state == Set):
		return c.setForward(m, out)
	}
	return m, "", false
}

func (c *campaign) setForward(m member, out *policy.MoveOutcome) (_ member, why string, ok bool) {
	ours := m.state != Asked // an earlier attempt may have set it
	switch out.Result {
	case policy.MoveAlready:
		return c.already(m, ours)
	case policy.MoveSet, policy.MovePending:
		if !ours {
			return m, "", false // Begin was not heard: the next session tells
		}
		if m.tries++; m.tries > maxTries {
			m.state = Failed
			return m, fmt.Sprintf("its URL was set %d times and does not stay", m.tries), true
		}
		m.state = Set
		return m, "its URL is set: " + out.Detail, true
	case policy.MoveTorn:
		m.state = Failed
		return m, out.Detail, true
	case policy.MoveFault, policy.MoveNotOurs:
		if m.state == Set { // it was set, and cpe_url or the CPE has changed since
			m.flags &^= unverified
			m.state = Failed
			return m, out.Detail, true
		}
		m.flags &^= changed | unverified
		if !m.flags.has(phase2) {
			m.flags &^= placed
		}
		m.state = Failed
		if out.Result == policy.MoveNotOurs && !ours && !m.flags.has(phase2) {
			m.state = Skipped
		}
		return m, out.Detail, true
	}
	return c.again(m, out)
}

// already is a URL that was the new ACS's when it was read.
func (c *campaign) already(m member, ours bool) (_ member, why string, ok bool) {
	switch {
	case m.state == Set && m.flags.has(unverified) || !ours && m.flags.has(phase2):
		m.flags &^= unverified
		m.state = Arrived
		return m, "its URL was read at " + c.To + " and is that ACS's", true
	case ours:
		m.state, m.tries = Set, 0
		return m, "its URL was set by an earlier attempt", true
	}
	m.state = Skipped
	return m, "it had the URL of " + c.To + " before", true
}

// again counts an attempt of which nothing came, or whose end was not seen.
func (c *campaign) again(m member, out *policy.MoveOutcome) (_ member, why string, ok bool) {
	if m.tries++; m.tries < maxTries {
		return m, "", true
	}
	if m.state == Undoing {
		m.flags |= returned
	}
	m.state = Failed
	return m, fmt.Sprintf("%d attempts: %s", m.tries, out.Detail), true
}

func (c *campaign) setBack(m member, out *policy.MoveOutcome) (_ member, why string, ok bool) {
	switch out.Result {
	case policy.MoveAlready, policy.MoveNotOurs:
		m.flags &^= changed | placed
		m.state = Undone
		return m, "not to be set back: " + out.Detail, true
	case policy.MoveSet, policy.MovePending:
		m.flags = m.flags&^(changed|placed) | returned
		return m, "its URL is set back: " + out.Detail, true
	case policy.MoveFault, policy.MoveTorn:
		m.flags |= returned | placed
		m.state = Failed
		return m, "its URL could not be set back: " + out.Detail, true
	}
	return c.again(m, out)
}

// writtenBack is an ACS that has set the former URL again. One that does so ever
// again would have the CPE go to and fro as soon as nobody holds it.
func (c *campaign) writtenBack(m member, acs string) (_ member, why string, ok bool) {
	if !c.guards(&m) || m.writeBacks >= policy.MaxWriteBacks {
		return m, "", false
	}
	if m.writeBacks++; m.writeBacks < policy.MaxWriteBacks {
		return m, "", true
	}
	m.state = Failed
	return m, fmt.Sprintf("%s writes the former URL back: it has done so %d times, and the CPE was kept on %s; it is not moved again", acs, m.writeBacks, c.To), true
}

// released is a device whose turn has come.
func (c *campaign) released(m member) (_ member, why string, ok bool) {
	if !c.waits(&m) {
		return m, "", false
	}
	m.flags &^= woken | held
	m.state, m.tries = Asked, 0
	if c.Phase == 2 {
		m.flags |= phase2
	} else if c.Mode != Rewrite {
		m.flags |= placed
	}
	return m, "its turn in wave " + fmt.Sprint(m.wave+1) + " of campaign " + c.Name, true
}

// expired is a device that was not seen in time.
func (c *campaign) expired(m member, unseen time.Duration) (_ member, why string, ok bool) {
	if unseen <= c.arriveWithin() {
		return m, "", false
	}
	switch {
	case m.state == Undoing && m.flags.has(returned):
		m.state = Failed
		return m, "was not seen for " + c.arriveWithin().String() + " after its URL was set back", true
	case c.Status == RollingBack:
	case m.state == Set, m.state == Setting:
		m.state = Failed
		return m, "was not seen at " + c.To + " within " + c.arriveWithin().String(), true
	}
	return m, "", false
}

// undone is a device of a campaign that is rolled back. Those with a rewritten
// URL take their turns: paced is true, and each needs a session.
func (c *campaign) undone(m member) (_ member, why string, paced, ok bool) {
	if m.flags.has(changed) {
		if m.state == Undoing || m.flags.has(returned) {
			return m, "", false, false
		}
		m.state, m.tries = Undoing, 0
		m.flags &^= woken
		return m, "its URL is to be set back: " + c.Reason, true, true
	}
	switch m.state {
	case Pending:
		m.state = Skipped
	case Asked, Routed, Setting, Set, Arrived:
		if c.untouched(&m) {
			m.state = Skipped
		} else {
			m.state = Undone
		}
	case Failed:
		if !m.flags.has(placed) {
			return m, "", false, false
		}
		m.state = Undone
	default:
		return m, "", false, false
	}
	m.flags &^= placed
	return m, "rolled back: " + c.Reason, false, true
}

// dropped is a device of a campaign that was cancelled.
func (c *campaign) dropped(m member) (_ member, why string, ok bool) {
	if c.Back && !m.flags.has(changed) {
		m, why, _, ok = c.undone(m)
		return m, why, ok
	}
	switch {
	case m.state == Pending, c.untouched(&m):
		m.state = Skipped
		m.flags &^= placed
		return m, "not moved: " + c.Reason, true
	case m.state == Asked && m.flags.has(phase2):
		m.state = Arrived
		return m, "routed, its URL is left as it is: " + c.Reason, true
	case m.state == Undoing && !m.flags.has(returned):
		m.state = Failed
		return m, "its URL was not set back: " + c.Reason, true
	}
	return m, "", false
}

// renewed is a device of a failover that begins anew while it is rolled back. What
// was not moved back yet stays, what was or never moved waits for its turn.
func (c *campaign) renewed(m member) (_ member, why string, ok bool) {
	switch {
	case m.state == Pending, m.flags.has(changed) && (m.state != Undoing || m.flags.has(returned)):
		return m, "", false
	case !m.flags.has(changed):
		m = member{id: m.id, from: m.from, at: m.at, wave: m.wave, reason: m.reason}
		return m, "waits for its turn: " + c.Reason, true
	case m.flags.has(placed):
		m.state = Arrived
	default: // its URL may have been set back
		m.state = Setting
	}
	m.flags |= placed
	m.tries, m.writeBacks = 0, 0
	return m, "stays: " + c.Reason, true
}

// due returns the task of a device's next session.
func (c *campaign) due(m *member) (Task, bool) {
	t := Task{Campaign: c.Name, Kind: c.Kind, To: c.To, From: c.From, Credentials: c.Credentials}
	switch c.Status {
	case RollingBack:
		if m.state != Undoing || m.flags.has(returned) {
			return Task{}, false
		}
		t.Undo, t.Verify, t.Credentials = true, true, Credentials{}
		t.URL, t.Username = c.texts.at(m.url), c.texts.at(m.user)
		return t, true
	case Running, Done:
	default:
		return Task{}, false
	}
	switch {
	case m.state == Asked && c.rewrites(m):
		return t, true
	case m.state == Setting, m.state == Set && m.flags.has(unverified):
		t.Verify = true
		return t, true
	}
	return Task{}, false
}
