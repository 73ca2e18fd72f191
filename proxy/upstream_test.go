package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestU3_UpstreamDiesBetweenExchanges: the gateway reconnects to the same ACS
// with the same cookies, and a challenge on the new connection is passed on.
func TestU3_UpstreamDiesBetweenExchanges(t *testing.T) {
	acs := newACS(t, func(r seen) string {
		if r.conn == 2 && !r.head.Fields.Has("Authorization") {
			return challenge("again")
		}
		return cookieACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	acs.dropConns()
	began := time.Now()
	statusOf(t, p.ask(post("")), 401)
	if pause := time.Since(began); pause < reconnectPause {
		t.Errorf("reconnected after %v, GenieACS needs 100 ms to park the session", pause)
	}
	statusOf(t, p.ask(post("", digestLine("again", "cpe"))), 204)
	last := acs.requests()[len(acs.requests())-1]
	if last.conn != 2 || last.head.Fields.Get("Cookie") != "session=abc; node=7" {
		t.Errorf("connection %d with cookies %q", last.conn, last.head.Fields.Get("Cookie"))
	}
}

// TestU5_C20_Chunked: chunks and Expect of the CPE become a plain length.
func TestU5_C20_Chunked(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	p.send("POST /cwmp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nContent-Type: text/xml\r\n\r\n")
	statusOf(t, p.hear(), 100)
	body := inform("1")
	half := len(body) / 2
	p.send(fmt.Sprintf("%x\r\n%s\r\n%x;ext=1\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", half, body[:half], len(body)-half, body[half:]))
	statusOf(t, p.hear(), 200)
	r := acs.requests()[0]
	if r.body != body || r.head.Fields.Has("Expect") || r.head.Fields.Has("Transfer-Encoding") ||
		r.head.Fields.Get("Content-Length") != fmt.Sprint(len(body)) {
		t.Errorf("ACS got %s", r.raw)
	}
}

// TestU9_U10_ForwardedHeaders: who the CPE is, in all forms; what a CPE says of
// that itself is dropped; the scheme is told only if configured.
func TestU9_U10_ForwardedHeaders(t *testing.T) {
	for _, announce := range []bool{false, true} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].AnnounceProto = announce })
		g.dial().ask(post(inform("1"), "X-Forwarded-For: 6.6.6.6", "x_real_ip: 6.6.6.6", "Forwarded: for=6.6.6.6",
			"X-Forwarded-Proto: https", "Client-Cert: :AAAA:", "X-Forwarded-Host: evil", "X-Real-IP: 6.6.6.6"))
		r := acs.requests()[0]
		if strings.Contains(r.raw, "6.6.6.6") || strings.Contains(r.raw, "evil") || strings.Contains(r.raw, "AAAA") {
			t.Errorf("the CPE's own claims reached the ACS:\n%s", r.raw)
		}
		want := []string{"X-Real-IP: 127.0.0.1\r\n", "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Host: acs.example\r\n", `host="acs.example"`, "for=127.0.0.1"}
		for _, line := range want {
			if !strings.Contains(r.raw, line) {
				t.Errorf("no %q in\n%s", line, r.raw)
			}
		}
		if got := strings.Contains(r.raw, "proto=http") && strings.Contains(r.raw, "X-Forwarded-Proto: http\r\n"); got != announce {
			t.Errorf("announce_proto %v:\n%s", announce, r.raw)
		}
	}
}

