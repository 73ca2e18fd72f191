package connreq

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/acsgate/acsgate/internal/digest"
)

// What real connection request servers write.
const (
	easycwmp401 = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n" +
		"WWW-Authenticate: Digest realm=\"realm@easycwmp\",qop=\"auth\",nonce=\"8c9da51c5d441d1623774a063045303300001194\",opaque=\"328458fab28345ae87ab3210a8513b14eff452a2\"\r\n\r\n"
	easycwmp200 = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	netcwmp401  = "HTTP/1.1 401 Unauthorized\r\n" +
		"WWW-Authenticate: Digest qop=\"auth\" nonce=\"c4ca4238a0b923820dcc509a6f75849b\" opaque=\"\" realm=\"cwmpd\"\r\n" +
		"Server: TR069Agent\r\nContent-Length: 0\r\n\r\n"
	netcwmp200 = "HTTP/1.1 200 OK\r\nServer: TR069Agent\r\nContent-Length: 0\r\n\r\n"
	orange401  = "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Digest\n   realm=\"liveboxrealm\",\n   qop=\"auth\",\n" +
		"   nonce=\"MrBySBgKVlqY2eZirVHnHXYjO0BZIb1kqs\",\n   opaque=\"EmVl0kakKQkXBsOZFIPyRSEN7yzHDug8\"\n"
	orange200 = "HTTP/1.1 200 OK\n"
	arris401  = "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"IGD\", nonce=\"1700000000:ab\", algorithm=\"MD5\"\r\n" +
		"Content-Type: text/html\r\n\r\n<html>401</html>"
)

func TestC81_C87_RealCPEs(t *testing.T) {
	digest401 := func(parameters string) string {
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest " + parameters + "\r\nContent-Length: 0\r\n\r\n"
	}
	for name, tt := range map[string]struct {
		challenge, success, path string
		has, lacks               []string // of the answer
	}{
		"easycwmp":   {easycwmp401, easycwmp200, "/", []string{"qop=auth,", "nc=00000001", `opaque="3284`}, nil},
		"netcwmp":    {netcwmp401, netcwmp200, "/", []string{`nonce="c4ca4238a0b923820dcc509a6f75849b"`, `opaque=""`}, nil},
		"tr069agent": {orange401, orange200, "/7f3a", []string{`realm="liveboxrealm"`, `opaque="EmVl`}, nil},
		"ARRIS, no qop, HTTP/1.0, odd path": {
			arris401, "HTTP/1.0 204 No Content\r\n\r\n", "/0:1:2/CR;a=b%2f?x=1&y=%20:z",
			[]string{`uri="/0:1:2/CR;a=b%2f?x=1&y=%20:z"`}, []string{"qop", "nc=", "cnonce"},
		},
		"MD5-sess":         {digest401(`realm="r", nonce="n", qop="auth", algorithm=MD5-sess`), easycwmp200, "/a", []string{"algorithm=MD5-sess"}, nil},
		"SHA-256":          {digest401(`realm="r", nonce="n", qop="auth", algorithm=SHA-256`), easycwmp200, "/a", nil, nil},
		"auth-int alone":   {digest401(`realm="r", nonce="n", qop="auth-int"`), easycwmp200, "/a", []string{"qop=auth-int"}, nil},
		"unknown first":    {digest401(`realm="r", nonce="m", algorithm=SHA-3, Digest realm="r", nonce="n"`), easycwmp200, "/a", []string{`nonce="n"`}, nil},
		"Basic and Digest": {digest401(`realm="r", nonce="n", qop="auth", Basic realm="r"`), easycwmp200, "/a", []string{"Digest "}, nil},
		"no path":          {easycwmp401, easycwmp200, "", []string{`uri="/"`}, nil},
		"query alone":      {easycwmp401, easycwmp200, "?id=1", []string{`uri="/?id=1"`}, nil},
		"no line end":      {easycwmp401, "HTTP/1.1 200 OK", "/", nil, nil},
		"bad field later":  {strings.TrimSuffix(easycwmp401, "\r\n") + "this is no field\r\n\r\n", easycwmp200, "/", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tt.path
			if !strings.HasPrefix(path, "/") {
				path = "/" + path
			}
			cpe := newMiniCPE(t, "127.0.0.1:0", challenging(tt.challenge, tt.success, path))
			sent, err := send(t, newTestHTTP(t, nil), cpe.target(tt.path))
			if err != nil || sent != 2 {
				t.Fatalf("%d requests, %v", sent, err)
			}
			for _, request := range cpe.seen() {
				want := "GET " + path + " HTTP/1.1\r\nHost: " + cpe.listener.Addr().String() + "\r\n"
				if !strings.HasPrefix(request, want) || !strings.HasSuffix(request, "\r\nConnection: close\r\n\r\n") {
					t.Errorf("request %q, want it to begin with %q", request, want)
				}
			}
			has(t, cpe.seen()[1], tt.has...)
			for _, lacks := range tt.lacks {
				if strings.Contains(cpe.seen()[1], lacks) {
					t.Errorf("%q has %q", cpe.seen()[1], lacks)
				}
			}
		})
	}
}

