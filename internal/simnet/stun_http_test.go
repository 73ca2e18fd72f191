package simnet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// startRequests runs an HTTP listener of a CPE until the test ends.
func startRequests(t *testing.T, change func(*RequestServerConfig)) *RequestServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := RequestServerConfig{Listener: ln, Path: "/cr?x=1", Username: crUser, Password: crPassword}
	change(&cfg)
	s, err := NewRequestServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// get sends a GET and returns all that comes back until the connection ends, or
// up to the end of a head.
func get(t *testing.T, s *RequestServer, target, authorization string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.cfg.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if authorization != "" {
		authorization = "Authorization: " + authorization + "\r\n"
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: cpe\r\n%s\r\n", target, authorization)
	var b strings.Builder
	br := bufio.NewReader(conn)
	for {
		line, err := br.ReadString('\n')
		b.WriteString(line)
		if err == io.EOF || line == "\r\n" {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// answer computes the digest answer to a challenge.
func answer(challenge, uri, password string) string {
	_, p := parseAuth(strings.NewReplacer("\n", " ", "\r", " ").Replace(challenge[strings.Index(challenge, "Digest"):]))
	d := digest{Username: crUser, Realm: p["realm"], Password: password, Method: "GET", URI: uri, Nonce: p["nonce"], QOP: p["qop"]}
	qop := ""
	if d.QOP != "" {
		d.CNonce, d.NC = "abc", "00000001"
		qop = `, cnonce="abc", nc=00000001, qop=auth`
	}
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"%s`, d.Username, d.Realm, d.Nonce, d.URI, d.response(), qop)
}

func TestC87_RequestServerForms(t *testing.T) {
	for _, form := range RequestForms() {
		t.Run(form.Name, func(t *testing.T) {
			var taken atomic.Int32
			s := startRequests(t, func(cfg *RequestServerConfig) {
				cfg.Form = form
				cfg.Requested = func(ConnectionRequest) { taken.Add(1) }
			})
			uri := "/cr?x=1"
			if form.RootURI {
				uri = "/"
			}
			good, bad := "", "Basic eDp5"
			if first := get(t, s, "/cr?x=1", ""); form.Scheme != "" {
				if !strings.HasPrefix(first, "HTTP/1.1 401") || taken.Load() != 0 {
					t.Fatalf("without credentials: %q", first)
				}
				good = "Basic Y3J1c2VyOmNycGFzcw=="
				if form.Scheme == "digest" {
					good, bad = answer(first, uri, crPassword), answer(first, uri, "wrong")
				}
				if got := get(t, s, "/cr?x=1", bad); !strings.HasPrefix(got, "HTTP/1.1 401") {
					t.Errorf("wrong credentials: %q", got)
				}
			}
			taken.Store(0)
			if got := get(t, s, "/cr?x=1", good); !strings.HasPrefix(got, "HTTP/1.1 20") || taken.Load() != 1 {
				t.Errorf("good credentials: %q, %d taken", got, taken.Load())
			}
			if got := get(t, s, "/other", good); !strings.HasPrefix(got, "HTTP/1.1 404") {
				t.Errorf("other path: %q", got)
			}
		})
	}
}

// TestC87_ChallengeBytes are those that were captured.
func TestC87_ChallengeBytes(t *testing.T) {
	for name, want := range map[string]string{
		"tr069agent": "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Digest\n   realm=\"liveboxrealm\",\n   qop=\"auth\",\n   nonce=\"N\",\n   opaque=\"EmVl0kakKQkXBsOZFIPyRSEN7yzHDug8\"\n",
		"netcwmp":    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest qop=\"auth\" nonce=\"N\" opaque=\"\" realm=\"cwmpd\"\r\nServer: TR069Agent\r\nContent-Length: 0\r\n\r\n",
	} {
		for _, form := range RequestForms() {
			if form.Name != name {
				continue
			}
			s := startRequests(t, func(cfg *RequestServerConfig) { cfg.Form = form })
			got := get(t, s, "/cr?x=1", "")
			_, p := parseAuth(strings.ReplaceAll(got[strings.Index(got, "Digest"):], "\n", " "))
			if got = strings.ReplaceAll(got, p["nonce"], "N"); got != want {
				t.Errorf("%s:\n%q\n%q", name, got, want)
			}
		}
	}
}

func TestRequestServerBusy(t *testing.T) {
	s := startRequests(t, func(cfg *RequestServerConfig) {
		cfg.Form = RequestForm{Name: "open"}
		cfg.Busy = func() bool { return true }
	})
	if got := get(t, s, "/cr?x=1", ""); !strings.HasPrefix(got, "HTTP/1.1 503") {
		t.Errorf("busy: %q", got)
	}
}

// TestCPEReportsItsBinding holds a session after a binding and a request.
func TestCPEReportsItsBinding(t *testing.T) {
	var events []cwmp.Event
	a := startACS(t, ACSConfig{Script: func(_ cwmp.DeviceID, e []cwmp.Event) []RPC {
		events = e
		return []RPC{GetValues("{root}ManagementServer.UDPConnectionRequestAddress")}
	}})
	for _, m := range []Make{known(t, "generic"), known(t, "tr069agent")} {
		c := newTestCPE(t, a, m.WithSTUN(netip.MustParseAddrPort("203.0.113.1:3478")), nil)
		c.SetConnectionRequestURL("http://192.0.2.1:7547/new")
		c.SetBinding(netip.MustParseAddrPort("198.51.100.23:34512"), true)
		c.QueueEvent(cwmp.Event{Code: EventConnectionRequest})
		mustSucceed(t, c)
		if fmt.Sprint(events) != "[{4 VALUE CHANGE } {6 CONNECTION REQUEST }]" {
			t.Errorf("%s: events %v", m.Name, events)
		}
		exchanges := a.Exchanges()
		var all strings.Builder
		for _, e := range exchanges {
			all.Write(e.Body)
		}
		for _, want := range []string{"198.51.100.23:34512", "http://192.0.2.1:7547/new", "NATDetected"} {
			if !strings.Contains(all.String(), want) {
				t.Errorf("%s: %s is not in the session", m.Name, want)
			}
		}
	}
}
