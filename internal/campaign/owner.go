package campaign

import "github.com/acsgate/acsgate/internal/cwmp"

// A device may be a member of several campaigns, at most one of which is neither
// over nor a draft. A later one speaks for it as soon as it has begun with it; until
// then, and where it has left it as it was, the earlier one does: its guard and its
// expiry go on.

// claim is what a campaign must have of a member to speak for its device.
type claim func(*campaign, *member) bool

// begun tells whether a campaign has moved a member, or is about to.
func (c *campaign) begun(m *member) bool {
	switch m.state {
	case Pending, Skipped, Undone:
		return false
	case Failed:
		return m.flags.has(placed) || m.flags.has(changed) || m.flags.has(returned)
	}
	return c.Status != Draft
}

// claims tells whether a campaign has begun with a member or will, so that no
// earlier one may begin with it again.
func (c *campaign) claims(m *member) bool {
	return c.begun(m) || m.state == Pending && c.Status != Draft && !c.Status.over()
}

// rewrote tells whether a campaign has set the URL of a member, or may have.
func (c *campaign) rewrote(m *member) bool { return m.flags.has(changed) }

// latest returns the member of the latest campaign that has a device. The caller
// holds the lock, as for all that follow.
func (e *Engine) latest(id *cwmp.DeviceID) link {
	place, ok := e.index.find(e.hash(id), func(x entry) bool { return e.is(x, id) })
	if !ok {
		return link{}
	}
	return e.index.table[place].link
}

func (e *Engine) at(l link) (*campaign, *member) {
	c := e.campaigns[l.slot-1]
	return c, &c.members[l.member]
}

// find returns the member of the latest campaign that has a claim on a device.
func (e *Engine) find(id *cwmp.DeviceID, has claim) (*campaign, uint32, bool) {
	for l := e.latest(id); l.slot != 0; l = e.index.before(l) {
		if c, m := e.at(l); has(c, m) {
			return c, l.member, true
		}
	}
	return nil, 0, false
}

// owner returns the member of the campaign that a device belongs to: the latest that
// has moved it or will, or else the latest that knows it.
func (e *Engine) owner(id *cwmp.DeviceID) (*campaign, uint32, bool) {
	if c, number, ok := e.find(id, (*campaign).claims); ok {
		return c, number, true
	}
	return e.find(id, func(*campaign, *member) bool { return true })
}

// taker returns a later campaign that has a claim on a member's device, nil where
// the member's own speaks for it. The turn does for the lock.
func (e *Engine) taker(c *campaign, number uint32, has claim) *campaign {
	id := c.ids.id(c.members[number].id)
	for l := e.latest(&id); l.slot != 0 && l.slot != c.slot+1; l = e.index.before(l) {
		if later, m := e.at(l); has(later, m) {
			return later
		}
	}
	return nil
}

// owns tells whether a campaign may begin with a member.
func (e *Engine) owns(c *campaign, number uint32) bool {
	return e.taker(c, number, (*campaign).claims) == nil
}

// busy returns a campaign other than c that has a device and is not over, nil if
// there is none. Drafts count where they are asked for.
func (e *Engine) busy(id *cwmp.DeviceID, c *campaign, drafts bool) *campaign {
	for l := e.latest(id); l.slot != 0; l = e.index.before(l) {
		if other, _ := e.at(l); other != c && !other.Status.over() && (drafts || other.Status != Draft) {
			return other
		}
	}
	return nil
}

// placed returns the ACS that campaigns have placed a device on, from a member on
// to earlier ones, and which has, "" while rules decide.
func (e *Engine) placed(l link) (acs, by string) {
	for ; l.slot != 0; l = e.index.before(l) {
		c, m := e.at(l)
		if c.there(m) {
			return c.To, c.Name
		}
	}
	return "", ""
}
