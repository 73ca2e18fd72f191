package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// digestACS challenges whoever has not authorised on the connection, with one
// nonce a connection, as GenieACS does.
func digestACS(r seen) string {
	nonce := fmt.Sprintf("n%d", r.conn)
	if !strings.Contains(r.head.Fields.Get("Authorization"), nonce) {
		return challenge(nonce)
	}
	return plainACS(r)
}

func digestLine(nonce, user string) string {
	return `Authorization: Digest username="` + user + `", realm="r", nonce="` + nonce + `", uri="/cwmp", response="00", qop=auth, nc=00000001, cnonce="c"`
}

// TestC01_NewConnectionAfterChallenge: the CPE closes after the 401 and comes
// back on a new connection, without a cookie; the ACS sees one connection.
func TestC01_NewConnectionAfterChallenge(t *testing.T) {
	acs := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 401)
	p.hangUp()
	p = g.dial()
	statusOf(t, p.ask(post(inform("1"), digestLine("n1", "cpe"))), 200)
	p.hangUp()
	p = g.dial() // and again for the last POST, by the digest answer alone
	statusOf(t, p.ask(post("", digestLine("n1", "cpe"))), 204)
	for i, r := range acs.requests() {
		if r.conn != 1 {
			t.Errorf("request %d came on connection %d of the ACS", i, r.conn)
		}
	}
	if got := g.outcomes(1); !slices.Equal(got, []string{Complete}) {
		t.Errorf("outcomes %q", got)
	}
}

// TestC01_ConnectionPerPost: the cookie carries the session over connections.
func TestC01_ConnectionPerPost(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	a := g.dial().ask(post(inform("1"), "Connection: close"))
	cookie := a.cookie(t)
	statusOf(t, g.dial().ask(post("", "Connection: close", "Cookie: "+cookie)), 204)
	if r := acs.requests(); len(r) != 2 || r[1].conn != 1 {
		t.Errorf("ACS saw %+v", r)
	}
}

// TestC02_NoSharedConnections: a hundred CPEs at once, and never two devices on
// one connection of the ACS.
func TestC02_NoSharedConnections(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	phones := make([]*phone, 100)
	for i := range phones {
		phones[i] = g.dial()
		phones[i].send(post(inform(fmt.Sprint(i))))
	}
	for _, p := range phones {
		statusOf(t, p.hear(), 200)
	}
	for _, p := range phones {
		statusOf(t, p.ask(post("")), 204)
	}
	devices := map[int]cwmp.Key{}
	for _, r := range acs.requests() {
		if r.msg.Method != "Inform" {
			continue
		}
		if other, taken := devices[r.conn]; taken {
			t.Errorf("connection %d had %v and %v", r.conn, other, r.device)
		}
		devices[r.conn] = r.device.Key()
	}
	if len(devices) != 100 {
		t.Errorf("%d connections for 100 sessions", len(devices))
	}
}

// TestC03_SessionsInTurnOnOneConnection: an aggregator's devices follow one
// another on one connection, ended or not.
func TestC03_SessionsInTurnOnOneConnection(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	a1 := p.ask(post(inform("1")))
	statusOf(t, a1, 200)
	a2 := p.ask(post(inform("2"))) // the first has not ended
	statusOf(t, a2, 200)
	if a1.cookie(t) == a2.cookie(t) {
		t.Error("two devices have one cookie")
	}
	statusOf(t, p.ask(post("")), 204)
	statusOf(t, p.ask(post(inform("3"))), 200)
	statusOf(t, p.ask(post("", "Cookie: "+a1.cookie(t))), 204) // the first goes on by its cookie
	var conns []int
	for _, r := range acs.requests() {
		conns = append(conns, r.conn)
	}
	if want := []int{1, 2, 2, 3, 1}; !slices.Equal(conns, want) {
		t.Errorf("connections %v, want %v", conns, want)
	}
}

// TestC04_EmptyPostFirst: an empty POST that only fetches the challenge.
func TestC04_EmptyPostFirst(t *testing.T) {
	acs := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	first := p.ask(post(""))
	statusOf(t, first, 401)
	second := p.ask(post(inform("1"), digestLine("n1", "cpe")))
	statusOf(t, second, 200)
	if second.cookie(t) != first.cookie(t) {
		t.Errorf("cookie %q, then %q", first.cookie(t), second.cookie(t))
	}
	statusOf(t, p.ask(post("", "Cookie: "+second.cookie(t), digestLine("n1", "cpe"))), 204)
	for _, r := range acs.requests() {
		if r.conn != 1 {
			t.Errorf("%q came on connection %d", r.msg.Method, r.conn)
		}
	}
	if s := g.started; len(s) != 1 || s[0].Device.SerialNumber != "1" {
		t.Errorf("started %+v", s)
	}
}

