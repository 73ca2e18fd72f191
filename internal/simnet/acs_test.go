package simnet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// rawClient sends bytes to an ACS over one connection.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
}

func dialRaw(t *testing.T, a *ACS) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &rawClient{t, conn, bufio.NewReader(conn)}
}

func (c *rawClient) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next reply and its body.
func (c *rawClient) read() (httpwire.Response, string) {
	c.t.Helper()
	var resp httpwire.Response
	head, err := httpwire.ReadHead(c.br, 1<<16)
	if err != nil {
		c.t.Fatalf("no reply: %v", err)
	}
	if err := httpwire.ParseResponse(head, &resp); err != nil {
		c.t.Fatal(err)
	}
	framing, err := resp.Framing()
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := httpwire.ReadBody(c.br, framing, 1<<30, nil, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, string(body)
}

// post sends a POST with more header lines and returns the reply.
func (c *rawClient) post(body string, lines ...string) (httpwire.Response, string) {
	c.t.Helper()
	head := "POST / HTTP/1.1\r\nHost: acs\r\n"
	for _, l := range lines {
		head += l + "\r\n"
	}
	c.write(head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	return c.read()
}

// wantClosed fails unless the ACS closes without a byte.
func (c *rawClient) wantClosed() {
	c.t.Helper()
	if b, err := c.br.ReadByte(); err == nil || isTimeout(err) {
		c.t.Errorf("connection is open: byte %q, %v", b, err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func informOf(serial string) string {
	return string(cwmp.Inform(cwmp.DefaultDialect, "1", cwmp.InformData{
		Device: cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: serial},
		Events: []cwmp.Event{{Code: "2 PERIODIC"}},
	}))
}

// cookieOf is the Cookie line that answers a reply's Set-Cookie.
func cookieOf(t *testing.T, r httpwire.Response) string {
	t.Helper()
	pair, _, _ := strings.Cut(r.Fields.Get("Set-Cookie"), ";")
	if pair == "" {
		t.Fatal("reply sets no cookie")
	}
	return "Cookie: " + pair
}

func wantStatus(t *testing.T, r httpwire.Response, body string, status int, text string) {
	t.Helper()
	if r.Status != status || !strings.Contains(body, text) {
		t.Errorf("status %d with %q, want %d with %q", r.Status, body, status, text)
	}
}

// TestU1_StrictSessionBelongsToItsConnection: what GenieACS refuses, the strict
// ACS refuses too.
func TestU1_StrictSessionBelongsToItsConnection(t *testing.T) {
	tests := map[string]func(t *testing.T, a *ACS){
		"first message is no Inform": func(t *testing.T, a *ACS) {
			r, body := dialRaw(t, a).post("")
			wantStatus(t, r, body, 400, "Invalid session")
		},
		"another device on the connection": func(t *testing.T, a *ACS) {
			c := dialRaw(t, a)
			r, _ := c.post(informOf("A"))
			r, body := c.post(informOf("B"), cookieOf(t, r))
			wantStatus(t, r, body, 400, "Invalid session")
			if p := a.Problems(); len(p) == 0 || !strings.HasPrefix(p[0], "U1: ") {
				t.Errorf("problems %q", p)
			}
		},
		"a second Inform in the session": func(t *testing.T, a *ACS) {
			c := dialRaw(t, a)
			r, _ := c.post(informOf("A"))
			r, body := c.post(informOf("A"), cookieOf(t, r))
			wantStatus(t, r, body, 400, "Invalid session")
		},
		"no cookie": func(t *testing.T, a *ACS) {
			c := dialRaw(t, a)
			c.post(informOf("A"))
			r, body := c.post("")
			wantStatus(t, r, body, 400, "Invalid session")
			if p := a.Problems(); len(p) != 1 || !strings.HasPrefix(p[0], "U4: ") {
				t.Errorf("problems %q", p)
			}
		},
		"the session is open on another connection": func(t *testing.T, a *ACS) {
			dialRaw(t, a).post(informOf("A"))
			r, body := dialRaw(t, a).post(informOf("A"))
			wantStatus(t, r, body, 400, "CPE already in session")
		},
		"its cookie on another connection": func(t *testing.T, a *ACS) {
			r, _ := dialRaw(t, a).post(informOf("A"))
			r, body := dialRaw(t, a).post("", cookieOf(t, r))
			wantStatus(t, r, body, 400, "Invalid session")
		},
		"not a POST": func(t *testing.T, a *ACS) {
			c := dialRaw(t, a)
			c.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			r, body := c.read()
			wantStatus(t, r, body, 405, "")
		},
		"the end closes the connection": func(t *testing.T, a *ACS) {
			c := dialRaw(t, a)
			r, _ := c.post(informOf("A"))
			r, body := c.post("", cookieOf(t, r))
			wantStatus(t, r, body, 204, "")
			if !r.Fields.Token("Connection", "close") {
				t.Error("end without Connection: close")
			}
			c.wantClosed()
			if a.Stats().Completed != 1 {
				t.Error("session is not complete")
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, startACS(t, ACSConfig{Mode: Strict})) })
	}
}

// TestU3_ParkedSessionIsResumed: after the death of its connection a session
// goes on over another one, not at once, and only after a new challenge.
func TestU3_ParkedSessionIsResumed(t *testing.T) {
	var clock atomic.Int64
	clock.Store(1_000_000)
	a := startACS(t, ACSConfig{
		Mode: Strict, Script: Asking(GetValues("{root}DeviceInfo.SoftwareVersion")), ParkDelay: 100 * time.Millisecond,
		Now:  func() time.Time { return time.UnixMilli(clock.Load()) },
		Auth: ACSAuth{Scheme: "digest", QOP: "auth", BindNonce: true, Password: OneUser("cpe1", "cpepw")},
	})
	first := dialRaw(t, a)
	r, _ := first.post(informOf("A"))
	wantStatus(t, r, "", 401, "")
	r, body := first.post(informOf("A"), authorizationFor(r))
	wantStatus(t, r, body, 200, "InformResponse")
	cookie := cookieOf(t, r)
	first.conn.Close()
	await(t, func() bool { return a.Stats().OpenConnections == 0 })
	r, body = dialRaw(t, a).post("", cookie)
	wantStatus(t, r, body, 400, "Invalid session")

	clock.Add(100)
	second := dialRaw(t, a)
	r, _ = second.post("", cookie)
	wantStatus(t, r, "", 401, "")
	r, body = second.post("", cookie, authorizationFor(r))
	wantStatus(t, r, body, 200, "GetParameterValues")
	if a.Stats().Resumed != 1 {
		t.Errorf("stats %+v", a.Stats())
	}
}

// await waits for a condition of another goroutine.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("condition does not come true")
		}
	}
}

