package proxy

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// TestEarlyReply: an ACS that answers a large Inform before it has read it all,
// and closes, as Tomcat does with a challenge, is heard all the same.
func TestEarlyReply(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	go func() {
		for {
			nc, err := nl.Accept()
			if err != nil {
				return
			}
			if _, err := io.ReadFull(nc, make([]byte, 100)); err == nil {
				_, _ = io.WriteString(nc, challenge("early"))
			}
			time.Sleep(50 * time.Millisecond)
			nc.Close() // unread bytes make this a reset
		}
	}()
	g := newGate(t, []*fakeACS{newACS(t, nil)}, func(c *Config, _ *Deps) { c.Upstreams[0].URL = "http://" + nl.Addr().String() })
	a := g.dial().ask(post(inform("1") + strings.Repeat(" ", 7<<20)))
	if statusOf(t, a, 401); !strings.Contains(a.raw, `nonce="early"`) {
		t.Errorf("heard\n%s", a.raw)
	}
}

// TestTimedOutConnection: a 408 that waits on a connection which was idle too
// long answers nothing; the request goes out again on a new connection.
func TestTimedOutConnection(t *testing.T) {
	acs := newACS(t, func(r seen) string {
		if r.conn == 1 && r.body == "" {
			return "HTTP/1.1 408 Request Time-out\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post("")), 204)
	if got := g.outcomes(1); got[0] != Complete {
		t.Errorf("outcome %q", got[0])
	}
}

// TestRedirectKeepsCredentials from a host that has not asked for them.
func TestRedirectKeepsCredentials(t *testing.T) {
	asked := false
	other := newACS(t, func(r seen) string {
		if r.head.Fields.Has("Authorization") {
			return plainACS(r)
		}
		asked = true
		return challenge("theirs")
	})
	acs := newACS(t, func(seen) string {
		return "HTTP/1.1 307 Go\r\nLocation: " + other.url() + "/x\r\nContent-Length: 0\r\n\r\n"
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"), "Authorization: Basic b3VyczpvdXJz")), 401)
	if !asked {
		t.Error("the other host was given the credentials at once")
	}
	statusOf(t, p.ask(post(inform("1"), "Authorization: Basic dGhlaXJzOnRoZWlycw==")), 200)
}

// TestC23_LongLocation is not passed as a line that CPEs cannot read.
func TestC23_LongLocation(t *testing.T) {
	acs := newACS(t, func(seen) string {
		return "HTTP/1.1 302 Found\r\nLocation: http://acs.example/" + strings.Repeat("x", 2000) + "\r\nContent-Length: 0\r\n\r\n"
	})
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].Redirects = RedirectsPass })
	statusOf(t, g.dial().ask(post(inform("1"))), 503)
}

// TestC20_ExpectOfHTTP10 is not answered: HTTP/1.0 knows no 100 (RFC 9110 10.1.1).
func TestC20_ExpectOfHTTP10(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil)})
	p := g.dial()
	head, body, _ := strings.Cut(post(inform("1"), "Expect: 100-continue"), "\r\n\r\n")
	p.send(strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + "\r\n\r\n")
	time.Sleep(20 * time.Millisecond)
	p.send(body)
	statusOf(t, p.hear(), 200)
}

// TestForgedFields never reach the ACS, however they are spelled.
func TestForgedFields(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	forged := []string{
		"X-Forwarded-Prefix: forged", "X-FORWARDED-CLIENT-CERT: forged", "X_Forwarded_For_Original_Long_Name: forged",
		"X-SSL-Client-Verify: forged", "SSL_CLIENT_S_DN: forged", "Client_Cert: forged", "X-Original-URL: forged", "True-Client-IP: forged",
	}
	g.dial().ask(post(inform("1"), forged...))
	if raw := acs.requests()[0].raw; strings.Contains(raw, "forged") {
		t.Errorf("ACS got\n%s", raw)
	}
}

// FuzzReply gives the reader of an ACS's replies arbitrary bytes. What it takes,
// and what a CPE is then sent of it, is read back as one well-formed reply.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		plainReply, "HTTP/1.1 100 Continue\r\n\r\n" + plainReply, "HTTP/1.0 200 OK\r\n\r\nto the end",
		"HTTP/1.1 200 O\rK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: r\r\n\r\n", challenge("n"),
		"HTTP/1.1 302 Found\r\nLocation: /x y\r\nSet-Cookie: a=b; Max-Age=0\r\nContent-Length: 0\r\n\r\n" + plainReply,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", "HTTP/1.1 204 No Content\r\nConnection: Set-Cookie\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		memory := budget{}
		memory.limit.Store(1 << 20)
		l := loan{from: &memory}
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			if _, err := there.Read(make([]byte, 1)); err == nil {
				_, _ = there.Write(data)
			}
		}()
		conn := newACSConn(here)
		defer conn.close()
		got, failure := conn.roundTrip([]byte("x"), nil, time.Now().Add(5*time.Second), 64<<10, &l)
		if failure == nil {
			checkReply(t, &got)
			got.release()
		} else if failure.timeout {
			t.Errorf("hangs: %v", failure)
		}
		if l.release(); memory.used.Load() != 0 {
			t.Errorf("%d bytes of memory are kept", memory.used.Load())
		}
	})
}

const plainReply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func checkReply(t *testing.T, got *acsReply) {
	t.Helper()
	var cookies jar
	cookies.store(got.head.Fields, time.Now())
	if line := string(cookies.appendTo(nil)); strings.Count(line, "\n") > 1 || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") {
		t.Errorf("cookies make the field %q", line)
	}
	if len(got.body) > 64<<10 {
		t.Errorf("body of %d bytes", len(got.body))
	}
	rep := reply{status: knownStatus(got.head.Status, 307), reason: got.head.Reason, fields: got.head.Fields, body: got.body, plain: got.plain}
	if rep.status == 204 {
		rep.body = nil
	}
	raw := string(rep.append(nil, 1, true))
	var back httpwire.Response
	if err := httpwire.ParseResponse(raw, &back); err != nil {
		t.Fatalf("%v: %q", err, raw)
	}
	framing, err := back.Framing()
	if err != nil || framing.Chunked || framing.ToEOF || int(framing.Length) != len(rep.body) {
		t.Errorf("framing %+v, %v, of a body of %d bytes: %q", framing, err, len(rep.body), raw)
	}
	if strings.Count(raw, "\r\n\r\n") != 1 || !strings.HasSuffix(raw, "\r\n\r\n") || back.Fields.Has("Set-Cookie") {
		t.Errorf("a CPE is sent %q", raw)
	}
}
