package connreq

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func md5hex(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

// params reads a challenge as GenieACS does: it splits at commas that are not
// quoted, and fails without them.
func params(t *testing.T, challenge string) map[string]string {
	t.Helper()
	scheme, rest, _ := strings.Cut(challenge, " ")
	p := map[string]string{"scheme": scheme}
	inside := false
	for part := range strings.FieldsFuncSeq(rest, func(c rune) bool { inside = inside != (c == '"'); return c == ',' && !inside }) {
		name, value, ok := strings.Cut(part, "=")
		if !ok || strings.Count(value, `"`) > 2 {
			t.Fatalf("challenge %q cannot be read as GenieACS reads it", challenge)
		}
		p[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return p
}

// genieAnswer answers a challenge as GenieACS does: qop if it was offered, and
// uri is path and query.
func genieAnswer(p map[string]string, u *url.URL, username, password string) string {
	uri := u.EscapedPath()
	if uri == "" {
		uri = "/"
	}
	if u.RawQuery != "" {
		uri += "?" + u.RawQuery
	}
	ha1, ha2 := md5hex(username+":"+p["realm"]+":"+password), md5hex("GET:"+uri)
	s := fmt.Sprintf(`Digest username="%s",realm="%s",nonce="%s",uri="%s"`, username, p["realm"], p["nonce"], uri)
	if p["algorithm"] != "" {
		s += ",algorithm=" + p["algorithm"]
	}
	if p["qop"] == "" {
		return s + `,response="` + md5hex(ha1+":"+p["nonce"]+":"+ha2) + `"`
	}
	return s + `,qop=auth,nc=00000001,cnonce="0123456789abcdef",response="` +
		md5hex(ha1+":"+p["nonce"]+":00000001:0123456789abcdef:auth:"+ha2) + `"`
}

// freeAnswer is genieAnswer in the form of RFC 2069, without qop, as of ACSs with
// an old HTTP client; they give path alone as uri.
func freeAnswer(p map[string]string, u *url.URL, username, password string) string {
	bare := map[string]string{"realm": p["realm"], "nonce": p["nonce"]}
	return genieAnswer(bare, &url.URL{Path: u.Path}, username, password)
}

type answering func(p map[string]string, u *url.URL, username, password string) string

// get makes one request and returns its status and header.
func get(t *testing.T, client *http.Client, address, authorization string) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header
}

// wake is a Connection Request of an ACS: ask, answer the challenge.
func wake(t *testing.T, client *http.Client, address, username, password string, answer answering) (int, http.Header) {
	t.Helper()
	status, header := get(t, client, address, "")
	if status != http.StatusUnauthorized {
		return status, header
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return get(t, client, address, answer(params(t, header.Get("WWW-Authenticate")), u, username, password))
}

func TestC61_ACSWakesThroughTokenURL(t *testing.T) {
	star := func(w *acsWorld) { w.cfg.URLBase = "http://*.cr.example.net:7550" }
	tests := []struct {
		name   string
		change func(*acsWorld)
		answer answering
	}{
		{"GenieACS, path", nil, genieAnswer},
		{"GenieACS, name", star, genieAnswer},
		{"FreeACS, path", nil, freeAnswer},
		{"FreeACS, name", star, freeAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newACSWorld(t, tt.change)
			acs := w.client("127.0.0.1")
			if status, _ := wake(t, acs, w.shownURL(), "cruser", "crpass", tt.answer); status != http.StatusOK {
				t.Fatalf("status %d, want 200", status)
			}
			if w.sent() != 1 || w.origins[0] != "acs 127.0.0.1" {
				t.Errorf("%d requests, of %q", w.sent(), w.origins)
			}
			w.count(countRequests, outcomeDelivered, 1)
			for _, wrong := range [][2]string{{"cruser", "wrong"}, {"wrong", "crpass"}, {"other", "crpass"}, {"", ""}} {
				if status, _ := wake(t, acs, w.shownURL(), wrong[0], wrong[1], tt.answer); status != http.StatusUnauthorized {
					t.Errorf("login %q: status %d, want 401", wrong, status)
				}
			}
			if w.sent() != 1 {
				t.Error("a wrong login has woken the device")
			}
		})
	}
}

func TestC61_UnknownTokenIs404WithoutTraffic(t *testing.T) {
	for _, base := range []string{"http://gw.example.net:7550/cr", "http://*.cr.example.net:7550"} {
		w := newACSWorld(t, func(w *acsWorld) { w.cfg.URLBase = base })
		known := w.shownURL()
		for _, address := range []string{
			strings.Replace(known, w.token, someToken, 1), strings.Replace(known, w.token, "a", 1),
			"http://gw.example.net:7550/", "http://gw.example.net:7550/cr/", "http://gw.example.net:7550/cr/..%2f..%2fetc",
			"http://gw.example.net:7550/cr/?origin=http://10.0.0.1/",
		} {
			status, header := get(t, w.client("127.0.0.1"), address, "")
			if status != http.StatusNotFound || header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s: status %d", address, status)
			}
		}
		w.count(countRequests, outcomeUnknown, 6)
		if w.sent() != 0 {
			t.Error("something went out")
		}
	}
}

func TestEndpoint_OtherNetworksAreClosed(t *testing.T) {
	w := newACSWorld(t, nil)
	if _, err := w.client("127.0.0.2").Get(w.shownURL()); err == nil {
		t.Error("a foreign source was answered")
	}
	w.count(countConnections, "source", 1)
	if status, _ := get(t, w.client("127.0.0.1"), w.shownURL(), ""); status != http.StatusUnauthorized {
		t.Errorf("the ACS then gets %d", status)
	}
}

func TestEndpoint_ConnectionsAreBounded(t *testing.T) {
	w := newACSWorld(t, nil)
	w.side.endpoint.listener.open.Store(endpointConnections)
	if _, err := w.client("127.0.0.1").Get(w.shownURL()); err == nil {
		t.Error("a connection above the limit was answered")
	}
	w.count(countConnections, "limit", 1)
	w.side.endpoint.listener.open.Store(0)
}

func TestEndpoint_Methods(t *testing.T) {
	w := newACSWorld(t, nil)
	for method, want := range map[string]int{http.MethodPost: 405, http.MethodPut: 405, http.MethodHead: 401, http.MethodGet: 401} {
		r, err := http.NewRequest(method, w.shownURL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.client("127.0.0.1").Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", method, resp.StatusCode, want)
		}
	}
}

func TestEndpoint_HugeHeaderIsRefused(t *testing.T) {
	w := newACSWorld(t, nil)
	r, err := http.NewRequest(http.MethodGet, w.shownURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Digest "+strings.Repeat("x", 64<<10))
	resp, err := w.client("127.0.0.1").Do(r)
	if err != nil {
		return // the server closed while the rest was on its way
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", resp.StatusCode)
	}
}

func TestEndpoint_NoncesAreOfOneDeviceAndAge(t *testing.T) {
	w := newACSWorld(t, nil)
	acs, address := w.client("127.0.0.1"), w.shownURL()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	_, header := get(t, acs, address, "")
	fresh := genieAnswer(params(t, header.Get("WWW-Authenticate")), u, "cruser", "crpass")
	if status, _ := get(t, acs, address, fresh); status != http.StatusOK {
		t.Errorf("first answer: %d", status)
	}
	another := device1
	another.SerialNumber = "another"
	stolen := w.side.endpoint.logins.nonces(another).Challenge(endpointRealm, w.now, false)
	for name, authorization := range map[string]string{
		"nonce of another device": genieAnswer(params(t, stolen), u, "cruser", "crpass"),
		"nonce of nobody":         genieAnswer(map[string]string{"realm": "acsgate", "nonce": "abc"}, u, "cruser", "crpass"),
	} {
		if status, _ := get(t, acs, address, authorization); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
	w.advance(nonceLife + time.Second)
	status, header := get(t, acs, address, fresh)
	if status != http.StatusUnauthorized || !strings.Contains(header.Get("WWW-Authenticate"), "stale=true") {
		t.Errorf("old nonce: %d %q", status, header.Get("WWW-Authenticate"))
	}
	if w.sent() != 1 {
		t.Errorf("%d requests, want 1", w.sent())
	}
}

func TestEndpoint_BasicIsNotTaken(t *testing.T) {
	w := newACSWorld(t, nil)
	r, err := http.NewRequest(http.MethodGet, w.shownURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("cruser", "crpass")
	resp, err := w.client("127.0.0.1").Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Digest ") || w.sent() != 0 {
		t.Errorf("status %d, %q", resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
	}
}

func TestEndpoint_GuessingIsLimitedAndLocksNobodyElseOut(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) { w.cfg.ACSNetworks = []string{"127.0.0.0/8"} })
	guesser := w.client("127.0.0.3")
	for n := range failureBurst {
		if status, _ := wake(t, guesser, w.shownURL(), "cruser", fmt.Sprint(n), genieAnswer); status != http.StatusUnauthorized {
			t.Fatalf("guess %d: status %d", n, status)
		}
	}
	status, header := wake(t, guesser, w.shownURL(), "cruser", "crpass", genieAnswer)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "10" || w.sent() != 0 {
		t.Errorf("one guess too many: %d, Retry-After %q", status, header.Get("Retry-After"))
	}
	w.count(countRequests, outcomeLimited, 1)
	if status, _ := wake(t, w.client("127.0.0.1"), w.shownURL(), "cruser", "crpass", genieAnswer); status != http.StatusOK {
		t.Errorf("the ACS at another address: %d", status)
	}
	w.advance(failureRefill)
	if status, _ := wake(t, guesser, w.shownURL(), "cruser", "crpass", genieAnswer); status != http.StatusOK {
		t.Errorf("after a while: %d", status)
	}
}

func TestEndpoint_WhatTheACSIsTold(t *testing.T) {
	closed, never := make(chan struct{}), make(chan struct{})
	close(closed)
	ended := func(r Result) func() begun {
		return func() begun { return begun{Sent: never, Done: closed, Result: func() Result { return r }} }
	}
	out := func(err error) func() begun {
		return func() begun { return begun{Sent: closed, Done: never, Err: func() error { return err }} }
	}
	session := func(w *acsWorld) { w.cfg.Answer = AnswerSession }
	tests := []struct {
		name   string
		change func(*acsWorld)
		begin  func() begun
		want   int
	}{
		{"sent: out", nil, out(nil), 200},
		{"sent: at its end without", nil, out(errors.New("udp: no binding")), 503},
		{"sent: ended well", nil, ended(Result{OK: true}), 200},
		{"sent: out and no session", nil, ended(Result{Sent: true}), 200},
		{"sent: not delivered", nil, ended(Result{}), 503},
		{"session: came", session, ended(Result{OK: true, Sent: true}), 200},
		{"session: out and no session", session, ended(Result{Sent: true}), 503},
		{"session: too late", func(w *acsWorld) { session(w); w.cfg.Timeout = time.Millisecond }, out(nil), 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newACSWorld(t, func(w *acsWorld) {
				w.begin = tt.begin
				if tt.change != nil {
					tt.change(w)
				}
			})
			status, header := wake(t, w.client("127.0.0.1"), w.shownURL(), "cruser", "crpass", genieAnswer)
			if status != tt.want {
				t.Errorf("status %d, want %d", status, tt.want)
			}
			if status == 503 && header.Get("Retry-After") != "30" {
				t.Errorf("Retry-After is %q", header.Get("Retry-After"))
			}
		})
	}
}

func TestEndpoint_ACSThatGoesIsNotWaitedFor(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) {
		w.begin = func() begun { return begun{} }
	})
	acs := w.client("127.0.0.1")
	_, header := get(t, acs, w.shownURL(), "")
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.shownURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", genieAnswer(params(t, header.Get("WWW-Authenticate")), r.URL, "cruser", "crpass"))
	w.mu.Lock()
	w.begin = func() begun { cancel(); return begun{} }
	w.mu.Unlock()
	if _, err := acs.Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.count(countRequests, outcomeGone, 1)
}