// TestU11_Host and the paths of the ACS's URL.
func TestU11_HostAndPath(t *testing.T) {
	for _, tc := range []struct{ path, host, cpe, wantPath, wantHost string }{
		{"", "", "/cwmp?x=1", "/cwmp?x=1", "acs.example"},
		{"/", "", "/cwmp?x=1", "/?x=1", "acs.example"},
		{"/tr069/", "", "//odd//path", "/tr069/", "acs.example"},
		{"/tr069?key=k", "", "/cwmp?x=1", "/tr069?key=k", "acs.example"},
		{"", "fs.example:80", "/", "/", "fs.example:80"},
		{"", "url", "/", "/", "URL"},
		{"", "", "http://acs.example/abs?q", "/abs?q", "acs.example"},
	} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].URL += tc.path; c.Upstreams[0].Host = tc.host })
		raw := strings.Replace(post(inform("1")), "/cwmp", tc.cpe, 1)
		statusOf(t, g.dial().ask(raw), 200)
		r := acs.requests()[0]
		want := strings.ReplaceAll(tc.wantHost, "URL", acs.nl.Addr().String())
		if r.head.Target != tc.wantPath || r.head.Fields.Get("Host") != want {
			t.Errorf("%+v: ACS got %q at host %q", tc, r.head.Target, r.head.Fields.Get("Host"))
		}
	}
}

// TestU12_U13_Verdicts: what the ACS says comes through, in a form that every
// CPE understands.
func TestU12_U13_Verdicts(t *testing.T) {
	for _, tc := range []struct {
		answer string
		status int
		has    []string
	}{
		{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 204, []string{"Content-Length: 0"}},
		{"HTTP/1.1 204\r\nContent-Type: text/xml\r\n\r\n", 204, []string{"HTTP/1.1 204 No Content"}},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n<x\r\n2\r\n/>\r\n0\r\n\r\n", 200, []string{"Content-Length: 4"}},
		{"HTTP/1.1 401 No\r\nwww-AUTHENTICATE: Basic realm=\"b\"\r\nWWW-Authenticate: Digest realm=\"d\", nonce=\"n\"\r\nContent-Length: 0\r\n\r\n", 401,
			[]string{"www-AUTHENTICATE: Basic realm=\"b\"", "WWW-Authenticate: Digest realm=\"d\", nonce=\"n\""}},
		{"HTTP/1.1 503 Busy\r\nRetry-after: 60\r\nContent-Length: 0\r\n\r\n", 503, []string{"Retry-after: 60"}},
		{"HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\n<html>", 503, []string{"HTTP/1.1 503 Service Unavailable"}},
		{"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", 400, nil},
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 400, nil},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<x/>", 200, nil},
		{"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nAlt-Svc: h2\r\nContent-Length: 4\r\nX-Long: " + strings.Repeat("x", 1100) + "\r\n\r\n<x/>", 200, nil},
	} {
		acs := newACS(t, func(seen) string { return tc.answer })
		g := newGate(t, []*fakeACS{acs})
		a := g.dial().ask(post(inform("1")))
		statusOf(t, a, tc.status)
		for _, want := range tc.has {
			if !strings.Contains(a.raw, want+"\r\n") {
				t.Errorf("no %q in\n%s", want, a.raw)
			}
		}
		for _, never := range []string{"Strict-Transport", "Alt-Svc", "X-Long", "Connection: close"} {
			if strings.Contains(a.raw, never) && a.status < 400 {
				t.Errorf("%q reached the CPE:\n%s", never, a.raw)
			}
		}
	}
}

// TestC25_EmptyAnswers: 204 stays 204, an empty 200 stays unless a quirk says
// otherwise.
func TestC25_EmptyAnswers(t *testing.T) {
	for _, tc := range []struct {
		acs    int
		quirks cwmp.Quirks
		want   int
	}{
		{204, cwmp.Quirks{}, 204}, {200, cwmp.Quirks{}, 200},
		{200, cwmp.Quirks{EmptyAs204: true}, 204}, {204, cwmp.Quirks{EmptyAs200: true}, 200},
	} {
		acs := newACS(t, func(r seen) string {
			switch {
			case r.msg.Method == "Inform":
				return plainACS(r)
			case tc.acs == 200:
				return ok200("")
			}
			return "HTTP/1.1 204 No Content\r\n\r\n"
		})
		g := newGate(t, []*fakeACS{acs}, func(_ *Config, d *Deps) {
			d.Quirks = func(cwmp.DeviceID, string) cwmp.Quirks { return tc.quirks }
		})
		p := g.dial()
		p.ask(post(inform("1")))
		a := p.ask(post(""))
		statusOf(t, a, tc.want)
		if a.fields.Has("Content-Type") || a.body != "" {
			t.Errorf("empty answer with %s%q", a.raw, a.body)
		}
		if got := g.outcomes(1); got[0] != Complete {
			t.Errorf("outcome %q", got[0])
		}
	}
}

