package connreq

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/digest"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// miniCPE is the connection request server of a CPE, with the exact bytes of a real
// one. It serves one request a connection and closes.
type miniCPE struct {
	t        *testing.T
	listener net.Listener
	reply    func(n int, authorization string) string // n counts the requests from 1
	hold     bool                                     // leaves the connection open after the reply

	mu       sync.Mutex
	requests []string
	sources  []netip.AddrPort
	served   sync.WaitGroup
	stop     chan struct{}
}

func newMiniCPE(t *testing.T, address string, reply func(n int, authorization string) string) *miniCPE {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil && strings.HasPrefix(address, "[") {
		t.Skipf("no IPv6 on this machine: cannot listen on %s: %v", address, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &miniCPE{t: t, listener: listener, reply: reply, stop: make(chan struct{})}
	c.served.Go(c.accept)
	t.Cleanup(func() {
		close(c.stop)
		listener.Close()
		c.served.Wait()
	})
	return c
}

func (c *miniCPE) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.served.Go(func() { c.serve(conn) })
	}
}

func (c *miniCPE) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	head, err := httpwire.ReadHead(bufio.NewReader(conn), 8<<10)
	if err != nil {
		return
	}
	var request httpwire.Request
	if err := httpwire.ParseRequest(head, &request); err != nil {
		c.t.Errorf("request %q: %v", head, err)
		return
	}
	source, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	c.mu.Lock()
	c.requests = append(c.requests, head)
	c.sources = append(c.sources, source)
	n := len(c.requests)
	c.mu.Unlock()
	if _, err := conn.Write([]byte(c.reply(n, request.Fields.Get("Authorization")))); err != nil {
		return // the gateway does not read without end
	}
	if c.hold {
		<-c.stop
	}
}

// seen returns the requests so far.
func (c *miniCPE) seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.requests...)
}

func (c *miniCPE) target(path string) Target {
	return Target{
		URL: "http://" + c.listener.Addr().String() + path, Source: netip.MustParseAddr("198.51.100.7"),
		Logins: []Login{{"cruser", "crpass"}},
	}
}

// challenging challenges whoever lacks the right login for this uri.
func challenging(challenge, success, uri string) func(int, string) string {
	return func(_ int, authorization string) string {
		a, ok := digest.ParseAnswer(authorization)
		if ok && a.Username == "cruser" && a.Verify("GET", "crpass") && (a.Scheme == digest.SchemeBasic || a.URI == uri) {
			return success
		}
		return challenge
	}
}

func newTestHTTP(t *testing.T, edit func(*HTTPConfig)) *httpTransport {
	t.Helper()
	cfg := HTTPConfig{AllowNetworks: []string{"127.0.0.0/8", "::1"}}
	if edit != nil {
		edit(&cfg)
	}
	cfg.SetDefaults()
	h, err := newHTTPTransport(&cfg, time.Now, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func send(t *testing.T, h *httpTransport, target Target) (sent int, err error) {
	t.Helper()
	j := &Job{Target: target}
	err = h.Send(t.Context(), j)
	return int(j.sent.Load()), err
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
}