// TestC04_EmptyPostFirstOfAnotherACS: the device turns out to belong to another
// ACS than the default.
func TestC04_EmptyPostFirstOfAnotherACS(t *testing.T) {
	a, b := newACS(t, digestACS), newACS(t, nil)
	g := newGate(t, []*fakeACS{a, b}, func(_ *Config, d *Deps) {
		d.Route = func(in RouteInput) Route {
			if in.Known {
				return Route{ACS: "b"}
			}
			return Route{ACS: "a"}
		}
	})
	p := g.dial()
	statusOf(t, p.ask(post("")), 401)
	statusOf(t, p.ask(post(inform("1"), digestLine("n1", "cpe"))), 200)
	statusOf(t, p.ask(post("")), 204)
	if len(a.requests()) != 1 || len(b.requests()) != 2 {
		t.Errorf("%d requests at the default, %d at the device's ACS", len(a.requests()), len(b.requests()))
	}
}

// cookieACS refuses whoever does not return its two cookies.
func cookieACS(r seen) string {
	if r.msg.Method == "Inform" {
		return xml200(cwmp.InformResponse(r.msg.Dialect, "1"), "Set-Cookie: session=abc; Path=/; HttpOnly", "Set-Cookie: node=7")
	}
	if r.head.Fields.Get("Cookie") != "session=abc; node=7" {
		return "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
	}
	return plainACS(r)
}

// TestC05_U4_CPEWithoutCookies: the jar answers for a CPE that keeps none.
func TestC05_U4_CPEWithoutCookies(t *testing.T) {
	acs := newACS(t, cookieACS)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post("")), 204)
}