// TestC66_ConnectionCloseStaysUpstream: an ACS that closes after every reply
// does not end the CPE's connection.
func TestC66_ConnectionCloseStaysUpstream(t *testing.T) {
	acs := newACS(t, func(r seen) string {
		return strings.Replace(plainACS(r), "\r\n", "\r\nConnection: close\r\n", 1)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	for range 2 {
		statusOf(t, p.ask(post(inform("1"))), 200)
		statusOf(t, p.ask(post("")), 204)
	}
}

// TestC68_BodyUntilClose: an HTTP/1.0 ACS ends its body with the connection.
func TestC68_BodyUntilClose(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	go func() {
		nc, err := nl.Accept()
		if err == nil {
			_, _ = nc.Read(make([]byte, 64<<10)) // one request
			_, _ = io.WriteString(nc, "HTTP/1.0 200 OK\r\n\r\n<until/>")
			nc.Close()
		}
	}()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].URL = "http://" + nl.Addr().String() })
	a := g.dial().ask(post(inform("1")))
	if statusOf(t, a, 200); a.body != "<until/>" {
		t.Errorf("body %q", a.body)
	}
}

// TestC69_StripXMLDeclaration: off leaves every byte.
func TestC69_StripXMLDeclaration(t *testing.T) {
	const declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	answer := declaration + string(cwmp.InformResponse(cwmp.DefaultDialect, "1"))
	for _, on := range []bool{false, true} {
		acs := newACS(t, func(seen) string { return xml200([]byte(answer)) })
		g := newGate(t, []*fakeACS{acs}, func(_ *Config, d *Deps) {
			d.Quirks = func(cwmp.DeviceID, string) cwmp.Quirks { return cwmp.Quirks{StripXMLDeclaration: on} }
		})
		a := g.dial().ask(post(inform("1")))
		want := answer
		if on {
			want = strings.TrimSpace(strings.TrimPrefix(answer, declaration))
		}
		if strings.TrimSpace(a.body) != want || on && !strings.HasPrefix(a.body, "<") {
			t.Errorf("quirk %v: %q", on, a.body)
		}
	}
}

// TestC28_RedirectFollowed: the CPE never sees the ACS's redirect, and the
// session stays where it led.
func TestC28_RedirectFollowed(t *testing.T) {
	for _, status := range []string{"301 Moved", "302 Found", "307 Temporary", "308 Permanent"} {
		other := newACS(t, cookieACS)
		first := newACS(t, func(r seen) string {
			if r.head.Target == "/cwmp" {
				return "HTTP/1.1 " + status + "\r\nLocation: /tr069/\r\nContent-Length: 0\r\n\r\n"
			}
			return "HTTP/1.1 " + status + "\r\nLocation: " + other.url() + "/there\r\nSet-Cookie: mine=1\r\nContent-Length: 0\r\n\r\n"
		})
		g := newGate(t, []*fakeACS{first})
		p := g.dial()
		statusOf(t, p.ask(post(inform("1"))), 200)
		statusOf(t, p.ask(post("")), 204)
		for _, r := range other.requests() {
			if r.head.Target != "/there" || strings.Contains(r.head.Fields.Get("Cookie"), "mine") || r.conn != 1 {
				t.Errorf("after %s the other ACS got %s", status, r.raw)
			}
		}
		if len(first.requests()) != 2 || first.requests()[1].head.Target != "/tr069/" || len(other.requests()) != 2 {
			t.Errorf("%d requests at the first, %d at the other", len(first.requests()), len(other.requests()))
		}
	}
}

