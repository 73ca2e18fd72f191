package proxy

import (
	"bytes"
	"compress/flate"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/bytesize"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
	"github.com/acsgate/acsgate/internal/tlsconf"
)

// TestC12_HTTP10: a CPE of HTTP/1.0 gets a length and a close, never chunks; it
// keeps its connection if it asks to. The ACS is spoken to in HTTP/1.1.
func TestC12_HTTP10(t *testing.T) {
	t.Parallel()
	body := string(cwmp.InformResponse(cwmp.DefaultDialect, "1"))
	for _, tc := range []struct {
		request, field, version, connection string
		stays                               bool
	}{
		{"POST /cwmp HTTP/1.0", "", "HTTP/1.0", "close", false},
		{"POST /cwmp HTTP/1.0", "Connection: Keep-Alive\r\n", "HTTP/1.0", "keep-alive", true},
		{"POST /cwmp HTTP/1.1", "Connection: close\r\n", "HTTP/1.1", "close", false},
		{"POST /cwmp HTTP/1.1", "", "HTTP/1.1", "", true},
	} {
		acs := newACS(t, func(r seen) string {
			if r.body == "" {
				return plainACS(r)
			}
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		})
		g := newGate(t, []*fakeACS{acs})
		p := g.dial()
		a := p.ask(fmt.Sprintf("%s\r\n%sContent-Length: %d\r\n\r\n%s", tc.request, tc.field, len(inform("1")), inform("1")))
		if !strings.HasPrefix(a.raw, tc.version+" 200 OK\r\n") || a.body != body || a.fields.Get("Connection") != tc.connection {
			t.Errorf("%q %q: %s", tc.request, tc.field, a.raw)
		}
		if tc.stays {
			statusOf(t, p.ask(post("")), 204)
		} else if !p.closed() {
			t.Errorf("%q %q: the connection stays open", tc.request, tc.field)
		}
		if r := acs.requests()[0]; r.head.Minor != 1 || r.head.Fields.Has("Connection") {
			t.Errorf("the ACS got %s", r.raw)
		}
	}
}

// TestC21_LongRepliesHaveALength, be they chunked by the ACS or ended by its
// close.
func TestC21_LongRepliesHaveALength(t *testing.T) {
	t.Parallel()
	long := "<a>" + strings.Repeat("x", 300<<10) + "</a>"
	for _, answer := range []string{
		fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: x\r\n\r\n%x\r\n%s\r\n%X;e=1\r\n%s\r\n0\r\nx: y\r\n\r\n", 10, long[:10], len(long)-10, long[10:]),
		ok200(long),
	} {
		g := newGate(t, []*fakeACS{newACS(t, func(seen) string { return answer })})
		a := g.dial().ask(post(inform("1")))
		if statusOf(t, a, 200); a.body != long || a.fields.Get("Content-Length") != strconv.Itoa(len(long)) || a.fields.Has("Trailer") {
			t.Errorf("%d bytes after %s", len(a.body), a.raw)
		}
	}
}

// TestC22_ReasonPhrase is there though the ACS sends none, and the one that the
// ACS sends for the same status is kept.
func TestC22_ReasonPhrase(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"200": "OK", "204 ": "No Content", "401": "Unauthorized", "503  ": "Service Unavailable", "400": "Bad Request",
		"415": "Unsupported Media Type", "405": "Method Not Allowed", "200 Fine with me": "Fine with me", "299 Odd": "OK",
	} {
		g := newGate(t, []*fakeACS{newACS(t, func(seen) string {
			return "HTTP/1.1 " + status + "\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\n\r\n"
		})})
		if a := g.dial().ask(post(inform("1"))); a.reason != want {
			t.Errorf("%q became %q", status, a.raw)
		}
	}
}

