package proxy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// mirrored shows every Inform to ACS "b" as well.
func mirrored(_ *Config, d *Deps) {
	d.Mirror = func(cwmp.DeviceID, Route) string { return "b" }
}

// inquires is an ACS that sets a cookie and asks something of whoever has informed it.
func inquires(r seen) string {
	if r.msg.Method == "Inform" {
		return xml200(cwmp.InformResponse(r.msg.Dialect, r.msg.ID), "Set-Cookie: b=1; Path=/")
	}
	return xml200(cwmp.GetParameterValues(cwmp.DefaultDialect, "77", []string{"Device."}))
}

// hung is an ACS that answers nothing on its first connections until the test ends.
func hung(t *testing.T, connections int) *fakeACS {
	t.Helper()
	release := make(chan struct{})
	acs := newACS(t, func(r seen) string {
		if r.conn <= connections {
			<-release
			return ""
		}
		return plainACS(r)
	})
	t.Cleanup(func() { close(release) })
	return acs
}

// holdSession holds a session and returns what the CPE has heard, without cookies.
func holdSession(t *testing.T, g *gate, body string) (heard []string) {
	t.Helper()
	p := g.dial()
	defer p.hangUp()
	first := p.ask(post(body, `Content-Type: text/xml; charset="utf-8"`, `SOAPAction: ""`, "Cookie: mine=2", `Authorization: Basic Y3BlOnNlY3JldA==`))
	last := p.ask(post("", append(cookieLine(first.cookie(t)), `Authorization: Basic Y3BlOnNlY3JldA==`)...))
	for _, a := range []answered{first, last} {
		head := slices.DeleteFunc(strings.Split(a.raw, "\r\n"), func(line string) bool { return strings.HasPrefix(line, "Set-Cookie:") })
		heard = append(heard, strings.Join(head, "\r\n")+a.body)
	}
	return heard
}

func (g *gate) mirrorCount(result string) float64 {
	return g.counter("acsgate_mirrored_informs_total", "acs", "b", "result", result)
}

func (g *gate) wantMirrored(result string, n float64) {
	g.t.Helper()
	eventually(g.t, fmt.Sprintf("%v copies %s", n, result), func() bool { return g.mirrorCount(result) == n })
}

