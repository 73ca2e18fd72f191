package proxy

import (
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// settled waits until nothing that sessions take is taken any more.
func (g *gate) settled() {
	g.t.Helper()
	eventually(g.t, "sessions, admissions and memory are given back", g.free)
}

func (g *gate) free() bool {
	if g.SessionCount("") != 0 || g.memory.used.Load() != 0 || g.counter("acsgate_sessions") != 0 {
		return false
	}
	g.admissionMu.Lock()
	defer g.admissionMu.Unlock()
	for _, a := range g.admissions {
		if a.running.Load() != 0 {
			return false
		}
	}
	return true
}

// TestFaultEndsItsSession: a fault in the gateway leaves no session behind that
// nobody can take the turn of, wherever it happens.
func TestFaultEndsItsSession(t *testing.T) {
	fault := func() { panic("made by the test") }
	for name, spoil := range map[string]func(*Deps){
		"begin":  func(d *Deps) { d.Quirks = func(cwmp.DeviceID, string) cwmp.Quirks { fault(); return cwmp.Quirks{} } },
		"answer": func(d *Deps) { d.Started = func(Inform) { fault() } },
		"result": func(d *Deps) { d.Result = func(Result) { fault() } },
		"adopt": func(d *Deps) {
			d.Route = func(in RouteInput) Route {
				if in.Known {
					fault()
				}
				return Route{ACS: "a"}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			challenging := func(r seen) string {
				if r.body == "" {
					return challenge("n1")
				}
				return plainACS(r)
			}
			g := newGate(t, []*fakeACS{newACS(t, challenging)}, func(_ *Config, d *Deps) { spoil(d) })
			p := g.dial()
			if name == "adopt" { // an anonymous session comes first
				statusOf(t, p.ask(post("")), 401)
			}
			p.send(post(inform("1")))
			if !p.closed() {
				t.Error("connection stays open")
			}
			g.settled()
			if got := g.outcomes(1); got[0] != Faulted {
				t.Errorf("outcome %q", got[0])
			}
			if n := g.counter("acsgate_panics_total"); n != 1 {
				t.Errorf("%v faults counted", n)
			}
		})
	}
}

// TestOwnLackIsNoFailureOfTheACS: when the gateway has no memory for a large
// answer, that says nothing of the ACS's health.
func TestOwnLackIsNoFailureOfTheACS(t *testing.T) {
	acs := newACS(t, func(seen) string { return xml200(make([]byte, 300<<10)) })
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Limits.BodyMemory = 100 << 10 })
	statusOf(t, g.dial().ask(post(inform("1"))), 503)
	g.outcomes(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.results {
		t.Errorf("told as the ACS's: %+v", r)
	}
}