// TestC23_ReplyHeaders: nothing is added to the ACS's header but a cookie and a
// length; what is too long or too much for old parsers is left out.
func TestC23_ReplyHeaders(t *testing.T) {
	t.Parallel()
	many := []string{
		"X-Long: " + strings.Repeat("v", 1100), "Via: 1.1 x", "Alt-Svc: h2=\":443\"", "Set-Cookie: a=1", "Set-Cookie: b=2",
		"Strict-Transport-Security: max-age=1",
	}
	for i := range 90 {
		many = append(many, fmt.Sprintf("X-%d: %s", i, strings.Repeat("v", 8*i)))
	}
	many = append(many, "WWW-Authenticate: Digest nonce=\"n\", opaque=\""+strings.Repeat("o", 900)+"\"")
	acs := newACS(t, func(r seen) string {
		switch {
		case r.device.SerialNumber == "many":
			return xml200(cwmp.InformResponse(r.msg.Dialect, "1"), many...)
		case r.device.SerialNumber == "challenge":
			return "HTTP/1.1 401 Unauthorized\r\n" + strings.Join(many, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
		}
		return xml200(cwmp.InformResponse(r.msg.Dialect, "1"), "Server: acs")
	})
	g := newGate(t, []*fakeACS{acs})

	plain := g.dial().ask(post(inform("plain")))
	var names []string
	for _, f := range plain.fields {
		names = append(names, f.Name)
	}
	if want := []string{"Content-Type", "Server", "Set-Cookie", "Content-Length"}; !slices.Equal(names, want) {
		t.Errorf("header %q, want %q", names, want)
	}
	if c := plain.fields.Get("Set-Cookie"); len(c) >= 512 || !strings.HasSuffix(c, "; Path=/") {
		t.Errorf("cookie %q", c)
	}
	statusOf(t, g.dial().ask(post(inform("many"))), 200) // hear audits lengths and numbers
	a := g.dial().ask(post(inform("challenge")))
	if statusOf(t, a, 401); !strings.Contains(a.raw, many[len(many)-1]) {
		t.Error("the challenge behind many fields was lost (quirk C-29)")
	}
	for _, never := range []string{"Via", "Alt-Svc", "Strict-Transport-Security", "X-Long"} {
		if a.fields.Has(never) {
			t.Errorf("%s reached the CPE", never)
		}
	}
}

// TestC24_EmptyPosts: each form of an empty POST, with and without our cookie,
// reaches the ACS as one with "Content-Length: 0", and ends the session.
func TestC24_EmptyPosts(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"bare": "", "length": "Content-Length: 0\r\n", "type": "Content-Type: text/xml\r\nContent-Length: 0\r\n",
		"action": "SOAPAction: \"\"\r\nContent-Length: 0\r\n", "both": "Content-Type: text/xml\r\nSOAPAction:\r\nContent-Length: 0\r\n",
		"type without length": "Content-Type: text/xml; charset=\"utf-8\"\r\n", "chunked": "Transfer-Encoding: chunked\r\n",
		"line end": "Content-Length: 2\r\n", "said to be gzip": "Content-Encoding: gzip\r\nContent-Length: 0\r\n",
	} {
		for _, cookies := range []bool{true, false} {
			acs := newACS(t, nil)
			g := newGate(t, []*fakeACS{acs})
			p := g.dial()
			cookie := p.ask(post(inform("1"))).cookie(t)
			raw := "POST /cwmp HTTP/1.1\r\nHost: acs.example\r\n" + lines
			if cookies {
				raw += "Cookie: " + cookie + "\r\n"
			}
			raw += "\r\n" + map[string]string{"chunked": "0\r\n\r\n", "line end": "\r\n"}[name]
			a := p.ask(raw)
			if statusOf(t, a, 204); a.fields.Has("Content-Type") {
				t.Errorf("%s: %s", name, a.raw)
			}
			r := acs.requests()
			if len(r) != 2 || r[1].conn != 1 || r[1].body != "" || strings.Count(r[1].raw, "Content-Length: 0\r\n") != 1 ||
				r[1].head.Fields.Has("Transfer-Encoding") || r[1].head.Fields.Has("Content-Encoding") {
				t.Errorf("%s, cookies %v: the ACS got %d requests, the last %s", name, cookies, len(r), r[len(r)-1].raw)
			}
			if got := g.outcomes(1); got[0] != Complete {
				t.Errorf("%s: outcome %q", name, got[0])
			}
		}
	}
}