// authorizationFor answers a digest challenge for user cpe1, password cpepw.
func authorizationFor(r httpwire.Response) string {
	_, p := parseAuth(r.Fields.Get("WWW-Authenticate"))
	d := digest{
		Username: "cpe1", Realm: p["realm"], Password: "cpepw", Method: "POST", URI: "/", Nonce: p["nonce"],
		NC: "00000001", CNonce: "c", QOP: "auth",
	}
	return "Authorization: Digest " + strings.Join(DigestForm{}.fields(d, p), ", ")
}

// TestC01_NonceDiesWithItsConnection: GenieACS does not know a nonce on another
// connection, others do.
func TestC01_NonceDiesWithItsConnection(t *testing.T) {
	for _, bound := range []bool{true, false} {
		a := startACS(t, ACSConfig{Auth: ACSAuth{Scheme: "digest", QOP: "auth", BindNonce: bound, Password: OneUser("cpe1", "cpepw")}})
		r, _ := dialRaw(t, a).post(informOf("A"))
		r, body := dialRaw(t, a).post(informOf("A"), authorizationFor(r))
		if bound {
			wantStatus(t, r, body, 401, "")
			if !strings.Contains(r.Fields.Get("WWW-Authenticate"), "stale=true") {
				t.Error("the old nonce is not called stale")
			}
		} else {
			wantStatus(t, r, body, 200, "InformResponse")
		}
	}
}