// TestEndpoint_StoppingIsNoSuccess: an ACS that waits while the gateway stops is
// told that its request was not delivered. An answer that nobody writes is a 200.
func TestEndpoint_StoppingIsNoSuccess(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) {
		w.begin = func() begun { return begun{} }
		w.exchange = func(ctx context.Context, _ Target, _ string) (cpeAnswer, error) { return cpeAnswer{}, ctx.Err() }
	})
	stopping, stop := context.WithCancel(t.Context())
	stop()
	for _, logins := range [][]Login{w.target.Logins, nil} {
		w.mu.Lock()
		w.target.Logins = logins
		w.mu.Unlock()
		r := httptest.NewRequest(http.MethodGet, w.shownURL(), nil).WithContext(stopping)
		r.RemoteAddr = "127.0.0.1:4711"
		if logins != nil {
			_, header := get(t, w.client("127.0.0.1"), w.shownURL(), "")
			r.Header.Set("Authorization", genieAnswer(params(t, header.Get("WWW-Authenticate")), r.URL, "cruser", "crpass"))
		}
		answer := httptest.NewRecorder()
		w.side.endpoint.ServeHTTP(answer, r)
		if answer.Code != http.StatusServiceUnavailable {
			t.Errorf("with %d logins: status %d", len(logins), answer.Code)
		}
	}
	w.count(countRequests, outcomeGone, 2)
}

