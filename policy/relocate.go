package policy

import "time"

// relocate decides whether the sessions of an ACS go to its backup, and tells
// whether that changed.
func (m *machine) relocate(now time.Time) (changed bool) {
	switch {
	case m.backup == nil:
		return m.move(false, now)
	case !m.away:
		return m.move(m.fails(), now)
	case m.backup.state == Down && m.state != Down:
		return m.move(false, now)
	case m.state == Up && m.config.Failover.Return != ReturnManual:
		return m.move(false, now)
	}
	return false
}

func (m *machine) move(away bool, now time.Time) (changed bool) {
	if m.away == away {
		return false
	}
	m.away, m.moved = away, now
	m.nextTrial = now.Add(m.config.Probe.Interval)
	return true
}

// fails tells whether the ACS is down on its own account. If the gateway loses
// its own network, all ACSs fail together, some a little earlier than others,
// and come back one by one: no session shall end up at the wrong ACS by that.
// So the backup must be Up, and must not have failed itself while the ACS failed
// often enough to be down. To wait costs little: where the home does not answer,
// a backup that is not Down is tried at once (Decision.Fallback).
func (m *machine) fails() bool {
	return m.state == Down && m.backup.state == Up && m.alone >= m.config.Probe.Fall
}
