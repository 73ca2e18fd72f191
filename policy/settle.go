package policy

import "time"

// Settle makes a decision final that depends on a budget: it takes the session
// home if the budget of now allows, else leaves it with the backup. Every
// decision may be passed; one without Return and Trial comes back as it is. A
// decision must be settled once, and only for a session that will be carried.
// Safe for concurrent use.
func (h *Health) Settle(d Decision, now time.Time) Decision {
	if !d.Return && !d.Trial {
		return d
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.machines[d.Home]
	returns := m != nil && d.Return && m.takeReturn(now)
	tries := m != nil && d.Trial && m.takeTrial(now)
	d.Return, d.Trial = false, false
	if !returns && !tries {
		return d
	}
	d.ACS, d.Fallback = d.Home, d.ACS
	if b := h.machines[d.Fallback]; b != nil && b.state == Down {
		d.Fallback = ""
	}
	if tries {
		d.because("tries whether " + d.Home + " is back")
	} else {
		d.because("returns to " + d.Home)
	}
	return d
}

// Route decides on a session and settles the decision. Safe for concurrent use.
func (h *Health) Route(p *Policy, in Input, now time.Time) Decision {
	return h.Settle(p.Decide(in, h.Snapshot()), now)
}

// takeReturn tells whether one more device may return now. Devices are let
// through evenly, one each 1/ReturnPerSecond, without saving up for a burst: an
// ACS that has just come back is at its weakest.
func (m *machine) takeReturn(now time.Time) bool {
	rate := m.config.Failover.ReturnPerSecond
	if m.state == Down || m.away {
		return false
	}
	if rate <= 0 {
		return true
	}
	if now.Before(m.nextReturn) {
		return false
	}
	m.nextReturn = now.Add(time.Duration(float64(time.Second) / rate))
	return true
}

// takeTrial tells whether a session may try now whether the ACS is back: one
// each interval, as a probe would.
func (m *machine) takeTrial(now time.Time) bool {
	if now.Before(m.nextTrial) {
		return false
	}
	m.nextTrial = now.Add(m.config.Probe.Interval)
	return true
}