func TestU13_OverloadedACS(t *testing.T) {
	a := startACS(t, ACSConfig{MaxSessions: 1, RetryAfter: 7})
	c := dialRaw(t, a)
	r, _ := c.post(informOf("A"))
	cookie := cookieOf(t, r)
	other := dialRaw(t, a)
	r, body := other.post(informOf("B"))
	wantStatus(t, r, body, 503, "")
	if r.Fields.Get("Retry-After") != "7" || !r.Fields.Token("Connection", "close") {
		t.Errorf("fields %v", r.Fields)
	}
	r, body = c.post("", cookie) // the running session is unharmed
	wantStatus(t, r, body, 204, "")
	r, body = dialRaw(t, a).post(informOf("B"))
	wantStatus(t, r, body, 200, "InformResponse")
}

// TestU5_FreeACS: chunked bodies are empty, sessions need JSESSIONID, and the
// prefix must be "cwmp".
func TestU5_FreeACS(t *testing.T) {
	a := startACS(t, ACSConfig{Mode: FreeACS, Script: Asking(GetValues("{root}DeviceInfo.SoftwareVersion"))})
	c := dialRaw(t, a)
	inform := informOf("A")
	c.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(inform), inform))
	r, body := c.read()
	wantStatus(t, r, body, 204, "")
	if p := a.Problems(); len(p) != 1 || !strings.HasPrefix(p[0], "U5: ") {
		t.Errorf("problems %q", p)
	}
	r, body = c.post(inform)
	wantStatus(t, r, body, 200, "InformResponse")
	if !strings.HasPrefix(r.Fields.Get("Set-Cookie"), "JSESSIONID=") {
		t.Errorf("fields %v", r.Fields)
	}
	cookie := cookieOf(t, r)
	r, body = c.post("")
	wantStatus(t, r, body, 204, "") // a session that nobody knows
	r, body = dialRaw(t, a).post("", cookie)
	wantStatus(t, r, body, 200, "GetParameterValues")
	r, body = c.post(strings.ReplaceAll(informOf("B"), "cwmp:", "c:"))
	wantStatus(t, r, body, 200, "8003")
}