// TestC06_OneCookieUntilItComesBack: on every response, the challenge included,
// the same value, and never again once returned.
func TestC06_OneCookieUntilItComesBack(t *testing.T) {
	rpc := cwmp.GetRPCMethods(cwmp.DefaultDialect, "7")
	acs := newACS(t, func(r seen) string {
		switch {
		case !r.head.Fields.Has("Authorization"):
			return challenge("n")
		case r.body == "":
			return xml200(rpc, "Set-Cookie: late=1")
		case r.msg.Kind == cwmp.Response:
			return "HTTP/1.1 204 No Content\r\n\r\n"
		}
		return cookieACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	auth := digestLine("n", "u")
	first := p.ask(post(inform("1"))).cookie(t)
	second := p.ask(post(inform("1"), auth)).cookie(t)
	third := p.ask(post("", auth)).cookie(t)
	if first == "" || first != second || second != third {
		t.Errorf("offered %q, %q, %q", first, second, third)
	}
	fields := p.ask(post(string(cwmp.GetRPCMethodsResponse(cwmp.DefaultDialect, "7", nil)), auth, "Cookie: "+first)).cookie(t)
	if fields != "" {
		t.Errorf("offered again: %q", fields)
	}
	name, value, _ := strings.Cut(first, "=")
	if name != "gw" || len(value) > 22 {
		t.Errorf("cookie %q is not short", first)
	}
}

// TestC07_CookieForms: each form that a CPE may return finds the session.
func TestC07_CookieForms(t *testing.T) {
	for _, form := range []string{
		"Cookie: %s", "cookie:%s", "Cookie: $Version=\"1\"; %s; $Path=\"/\"", "Cookie: other=1,%s",
		"Cookie: a=b\r\nCookie: %s", "Cookie: %s; Path=/; HttpOnly", "Cookie: Path=/; %s", "Cookie : %s",
	} {
		for _, quoted := range []bool{false, true} {
			t.Run(fmt.Sprint(form, quoted), func(t *testing.T) {
				acs := newACS(t, nil)
				g := newGate(t, []*fakeACS{acs})
				cookie := g.dial().ask(post(inform("1"))).cookie(t)
				if name, value, _ := strings.Cut(cookie, "="); quoted {
					cookie = name + `="` + value + `"`
				}
				statusOf(t, g.dial().ask(post("", fmt.Sprintf(form, cookie))), 204)
				if r := acs.requests(); r[len(r)-1].conn != 1 {
					t.Error("a second connection to the ACS: the session was not found")
				}
				if r := acs.requests(); r[len(r)-1].head.Fields.Has("Cookie") {
					t.Error("the CPE's cookies reached the ACS")
				}
			})
		}
	}
}

// TestC08_InformStartsOver: a retry of the session ends the old one, and the
// ACS sees that connection close before the new Inform.
func TestC08_InformStartsOver(t *testing.T) {
	for _, how := range []string{"same connection", "new connection", "new connection with cookie"} {
		t.Run(how, func(t *testing.T) {
			acs := newACS(t, nil)
			g := newGate(t, []*fakeACS{acs})
			p := g.dial()
			cookie := p.ask(post(inform("1"))).cookie(t)
			if how != "same connection" {
				p.hangUp()
				p = g.dial()
			}
			line := []string{}
			if strings.HasSuffix(how, "cookie") {
				line = cookieLine(cookie)
			}
			again := p.ask(post(inform("1"), line...))
			statusOf(t, again, 200)
			if again.cookie(t) == cookie || again.cookie(t) == "" {
				t.Errorf("cookie %q, then %q", cookie, again.cookie(t))
			}
			statusOf(t, p.ask(post("", cookieLine(again.cookie(t))...)), 204)
			if got := g.outcomes(2); !slices.Equal(got, []string{Superseded, Complete}) {
				t.Errorf("outcomes %q", got)
			}
			if r := acs.requests(); r[1].conn != 2 || r[2].conn != 2 {
				t.Errorf("the new session went on connections %d and %d", r[1].conn, r[2].conn)
			}
		})
	}
}

// TestC10_TwoConnectionsOfOneSession: requests of one session that overlap are
// answered one after the other, each on its own connection.
func TestC10_TwoConnectionsOfOneSession(t *testing.T) {
	release := make(chan struct{})
	acs := newACS(t, func(r seen) string {
		switch {
		case r.msg.Method == "Inform":
			return plainACS(r)
		case strings.Contains(r.body, "slow"):
			<-release
		}
		return ok200("<echo>" + r.body + "</echo>")
	})
	g := newGate(t, []*fakeACS{acs})
	cookie := g.dial().ask(post(inform("1"))).cookie(t)
	slow, quick := g.dial(), g.dial()
	slow.send(post("<slow/>", "Cookie: "+cookie))
	eventually(t, "the slow request is at the ACS", func() bool { return len(acs.requests()) == 2 })
	quick.send(post("<quick/>", "Cookie: "+cookie))
	time.Sleep(20 * time.Millisecond)
	if n := len(acs.requests()); n != 2 {
		t.Errorf("%d requests at the ACS while one is unanswered (quirk U8)", n)
	}
	close(release)
	if a := slow.hear(); !strings.Contains(a.body, "slow") {
		t.Errorf("slow got %q", a.body)
	}
	if a := quick.hear(); !strings.Contains(a.body, "quick") {
		t.Errorf("quick got %q", a.body)
	}
}

// TestC11_Pipelining: replies come in order.
func TestC11_Pipelining(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	p.send(post(inform("1")) + post(""))
	statusOf(t, p.hear(), 200)
	statusOf(t, p.hear(), 204)
}

// TestC54_NoInheritance: another device never gets a session, whatever it
// sends; and naming a device from elsewhere does not end that device's session.
func TestC54_NoInheritance(t *testing.T) {
	acs := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{acs})
	victim := g.dial()
	statusOf(t, victim.ask(post(inform("1"))), 401)
	a := victim.ask(post(inform("1"), digestLine("n1", "cpe1")))
	statusOf(t, a, 200)

	thief := g.dial()
	statusOf(t, thief.ask(post(inform("2"), "Cookie: "+a.cookie(t))), 401) // stolen cookie
	statusOf(t, thief.ask(post("")), 401)                                  // its own session, not the victim's
	guess := g.dial()
	statusOf(t, guess.ask(post("", "Cookie: gw=AAAAAAAAAAAAAAAAAAAAAA")), 401)
	for _, r := range acs.requests() {
		if r.device.SerialNumber == "2" && r.conn == 1 {
			t.Error("the thief spoke on the victim's connection")
		}
	}
	statusOf(t, victim.ask(post("", digestLine("n1", "cpe1"))), 204)
}

// TestC54_SharedNonceIsNoProof: with an ACS that gives everybody the same
// nonce, the user name must match.
func TestC54_SharedNonceIsNoProof(t *testing.T) {
	acs := newACS(t, func(r seen) string {
		if !r.head.Fields.Has("Authorization") {
			return challenge("same")
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	for _, serial := range []string{"1", "2"} {
		p := g.dial()
		statusOf(t, p.ask(post(inform(serial))), 401)
		p.hangUp()
	}
	for _, serial := range []string{"2", "1"} {
		p := g.dial()
		statusOf(t, p.ask(post(inform(serial), digestLine("same", "cpe"+serial))), 200)
		p.hangUp()
	}
	for _, serial := range []string{"1", "2"} {
		statusOf(t, g.dial().ask(post("", digestLine("same", "cpe"+serial))), 204)
	}
	on := map[string]int{}
	for _, r := range acs.requests() {
		who := r.device.SerialNumber
		if who == "" {
			_, who, _ = strings.Cut(r.head.Fields.Get("Authorization"), `"cpe`)
			who = who[:1]
		}
		if on[who] == 0 {
			on[who] = r.conn
		}
		if on[who] != r.conn {
			t.Errorf("device %s spoke on connections %d and %d", who, on[who], r.conn)
		}
	}
	if on["1"] == on["2"] {
		t.Error("two devices on one connection")
	}
}

// TestRDKStrayEmptyPost: after the end, RDK-B posts empty once more; the ACS
// never sees it. An empty POST later on begins something new.
func TestRDKStrayEmptyPost(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	cookie := p.ask(post(inform("1"))).cookie(t)
	statusOf(t, p.ask(post("", "Cookie: "+cookie)), 204)
	statusOf(t, p.ask(post("", "Cookie: "+cookie)), 204)
	if n := len(acs.requests()); n != 2 {
		t.Errorf("%d requests at the ACS: the stray one was passed on", n)
	}
	p.ask(post("", "Cookie: "+cookie))
	if n := len(acs.requests()); n != 3 {
		t.Errorf("%d requests at the ACS: a second one is no stray", n)
	}
}