// TestC27_RedirectPassed: as 307 with an absolute URL, or 302 by option.
func TestC27_RedirectPassed(t *testing.T) {
	for _, tc := range []struct {
		location string
		status   int
		want     string
	}{
		{"/tr069/", 307, "http://acs.example/tr069/"},
		{"http://elsewhere:7547/x", 302, "http://elsewhere:7547/x"},
	} {
		acs := newACS(t, func(seen) string {
			return "HTTP/1.1 301 Moved\r\nLocation: " + tc.location + "\r\nContent-Length: 0\r\n\r\n"
		})
		g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) {
			c.Upstreams[0].Redirects, c.Upstreams[0].RedirectStatus = "pass", tc.status
		})
		a := g.dial().ask(post(inform("1")))
		if statusOf(t, a, tc.status); a.fields.Get("Location") != tc.want {
			t.Errorf("Location %q", a.fields.Get("Location"))
		}
		if got := g.outcomes(1); got[0] != Redirected {
			t.Errorf("outcome %q", got[0])
		}
	}
}

// TestRedirectLoop ends after five hops, and not by handing the loop to the CPE
// (quirk C-27).
func TestRedirectLoop(t *testing.T) {
	acs := newACS(t, func(seen) string { return "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n" })
	g := newGate(t, []*fakeACS{acs})
	statusOf(t, g.dial().ask(post(inform("1"))), 503)
	if n := len(acs.requests()); n != maxRedirects+1 {
		t.Errorf("%d requests", n)
	}
}

func routeTo(acs, fallback string) option {
	return func(_ *Config, d *Deps) {
		d.Route = func(RouteInput) Route { return Route{ACS: acs, Fallback: fallback, Home: acs} }
	}
}

func silent(seen) string { return "" }

// TestFailover: an Inform of which no answer byte came back goes to the backup,
// and its session stays there.
func TestFailover(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		a, b := newACS(t, nil), newACS(t, nil)
		a.stop()
		g := newGate(t, []*fakeACS{a, b}, routeTo("a", "b"))
		p := g.dial()
		statusOf(t, p.ask(post(inform("1"))), 200)
		statusOf(t, p.ask(post("")), 204)
		if len(b.requests()) != 2 {
			t.Errorf("%d requests at the backup", len(b.requests()))
		}
		if n := g.counter("acsgate_failovers_total", "acs", "a", "to", "b"); n != 1 {
			t.Errorf("%v failovers counted", n)
		}
	})
	t.Run("closed without an answer", func(t *testing.T) {
		a, b := newACS(t, silent), newACS(t, nil)
		g := newGate(t, []*fakeACS{a, b}, routeTo("a", "b"))
		statusOf(t, g.dial().ask(post(inform("1"))), 200)
	})
	t.Run("silent", func(t *testing.T) {
		release := make(chan struct{})
		a := newACS(t, func(seen) string { <-release; return "" })
		b := newACS(t, nil)
		g := newGate(t, []*fakeACS{a, b}, routeTo("a", "b"), func(c *Config, _ *Deps) { c.Upstreams[0].InformTimeout = 50 * time.Millisecond })
		statusOf(t, g.dial().ask(post(inform("1"))), 200)
		close(release)
	})
	t.Run("half an answer is an answer", func(t *testing.T) {
		a := newACS(t, func(seen) string { return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf" })
		b := newACS(t, nil)
		g := newGate(t, []*fakeACS{a, b}, routeTo("a", "b"), func(c *Config, _ *Deps) { c.Upstreams[0].ResponseTimeout = 200 * time.Millisecond })
		statusOf(t, g.dial().ask(post(inform("1"))), 503)
		if len(b.requests()) != 0 {
			t.Error("the backup was asked")
		}
	})
	t.Run("nobody left", func(t *testing.T) {
		a, b := newACS(t, nil), newACS(t, nil)
		a.stop()
		b.stop()
		g := newGate(t, []*fakeACS{a, b}, routeTo("a", "b"))
		r := g.dial().ask(post(inform("1")))
		if statusOf(t, r, 503); !r.fields.Has("Retry-After") {
			t.Error("503 without Retry-After")
		}
		if g.SessionCount("") != 0 {
			t.Errorf("%d sessions left", g.SessionCount(""))
		}
	})
}

// TestSessionUnderWayNeverMoves: 503, whatever backup there is.
func TestSessionUnderWayNeverMoves(t *testing.T) {
	a := newACS(t, func(r seen) string {
		if r.msg.Method == "Inform" {
			return plainACS(r)
		}
		return ""
	})
	b := newACS(t, nil)
	g := newGate(t, []*fakeACS{a, b}, routeTo("a", "b"))
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post("")), 503)
	if !p.closed() {
		t.Error("connection stays open")
	}
	if len(b.requests()) != 0 {
		t.Error("the session was moved")
	}
	if got := g.outcomes(1); !slices.Equal(got, []string{ACSFailed}) {
		t.Errorf("outcomes %q", got)
	}
}