// TestC26_StatusAudit: whatever an ACS answers, from 200 to 599, with or without
// a place to go to, the CPE gets a status that every CPE knows and that means
// the same to it.
func TestC26_StatusAudit(t *testing.T) {
	t.Parallel()
	for _, redirects := range []string{RedirectsFollow, RedirectsPass} {
		for _, location := range []string{"", "Location: /there\r\n"} {
			t.Run(redirects+location, func(t *testing.T) {
				t.Parallel()
				acs := newACS(t, func(r seen) string {
					end := "WWW-Authenticate: Basic realm=\"r\"\r\n" + location + "Content-Length: 6\r\n\r\n<html>"
					if s := r.device.SerialNumber; s == "204" || s == "304" {
						end = location + "\r\n"
					}
					return "HTTP/1.1 " + r.device.SerialNumber + " Oh\r\n" + end
				})
				g := newGate(t, []*fakeACS{acs}, quietly, func(c *Config, _ *Deps) { c.Upstreams[0].Redirects = redirects })
				for status := 200; status < 600; status++ {
					a := g.dial().ask(post(inform(strconv.Itoa(status)), "Connection: close"))
					if want := expectedStatus(status, redirects == RedirectsPass && location != ""); a.status != want {
						t.Errorf("%d became %d, want %d", status, a.status, want)
					}
					if a.status == 503 && a.fields.Has("Location") {
						t.Errorf("%d: a refusal has a Location", status)
					}
				}
			})
		}
	}
}

// expectedStatus restates the rule of C-26 apart from the code under test.
func expectedStatus(status int, redirects bool) int {
	switch {
	case slices.Contains([]int{200, 204, 400, 401, 405, 415, 503}, status):
		return status
	case status < 300:
		return 200
	case status < 400 && status != 304 && redirects:
		return 307
	case status < 400 || status >= 500:
		return 503
	}
	return 400
}

// quietly spares the log of tests with hundreds of sessions.
func quietly(_ *Config, d *Deps) { d.Log = zap.NewNop() }

// TestC27_NeverOfItsOwn: the gateway does not redirect for a slash or a path; it
// rewrites the path, and an absolute Location is made without a Host too.
func TestC27_NeverOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/cwmp", "/cwmp/", "//cwmp", "/a/../b", "/./"} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].URL += "/tr069/" })
		statusOf(t, g.dial().ask(strings.Replace(post(inform("1")), "/cwmp", path, 1)), 200)
		if r := acs.requests(); len(r) != 1 || r[0].head.Target != "/tr069/" {
			t.Errorf("%q: the ACS got %q", path, r[0].head.Target)
		}
	}
	acs := newACS(t, func(seen) string { return "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n" })
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].Redirects = RedirectsPass })
	a := g.dial().ask("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
	if want := "http://" + g.addr + "/there"; a.fields.Get("Location") != want {
		t.Errorf("Location %q, want %q", a.fields.Get("Location"), want)
	}
}