func TestC87_HeadWithoutEndOnAnOpenConnection(t *testing.T) {
	t.Parallel()
	cpe := newMiniCPE(t, "127.0.0.1:0", challenging(orange401, orange200, "/"))
	cpe.hold = true
	if sent, err := send(t, newTestHTTP(t, nil), cpe.target("/")); err != nil || sent != 2 {
		t.Errorf("%d requests, %v", sent, err)
	}
}

func TestHTTPWithoutChallenge(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", func(int, string) string { return "\r\nHTTP/1.1 200 OK\nContent-Length: 3\n\nyes" })
	target := cpe.target("/")
	target.Logins = nil
	if sent, err := send(t, newTestHTTP(t, nil), target); err != nil || sent != 1 {
		t.Errorf("%d requests, %v", sent, err)
	}
}

func TestHTTPAnswersThatAreNoDelivery(t *testing.T) {
	answer := func(s string) func(int, string) string { return func(int, string) string { return s } }
	for name, tt := range map[string]struct {
		reply  func(int, string) string
		sent   int
		says   string
		result string
	}{
		"503":                   {answer("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n"), 1, "busy", httpBusy},
		"503 after the login":   {challenging(easycwmp401, "HTTP/1.1 503 Busy\r\n\r\n", "/"), 2, "busy", httpBusy},
		"C-85: redirect":        {answer("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), 1, "redirects are not followed", httpStatus},
		"404":                   {answer("HTTP/1.1 404 Not Found\r\n\r\n"), 1, "404", httpStatus},
		"500":                   {answer("HTTP/1.1 500 Oops\r\n\r\n"), 1, `500 "Oops"`, httpStatus},
		"202":                   {answer("HTTP/1.1 202 Accepted\r\n\r\n"), 1, `202 "Accepted"`, httpStatus},
		"wrong password":        {answer(easycwmp401), 2, "refuses the login", httpDenied},
		"401 without challenge": {answer("HTTP/1.1 401 Unauthorized\r\n\r\n"), 1, "no challenge", httpChallenge},
		"unknown algorithm": {
			answer("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n, algorithm=SHA-3\r\n\r\n"), 1, "SHA-3", httpChallenge,
		},
		"C-82: Basic":   {answer("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=r\r\n\r\n"), 1, "not allowed", httpChallenge},
		"nothing":       {answer(""), 1, "without an answer", httpUnreachable},
		"not HTTP":      {answer("220 mail.example.net ESMTP\r\n"), 1, "is not HTTP", httpUnreachable},
		"long status":   {answer("HTTP/1.1 0200 OK\r\n\r\n"), 1, "is not HTTP", httpUnreachable},
		"huge head":     {answer("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1<<16)), 1, "head of more than", httpUnreachable},
		"huge line":     {answer(strings.Repeat("HTTP", 1<<16)), 1, "head of more than", httpUnreachable},
		"half a status": {answer("HTTP/1.1 20"), 1, "is not HTTP", httpUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cpe := newMiniCPE(t, "127.0.0.1:0", tt.reply)
			h := newTestHTTP(t, nil)
			sent, err := send(t, h, cpe.target("/"))
			if err == nil || sent != tt.sent || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%d requests, %v", sent, err)
			}
			if got := testutil.ToFloat64(h.metrics.results.WithLabelValues(tt.result)); got != 1 {
				t.Errorf("counted %v as %s", got, tt.result)
			}
		})
	}
}

func TestHTTPHugeBodyIsNotRead(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", func(int, string) string {
		return "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 8<<20)
	})
	if _, err := send(t, newTestHTTP(t, nil), cpe.target("/")); err != nil {
		t.Error(err)
	}
}

