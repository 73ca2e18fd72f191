package proxy

import (
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func parking(_ *Config, d *Deps) {
	d.Route = func(RouteInput) Route { return Route{ACS: "a", Home: "a", Rule: "parked", Park: true} }
}

// TestC58_C64_Park: a CPE with nothing to lose has a whole session with the
// gateway, on one connection or on two, in its own spelling, and the ACS hears
// nothing of it.
func TestC58_C64_Park(t *testing.T) {
	t.Parallel()
	for _, prefix := range soapPrefixes {
		for _, namespace := range []string{"urn:dslforum-org:cwmp-1-0", "urn:dslforum-org:cwmp-1-2"} {
			acs := newACS(t, nil)
			g := newGate(t, []*fakeACS{acs}, parking, quietly)
			body := envelope(prefix, "c", namespace, "Inform", deviceIDXML+"<Event><EventStruct><EventCode>2 PERIODIC</EventCode></EventStruct></Event>")
			p := g.dial()
			got := p.ask(post(body))
			statusOf(t, got, 200)
			msg, err := cwmp.Scan([]byte(got.body), cwmp.Options{Elements: []string{"MaxEnvelopes"}})
			if err != nil || msg.Method != "InformResponse" || msg.ID != "77" || len(msg.Elements) != 1 || msg.Elements[0].Value != "1" {
				t.Errorf("the CPE got %q", got.body)
			}
			if msg.Dialect.Namespace != namespace || prefix != "" && !strings.HasPrefix(got.body, "<"+prefix+":Envelope") || !strings.HasPrefix(got.body, "<") || strings.HasPrefix(got.body, "<?") {
				t.Errorf("the CPE got %q", got.body)
			}
			cookie := got.cookie(t)
			if namespace == "urn:dslforum-org:cwmp-1-2" { // quirk C-01
				p.hangUp()
				p = g.dial()
			}
			statusOf(t, p.ask(post("", cookieLine(cookie)...)), 204)
			if out := g.outcomes(1); out[0] != Parked || len(acs.requests()) != 0 || len(g.started) != 0 || g.SessionCount("") != 0 {
				t.Errorf("%v, the ACS got %d requests", out, len(acs.requests()))
			}
			acs.mu.Lock()
			if len(acs.conns) != 0 {
				t.Error("the ACS was connected to")
			}
			acs.mu.Unlock()
		}
	}
}

// TestC58_C13_ParkKeepsEvents: an event that an acknowledgement would lose for the
// ACS is not acknowledged.
func TestC58_C13_ParkKeepsEvents(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, parking, quietly)
	for events, status := range map[string]int{
		"": 200, cwmp.EventPeriodic: 200, cwmp.EventConnectionRequest: 200, cwmp.EventHeartbeat: 200, cwmp.EventPeriodic + "+" + cwmp.EventConnectionRequest: 200,
		cwmp.EventBootstrap: 503, cwmp.EventBoot: 503, cwmp.EventScheduled: 503, cwmp.EventValueChange: 503, cwmp.EventKicked: 503,
		cwmp.EventTransferComplete: 503, cwmp.EventDiagnosticsComplete: 503, cwmp.EventRequestDownload: 503,
		cwmp.EventAutonomousTransferComplete: 503, cwmp.EventDUStateChangeComplete: 503, cwmp.EventAutonomousDUStateChange: 503, cwmp.EventWakeup: 503,
		cwmp.EventMReboot: 503, cwmp.EventMDownload: 503, "M X_VENDOR_Do": 503, "X VENDOR Thing": 503, "2": 503, "99 NEW": 503,
		cwmp.EventPeriodic + "+" + cwmp.EventValueChange: 503, cwmp.EventConnectionRequest + "+" + cwmp.EventTransferComplete + "+" + cwmp.EventMDownload: 503,
	} {
		codes := slices.DeleteFunc(strings.Split(events, "+"), func(s string) bool { return s == "" })
		if codes == nil {
			codes = []string{}
		}
		got := g.dial().ask(post(informOf(device(events), codes...)))
		if statusOf(t, got, status); status == 503 && (!got.fields.Has("Retry-After") || !got.fields.Token("Connection", "close") || got.fields.Has("Set-Cookie")) {
			t.Errorf("%s is refused with %s", events, got.raw)
		}
	}
	if g.counter("acsgate_parked_total", "acs", "a", "answer", "refused") != 20 || g.counter("acsgate_parked_total", "answer", "informed") != 5 || len(acs.requests()) != 0 {
		t.Errorf("%v are counted", g.counter("acsgate_parked_total"))
	}
}