// TestC29_Challenges pass byte by byte; a 401 that offers nothing to answer with
// is a refusal, and does not keep a CPE from its Inform.
func TestC29_Challenges(t *testing.T) {
	t.Parallel()
	lines := []string{
		`WWW-Authenticate: Digest realm="a \"b\" ü", nonce="` + strings.Repeat("n", 1100) + `", opaque="", qop="auth,auth-int", algorithm=MD5`,
		`www-authenticate:   Basic   realm=IGD`, `WWW-AUTHENTICATE: Digest   realm="x",nonce="y"`,
	}
	acs := newACS(t, func(r seen) string {
		if r.device.SerialNumber == "1" {
			return "HTTP/1.1 401 Unauthorized\r\n" + strings.Join(lines, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
		}
		return "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	p.send(post(inform("1")))
	head, err := httpwire.ReadHead(p.br, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		if want := name + ": " + strings.TrimSpace(value) + "\r\n"; !strings.Contains(head, want) {
			t.Errorf("no %q in\n%s", want, head)
		}
	}
	statusOf(t, g.dial().ask(post(inform("2"))), 400)
	statusOf(t, g.dial().ask(post("")), 204) // a CPE that only fetches a challenge goes on
	if got := g.outcomes(2); !slices.Equal(got, []string{ACSRefused, NoChallenge}) {
		t.Errorf("outcomes %q", got)
	}
}

// TestC30_DigestForms: an answer in each form is known by its nonce on a new
// connection, and reaches the ACS as it was spelled.
func TestC30_DigestForms(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"RFC 2069":        `Digest username="u", realm="r", nonce="n1", uri="/cwmp", response="0"`,
		"absolute uri":    `Digest username="u", realm="r", nonce="n1", uri="http://acs.example:7547/cwmp?a=b,c", response="0", qop=auth, nc=00000001, cnonce="c"`,
		"another uri":     `Digest username="u", realm="r", nonce="n1", uri="/other", response="0"`,
		"empty uri":       `Digest username="u", realm="r", nonce="n1", uri="", response="0"`,
		"nothing quoted":  `Digest username=u, realm=r, nonce=n1, uri=/cwmp, response=0, qop=auth, nc=00000001, cnonce=c`,
		"all quoted":      `Digest username="u", realm="r", nonce="n1", uri="/cwmp", response="0", qop="auth", nc="00000001", cnonce="c", algorithm="MD5"`,
		"no blanks":       `Digest username="u",realm="r",nonce="n1",uri="/cwmp",response="0"`,
		"blanks around =": `Digest username = "u", nonce = "n1", response = "0"`,
		"no commas":       `Digest username="u" realm="r" nonce="n1" uri="/cwmp" response="0"`,
		"commas in names": `Digest username="a,nonce=\"x\"", realm="nonce=y", nonce="n1", response="0"`,
		"capitals":        `DIGEST USERNAME="u", REALM="r", NONCE="n1", URI="/cwmp", RESPONSE="0"`,
		"trailing comma":  `Digest nonce="n1", username="u", response="0",`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if line := digestSession(t, "Authorization: "+value); !strings.Contains(line, "Authorization: "+value+"\r\n") {
				t.Errorf("the ACS got %s", line)
			}
		})
	}
	t.Run("split over lines", func(t *testing.T) {
		t.Parallel()
		raw := digestSession(t, "Authorization: Digest username=\"u\",\r\n\trealm=\"r\",\r\n   nonce=\"n1\", uri=\"/cwmp\",\r\n response=\"0\"")
		if want := `Authorization: Digest username="u", realm="r", nonce="n1", uri="/cwmp", response="0"` + "\r\n"; !strings.Contains(raw, want) {
			t.Errorf("the ACS got %s", raw)
		}
	})
}

// digestSession answers a challenge on a new connection without a cookie and
// returns the head that the ACS got. The ACS must see one connection.
func digestSession(t *testing.T, line string) string {
	t.Helper()
	acs := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 401)
	p.hangUp()
	statusOf(t, g.dial().ask(post(inform("1"), line)), 200)
	r := acs.requests()
	if len(r) != 2 || r[1].conn != 1 {
		t.Fatalf("%d requests, the last on connection %d", len(r), r[len(r)-1].conn)
	}
	return r[1].raw
}

