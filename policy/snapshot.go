package policy

import (
	"slices"
	"time"
)

// Counts counts what was seen of one ACS since the gateway started.
type Counts struct {
	ProbeOK, ProbeFailed     uint64
	SessionOK, SessionFailed uint64 // exchanges
	Overloaded               uint64 // answers 503, counted among the OK
	Outages                  uint64 // times that it went Down
}

func (c *Counts) add(o Observation) {
	switch {
	case o.Source == Session && o.OK:
		c.SessionOK++
	case o.Source == Session:
		c.SessionFailed++
	case o.OK:
		c.ProbeOK++
	default:
		c.ProbeFailed++
	}
	if o.OK && o.Overloaded {
		c.Overloaded++
	}
}

// Status is the health of one ACS at the time of a snapshot.
type Status struct {
	ACS      string
	State    State
	Previous State     // before it
	Since    time.Time // when it entered State
	Outage   time.Time // when the last outage began; zero when there was none
	// HoldUntil is when it may be Up at the earliest; it means something while
	// it is Down or Recovering.
	HoldUntil time.Time
	Reason    string    // of the last failure; free text, not for metric labels
	Backup    string    // "" for none
	Away      bool      // its sessions go to its backup
	Moved     time.Time // when Away last changed; zero when it never did
	Flaps     int       // outages that followed the one before closely
	Counts    Counts
}

// Snapshot is the health of all ACSs at one time. It is immutable. A nil
// Snapshot counts every ACS as up and home.
type Snapshot struct {
	entries []entry
	index   map[string]int
}

// entry is a Status with what decisions say of it.
type entry struct {
	Status
	text   string // such as "north is down since 2026-11-21 12:03:05 UTC"
	manual bool   // it returns from its backup only when told
}

// sound is the entry of an ACS that nothing is known of.
var sound = &entry{}

// entry returns what is known of an ACS, never nil. An ACS that a reload has
// just added may be unknown yet: it is taken to be up.
func (s *Snapshot) entry(acs string) *entry {
	if s != nil {
		if i, ok := s.index[acs]; ok {
			return &s.entries[i]
		}
	}
	return sound
}

func newSnapshot(entries []entry) *Snapshot {
	s := &Snapshot{entries: entries, index: make(map[string]int, len(entries))}
	for i := range entries {
		s.index[entries[i].ACS] = i
	}
	return s
}

// States returns the status of every ACS in the order of the configuration.
func (s *Snapshot) States() []Status {
	if s == nil {
		return nil
	}
	out := make([]Status, len(s.entries))
	for i := range s.entries {
		out[i] = s.entries[i].Status
	}
	return out
}

// Status returns the status of an ACS; false when there is none of that name.
func (s *Snapshot) Status(acs string) (Status, bool) {
	e := s.entry(acs)
	return e.Status, e != sound
}

// AllDown tells whether every ACS is Down. Then it may well be the gateway
// itself that has no network.
func (s *Snapshot) AllDown() bool {
	return s != nil && len(s.entries) > 0 &&
		!slices.ContainsFunc(s.entries, func(e entry) bool { return e.State != Down })
}

// Changes returns the status of each ACS whose State or Away is not what it was
// in an earlier snapshot, for logs.
func (s *Snapshot) Changes(earlier *Snapshot) []Status {
	var out []Status
	for _, now := range s.States() {
		before := earlier.entry(now.ACS)
		if now.State != before.State || now.Away != before.Away {
			out = append(out, now)
		}
	}
	return out
}

// With returns the snapshot as it would be with an ACS in another state, to ask
// "what if". The ACS, and those that it is the backup of, are where sessions
// would be in a gateway that had found the ACSs in these states. Names that are
// unknown change nothing.
func (s *Snapshot) With(acs string, state State) *Snapshot {
	if s == nil {
		return nil
	}
	what := newSnapshot(slices.Clone(s.entries))
	if i, ok := what.index[acs]; ok {
		e := &what.entries[i]
		e.Previous, e.State = e.State, state
		e.text = acs + " is taken to be " + state.String()
	}
	for i := range what.entries {
		if e := &what.entries[i]; e.ACS == acs || e.Backup == acs {
			e.Away = e.Backup != "" && e.State == Down && what.entry(e.Backup).State == Up
		}
	}
	return what
}

const timeFormat = "2006-01-02 15:04:05 MST"

// describe says in a few words how an ACS is, for reasons and explanations.
func (e *entry) describe() string {
	switch {
	case e.State == Down:
		return e.ACS + " is down since " + e.Outage.Format(timeFormat)
	case e.State == Recovering:
		return e.ACS + " is recovering since " + e.Since.Format(timeFormat)
	case e.State == Suspect:
		return e.ACS + " is suspect since " + e.Since.Format(timeFormat)
	case e.Away && e.manual:
		return e.ACS + " is up since " + e.Since.Format(timeFormat) + " and waits to be told to return"
	}
	return e.ACS + " is up since " + e.Since.Format(timeFormat)
}