// TestC58_ParkAcknowledgesNothingElse: a request of the CPE, alone or behind the
// Inform, ends the session with 503, so that the CPE keeps it.
func TestC58_ParkAcknowledgesNothingElse(t *testing.T) {
	t.Parallel()
	d := cwmp.DefaultDialect
	complete := string(cwmp.TransferComplete(d, "t", cwmp.TransferCompleteData{}))
	for name, second := range map[string]string{
		"TransferComplete": complete, "GetRPCMethods": string(cwmp.GetRPCMethods(d, "g")), "an answer": string(cwmp.RebootResponse(d, "r")),
		"a fault": string(cwmp.FaultEnvelope(d, "f", "9001", "")), "no CWMP": "hello",
	} {
		t.Run(name, func(t *testing.T) {
			acs := newACS(t, nil)
			g := newGate(t, []*fakeACS{acs}, parking)
			p := g.dial()
			statusOf(t, p.ask(post(inform("1"))), 200)
			got := p.ask(post(second))
			if statusOf(t, got, 503); strings.Contains(got.body, "<") || !p.closed() {
				t.Errorf("the CPE got %q", got.body)
			}
			if out := g.outcomes(1); out[0] != Parked || g.ended[0].Err == nil || len(acs.requests()) != 0 {
				t.Errorf("%v", out)
			}
		})
	}
	g := newGate(t, []*fakeACS{newACS(t, nil)}, parking)
	statusOf(t, g.dial().ask(post(inform("1")+complete)), 503)
	statusOf(t, g.dial().ask(post("")), 204) // quirk C-04
	statusOf(t, g.dial().ask(post("hello")), 503)
}

// TestC58_ParkAndBack: the next Inform goes to the ACS as soon as the route says
// so, on the same connection too; limits of the ACS do not concern parked ones.
func TestC58_ParkAndBack(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	park := true
	g := newGate(t, []*fakeACS{acs}, func(c *Config, d *Deps) {
		c.Upstreams[0].Limits.Sessions = 1
		d.Route = func(RouteInput) Route { return Route{ACS: "a", Home: "a", Park: park} }
	})
	p, other := g.dial(), g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, other.ask(post(inform("2"))), 200)
	statusOf(t, p.ask(post("")), 204)
	park = false
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, other.ask(post("")), 204) // as it began
	if got := acs.requests(); len(got) != 1 || got[0].device.SerialNumber != "1" {
		t.Errorf("the ACS got %d requests", len(got))
	}
	statusOf(t, g.dial().ask(post(inform("3"))), 503) // the one session is taken
	statusOf(t, p.ask(post("")), 204)
	statusOf(t, g.dial().ask(post(inform("3"))), 200)
}

// TestC04_C58_ParkKnown: an empty POST that fetched no challenge from an ACS, and
// the Inform of a parked CPE behind it.
func TestC04_C58_ParkKnown(t *testing.T) {
	t.Parallel()
	acs := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, d *Deps) {
		c.Upstreams[0].Limits.Sessions = 1
		d.Route = func(in RouteInput) Route {
			return Route{ACS: "a", Park: in.Known && in.Device.SerialNumber == "1"}
		}
	})
	p := g.dial()
	statusOf(t, p.ask(post("")), 401)
	statusOf(t, p.ask(post(inform("1"), digestLine("n1", "u"))), 200)
	statusOf(t, p.ask(post("")), 204)
	if got := acs.requests(); len(got) != 1 {
		t.Errorf("the ACS got %d requests", len(got))
	}
	statusOf(t, g.dial().ask(post(inform("2"))), 401) // the ACS has room for one session again
}