// TestC32_CompressedBodies reach the ACS as text.
func TestC32_CompressedBodies(t *testing.T) {
	var gz, zl bytes.Buffer
	for w, dst := range map[io.WriteCloser]*bytes.Buffer{gzip.NewWriter(&gz): &gz, zlib.NewWriter(&zl): &zl} {
		_, _ = io.WriteString(w, inform("1")) // into memory
		w.Close()
		_ = dst
	}
	for encoding, body := range map[string]string{"gzip": gz.String(), "deflate": zl.String()} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs})
		statusOf(t, g.dial().ask(post(body, "Content-Encoding: "+encoding)), 200)
		if r := acs.requests()[0]; r.body != inform("1") || r.head.Fields.Has("Content-Encoding") {
			t.Errorf("%s: ACS got\n%s%q", encoding, r.raw, r.body)
		}
		if g.started[0].Device.SerialNumber != "1" {
			t.Errorf("%s: device %v", encoding, g.started[0].Device)
		}
	}
}

// TestU7_AuthIntKeepsTheBody: a digest answer that covers the body covers its
// compressed bytes, so they pass as they are.
func TestU7_AuthIntKeepsTheBody(t *testing.T) {
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = io.WriteString(w, inform("1")) // into memory
	w.Close()
	acs := newACS(t, func(r seen) string { return xml200(cwmp.InformResponse(cwmp.DefaultDialect, "1")) })
	g := newGate(t, []*fakeACS{acs})
	auth := `Authorization: Digest username="u", nonce="n", qop="auth-int", response="0"`
	statusOf(t, g.dial().ask(post(gz.String(), "Content-Encoding: gzip", auth)), 200)
	if r := acs.requests()[0]; r.body != gz.String() || r.head.Fields.Get("Content-Encoding") != "gzip" {
		t.Error("the body was changed")
	}
}

// TestC67_DigestAnswersPassUntouched in all forms of the field.
func TestC30_C67_DigestAnswersPassUntouched(t *testing.T) {
	for _, value := range []string{
		`Digest username="cpe1", realm="lab", nonce="c6df408a71ab2c73", uri="", response="e2012a2d59d7d5f2e1f1e384e08249bc"`,
		`Digest username=cpe1,realm=lab,nonce=abc,uri=http://acs/cwmp,qop=auth,nc="1",cnonce="",response=x`,
		`Basic OEtBOFdBMTE1MTEwMDA0Mzo=`, `digest nonce="a\"b"`, `Digest`, `Digest nonce=`,
	} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs})
		statusOf(t, g.dial().ask(post(inform("1"), "authorization: "+value)), 200)
		if r := acs.requests()[0]; !strings.Contains(r.raw, "authorization: "+value+"\r\n") {
			t.Errorf("%q became\n%s", value, r.raw)
		}
	}
}

