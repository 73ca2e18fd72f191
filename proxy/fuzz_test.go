package proxy

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// FuzzConnection gives a server the bytes of a CPE's connection. Whatever they
// are, the connection is closed, nothing panics, and nothing stays taken.
func FuzzConnection(f *testing.F) {
	for _, seed := range []string{
		post(inform("1")) + post(""), post("") + post(inform("1")) + post(""), post(inform("1")) + post(inform("2")) + post("<x>"),
		"POST / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nPOST //a?b HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00",
		"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
		post("abcd", "Content-Encoding: gzip"), post(inform("1"), digestLine("n", "u")), post("", "Cookie: gw=a, gw=\"b\"; $Path=/"),
		"GET /.well-known/acme-challenge/x HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n", post(inform("")), post(inform("SN401")) + post(inform("SN401"), digestLine("n", "u")) + post(""), post(inform("1") + inform("2")),
	} {
		f.Add([]byte(seed))
	}
	s, faults := fuzzServer(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.serveConn(s.listeners[0], tcpLike{there})
		}()
		go func() {
			_, _ = here.Write(data)
			time.Sleep(time.Millisecond)
			here.Close()
		}()
		_, _ = io.Copy(io.Discard, here)
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("the connection is still served")
		}
		s.endAll()
		if n := s.memory.used.Load(); n != 0 {
			t.Errorf("%d bytes of memory are kept", n)
		}
		if running := s.admissionOf("a").running.Load(); running != 0 || s.SessionCount("") != 0 || s.sources.counts.Size() != 0 {
			t.Errorf("%d sessions admitted, %d in the table, %d sources", running, s.SessionCount(""), s.sources.counts.Size())
		}
		if d, n, h := s.table.byDevice.Size(), s.table.byNonce.Size(), s.table.holders.Size(); d+n+h != 0 {
			t.Errorf("%d devices, %d nonces, %d holders of nonces are kept", d, n, h)
		}
		s.table.byID.Clear() // what the sweeper does in time
		for _, line := range faults.TakeAll() {
			t.Errorf("%s: %v", line.Message, line.ContextMap())
		}
	})
}

// fuzzServer is a server that is not run: connections are handed to it. Faults
// are in the log returned.
func fuzzServer(f *testing.F) (*Server, *observer.ObservedLogs) {
	f.Helper()
	acs := newACS(f, func(r seen) string {
		if strings.Contains(r.body, "SN401") && !r.head.Fields.Has("Authorization") {
			return challenge("n")
		}
		return plainACS(r)
	})
	acs.forget = true
	up := UpstreamConfig{Name: "a", URL: acs.url()}
	up.SetDefaults()
	cfg := Config{Listen: []ListenConfig{{Name: "cpe", Address: "127.0.0.1:0"}}, Upstreams: []UpstreamConfig{up}}
	cfg.Listen[0].SetDefaults()
	cfg.Session.SetDefaults()
	cfg.Limits.SetDefaults()
	cfg.Limits.BodyBytes, cfg.Limits.BodyMemory = 1<<20, 4<<20
	core, faults := observer.New(zap.ErrorLevel)
	s, err := New(cfg, Deps{
		Route:   func(RouteInput) Route { return Route{ACS: "a"} },
		Metrics: prometheus.NewRegistry(), Log: zap.New(core),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.closeListeners)
	return s, faults
}

// tcpLike is a pipe that says that it is TCP.
type tcpLike struct{ net.Conn }

// RemoteAddr is a CPE's.
func (tcpLike) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7} }

// LocalAddr is the gateway's.
func (tcpLike) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 7547} }

// FuzzCookies holds the parser of cookies against net/http's where that reads
// a plain field: what it finds, so do we.
func FuzzCookies(f *testing.F) {
	for _, seed := range []string{
		"gw=abc", "a=b; gw=abc", `$Version="1"; gw="abc"; $Path="/"`, "gw=a,gw=b", "Path=/; Max-Age=5; gw = x ", "gw", "gw==", ";;,=,gw=\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var got []string
		eachCookie(httpwire.Fields{{Name: "cookie", Value: value}}, "gw", func(v string) { got = append(got, v) })
		for _, v := range got {
			if strings.ContainsAny(v, ";,") || !strings.Contains(value, v) {
				t.Errorf("%q in %q", v, value)
			}
		}
		if strings.ContainsAny(value, `,"`) {
			return
		}
		for _, c := range (&http.Request{Header: http.Header{"Cookie": {value}}}).CookiesNamed("gw") {
			if !slices.Contains(got, strings.TrimSpace(c.Value)) {
				t.Errorf("%q was not found in %q, only %q", c.Value, value, got)
			}
		}
	})
}

// FuzzDigest: parameters come in linear time, each from its own part of the
// field, and those that were quoted by the book come back as they were.
func FuzzDigest(f *testing.F) {
	for _, seed := range [][3]string{
		{`Digest username="u", nonce=n,qop=auth-int`, "u", "n"}, {`Digest nonce = "a\"b" , nc=00000001`, "", "x=y, nonce=z"},
		{`Digest ="=",,= nonce="open`, "a b", ""}, {"digest realm=\"nonce=1\" nonce=2", "ü", "2"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, value, user, nonce string) {
		calls, size := 0, 0
		eachParam(value, func(key, v string) {
			calls++
			size += len(key) + len(v)
		})
		if calls > strings.Count(value, "=") || size > len(value) {
			t.Errorf("%d parameters of %d bytes in %q", calls, size, value)
		}
		if strings.ContainsAny(user+nonce, "\"\\") || nonce == "" {
			return
		}
		line := `Digest realm="nonce=x, username=y", username="` + user + `", nonce="` + nonce + `", qop=auth-int`
		got, ok := parseDigestAnswer(httpwire.Fields{{Name: "authorization", Value: line}})
		if !ok || got != (digestAnswer{username: user, nonce: nonce, authInt: true}) {
			t.Errorf("%+v, %v of %q", got, ok, line)
		}
	})
}
