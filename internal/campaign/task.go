package campaign

import (
	"context"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Task is what is to be done in a session of a device: move its URL, by
// policy.URLMove, which reads before it sets. Between reading and setting,
// Engine.Begin must have returned nil; what came of it goes to
// Engine.NoteRewrite.
type Task struct {
	Campaign string
	Kind     Kind
	// Undo says that the URL is to become URL and Username again. Else it is to
	// become that of the ACS To, with Credentials.
	Undo          bool
	To            string
	From          []string // ACSs that it may have the URL of; empty for any
	URL, Username string   // for Undo: as they were before
	Credentials   Credentials
	// Verify says that the URL may have been set already: an earlier attempt's
	// end was not seen.
	Verify bool
}

// Rewrote says that a device's URL has become that of another ACS.
type Rewrote struct {
	Campaign, From, To string
	OldURL             string // that of From, as the CPE had it
	At                 time.Time
	WriteBacks         int // how often an ACS has set OldURL again, up to policy.MaxWriteBacks
}

// Was is what a CPE had before its URL is set.
type Was struct{ URL, Username string }

// Placement returns the ACS that a campaign has moved a device to, and the
// campaign; ok is false while rules decide. It does no I/O, does not allocate,
// and holds a read lock for less than a microsecond. It must be read when a
// session begins and at no other time: sessions are not moved.
func (e *Engine) Placement(id cwmp.DeviceID) (acs, campaign string, ok bool) {
	if !e.any.Load() {
		return "", "", false
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	acs, campaign = e.placed(e.latest(&id))
	return acs, campaign, acs != ""
}

// Mirrored returns the ACS that a device's Informs are also shown to, because a
// campaign with Definition.Mirror is to move it there and has not yet. It costs
// what Placement does.
func (e *Engine) Mirrored(id cwmp.DeviceID) (acs string, ok bool) {
	if !e.any.Load() {
		return "", false
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	for l := e.latest(&id); l.slot != 0; l = e.index.before(l) {
		switch c, m := e.at(l); {
		case c.mirrors(m):
			return c.To, true
		case c.begun(m):
			return "", false
		}
	}
	return "", false
}

// mirrors tells whether the new ACS is shown the Informs of a member.
func (c *campaign) mirrors(m *member) bool {
	if !c.Mirror || m.state != Pending && m.state != Asked || m.flags.has(phase2) {
		return false
	}
	return c.Status == Draft || c.Status == Running || c.Status == Paused
}

// Due returns what is to be done in the session of a device that runs now, which
// mostly is nothing. It may be asked several times in a session.
func (e *Engine) Due(id cwmp.DeviceID) (Task, bool) {
	if !e.any.Load() {
		return Task{}, false
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	c, number, ok := e.find(&id, (*campaign).begun)
	if !ok {
		return Task{}, false
	}
	return c.due(&c.members[number])
}

// LastRewrite returns what is known of a device whose URL a campaign has set, or may
// have set, and not set back: the campaign, the ACS that it moved the device to,
// what the URL was before, and when the device was heard of last. It costs what
// Placement costs.
func (e *Engine) LastRewrite(id cwmp.DeviceID) (r Rewrote, ok bool) {
	if !e.any.Load() {
		return r, false
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	c, number, ok := e.find(&id, (*campaign).rewrote)
	if !ok || !c.guards(&c.members[number]) {
		return r, false
	}
	m := &c.members[number]
	return Rewrote{c.Name, c.texts.at(m.from), c.To, c.texts.at(m.url), fromSeconds(m.at), int(m.writeBacks)}, true
}

// guards tells whether a member's URL is to stay as the campaign has set it.
func (c *campaign) guards(m *member) bool {
	return m.flags.has(changed) && !m.flags.has(returned) && c.Status != RollingBack && c.Status != RolledBack
}

// Begin records what a CPE had before its URL is set, and returns when that is
// durable. After an error nothing may be set: the campaign has been paused or
// ended meanwhile, or the store fails. It takes as long as the store takes to
// write, and needs Run.
func (e *Engine) Begin(ctx context.Context, id cwmp.DeviceID, task Task, was Was) error {
	return e.ask(ctx, note{kind: beginning, id: id, task: task, was: was})
}
