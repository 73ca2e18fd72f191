package stunsrv

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
)

// patient is how long a test waits for what must come.
const patient = 10 * time.Second

// quiet returns dependencies that do nothing.
func quiet() Deps {
	return Deps{Sighted: func([]Sighting) {}, Now: time.Now, Metrics: prometheus.NewRegistry(), Log: zap.NewNop()}
}

// newServer returns a server that does not run yet and is closed with the test.
func newServer(t testing.TB, cfg Config, deps Deps) *Server {
	t.Helper()
	s, err := New(cfg, TURNConfig{}, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// startServer returns one that runs until the test ends.
func startServer(t testing.TB, cfg Config, deps Deps) *Server {
	t.Helper()
	s := newServer(t, cfg, deps)
	runServer(t, s)
	return s
}

func runServer(t testing.TB, s *Server) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// cpe is a UDP socket of a client.
type cpe struct {
	t    testing.TB
	conn *net.UDPConn
}

func newCPE(t testing.TB, ip string) *cpe {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &cpe{t, conn}
}

func (c *cpe) address() netip.AddrPort { return unmap(c.conn.LocalAddr().(*net.UDPAddr).AddrPort()) }

func (c *cpe) send(to netip.AddrPort, packet []byte) {
	c.t.Helper()
	if _, err := c.conn.WriteToUDPAddrPort(packet, to); err != nil {
		c.t.Fatal(err)
	}
}

// receive returns the next datagram and where it came from.
func (c *cpe) receive() ([]byte, netip.AddrPort) {
	c.t.Helper()
	buffer := make([]byte, 4096)
	_ = c.conn.SetReadDeadline(time.Now().Add(patient))
	n, from, err := c.conn.ReadFromUDPAddrPort(buffer)
	if err != nil {
		c.t.Fatal(err)
	}
	return buffer[:n], unmap(from)
}

// ask sends a request and returns the answer.
func (c *cpe) ask(to netip.AddrPort, packet []byte) ([]byte, netip.AddrPort) {
	c.t.Helper()
	c.send(to, packet)
	return c.receive()
}

// silent tells that nothing came before the answer to a request that is sent now.
func (c *cpe) silent(server netip.AddrPort) {
	c.t.Helper()
	const marker = "nothing-came-yet"
	if reply, _ := c.ask(server, request([]byte(marker))); string(reply[4:20]) != marker {
		c.t.Errorf("unexpected %x", reply)
	}
}

// counted returns how many packets had a disposition.
func (s *Server) counted(d disposition) int { return int(testutil.ToFloat64(s.metrics.packets[d])) }

// total returns how many packets were counted.
func (s *Server) total() (n int) {
	for d := range dispositions {
		n += s.counted(d)
	}
	return n
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// requireIPv6 skips where the machine has no IPv6 loopback address.
func requireIPv6(t testing.TB) {
	t.Helper()
	conn, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 on loopback: %v", err)
	}
	conn.Close()
}

func TestS30_AnswersComeFromTheAskedAddress(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0", "127.0.0.2:0"}}, quiet())
	c := newCPE(t, "127.0.0.1")
	for _, local := range s.Addrs() {
		reply, from := c.ask(local, request(classicID, bindingAttr))
		if from != local {
			t.Errorf("asked %v, answered from %v", local, from)
		}
		for typ, want := range map[uint16]netip.AddrPort{attrMappedAddress: c.address(), attrSourceAddress: local} {
			if !bytes.Contains(reply, appendAddress(nil, typ, want)) {
				t.Errorf("%x: attribute %d is not %v", reply, typ, want)
			}
		}
	}
	if n := s.counted(answered); n != len(s.Addrs()) {
		eventually(t, "all are counted", func() bool { return s.counted(answered) == len(s.Addrs()) })
	}
}

func TestIPv6_IsAnswered(t *testing.T) {
	requireIPv6(t)
	sighted := make(chan Sighting, 1)
	deps := quiet()
	deps.Sighted = func(s []Sighting) { sighted <- s[0] }
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0", "[::1]:0"}}, deps)
	c, local := newCPE(t, "::1"), s.Addrs()[1]
	reply, from := c.ask(local, request(nil, bindingAttr))
	if from != local || len(reply) < headerSize || reply[0] != 1 {
		t.Errorf("%x from %v", reply, from)
	}
	if got := <-sighted; got.Local != local || got.Source != c.address() {
		t.Errorf("%+v", got)
	}
}

// TestS11_ChangeRequestFourSockets asks each of the four sockets for an answer
// from each of the others.
func TestS11_ChangeRequestFourSockets(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0", "127.0.0.2:0"}}, quiet())
	if len(s.Addrs()) != 4 {
		t.Fatalf("addresses %v", s.Addrs())
	}
	c := newCPE(t, "127.0.0.1")
	for _, local := range s.Addrs() {
		seen := map[netip.AddrPort]bool{}
		for flags := byte(0); flags < 8; flags += 2 {
			_, from := c.ask(local, request(classicID, changeRequest(flags)))
			if (from.Port() != local.Port()) != (flags&2 != 0) || (from.Addr() != local.Addr()) != (flags&4 != 0) {
				t.Errorf("%v with flags %d is answered from %v", local, flags, from)
			}
			seen[from] = true
		}
		if len(seen) != 4 {
			t.Errorf("%v is answered from %v", local, seen)
		}
	}
}

func TestS10_ResponseAddressGoesToTheOtherPort(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	primary, secondary := newCPE(t, "127.0.0.1"), newCPE(t, "127.0.0.1")
	secondary.send(s.Addrs()[0], request(classicID, addressAttr(attrResponseAddress, primary.address().String())))
	reply, from := primary.receive()
	if from != s.Addrs()[0] || !bytes.Contains(reply, addressAttr(attrReflectedFrom, secondary.address().String())) {
		t.Errorf("%x from %v", reply, from)
	}
	secondary.silent(s.Addrs()[0])
}

func TestS30_SendFrom(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0", "127.0.0.2:0"}}, quiet())
	c := newCPE(t, "127.0.0.1")
	for _, local := range s.Addrs() {
		mapped := netip.AddrPortFrom(netip.AddrFrom16(local.Addr().As16()), local.Port())
		for _, from := range []netip.AddrPort{local, mapped} {
			if err := s.SendFrom(from, c.address(), []byte("GET http://x")); err != nil {
				t.Fatal(err)
			}
			if got, source := c.receive(); string(got) != "GET http://x" || source != local {
				t.Errorf("%q from %v, want %v", got, source, local)
			}
		}
	}
}

func TestSendFrom_Errors(t *testing.T) {
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	local, foreign := s.Addrs()[0], netip.MustParseAddrPort("192.0.2.7:3478")
	to := netip.MustParseAddrPort("127.0.0.1:9")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no such socket":    {s.SendFrom(foreign, to, []byte("x")), foreign.String()},
		"other family":      {s.SendFrom(local, netip.MustParseAddrPort("[::1]:9"), []byte("x")), "[::1]:9"},
		"no destination":    {s.SendFrom(local, netip.AddrPort{}, []byte("x")), "cannot be reached"},
		"port 0":            {s.SendFrom(local, netip.MustParseAddrPort("127.0.0.1:0"), []byte("x")), "127.0.0.1:0"},
		"beyond a datagram": {s.SendFrom(local, to, make([]byte, 70_000)), local.String()},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if n := testutil.ToFloat64(s.metrics.sendErrors[otherSendError]); n != 1 {
		t.Errorf("%v send errors, want that of the datagram that is too long", n)
	}
	s.Close()
	if err := s.SendFrom(local, to, []byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestS16_ServesWhileOthersSend has Connection Requests leave from the socket all
// the time; no answer is missed meanwhile.
func TestS16_ServesWhileOthersSend(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}, RequestsPerSource: 1_000_000}, quiet())
	local := s.Addrs()[0]
	target, c := newCPE(t, "127.0.0.3"), newCPE(t, "127.0.0.1")
	var sending sync.WaitGroup
	var done atomic.Int32
	for range 4 {
		sending.Go(func() {
			defer done.Add(1)
			for range 3000 {
				if err := s.SendFrom(local, target.address(), []byte("GET http://x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for asked := 0; asked < 100 || done.Load() < 4; asked++ {
		if reply, from := c.ask(local, request(classicID)); from != local || len(reply) == 0 {
			t.Errorf("%x from %v", reply, from)
		}
	}
	sending.Wait()
	if _, from := target.receive(); from != local {
		t.Errorf("sent from %v", from)
	}
}

// TestICMP_UnreachableIsSurvived answers and sends to ports that are closed.
func TestICMP_UnreachableIsSurvived(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	local := s.Addrs()[0]
	gone := newCPE(t, "127.0.0.1")
	closed := gone.address()
	for range 50 {
		gone.send(local, request(classicID))
	}
	gone.conn.Close()
	for range 50 {
		// The error of an earlier datagram may be reported with a later one.
		_ = s.SendFrom(local, closed, []byte("GET http://x"))
	}
	newCPE(t, "127.0.0.1").silent(local)
	eventually(t, "all are counted", func() bool { return s.total() == 51 })
}

func TestRateLimit_BySource(t *testing.T) {
	deps := quiet()
	start := time.Now()
	var elapsed atomic.Int64
	deps.Now = func() time.Time { return start.Add(time.Duration(elapsed.Load())) }
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}, RequestsPerSource: 5}, deps)
	noisy, calm := newCPE(t, "127.0.0.1"), newCPE(t, "127.0.0.2")
	for range 20 {
		noisy.send(s.Addrs()[0], request(classicID))
	}
	eventually(t, "20 are counted", func() bool { return s.total() == 20 })
	if s.counted(answered) != 5 || s.counted(rateLimited) != 15 {
		t.Errorf("%d answered, %d limited", s.counted(answered), s.counted(rateLimited))
	}
	calm.silent(s.Addrs()[0])
	elapsed.Store(int64(time.Second / 5))
	for range 2 {
		noisy.send(s.Addrs()[0], request(classicID))
	}
	eventually(t, "23 are counted", func() bool { return s.total() == 23 })
	if s.counted(answered) != 7 || s.counted(rateLimited) != 16 {
		t.Errorf("a fifth of a second later %d answered, %d limited", s.counted(answered), s.counted(rateLimited))
	}
}

// TestFlood sends garbage, requests and longer things than any request, and
// accounts for each: counted once by its disposition, or dropped by the kernel.
func TestFlood(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}, RequestsPerSource: 1_000_000}, quiet())
	local, random := s.Addrs()[0], rand.New(rand.NewPCG(1, 2))
	c := newCPE(t, "127.0.0.1")
	const packets = 30_000
	for i := range packets {
		packet := make([]byte, random.IntN(120))
		for j := range packet {
			packet[j] = byte(random.Uint32())
		}
		switch i % 10 {
		case 0:
			packet = classicChange
		case 1:
			packet = make([]byte, maxPacket+1)
		}
		c.send(local, packet)
	}
	eventually(t, "each packet is accounted for", func() bool { return s.total()+int(s.dropped()) == packets })
	if s.counted(notSTUN) == 0 || s.counted(oversized) == 0 || s.counted(answered) == 0 || s.counted(faulted) != 0 {
		t.Errorf("not STUN %d, oversized %d, answered %d, faulted %d",
			s.counted(notSTUN), s.counted(oversized), s.counted(answered), s.counted(faulted))
	}
	newCPE(t, "127.0.0.1").silent(local)
}

// TestRun_TaskEndsIt takes the error of what runs beside the readers.
func TestRun_TaskEndsIt(t *testing.T) {
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	broken := errors.New("broken")
	s.tasks = append(s.tasks,
		func(context.Context) error { return broken },
		func(ctx context.Context) error { <-ctx.Done(); return nil })
	if err := s.Run(context.Background()); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
	if err := s.SendFrom(s.Addrs()[0], s.Addrs()[0], []byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket is open: %v", err)
	}
}

func TestNew_RequiresDeps(t *testing.T) {
	if _, err := New(Config{}, TURNConfig{}, Deps{}); err == nil {
		t.Error("no error")
	}
}

// TestNew_WithoutAddresses serves nobody, and says so when asked to send.
func TestNew_WithoutAddresses(t *testing.T) {
	s := startServer(t, Config{}, quiet())
	if len(s.Addrs()) != 0 || s.SendFrom(serverAddr, primaryAddr, nil) == nil {
		t.Errorf("addresses %v", s.Addrs())
	}
}
