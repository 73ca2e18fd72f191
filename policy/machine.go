package policy

import "time"

// machine is the health of one ACS: a state machine with the clock as an
// argument. It is not safe for concurrent use; Health locks it.
//
//	Up         -> Suspect     a failure
//	Up,Suspect -> Down        Fall failures in a row, of probes or of sessions
//	Suspect    -> Up          no run of failures, and none within an interval
//	Down       -> Recovering  a success
//	Recovering -> Down        a failure; the hold begins anew
//	Recovering -> Up          Rise successes in a row, and the hold is over
type machine struct {
	config ACSConfig
	backup *machine // nil for none

	state     State
	previous  State
	since     time.Time // of the state
	outage    time.Time // when it last stopped being Up or Suspect
	held      time.Time // when it last went Down: the hold begins
	recovered time.Time // when it last began to recover
	risen     time.Time // when it last was Up again; zero when it never was Down
	flaps     int       // how often it was Down again soon after it was Up

	failures  [2]int       // in a row, by source
	successes int          // in a row, while Recovering
	alone     int          // failures that counted since the backup last failed
	failed    [2]time.Time // the last failure that counted, by source
	answered  time.Time    // when a session was last answered
	reason    string       // of the last failure
	counts    Counts

	away  bool      // its sessions go to its backup
	moved time.Time // when that last changed

	nextReturn, nextTrial time.Time
}

const (
	// maxFlaps bounds the hold to 2^maxFlaps times what is configured.
	maxFlaps = 5
	// steady is how many holds an ACS must be Up for its next outage to count
	// as a new one.
	steady = 10
	// forget is after how many intervals a run of session failures is forgotten
	// if probes succeed: a single broken CPE at a quiet time, say.
	forget = 10
)

func newMachine(c ACSConfig, now time.Time) *machine {
	m := &machine{since: now}
	m.configure(c)
	return m
}

func (m *machine) configure(c ACSConfig) {
	c.SetDefaults()
	m.config = c
}

// observe takes an observation into account.
func (m *machine) observe(o Observation, now time.Time) {
	m.counts.add(o)
	if o.OK {
		m.succeed(o.Source, now)
	} else if !m.stale(o, now) {
		m.fail(o, now)
	}
}

// tick takes the passing of time into account.
func (m *machine) tick(now time.Time) {
	m.rise(now)
	m.calm(now)
}

// stale tells whether a failure began before the ACS last proved that it works:
// by answering a session, or when it began to recover. A probe proves less: it
// may succeed where sessions fail.
func (m *machine) stale(o Observation, now time.Time) bool {
	if o.Took <= 0 {
		return false
	}
	began := now.Add(-o.Took)
	return began.Before(m.answered) || began.Before(m.recovered)
}

func (m *machine) fail(o Observation, now time.Time) {
	m.successes = 0
	m.reason = o.Source.String() + ": " + o.Reason
	if !m.another(o.Source, now) {
		return
	}
	if m.backup.failedSince(m.lastFailure()) {
		m.alone = 0
	}
	m.alone++
	m.failures[o.Source]++
	m.failed[o.Source] = now
	switch {
	case m.state == Down:
	case m.state == Recovering:
		m.enter(Down, now)
	case m.failures[o.Source] >= m.config.Probe.Fall:
		m.fall(now)
	case m.state == Up:
		m.enter(Suspect, now)
	}
}

// another tells whether a failure counts on its own. Sessions may fail by the
// hundred in the instant in which an ACS restarts: they count at the pace of
// probes at most, Fall of them in an interval.
func (m *machine) another(source Source, now time.Time) bool {
	pace := m.config.Probe.Interval / time.Duration(m.config.Probe.Fall)
	return source == Probe || now.Sub(m.failed[Session]) >= pace
}

// fall begins an outage. One that follows another closely doubles the hold.
func (m *machine) fall(now time.Time) {
	if !m.risen.IsZero() && now.Sub(m.risen) < steady*m.config.Probe.Hold {
		m.flaps = min(m.flaps+1, maxFlaps)
	} else {
		m.flaps = 0
	}
	m.outage = now
	m.counts.Outages++
	m.enter(Down, now)
}

func (m *machine) succeed(source Source, now time.Time) {
	m.failures[Probe] = 0
	if source == Session {
		m.answered = now
	}
	if source == Session || now.Sub(m.failed[Session]) >= forget*m.config.Probe.Interval {
		m.failures[Session] = 0
	}
	switch m.state {
	case Suspect:
		m.calm(now)
	case Down:
		m.successes = 1
		m.enter(Recovering, now)
		m.rise(now)
	case Recovering:
		m.successes++
		m.rise(now)
	}
}

// calm ends a suspicion. It lasts an interval at least, so that an ACS of which
// every other exchange fails does not change its state with each of them.
func (m *machine) calm(now time.Time) {
	if m.state == Suspect && m.failures == [2]int{} && now.Sub(m.lastFailure()) >= m.config.Probe.Interval {
		m.enter(Up, now)
	}
}

// lastFailure is when the last failure that counted was; zero when there was
// none.
func (m *machine) lastFailure() time.Time {
	if m.failed[Session].After(m.failed[Probe]) {
		return m.failed[Session]
	}
	return m.failed[Probe]
}

// failedSince tells whether there was a failure at a time or after it.
func (m *machine) failedSince(t time.Time) bool {
	return m != nil && !m.lastFailure().Before(t)
}

// rise ends an outage once enough successes and the hold have passed.
func (m *machine) rise(now time.Time) {
	if m.state != Recovering || m.successes < m.config.Probe.Rise || now.Before(m.holdUntil()) {
		return
	}
	m.failures = [2]int{}
	m.risen = now
	m.enter(Up, now)
}

// holdUntil is when the ACS may be Up again at the earliest.
func (m *machine) holdUntil() time.Time { return m.held.Add(m.config.Probe.Hold << m.flaps) }

func (m *machine) enter(s State, now time.Time) {
	m.previous, m.state, m.since = m.state, s, now
	switch s {
	case Down:
		m.held = now
	case Recovering:
		m.recovered = now
	}
}