func TestHTTPSlowCPE(t *testing.T) {
	for name, reply := range map[string]string{"silent": "", "half a status line": "HTTP/1.1 200"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cpe := newMiniCPE(t, "127.0.0.1:0", func(int, string) string { return reply })
			cpe.hold = true
			h := newTestHTTP(t, func(cfg *HTTPConfig) { cfg.Timeout = 200 * time.Millisecond })
			if sent, err := send(t, h, cpe.target("/")); err == nil || sent != 1 || !strings.Contains(err.Error(), "in time") {
				t.Errorf("%d requests, %v", sent, err)
			}
		})
	}
}

func TestHTTPCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cpe := newMiniCPE(t, "127.0.0.1:0", func(int, string) string { cancel(); return "" })
	cpe.hold = true
	err := newTestHTTP(t, nil).Send(ctx, &Job{Target: cpe.target("/")})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestHTTPNobodyListens(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", nil)
	target := cpe.target("/")
	cpe.listener.Close()
	if sent, err := send(t, newTestHTTP(t, nil), target); err == nil || sent != 0 || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%d requests, %v", sent, err)
	}
}

func TestHTTPNoLogin(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", challenging(easycwmp401, easycwmp200, "/"))
	target := cpe.target("/")
	target.Logins = nil
	if _, err := send(t, newTestHTTP(t, nil), target); !errors.Is(err, errNoLogin) {
		t.Error(err)
	}
}

func TestC82_Basic(t *testing.T) {
	basic401 := "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\r\n"
	for _, tt := range []struct {
		config, device, want bool
	}{{true, true, true}, {true, false, false}, {false, true, false}} {
		cpe := newMiniCPE(t, "127.0.0.1:0", challenging(basic401, easycwmp200, "/"))
		target := cpe.target("/")
		target.Basic = tt.device
		_, err := send(t, newTestHTTP(t, func(cfg *HTTPConfig) { cfg.AllowBasic = tt.config }), target)
		if (err == nil) != tt.want {
			t.Errorf("config %v device %v: %v", tt.config, tt.device, err)
		}
		for _, request := range cpe.seen() {
			if !tt.want && strings.Contains(request, "Authorization") {
				t.Errorf("config %v device %v: password shown in %q", tt.config, tt.device, request)
			}
		}
	}
}

func TestC82_LoginsAreCapped(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", challenging(netcwmp401, netcwmp200, "/"))
	target := cpe.target("/")
	target.Logins = []Login{{"cruser", "old"}, {"cruser", "crpass"}}
	if sent, err := send(t, newTestHTTP(t, nil), target); err != nil || sent != 3 {
		t.Errorf("%d requests, %v", sent, err)
	}
	has(t, cpe.seen()[1], "nc=00000001")
	has(t, cpe.seen()[2], "nc=00000002") // netcwmp has repeated its nonce

	cpe = newMiniCPE(t, "127.0.0.1:0", challenging(netcwmp401, netcwmp200, "/"))
	target.URL = cpe.target("/").URL
	target.Logins = []Login{{"a", "b"}, {"c", "d"}, {"cruser", "crpass"}}
	if sent, err := send(t, newTestHTTP(t, nil), target); !errors.Is(err, errDenied) || sent != 1+maxLogins {
		t.Errorf("%d requests, %v", sent, err)
	}
}

func TestHTTPStaleNonce(t *testing.T) {
	stale := func(n int) string {
		return fmt.Sprintf("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n%d, qop=auth, stale=true\r\n\r\n", n)
	}
	cpe := newMiniCPE(t, "127.0.0.1:0", func(n int, authorization string) string {
		if a, ok := digest.ParseAnswer(authorization); ok && n == 3 && a.Nonce == "n2" && a.Verify("GET", "crpass") {
			return easycwmp200
		}
		return stale(n)
	})
	if sent, err := send(t, newTestHTTP(t, nil), cpe.target("/")); err != nil || sent != 3 {
		t.Errorf("%d requests, %v", sent, err)
	}
	cpe = newMiniCPE(t, "127.0.0.1:0", func(n int, _ string) string { return stale(n) })
	if sent, err := send(t, newTestHTTP(t, nil), cpe.target("/")); !errors.Is(err, errDenied) || sent != 3 {
		t.Errorf("stale for ever: %d requests, %v", sent, err)
	}
}

