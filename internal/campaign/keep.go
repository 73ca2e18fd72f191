package campaign

import "github.com/acsgate/acsgate/internal/cwmp"

// Keep clears keep[i] where ids[i] does not belong to a campaign, as Of tells it. For
// some hundred devices together that is quicker than one by one, and does not
// allocate.
func (e *Engine) Keep(campaign string, ids []cwmp.DeviceID, keep []bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c := e.byName[campaign]
	for i := range ids {
		if keep[i] {
			owner, _, ok := e.owner(&ids[i])
			keep[i] = ok && owner == c
		}
	}
}

// EachMember calls fn with the identity of each member of a campaign, those whom a
// later one has taken too, until it returns false. It calls it with the engine's
// lock, for some members at a time; fn must keep nothing of what it is given.
func (e *Engine) EachMember(campaign string, fn func(oui, class, serial []byte) (goOn bool)) {
	c, _, ok := e.named(campaign)
	for from := 0; ok && from < len(c.members); from += together {
		ok = e.eachOfSome(c, from, fn)
	}
}

func (e *Engine) eachOfSome(c *campaign, from int, fn func(oui, class, serial []byte) bool) (goOn bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for i := from; i < min(from+together, len(c.members)); i++ {
		serial, class, oui := c.ids.parts(c.members[i].id)
		if !fn(oui, class, serial) {
			return false
		}
	}
	return true
}