// TestU6_SlowRequestIsCutOff: a request must arrive in time from its first byte
// on; before it the connection may be idle.
func TestU6_SlowRequestIsCutOff(t *testing.T) {
	a := startACS(t, ACSConfig{RequestTimeout: 30 * time.Millisecond})
	c := dialRaw(t, a)
	c.write("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
	r, body := c.read()
	wantStatus(t, r, body, 408, "")
	if a.Stats().SlowRequests != 1 {
		t.Errorf("stats %+v", a.Stats())
	}
}

func TestU8_PipeliningIsAProblem(t *testing.T) {
	a := startACS(t, ACSConfig{})
	c := dialRaw(t, a)
	c.write(strings.Repeat("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 2))
	c.read()
	c.read()
	if p := a.Problems(); len(p) != 1 || !strings.HasPrefix(p[0], "U8: ") {
		t.Errorf("problems %q", p)
	}
}

func TestSessionTimesOut(t *testing.T) {
	a := startACS(t, ACSConfig{SessionTimeout: 400 * time.Millisecond})
	c := dialRaw(t, a)
	c.post(informOf("A"))
	c.wantClosed()
	await(t, func() bool { return a.Stats().Timeouts == 1 && a.Stats().Open == 0 })
}

func TestRecordIsComplete(t *testing.T) {
	a := startACS(t, ACSConfig{Path: "/cwmp", ExtraCookies: []string{"route=7; Path=/"}, Keep: 4})
	c := dialRaw(t, a)
	c.write("POST /other HTTP/1.1\r\nHost: a\r\n\r\n")
	r, body := c.read()
	wantStatus(t, r, body, 404, "")
	inform := informOf("A")
	c.write(fmt.Sprintf("POST /cwmp HTTP/1.1\r\nhOsT : a\r\nContent-Length: %d\r\n\r\n%s", len(inform), inform))
	r, _ = c.read()
	c.write("POST /cwmp HTTP/1.1\r\n" + cookieOf(t, r) + "\r\n\r\n")
	c.read()
	seen := a.Exchanges()
	x := seen[1]
	if !strings.HasPrefix(x.Head, "POST /cwmp HTTP/1.1\r\nhOsT : a\r\n") || x.Conn != 1 || x.N != 2 || x.Device.SerialNumber != "A" ||
		x.Status != 200 || x.Replied != "InformResponse" || x.Session == "" || string(x.Body) != inform {
		t.Errorf("recorded %+v", x)
	}
	if p := a.Problems(); !slices.Equal(p, []string{"U4: connection 1 request 3 lacks cookie route"}) {
		t.Errorf("problems %q", p)
	}
	if n := len(a.Of(x.Device)); n != 2 {
		t.Errorf("%d exchanges of the device", n)
	}
	c.write(strings.Repeat("POST /cwmp HTTP/1.1\r\n\r\n", 1))
	c.read()
	c.write("POST /cwmp HTTP/1.1\r\n\r\n")
	c.read()
	if len(a.Exchanges()) != 4 || a.Stats().ExchangesDropped != 1 {
		t.Errorf("kept %d, dropped %d", len(a.Exchanges()), a.Stats().ExchangesDropped)
	}
}

func TestBadRequestsAreAnswered(t *testing.T) {
	for _, request := range []string{
		"garbage\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
	} {
		a := startACS(t, ACSConfig{})
		c := dialRaw(t, a)
		c.write(request)
		r, body := c.read()
		wantStatus(t, r, body, 400, "")
		c.wantClosed()
	}
}

func TestDownAndUpAgain(t *testing.T) {
	a := startACS(t, ACSConfig{})
	open := dialRaw(t, a)
	open.post(informOf("A"))
	a.SetDown(true)
	open.wantClosed()
	dialRaw(t, a).wantClosed()
	a.SetDown(false)
	r, body := dialRaw(t, a).post(informOf("A"))
	wantStatus(t, r, body, 200, "InformResponse")
	a.SetOverloaded(true)
	r, body = dialRaw(t, a).post(informOf("B"))
	wantStatus(t, r, body, 503, "")
}

// TestLogIsBounded: a Log that does not keep up costs lines, never sessions.
func TestLogIsBounded(t *testing.T) {
	release := make(chan struct{})
	first := make(chan string, 1)
	a := startACS(t, ACSConfig{Name: "north", Log: func(line string) {
		<-release
		select {
		case first <- line:
		default:
		}
	}})
	s := runFleet(t, FleetConfig{URL: a.URL(), N: maxLines, Makes: []Make{generic()}})
	if s.Failed != 0 {
		t.Fatalf("summary:\n%s", s)
	}
	if a.Stats().LinesDropped == 0 {
		t.Error("no line was dropped")
	}
	close(release)
	if line := <-first; !strings.HasPrefix(line, "north: Inform of 00D09E-HG100-GEN") {
		t.Errorf("first line %q", line)
	}
}

func TestNewACSRefuses(t *testing.T) {
	a := startACS(t, ACSConfig{})
	for _, cfg := range []ACSConfig{
		{Address: a.Addr()},
		{Auth: ACSAuth{Scheme: "digest"}},
		{Auth: ACSAuth{Scheme: "ntlm", Password: OneUser("a", "b")}},
	} {
		if b, err := NewACS(cfg); err == nil {
			b.Close()
			t.Errorf("accepted %+v", cfg)
		}
	}
	if _, err := ParseMode("loose"); err == nil {
		t.Error("mode loose is accepted")
	}
	if m, err := ParseMode("Strict"); m != Strict || err != nil {
		t.Errorf("mode %v, %v", m, err)
	}
}