func TestC80_FromTheAddressThatTheCPETalksTo(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", challenging(easycwmp401, easycwmp200, "/"))
	target := cpe.target("/")
	for _, listener := range []string{"127.0.0.9", "203.0.113.77", "::1", "0.0.0.0"} { // not ours; another family; none
		target.Listener = netip.MustParseAddr(listener)
		if _, err := send(t, newTestHTTP(t, nil), target); err != nil {
			t.Errorf("%s: %v", listener, err)
		}
	}
	cpe.mu.Lock()
	defer cpe.mu.Unlock()
	for i, source := range cpe.sources {
		want := "127.0.0.9"
		if i >= 2 {
			want = "127.0.0.1"
		}
		if source.Addr().String() != want {
			t.Errorf("request %d came from %s, want %s", i, source, want)
		}
	}
}

func TestC86_IPv6(t *testing.T) {
	cpe := newMiniCPE(t, "[::1]:0", challenging(easycwmp401, easycwmp200, "/x"))
	target := cpe.target("/x")
	target.Listener = netip.MustParseAddr("::1")
	if _, err := send(t, newTestHTTP(t, nil), target); err != nil {
		t.Fatal(err)
	}
	has(t, cpe.seen()[0], "Host: [::1]:")
}

func TestHTTPName(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", challenging(easycwmp401, easycwmp200, "/"))
	target := cpe.target("/")
	_, port, _ := strings.Cut(cpe.listener.Addr().String(), ":")
	target.URL = "http://cpe-7.example.net:" + port + "/"
	target.Source = netip.MustParseAddr("127.0.0.1")
	if _, err := send(t, newTestHTTP(t, nil), target); err != nil {
		t.Fatal(err)
	}
	has(t, cpe.seen()[1], "Host: cpe-7.example.net:"+port+"\r\n")
}

func TestC85_RefusedTargetsCauseNoTraffic(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", challenging(easycwmp401, easycwmp200, "/"))
	h := newTestHTTP(t, func(cfg *HTTPConfig) { cfg.AllowNetworks = nil })
	target := cpe.target("/")
	if to, reason := h.Check(&target); to != "" || !strings.Contains(reason, "allow_networks") {
		t.Errorf("Check: %q, %q", to, reason)
	}
	if sent, err := send(t, h, target); err == nil || sent != 0 {
		t.Errorf("%d requests, %v", sent, err)
	}
	if _, err := h.Exchange(t.Context(), target, ""); err == nil {
		t.Error("Exchange does not check")
	}
	if seen := cpe.seen(); len(seen) != 0 {
		t.Errorf("the CPE has seen %q", seen)
	}
	if got := testutil.ToFloat64(h.metrics.results.WithLabelValues(httpRefused)); got != 2 {
		t.Errorf("counted %v as refused", got)
	}
}

func TestC83_Exchange(t *testing.T) {
	cpe := newMiniCPE(t, "127.0.0.1:0", challenging(netcwmp401, netcwmp200, "/cr"))
	h, target := newTestHTTP(t, nil), cpe.target("/cr")
	target.Logins = nil
	answer, err := h.Exchange(t.Context(), target, "")
	if err != nil || answer.Status != 401 || len(answer.Challenges) != 1 ||
		answer.Challenges[0] != `Digest qop="auth" nonce="c4ca4238a0b923820dcc509a6f75849b" opaque="" realm="cwmpd"` {
		t.Fatalf("%+v, %v", answer, err)
	}
	authorization, err := digest.ParseChallenges(answer.Challenges)[0].Answer("cruser", "crpass", "GET", "/cr", "c", 1)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err = h.Exchange(t.Context(), target, authorization); err != nil || answer.Status != 200 || len(answer.Challenges) != 0 {
		t.Errorf("%+v, %v", answer, err)
	}
	has(t, cpe.seen()[1], "\r\nAuthorization: "+authorization+"\r\n")
	if _, err = h.Exchange(t.Context(), target, "Digest a\r\nX: y"); err == nil {
		t.Error("a line end is passed on")
	}
}

func TestHTTPConcurrency(t *testing.T) {
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	cpe := newMiniCPE(t, "127.0.0.1:0", func(int, string) string {
		arrived <- struct{}{}
		<-release
		return easycwmp200
	})
	h := newTestHTTP(t, func(cfg *HTTPConfig) { cfg.Concurrent = 2 })
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if _, err := send(t, h, cpe.target("/")); err != nil {
				t.Error(err)
			}
		})
	}
	<-arrived
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Send(ctx, &Job{Target: cpe.target("/")}); !errors.Is(err, errCrowded) {
		t.Errorf("a third at once: %v", err)
	}
	close(release)
	all.Wait()
	if _, err := send(t, h, cpe.target("/")); err != nil {
		t.Errorf("slots are not given back: %v", err)
	}
}
