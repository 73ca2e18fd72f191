package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMessagesAreXMLOfTheirSizes(t *testing.T) {
	inform := newInformTemplate(informSize).body(nil, numberedDevice(7))
	for _, c := range []struct {
		name, text, mark string
		size             int
	}{
		{"Inform", string(inform), markInform, informSize},
		{"RPC", rpcBody(rpcSize), markRPC, rpcSize},
		{"large RPC", rpcBody(100_000), markRPC, 100_000},
		{"RPC response", rpcResponseBody(rpcResponseSize), markRPCResponse, rpcResponseSize},
		{"large RPC response", rpcResponseBody(100_000), markRPCResponse, 100_000},
		{"InformResponse", informResponseBody(), markInformResponse, len(informResponseBody())},
	} {
		if off := len(c.text) - c.size; off < -250 || off > 250 {
			t.Errorf("%s has %d bytes, want about %d", c.name, len(c.text), c.size)
		}
		if i := strings.Index(c.text, c.mark); i < 0 || i > 1000 {
			t.Errorf("%s: %q at %d, want it in the first kilobyte", c.name, c.mark, i)
		}
		var root struct{ XMLName xml.Name }
		if err := xml.Unmarshal([]byte(c.text), &root); err != nil || root.XMLName.Local != "Envelope" {
			t.Errorf("%s: %v, root %q", c.name, err, root.XMLName.Local)
		}
	}
	if !strings.Contains(string(inform), "<SerialNumber>BENCH000000007</SerialNumber>") {
		t.Errorf("no serial number in %s", inform)
	}
}

// startTestACS serves an ACS for the test's time.
func startTestACS(t *testing.T, closeAtEnd bool) (*acsServer, string) {
	t.Helper()
	l := testListener(t)
	s := newACSServer(closeAtEnd)
	served := make(chan error, 1)
	go func() { served <- s.serve(l) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

func testListener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testLoad(address string, sessions int) *load {
	return &load{
		target: target{address: address, path: "/cwmp"}, script: newCPEScript(rpcResponseSize),
		sessions: sessions, workers: 3, device: numberedDevice,
	}
}

func TestSessionsWithTheACSItself(t *testing.T) {
	s, address := startTestACS(t, false)
	got := testLoad(address, 20).run(t.Context())
	if got.Failures != 0 || len(got.Latencies) != 20 {
		t.Fatalf("load = %+v", got)
	}
	if st := s.snapshot(); st.Informs != 20 || st.Followups != 40 || st.Accepted != 20 || st.Foreign != 0 || st.PeakOpen < 1 {
		t.Errorf("ACS counted %+v", st)
	}
}

func TestSessionsOverTLSThroughTheBaseline(t *testing.T) {
	s, acs := startTestACS(t, false)
	cert, err := newCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := testListener(t)
	server := newBaseline(acs, 10)
	served := make(chan error, 1)
	go func() { served <- serveBaseline(server, l, cert.certFile, cert.keyFile) }()
	defer func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		server.Handler.(*httputil.ReverseProxy).Transport.(*http.Transport).CloseIdleConnections()
	}()
	run := testLoad(l.Addr().String(), 20)
	run.target.tls = cert.clientTLS(tls.VersionTLS13)
	if got := run.run(t.Context()); got.Failures != 0 {
		t.Fatalf("%d failures, first: %v", got.Failures, got.FirstErr)
	}
	if st := s.snapshot(); st.Informs != 20 || st.Accepted >= 15 {
		t.Errorf("ACS counted %+v; want connections that sessions share", st)
	}
}

// TestACSSeesForeignConnections sends the follow-up of a session over another
// connection, as a pooling proxy would.
func TestACSSeesForeignConnections(t *testing.T) {
	s, address := startTestACS(t, true)
	c := newCPE(newCPEScript(rpcResponseSize), "/cwmp")
	to := target{address: address, path: "/cwmp"}
	dial := func() net.Conn {
		conn, err := to.dial(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		c.connect(conn)
		return conn
	}
	dial()
	if err := c.informs(numberedDevice(1)); err != nil {
		t.Fatal(err)
	}
	dial()
	if err := errors.Join(c.asks(), c.answers()); err != nil {
		t.Fatal(err)
	}
	if st := s.snapshot(); st.Followups != 2 || st.Foreign != 2 {
		t.Errorf("ACS counted %+v; want both follow-ups foreign", st)
	}
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the 204: %v, want the ACS to have closed", err)
	}
}

func TestPortsAreHandedOutOnce(t *testing.T) {
	var p ports
	first, err := p.free()
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.free()
	if err != nil || first == second {
		t.Errorf("%q after %q, %v", second, first, err)
	}
	p.next = lastPort + 1
	if address, err := p.free(); err == nil {
		t.Errorf("%q is past the last port", address)
	}
}

func TestLargeReply(t *testing.T) {
	_, address := startTestACS(t, false)
	run := testLoad(address, 1)
	run.target.path = "/reply/300000"
	if got := run.run(t.Context()); got.Failures != 0 {
		t.Fatal(got.FirstErr)
	}
}

func TestFailuresAreCountedAndBounded(t *testing.T) {
	l := testListener(t)
	address := l.Addr().String()
	l.Close() // nobody listens any more
	got := testLoad(address, 5).run(t.Context())
	if got.Failures != 5 || got.FirstErr == nil || len(got.Latencies) != 0 {
		t.Errorf("load = %+v; want five failures", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := testLoad(address, 5).run(ctx); got.Failures != 5 {
		t.Errorf("after the end of the run: %+v", got)
	}
}

func TestCPERefusesWhatIsNoSession(t *testing.T) {
	for _, reply := range []string{
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
		"HTTP/1.1 2xx OK\r\n\r\n",
		"no\n",
		"",
	} {
		near, far := net.Pipe()
		go func() {
			buf := make([]byte, 8192)
			_, _ = far.Read(buf)
			_, _ = io.WriteString(far, reply)
			far.Close()
		}()
		c := newCPE(newCPEScript(rpcResponseSize), "/")
		c.connect(near)
		if err := near.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := c.informs(numberedDevice(1)); err == nil {
			t.Errorf("%q passed for the answer to an Inform", reply)
		}
		near.Close()
	}
}

func TestCrowdPlansLeaversWithinTheFileLimit(t *testing.T) {
	c := &contender{load: *testLoad("", 1)}
	for _, x := range []struct{ sessions, files, want int }{
		{100, 1000, 0}, {400, 1000, 0}, {450, 1000, 100}, {10_000, 20_000, 200}, {100, 100, 100},
	} {
		if got := newCrowd(c, x.sessions, 1, x.files).leavers; got != x.want {
			t.Errorf("%d sessions with %d files: %d leave, want %d", x.sessions, x.files, got, x.want)
		}
	}
}

func TestCrowdIsOpenAtOnce(t *testing.T) {
	s, address := startTestACS(t, false)
	c := &contender{load: *testLoad(address, 1)}
	k := newCrowd(c, 40, 4, 10_000)
	k.run(t.Context())
	if n := k.failures.Load(); n != 0 {
		t.Fatalf("%d failures, first: %v", n, *k.firstErr.Load())
	}
	if st := s.snapshot(); st.PeakOpen != 40 || st.Foreign != 0 {
		t.Errorf("ACS counted %+v; want 40 connections at once", st)
	}
}
