package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// legsOf writes the legs of a session, one a line, and checks their times.
func legsOf(t *testing.T, sum Summary) []string {
	t.Helper()
	var lines []string
	before := time.Duration(0)
	for _, l := range sum.Legs {
		if l.At < before || l.Took <= 0 || l.At > sum.Took+time.Second || l.ACS > l.Took {
			t.Errorf("at %v, took %v, with the ACS %v", l.At, l.Took, l.ACS)
		}
		before = l.At
		line := fmt.Sprintf("%s: %d %s", l.Request, l.Status, l.Answer)
		for _, mark := range []struct {
			on   bool
			text string
		}{{l.New, "new"}, {l.Own, "own"}, {l.ACS > 0, "acs"}} {
			if mark.on {
				line += ", " + mark.text
			}
		}
		if len(l.Edits) > 0 {
			line += ", edits " + strings.Join(l.Edits, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

func wantLegs(t *testing.T, g *gate, want ...string) Summary {
	t.Helper()
	g.outcomes(1)
	sum := g.summary(0)
	if got := legsOf(t, sum); !slices.Equal(got, want) {
		t.Errorf("legs are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return sum
}

// TestLegs tells of each exchange, the last included.
func TestLegs(t *testing.T) {
	acs := newACS(t, func(r seen) string {
		switch {
		case r.msg.Method == "Inform" && !r.head.Fields.Has("Authorization"):
			return challenge("n1")
		case r.msg.Kind == cwmp.Empty:
			return xml200(cwmp.GetParameterValues(cwmp.DefaultDialect, "g", []string{"Device."}))
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs}, func(_ *Config, d *Deps) {
		d.Shown = func(cwmp.DeviceID, Reported) Shown { return Shown{ConnectionRequestURL: "http://g/"} }
	})
	told := bigInform("http://192.0.2.1/")
	p := g.dial()
	p.ask(post(told))
	p.ask(post(told, digestLine("n1", "u")))
	p.hangUp()
	q := g.dial()
	q.ask(post("", digestLine("n1", "u")))
	fault := string(cwmp.FaultEnvelope(cwmp.DefaultDialect, "g", "9005", ""))
	last := q.ask(post(fault, digestLine("n1", "u")))
	statusOf(t, last, 204)
	q.ask(post("", digestLine("n1", "u")))
	sum := wantLegs(t, g,
		"Inform: 401 401 challenge, new, acs, edits ConnectionRequestURL",
		"Inform: 200 InformResponse, acs, edits ConnectionRequestURL",
		"empty: 200 GetParameterValues, new, acs",
		"Fault 9005: 204 empty, acs",
	)
	if l := sum.Legs[0]; l.In != len(told) || l.Out != 0 {
		t.Errorf("%d bytes in, %d out", l.In, l.Out)
	}
	if l := sum.Legs[3]; l.In != len(fault) || sum.Outcome != "complete" {
		t.Errorf("%d bytes in, %s", l.In, sum.Outcome)
	}
}

// TestLegsOfTheGateway: what it answers and asks itself.
func TestLegsOfTheGateway(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, injecting(asks("move", getURL())).option)
	p := g.dial()
	p.ask(post(inform("1")))
	m := told(t, p.ask(post("")), "GetParameterValues")
	statusOf(t, p.ask(post(values(m.ID, mURL, "x"))), 204)
	wantLegs(t, g,
		"Inform: 200 InformResponse, new, acs",
		"empty: 200 GetParameterValues, own, acs",
		"GetParameterValuesResponse: 204 empty, own",
	)
}

func TestLegsOfOtherEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		option option
		want   string
	}{
		"no answer": {"", nil, "Inform: 503 refused, new, own, acs"},
		"refused":   {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", nil, "Inform: 400 refused, new, acs"},
		"redirect":  {"HTTP/1.1 302 Found\r\nLocation: http://b/\r\nContent-Length: 0\r\n\r\n", func(c *Config, _ *Deps) { c.Upstreams[0].Redirects = RedirectsPass }, "Inform: 307 redirect, new, acs"},
		"fault":     {xml200(cwmp.FaultEnvelope(cwmp.DefaultDialect, "1", "8003", "")), nil, "Inform: 200 Fault 8003, new, acs"},
		"auth-int":  {strings.Replace(challenge("n"), `qop="auth"`, `qop="auth,auth-int"`, 1), func(_ *Config, d *Deps) { d.Shown = func(cwmp.DeviceID, Reported) Shown { return Shown{} } }, "Inform: 401 401 challenge, new, acs, edits WWW-Authenticate qop"},
	} {
		t.Run(name, func(t *testing.T) {
			options := []option{func(*Config, *Deps) {}}
			if tc.option != nil {
				options = append(options, tc.option)
			}
			g := newGate(t, []*fakeACS{newACS(t, func(seen) string { return tc.answer })}, options...)
			g.dial().ask(post(inform("1")))
			g.endAll()
			wantLegs(t, g, tc.want)
		})
	}
}

// TestC60_LegsTellOfTheGuard: replaced and refused URLs.
func TestC60_LegsTellOfTheGuard(t *testing.T) {
	acs := newACS(t, script(ok200(setWith(param(igd+"ManagementServer.URL", acsURLText))), ok200(setWith(param(igd+"ManagementServer.URL", evilURL)))))
	g := newGate(t, []*fakeACS{acs}, guardedBy(translate()))
	p := g.dial()
	p.ask(post(inform("1")))
	m := p.ask(post(""))
	if !strings.Contains(m.body, cpeURLText) {
		t.Fatal(m.body)
	}
	statusOf(t, p.ask(post(string(cwmp.SetParameterValuesResponse(cwmp.DefaultDialect, "1", 0)))), 204)
	g.endAll()
	wantLegs(t, g,
		"Inform: 200 InformResponse, new, acs",
		"empty: 200 SetParameterValues, acs, edits ManagementServer.URL",
		"SetParameterValuesResponse: 204 empty, acs, edits RPC refused",
	)
}

// TestManyLegs: the first and the last are kept.
func TestManyLegs(t *testing.T) {
	var sum Summary
	for i := range 200 {
		sum.addLeg(&Leg{In: i})
	}
	var kept []int
	for _, l := range sum.Legs {
		kept = append(kept, l.In)
	}
	if len(kept) != maxLegs || sum.LegsCut != 200-maxLegs || kept[55] != 55 || kept[56] != 192 || kept[63] != 199 || cap(sum.Legs) > 2*maxLegs {
		t.Errorf("%d are cut off, %v are kept", sum.LegsCut, kept)
	}
}

// TestLegNames are bounded, whatever a CPE calls its messages.
func TestLegNames(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for want, m := range map[string]*cwmp.Message{
		"Inform":                     {Kind: cwmp.Request, Method: "Inform"},
		"unreadable":                 {},
		"empty":                      {Kind: cwmp.Empty},
		"Fault 9001":                 {Kind: cwmp.Fault, Method: "Fault", FaultCode: "9001"},
		"X_VENDOR_Do":                {Kind: cwmp.Request, Method: "X_VENDOR_Do"},
		long[:maxLegName]:            {Kind: cwmp.Request, Method: long},
		"Fault " + long[:maxLegName]: {Kind: cwmp.Fault, FaultCode: long},
		"GetRPCMethodsResponse":      {Kind: cwmp.Response, Method: "GetRPCMethodsResponse"},
	} {
		if got := legName(m, nil); got != want {
			t.Errorf("%+v is %q", m, got)
		}
	}
	if got := legName(&cwmp.Message{Kind: cwmp.Empty}, make([]cwmp.Message, 2)); got != "empty and 2 more" {
		t.Error(got)
	}
	if len(editNames) > 16 {
		t.Error("an editSet has no room for all edits")
	}
	for kind := range fileLimits {
		if !slices.Contains(editNames[:], kind) {
			t.Errorf("%s has no name as an edit", kind)
		}
	}
}