// TestHeaderSpellingSurvives in both directions.
func TestHeaderSpellingSurvives(t *testing.T) {
	acs := newACS(t, func(r seen) string {
		return xml200(cwmp.InformResponse(r.msg.Dialect, "1"), "SOAPServer: x", "x-lower: y")
	})
	g := newGate(t, []*fakeACS{acs})
	a := g.dial().ask(post(inform("1"), `SOAPAction: ""`, "user-AGENT: odd", "SOAPaction2:"))
	for _, line := range []string{"SOAPAction: \"\"\r\n", "user-AGENT: odd\r\n", "SOAPaction2: \r\n"} {
		if raw := acs.requests()[0].raw; !strings.Contains(raw, line) {
			t.Errorf("no %q at the ACS:\n%s", line, raw)
		}
	}
	if !strings.Contains(a.raw, "SOAPServer: x\r\nx-lower: y\r\n") {
		t.Errorf("CPE got %s", a.raw)
	}
}

// TestFault8005KeepsTheSession: the CPE repeats its Inform in the same session.
func TestFault8005KeepsTheSession(t *testing.T) {
	tries := 0
	acs := newACS(t, func(r seen) string {
		if r.msg.Method == "Inform" {
			if tries++; tries == 1 {
				return xml200(cwmp.FaultEnvelope(r.msg.Dialect, "1", "8005", "Retry request"))
			}
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post("")), 204)
	if r := acs.requests(); r[2].conn != 1 {
		t.Error("the retry began a new session")
	}
}

// TestC55_HoldRequests: empty posts while held do not end the session.
func TestC55_HoldRequests(t *testing.T) {
	held := strings.Replace(string(cwmp.InformResponse(cwmp.DefaultDialect, "1")), "</cwmp:ID>",
		`</cwmp:ID><cwmp:HoldRequests soap-env:mustUnderstand="1">1</cwmp:HoldRequests>`, 1)
	if !strings.Contains(held, "HoldRequests") {
		t.Fatal("the envelope has another shape than this test expects")
	}
	acs := newACS(t, func(r seen) string {
		switch {
		case r.msg.Method == "Inform":
			return xml200([]byte(held))
		case r.msg.Method == "TransferComplete":
			return xml200(cwmp.TransferCompleteResponse(cwmp.DefaultDialect, "2"))
		}
		return "HTTP/1.1 204 No Content\r\n\r\n"
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post("")), 204) // held: the CPE may still have requests
	tc := string(cwmp.TransferComplete(cwmp.DefaultDialect, "2", cwmp.TransferCompleteData{}))
	statusOf(t, p.ask(post(tc)), 200)
	statusOf(t, p.ask(post("")), 204)
	if r := acs.requests(); len(r) != 4 || r[3].conn != 1 {
		t.Errorf("%d requests, the last on connection %d", len(r), r[len(r)-1].conn)
	}
	if got := g.outcomes(1); got[0] != Complete || len(got) != 1 {
		t.Errorf("outcomes %q", got)
	}
}

// TestFailoverBeforeTheInform: an empty POST that fetches a challenge begins a
// session just as an Inform does.
func TestFailoverBeforeTheInform(t *testing.T) {
	a, b := newACS(t, nil), newACS(t, digestACS)
	a.stop()
	g := newGate(t, []*fakeACS{a, b}, routeTo("a", "b"))
	p := g.dial()
	statusOf(t, p.ask(post("")), 401)
	statusOf(t, p.ask(post(inform("1"), digestLine("n1", "cpe"))), 200)
	statusOf(t, p.ask(post("", digestLine("n1", "cpe"))), 204)
}