// strictCPE checks digest answers as CPEs do, for one URI alone.
type strictCPE struct {
	challenge string
	uri       string
	status    int
}

func (c *strictCPE) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	authorization := r.Header.Get("Authorization")
	_, rest, ok := strings.Cut(authorization, " ")
	if ok {
		p := map[string]string{}
		for part := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(part, "=")
			p[name] = strings.Trim(value, `"`)
		}
		ha1, ha2 := md5hex("cruser:"+p["realm"]+":crpass"), md5hex("GET:"+c.uri)
		want := md5hex(ha1 + ":cpenonce:" + p["nc"] + ":" + p["cnonce"] + ":auth:" + ha2)
		if p["uri"] == c.uri && r.RequestURI == c.uri && p["response"] == want {
			w.WriteHeader(c.status)
			return
		}
	}
	w.Header().Set("WWW-Authenticate", c.challenge)
	w.WriteHeader(http.StatusUnauthorized)
}

// relayTo lets the world's exchange speak to a CPE on a real connection.
func (w *acsWorld) relayTo(t *testing.T, handler http.Handler) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.target.URL, w.target.Logins = server.URL+"/tr069?id=1", nil
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	w.exchange = func(ctx context.Context, target Target, authorization string) (cpeAnswer, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.URL, nil)
		if err != nil {
			return cpeAnswer{}, err
		}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return cpeAnswer{}, err
		}
		resp.Body.Close()
		return cpeAnswer{resp.StatusCode, resp.Header.Values("WWW-Authenticate")}, nil
	}
}