// TestC31_NonceOnManyConnections: the gateway makes no nonces. The ACS's lives
// as long as the session's one connection to it, so it holds on every
// connection of the CPE, and a repeated nonce count is the ACS's to judge (quirk
// C-67).
func TestC31_NonceOnManyConnections(t *testing.T) {
	t.Parallel()
	acs := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{acs})
	statusOf(t, g.dial().ask(post(inform("1"))), 401)
	statusOf(t, g.dial().ask(post(inform("1"), digestLine("n1", "u"))), 200)
	tc := string(cwmp.TransferComplete(cwmp.DefaultDialect, "2", cwmp.TransferCompleteData{}))
	statusOf(t, g.dial().ask(post(tc, digestLine("n1", "u"))), 204)
	statusOf(t, g.dial().ask(post("", digestLine("n1", "u"))), 204)
	for i, r := range acs.requests() {
		if r.conn != 1 || i > 0 && !strings.Contains(r.raw, "nc=00000001") {
			t.Errorf("request %d on connection %d: %s", i, r.conn, r.raw)
		}
	}
}

// TestC32_RawDeflate: "deflate" without the zlib wrapper is read too.
func TestC32_RawDeflate(t *testing.T) {
	t.Parallel()
	var raw bytes.Buffer
	w, err := flate.NewWriter(&raw, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(inform("1"))); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for encoding, body := range map[string]string{"deflate": raw.String(), "x-gzip": gzipped(t, inform("1")), "GZip": gzipped(t, inform("1")), "identity": inform("1")} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs})
		statusOf(t, g.dial().ask(post(body, "Content-Encoding: "+encoding)), 200)
		if r := acs.requests()[0]; r.body != inform("1") || encoding != "identity" && r.head.Fields.Has("Content-Encoding") {
			t.Errorf("%s: the ACS got %s%q", encoding, r.raw, r.body)
		}
	}
}