// TestMirror_ShowsAndAnswersNothing: the other ACS sees the Inform as the CPE wrote
// it and an empty POST, and the session is what it is without.
func TestMirror_ShowsAndAnswersNothing(t *testing.T) {
	body := informWith(param("Device.ManagementServer.ConnectionRequestURL", ownURL))
	show := showing(Shown{ConnectionRequestURL: "http://gate.example/x"})
	alone := newACS(t, nil)
	plain := newGate(t, []*fakeACS{alone}, show)
	want := holdSession(t, plain, body)
	a, b := newACS(t, nil), newACS(t, inquires)
	g := newGate(t, []*fakeACS{a, b}, show, mirrored)
	got := holdSession(t, g, body)
	g.wantMirrored(mirrorShown, 1)
	if !slices.Equal(got, want) {
		t.Errorf("the CPE hears %q, not %q", got, want)
	}
	own, there := a.requests(), alone.requests()
	for i := range there {
		if i >= len(own) || own[i].raw != there[i].raw || own[i].body != there[i].body || len(own) != len(there) {
			t.Fatalf("the session's own ACS sees %+v, not %+v", own, there)
		}
	}
	if !strings.Contains(own[0].body, "gate.example/x") {
		t.Error("nothing was edited for the session's own ACS")
	}
	checkShown(t, b.requests(), body)
	if out := g.outcomes(1); len(out) != 1 || out[0] != Complete {
		t.Errorf("sessions ended %q", out)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.results {
		if r.ACS != "a" {
			t.Errorf("health was told %+v", r)
		}
	}
}

func checkShown(t *testing.T, saw []seen, body string) {
	t.Helper()
	if len(saw) != 2 || saw[0].conn != saw[1].conn {
		t.Fatalf("the other ACS saw %d requests: %+v", len(saw), saw)
	}
	if saw[0].body != body || saw[1].body != "" {
		t.Errorf("it saw %q, then %q", saw[0].body, saw[1].body)
	}
	for i, r := range saw {
		if f := r.head.Fields; f.Has("Authorization") || f.Get("X-Real-IP") != "127.0.0.1" || f.Get("Host") != "acs.example" {
			t.Errorf("request %d has the head %q", i+1, r.raw)
		}
	}
	if first, last := saw[0].head.Fields, saw[1].head.Fields; first.Has("Cookie") || last.Get("Cookie") != "b=1" ||
		!first.Has("SOAPAction") || last.Has("SOAPAction") || last.Has("Content-Type") {
		t.Errorf("heads %q and %q", saw[0].raw, saw[1].raw)
	}
}

// TestMirror_Results: whatever the other ACS answers, no session notices.
func TestMirror_Results(t *testing.T) {
	for _, test := range []struct {
		result string
		answer func(seen) string
		asked  int
	}{
		{mirrorChallenged, func(seen) string { return challenge("n") }, 1},
		{mirrorRefused, func(seen) string { return "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" }, 1},
		{mirrorRefused, func(seen) string { return ok200("<html/>") }, 1},
		{mirrorFailed, func(seen) string { return "" }, 1},
		{mirrorFailed, func(seen) string { return "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" }, 1},
		{mirrorShown, func(r seen) string { // closes after each answer
			return strings.Replace(inquires(r), "200 OK\r\n", "200 OK\r\nConnection: close\r\n", 1)
		}, 2},
	} {
		b := newACS(t, test.answer)
		g := newGate(t, []*fakeACS{newACS(t, nil), b}, mirrored)
		holdSession(t, g, inform("1"))
		g.wantMirrored(test.result, 1)
		if out := g.outcomes(1); out[0] != Complete || len(b.requests()) != test.asked {
			t.Errorf("%s: session %q, %d requests", test.result, out, len(b.requests()))
		}
		g.stop()
	}
}

// TestMirror_Bounds: an ACS that hangs delays nobody, and what waits for it is
// bounded and gone when the server stops.
func TestMirror_Bounds(t *testing.T) {
	const more = 20
	b := hung(t, mirrorWorkers)
	g := newGate(t, []*fakeACS{newACS(t, nil), b}, mirrored)
	for i := range mirrorWorkers {
		holdSession(t, g, inform(fmt.Sprint("first", i)))
	}
	eventually(t, "all workers are busy", func() bool { return len(b.requests()) == mirrorWorkers })
	for i := range mirrorQueue + more {
		holdSession(t, g, inform(fmt.Sprint(i)))
	}
	if n := g.mirrorCount(mirrorDropped); n != more {
		t.Errorf("%v dropped, want %d", n, more)
	}
	g.stop()
	if n := g.mirrorCount(mirrorDropped); n != mirrorWorkers+mirrorQueue+more {
		t.Errorf("%v dropped in the end", n)
	}
	if used := g.memory.used.Load(); used != 0 {
		t.Errorf("%d bytes are still lent", used)
	}
	if n := g.gen.Load().upstreams["b"].admission.running.Load(); n != 0 {
		t.Errorf("%d visits are still admitted", n)
	}
}

// TestMirror_Limits: visits count against the limits of their ACS.
func TestMirror_Limits(t *testing.T) {
	b := hung(t, 1)
	g := newGate(t, []*fakeACS{newACS(t, nil), b}, mirrored, func(c *Config, _ *Deps) { c.Upstreams[1].Limits.Sessions = 1 })
	holdSession(t, g, inform("1"))
	eventually(t, "the first is there", func() bool { return len(b.requests()) == 1 })
	holdSession(t, g, inform("2"))
	g.wantMirrored(mirrorRefused, 1)
	if n := len(b.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestMirror_MakesWay: when the CPE itself comes to the other ACS, what was shown
// there for it ends first (quirk U8).
func TestMirror_MakesWay(t *testing.T) {
	b := hung(t, 1)
	var mu sync.Mutex
	moved := false
	g := newGate(t, []*fakeACS{newACS(t, nil), b}, mirrored, func(_ *Config, d *Deps) {
		d.Route = func(RouteInput) Route {
			mu.Lock()
			defer mu.Unlock()
			return Route{ACS: map[bool]string{false: "a", true: "b"}[moved]}
		}
	})
	holdSession(t, g, inform("1"))
	eventually(t, "it is shown", func() bool { return len(b.requests()) == 1 })
	mu.Lock()
	moved = true
	mu.Unlock()
	holdSession(t, g, inform("1"))
	g.wantMirrored(mirrorDropped, 1)
	if out := g.outcomes(2); out[1] != Complete || len(b.requests()) != 3 {
		t.Errorf("sessions %q, %d requests at the new ACS", out, len(b.requests()))
	}
}

// TestMirror_Nobody: no copy for an unknown ACS, or for the one that serves the CPE.
func TestMirror_Nobody(t *testing.T) {
	for _, acs := range []string{"", "a", "nowhere"} {
		a := newACS(t, nil)
		g := newGate(t, []*fakeACS{a}, func(_ *Config, d *Deps) { d.Mirror = func(cwmp.DeviceID, Route) string { return acs } })
		holdSession(t, g, inform("1"))
		g.stop()
		if n := g.counter("acsgate_mirrored_informs_total"); n != 0 || len(a.requests()) != 2 {
			t.Errorf("%q: %v copies, %d requests", acs, n, len(a.requests()))
		}
	}
}
