package console

import (
	"slices"
	"strings"
	"time"
)

// glance is a question about a device with its answer, for who looks for a moment.
type glance struct {
	Question, Answer string
	Tone             string
	Because          string
	At               string // when that was, "" for no time
	Detail           string
}

// goneAfter is after how long without an Inform a device is taken to be gone: most
// CPEs come once a day.
const goneAfter = 25 * time.Hour

// reaches tells whether the device reaches its ACS, by its last session.
func (p *devicePage) reaches(now time.Time) glance {
	g := glance{Question: "Does it reach its ACS?", Answer: "Yes", Tone: "ok", Because: "Its last Inform was accepted", At: p.LastInform}
	last := p.lastSession()
	quiet := now.Sub(moment(p.LastInform))
	switch {
	case last != nil:
		g.judge(last)
	case p.LastInform == "":
		g.Answer, g.Tone, g.Because = "No", "bad", "No ACS has accepted an Inform of it yet"
	case quiet > goneAfter:
		g.Answer, g.Tone = "Not for "+span(quiet), "warn"
	}
	return g
}

// judge takes the answer from a session.
func (g *glance) judge(e *entry) {
	g.At = e.At.UTC().Format(time.RFC3339)
	g.Because = "Its last session was with " + e.ACS
	switch e.Session.Outcome {
	case "parked":
		g.Answer, g.Tone, g.Because, g.Detail = "Not now", "warn", "The gateway has parked its last session", e.Session.Reason
	case "cpe_silent":
		g.Answer, g.Tone, g.Because = "In part", "warn", "It fell silent in its last session with "+e.ACS
	case "unauthorized":
		g.Answer, g.Tone, g.Because, g.Detail = "No", "bad", "It was asked for its login", "it did not come back"
	case "acs_failed", "acs_refused", "gateway_fault", "guarded":
		g.Answer, g.Tone, g.Because, g.Detail = "No", "bad", "Its last session failed", e.Session.Error
		if g.Detail == "" {
			g.Detail = words(e.Session.Outcome)
		}
	}
}

// lastSession returns the newest one that says something of the way to the ACS.
func (p *devicePage) lastSession() *entry {
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Session == nil || slices.Contains([]string{"superseded", "no_challenge", "stopped"}, e.Session.Outcome) {
			continue
		}
		return e
	}
	return nil
}

// wakes tells whether the device can be woken.
func (p *devicePage) wakes() glance {
	g := glance{Question: "Can it be woken?"}
	r := p.Reach
	if r == nil {
		g.Answer, g.Tone, g.Because = "Not known", "idle", "That is known after its next session"
		return g
	}
	var by, not []string
	if r.NotByUDP == "" {
		by = append(by, "UDP")
	} else {
		not = append(not, "UDP: "+r.NotByUDP)
	}
	if r.NotByHTTP == "" {
		by = append(by, "HTTP")
	} else {
		not = append(not, "HTTP: "+r.NotByHTTP)
	}
	switch {
	case len(by) == 0:
		g.Answer, g.Tone, g.Because = "No", "bad", strings.Join(not, ". ")
	case r.NotByUDP == "" && r.Binding != nil:
		g.Answer, g.Tone, g.Because, g.At = "Yes, by "+strings.Join(by, " and "), "ok", "Its STUN binding is fresh, the last packet came", r.Binding.LastSeen
		if r.Binding.Stale {
			g.Answer, g.Tone, g.Because = "Perhaps, by "+strings.Join(by, " and "), "warn", "Its STUN binding is stale, the last packet came"
		}
	default:
		g.Answer, g.Tone, g.Because = "Yes, by "+strings.Join(by, " and "), "ok", strings.Join(not, ". ")
	}
	return g
}

// woke tells what came of the last Connection Request, if there was one.
func (p *devicePage) woke() (glance, bool) {
	g := glance{Question: "Did the last wake bring it?", Answer: "Yes", Tone: "ok"}
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Request == nil {
			continue
		}
		g.At = e.At.UTC().Format(time.RFC3339)
		g.Because = "Asked for by " + e.Request.Origin
		if !e.Request.OK {
			g.Answer, g.Tone = "No", "bad"
			for _, x := range e.Request.Attempts {
				g.Detail = x.Reason
			}
		}
		return g, true
	}
	return g, false
}