// TestC32_RefusalPasses: where the compressed bytes must stay, because a digest
// answer covers them, the ACS's 415 reaches the CPE, which sends plain text.
func TestC32_RefusalPasses(t *testing.T) {
	t.Parallel()
	acs := newACS(t, func(r seen) string {
		if r.head.Fields.Has("Content-Encoding") {
			return "HTTP/1.1 415 Unsupported Media Type\r\nContent-Length: 0\r\n\r\n"
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	auth := `Authorization: Digest username="u", nonce="n", qop=auth-int, response="0"`
	p := g.dial()
	statusOf(t, p.ask(post(gzipped(t, inform("1")), "Content-Encoding: gzip", auth)), 415)
	statusOf(t, p.ask(post(inform("1"), auth)), 200)
	statusOf(t, p.ask(post("", auth)), 204)
}

// wholeSession holds a session with extra lines on its Inform and returns the
// head and the device of the Inform as the ACS got them.
func wholeSession(t *testing.T, g *gate, acs *fakeACS, raw string) seen {
	t.Helper()
	before := len(acs.requests())
	p := g.dial()
	statusOf(t, p.ask(raw), 200)
	statusOf(t, p.ask(post("")), 204)
	r := acs.requests()[before:]
	if len(r) != 2 || r[0].body != inform("1") || r[0].conn != r[1].conn {
		t.Fatalf("%.60q: the ACS got %d requests", raw, len(r))
	}
	return r[0]
}

// TestC33_SOAPAction: absent, empty, quoted or odd, it passes as it is and
// changes nothing.
func TestC33_SOAPAction(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	for _, lines := range [][]string{
		nil, {"SOAPAction:"}, {`SOAPAction: ""`}, {`SOAPAction: "cwmp:Inform"`}, {"SOAPAction: cwmp:Inform"},
		{`soapaction: "urn:dslforum-org:cwmp-1-0#Inform"`}, {"SOAPACTION: ''"}, {`SOAPAction: "`}, {"SOAPAction: GetParameterValues"},
		{"SOAPAction:", `SOAPAction: ""`}, {"SOAPAction; x: y"},
	} {
		if len(lines) == 1 && strings.Contains(lines[0], ";") {
			statusOf(t, g.dial().ask(post(inform("1"), lines...)), 400) // no header line at all
			continue
		}
		got := wholeSession(t, g, acs, post(inform("1"), lines...))
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ":")
			if !strings.Contains(got.raw, name+": "+strings.TrimSpace(value)+"\r\n") {
				t.Errorf("%q became %s", line, got.raw)
			}
		}
		if len(lines) == 0 && got.head.Fields.Has("SOAPAction") {
			t.Errorf("a SOAPAction was added: %s", got.raw)
		}
	}
}

// TestC34_ContentType: any type, none, or oddly quoted charsets; the Inform is
// read, and the field passes as it is.
func TestC34_ContentType(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	types := []string{
		"text/xml", `text/xml; charset="utf-8"`, "text/xml;charset=utf-8", "text/xml; charset='UTF-8'", `text/xml; charset="utf-8`,
		"text/xml; charset=", `text/xml; charset=""`, "text/xml; charset=unknown-8bit", "text/xml; charset = iso-8859-1",
		"TEXT/XML; CHARSET=UTF8", "application/xml", `application/soap+xml; charset=utf-8; action="urn:x"`, "text/html", "text/plain", "",
		"application/x-www-form-urlencoded", "xml", ";;;", "text/xml; charset=utf-8; charset=gbk", "multipart/related; boundary=x",
	}
	for i, value := range append(types, "none") {
		lines := []string{"Content-Type: " + value}
		if value == "none" {
			lines = nil
		}
		got := wholeSession(t, g, acs, post(inform("1"), lines...))
		if lines != nil && !strings.Contains(got.raw, "Content-Type: "+value+"\r\n") || lines == nil && got.head.Fields.Has("Content-Type") {
			t.Errorf("%q became %s", value, got.raw)
		}
		g.outcomes(i + 1)
		if g.ended[i].Device != device("1") || g.ended[i].Outcome != Complete {
			t.Errorf("%q: device %v, %s", value, g.ended[i].Device, g.ended[i].Outcome)
		}
	}
}

// TestC35_Targets: any path and the absolute form reach the ACS as the path
// that a digest answer covers.
func TestC35_Targets(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	for target, want := range map[string]string{
		"/": "/", "//": "//", "//a//b/": "//a//b/", "/a/../b": "/a/../b", "/%7Euser/%2f?q=%20": "/%7Euser/%2f?q=%20",
		"/ä": "/ä", "/?a=http://x/y": "/?a=http://x/y", "/acs;jsessionid=1": "/acs;jsessionid=1", "?x=1": "/?x=1",
		"http://acs.example": "/", "http://acs.example:7547/abs?q": "/abs?q", "HTTP://[2001:db8::1]/x": "/x", "https://other?x": "/?x",
	} {
		if got := wholeSession(t, g, acs, strings.Replace(post(inform("1")), "/cwmp", target, 1)); got.head.Target != want {
			t.Errorf("%q became %q, want %q", target, got.head.Target, want)
		}
	}
}

// TestC35_Hosts: missing and odd Host fields, and field names in lower case with
// blanks behind them. A Host that is none is replaced by the ACS's own.
func TestC35_Hosts(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	own := acs.nl.Addr().String()
	for line, want := range map[string]string{
		"": own, "Host:\r\n": own, "Host: 10.0.0.1\r\n": "10.0.0.1", "Host: 10.0.0.1:7547\r\n": "10.0.0.1:7547", "host: a\r\n": "a",
		"Host: [2001:db8::1]:80\r\n": "[2001:db8::1]:80", "HOST : ACS.Example:\r\n": "ACS.Example:", "Host: http://a/b\r\n": own,
		"Host: a b\r\n": own, "Host: a\r\nHost: b\r\n": "a",
	} {
		raw := fmt.Sprintf("POST / HTTP/1.1\r\n%scontent-length : %d\r\ncontent-type  :text/xml\r\n\r\n%s", line, len(inform("1")), inform("1"))
		got := wholeSession(t, g, acs, raw)
		if got.head.Fields.Get("Host") != want || strings.Count(strings.ToLower(got.raw), "\r\nhost:") != 1 {
			t.Errorf("%q: the ACS got %s", line, got.raw)
		}
	}
}

// TestC36_OneClearLine: each kind of client on the wrong port leaves one line
// that says so, with the remedy; a fleet of them does not fill the log.
func TestC36_OneClearLine(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	g := newGate(t, []*fakeACS{newACS(t, nil)}, func(_ *Config, d *Deps) { d.Log = zap.New(core) })
	for range 20 {
		p := g.dial()
		p.send("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03")
		if b, err := p.br.ReadByte(); err != nil || b != 0x15 {
			t.Fatalf("%x, %v: not a TLS alert", b, err)
		}
	}
	if n := logs.FilterMessageSnippet("http URL").Len(); n < 1 || n > 4 {
		t.Errorf("%d lines about TLS on the plain port", n)
	}
	if n := g.counter("acsgate_bad_requests_total", "reason", "tls_on_plain_port"); n != 20 {
		t.Errorf("counted %v times", n)
	}

	core, logs = observer.New(zap.WarnLevel)
	g = newGate(t, []*fakeACS{newACS(t, nil)}, withTLS(t, tlsconf.ListenerConfig{}).option, func(_ *Config, d *Deps) { d.Log = zap.New(core) })
	statusOf(t, g.dial().ask(post(inform("1"))), 400)
	if n := logs.FilterMessageSnippet("https URL").Len(); n != 1 {
		t.Errorf("%d lines about HTTP on the TLS port", n)
	}
}

// TestC37_Sizes: an Inform of 300 KB and of 5 MB pass unchanged, one beyond the
// limit is 400 and counted, and so is the ACS's own 413.
func TestC37_Sizes(t *testing.T) {
	t.Parallel()
	acs := newACS(t, func(r seen) string {
		if r.device.SerialNumber == "2" {
			return "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n"
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	for _, size := range []int{300 << 10, 5 << 20} {
		big := strings.Replace(inform("1"), "</soap-env:Envelope>", "<!--"+strings.Repeat("x", size)+"--></soap-env:Envelope>", 1)
		statusOf(t, g.dial().ask(post(big)), 200)
		if r := acs.requests(); r[len(r)-1].body != big {
			t.Errorf("%d bytes were changed", size)
		}
	}
	statusOf(t, g.dial().ask(post(inform("2"))), 400)
	if c := g.cfg.Limits; c.BodyBytes != 8*bytesize.MB {
		t.Errorf("the default limit is %v", c.BodyBytes)
	}
	p := g.dial()
	p.send("POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n")
	statusOf(t, p.hear(), 400)
	if n := g.counter("acsgate_bad_requests_total", "reason", "body_too_large"); n != 1 {
		t.Errorf("counted %v times", n)
	}
}

// TestC38_Never417: whatever a CPE expects, and though the ACS says 417.
func TestC38_Never417(t *testing.T) {
	t.Parallel()
	acs := newACS(t, func(r seen) string {
		if r.device.SerialNumber == "2" {
			return "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	for _, expect := range []string{"100-continue", "100-Continue", "x", "", "100-continue, x"} {
		statusOf(t, g.dial().ask(post(inform("1"), "Expect: "+expect)), 200) // the body is there already: no 100
	}
	for _, r := range acs.requests() {
		if r.head.Fields.Has("Expect") {
			t.Errorf("the ACS got %s", r.raw)
		}
	}
	statusOf(t, g.dial().ask(post(inform("2"))), http.StatusBadRequest)
}