func TestC83_ACSAndCPEAgreeThroughTheGateway(t *testing.T) {
	tests := []struct{ name, challenge string }{
		{"proper", `Digest realm="CPE", nonce="cpenonce", qop="auth", algorithm=MD5`},
		{"C-87 without commas", `Digest realm="CPE" qop="auth" nonce="cpenonce" algorithm="MD5"`},
		{"opaque and two qop", `Digest realm="CPE", nonce="cpenonce", qop="auth,auth-int", opaque="o"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newACSWorld(t, func(w *acsWorld) {
				w.cfg.URLBase = "http://*.cr.example.net:7550"
				w.relayTo(t, &strictCPE{challenge: tt.challenge, uri: "/tr069?id=1", status: http.StatusNoContent})
			})
			acs := w.client("127.0.0.1")
			if status, _ := wake(t, acs, w.shownURL(), "cruser", "crpass", genieAnswer); status != http.StatusOK {
				t.Errorf("status %d, want 200", status)
			}
			if status, header := wake(t, acs, w.shownURL(), "cruser", "wrong", genieAnswer); status != http.StatusUnauthorized || params(t, header.Get("WWW-Authenticate"))["nonce"] != "cpenonce" {
				t.Errorf("wrong password: status %d", status)
			}
			w.count(countRequests, outcomeRelayed, 4)
		})
	}
}

func TestC83_WhatCannotBeRelayedIs503(t *testing.T) {
	status := func(code int, challenge string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if challenge != "" {
				w.Header().Set("WWW-Authenticate", challenge)
			}
			w.WriteHeader(code)
		})
	}
	tests := []struct {
		name    string
		change  func(*acsWorld)
		outcome string
	}{
		{"CPE busy", func(w *acsWorld) { w.relayTo(w.t, status(503, "")) }, outcomeUndelivered},
		{"CPE redirects", func(w *acsWorld) { w.relayTo(w.t, status(302, "")) }, outcomeUndelivered},
		{"401 without challenge", func(w *acsWorld) { w.relayTo(w.t, status(401, "")) }, outcomeUndelivered},
		{"C-82 Basic alone", func(w *acsWorld) { w.relayTo(w.t, status(401, `Basic realm="x"`)) }, outcomeUndelivered},
		{"behind a NAT", func(w *acsWorld) {
			w.target.Logins = nil
			w.exchange = func(context.Context, Target, string) (cpeAnswer, error) {
				return cpeAnswer{}, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
			}
		}, outcomeNoLogin},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newACSWorld(t, tt.change)
			if got, header := get(t, w.client("127.0.0.1"), w.shownURL(), ""); got != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
				t.Errorf("status %d", got)
			}
			w.count(countRequests, tt.outcome, 1)
		})
	}
}

func TestC82_BasicIsRelayedIfAllowed(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) {
		w.cfg.HTTP.AllowBasic = true
		w.relayTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "cruser" || password != "crpass" {
				w.Header().Set("WWW-Authenticate", `Basic realm="a \"b\""`)
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
	})
	if status, header := get(t, w.client("127.0.0.1"), w.shownURL(), ""); status != http.StatusUnauthorized || header.Get("WWW-Authenticate") != `Basic realm="a \"b\""` {
		t.Errorf("status %d, %q", status, header.Get("WWW-Authenticate"))
	}
	if status, _ := get(t, w.client("127.0.0.1"), w.shownURL(), "Basic Y3J1c2VyOmNycGFzcw=="); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

func TestC84_ExchangesWithOneCPEAreLimited(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) {
		w.relayTo(t, &strictCPE{challenge: `Digest realm="CPE", nonce="cpenonce", qop="auth"`, uri: "/", status: 200})
	})
	acs := w.client("127.0.0.1")
	for range exchangeBurst {
		if status, _ := get(t, acs, w.shownURL(), ""); status != http.StatusUnauthorized {
			t.Fatalf("status %d", status)
		}
	}
	if status, _ := get(t, acs, w.shownURL(), ""); status != http.StatusServiceUnavailable || w.sent() != exchangeBurst {
		t.Errorf("status %d after %d exchanges", status, w.sent())
	}
}
