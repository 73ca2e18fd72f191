package policy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Health is the health of the ACSs. It is told what happens and publishes what
// follows as snapshots; it starts nothing and sets no timers: whoever owns it
// calls Tick about once a second. All methods are safe for concurrent use.
type Health struct {
	mu       sync.Mutex
	order    []*machine // as configured
	machines map[string]*machine
	dirty    bool // counters have changed since the last snapshot

	snapshot atomic.Pointer[Snapshot]
}

// NewHealth returns the health of ACSs of which nothing is known yet: all Up.
// Defaults of acs are filled in.
func NewHealth(acs []ACSConfig, now time.Time) *Health {
	h := &Health{}
	h.SetConfig(acs, now)
	return h
}

// SetConfig replaces the configuration. ACSs that keep their name keep their
// state and their history; new ones begin Up.
func (h *Health) SetConfig(acs []ACSConfig, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.machines
	h.order, h.machines = nil, make(map[string]*machine, len(acs))
	for _, c := range acs {
		m := before[c.Name]
		if m == nil {
			m = newMachine(c, now)
		} else {
			m.configure(c)
		}
		h.order = append(h.order, m)
		h.machines[c.Name] = m
	}
	for _, m := range h.order {
		m.backup = h.machines[m.config.Backup]
	}
	h.relocate(now)
	h.publish()
}

// Snapshot returns the present health. It does not lock.
func (h *Health) Snapshot() *Snapshot { return h.snapshot.Load() }

// Observe takes the outcome of a probe or an exchange into account. It tells
// whether the state of an ACS, or where its sessions go, has changed. An ACS of
// a name that is unknown, as after a reload, is ignored.
func (h *Health) Observe(acs string, o Observation, now time.Time) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.machines[acs]
	if m == nil {
		return false
	}
	h.dirty = true
	before := m.state
	m.observe(o, now)
	switch {
	case m.state != before:
		h.relocate(now)
	case m.state != Down || !m.relocate(now):
		return false
	}
	h.publish()
	return true
}

// Tick takes the passing of time into account: holds and suspicions end, and
// counters reach the snapshot. It tells whether a state, or where sessions go,
// has changed.
func (h *Health) Tick(now time.Time) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.order {
		before := m.state
		m.tick(now)
		changed = changed || m.state != before
	}
	if changed {
		h.relocate(now)
	}
	if changed || h.dirty {
		h.publish()
	}
	return changed
}

// Return brings the sessions of an ACS back from its backup, at the rate that
// is configured. It is how an ACS with the return mode "manual" comes back, and
// cuts the hold of the others short. The error says why it cannot be done.
func (h *Health) Return(acs string, now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.machines[acs]
	switch {
	case m == nil:
		return fmt.Errorf("return: %q %s", acs, unknownACS(acs, h.names()))
	case !m.away:
		return fmt.Errorf("return: the sessions of %q are not at its backup", acs)
	case m.state == Down:
		return fmt.Errorf("return: %q is down since %s (%s)", acs, m.outage.Format(timeFormat), m.reason)
	}
	m.move(false, now)
	h.publish()
	return nil
}

func (h *Health) names() []string {
	names := make([]string, len(h.order))
	for i, m := range h.order {
		names[i] = m.config.Name
	}
	return names
}

// relocate decides for every ACS where its sessions go: the state of one ACS
// concerns all whose backup it is.
func (h *Health) relocate(now time.Time) {
	for _, m := range h.order {
		m.relocate(now)
	}
}

// publish makes a new snapshot. It costs an allocation for each ACS, so it is
// done when something has changed that decisions depend on, and at each Tick.
func (h *Health) publish() {
	entries := make([]entry, len(h.order))
	for i, m := range h.order {
		entries[i] = m.entry()
	}
	h.dirty = false
	h.snapshot.Store(newSnapshot(entries))
}

func (m *machine) entry() entry {
	e := entry{
		Status: Status{
			ACS: m.config.Name, State: m.state, Previous: m.previous, Since: m.since,
			Outage: m.outage, HoldUntil: m.holdUntil(), Reason: m.reason,
			Backup: m.config.Backup, Away: m.away, Moved: m.moved,
			Flaps: m.flaps, Counts: m.counts,
		},
		manual: m.config.Failover.Return == ReturnManual,
	}
	e.text = e.describe()
	return e
}
