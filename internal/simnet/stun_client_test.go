package simnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memNet is a STUN server and a NAT with ports in between, without sockets.
type memNet struct {
	mu      sync.Mutex
	conns   []*memConn
	lost    bool          // nothing arrives
	timeout time.Duration // of mappings, zero for ever
	moved   uint16        // added to mapped ports
	auth    string        // password, if the server challenges
	always  bool          // it challenges keep-alives too
	form    STUNIntegrity
	ignores bool // RESPONSE-ADDRESS
	log     []string
}

// memConn is one socket of the CPE.
type memConn struct {
	net      *memNet
	port     uint16
	last     time.Time // of a packet through the NAT
	inbox    chan []byte
	deadline chan struct{}
	once     sync.Once
	closed   chan struct{}
	shut     sync.Once
}

var memServer = netip.MustParseAddrPort("203.0.113.1:3478")

func (n *memNet) open() *memConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &memConn{net: n, port: uint16(7547 + len(n.conns)), inbox: make(chan []byte, 16), deadline: make(chan struct{}), closed: make(chan struct{})}
	n.conns = append(n.conns, c)
	return c
}

// mapped is the socket's address outside.
func (n *memNet) mapped(c *memConn) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("198.51.100.23"), c.port+30_000+n.moved)
}

// deliver puts a datagram into the inbox of the socket that is mapped to that address.
func (n *memNet) deliver(to netip.AddrPort, data []byte, now time.Time) {
	for _, c := range n.conns {
		if n.mapped(c) == to && !n.lost && (n.timeout == 0 || now.Sub(c.last) < n.timeout) {
			c.last = now
			select {
			case c.inbox <- data:
			default:
			}
		}
	}
}

// serve answers a packet from a socket as a TR-111 server does.
func (n *memNet) serve(c *memConn, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	c.last = now
	m, err := parseSTUN(data, false)
	if err != nil {
		n.log = append(n.log, err.Error())
		return
	}
	var kinds []string
	for _, a := range m.attrs {
		kinds = append(kinds, fmt.Sprintf("%04x", a.kind))
	}
	n.log = append(n.log, fmt.Sprintf("%d %s", c.port, strings.Join(kinds, " ")))
	to := n.mapped(c)
	_, binding := m.get(stunConnectionRequest)
	_, change := m.get(stunBindingChange)
	_, signed := m.get(stunIntegrity)
	if n.auth != "" && binding && (change || n.always) && !signed {
		n.deliver(to, finishSTUN(appendSTUNAttribute(newSTUNMessage(stunBindingError, m.id), stunErrorCode, []byte("\x00\x00\x04\x01Unauthorized"))), now)
		return
	}
	reply := appendSTUNAddress(newSTUNMessage(stunBindingResponse, m.id), stunMappedAddress, to)
	reply = appendSTUNAddress(reply, stunSourceAddress, memServer)
	reply = appendSTUNAddress(reply, stunChangedAddress, memServer)
	if a, ok := m.get(stunResponseAddress); ok && !n.ignores {
		reply = appendSTUNAddress(reply, stunReflectedFrom, to)
		if to, err = a.address(); err != nil {
			return
		}
	}
	if signed {
		if !n.form.verify(m, n.auth) {
			return
		}
		reply = n.form.sign(reply, n.auth)
	}
	n.deliver(to, finishSTUN(reply), now)
}

// take returns what was logged and forgets it.
func (n *memNet) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	log := n.log
	n.log = nil
	return log
}

func (n *memNet) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

func (c *memConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case data := <-c.inbox:
		return copy(b, data), net.UDPAddrFromAddrPort(memServer), nil
	case <-c.deadline:
		return 0, nil, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c *memConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if udpAddrPort(to) != memServer {
		return 0, errors.New("no route")
	}
	c.net.serve(c, append([]byte(nil), b...))
	return len(b), nil
}

func (c *memConn) Close() error { c.shut.Do(func() { close(c.closed) }); return nil }
func (c *memConn) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(192, 168, 1, 2), Port: int(c.port)}
}
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
func (c *memConn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		c.once.Do(func() { close(c.deadline) })
	}
	return nil
}

// runSTUN runs a client until the end of the test.
func runSTUN(t *testing.T, n *memNet, name string, change func(*STUNConfig)) *STUNClient {
	t.Helper()
	cfg := STUNConfig{
		Profile: profile(t, name), Server: memServer, Conn: n.open(),
		Spare:    func() (net.PacketConn, error) { return n.open(), nil },
		Username: "test", Password: "1234", MinKeepAlive: 30 * time.Second,
		ConnectionRequestUsername: crUser, ConnectionRequestPassword: crPassword,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := NewSTUNClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return c
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

// wait lets time pass, up to half a second behind d.
func wait(d time.Duration) {
	time.Sleep(d + 500*time.Millisecond)
	synctest.Wait()
}

func TestSTUNClientAnnouncesAndKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memNet{}
		var bound []string
		c := runSTUN(t, n, "tr069agent", func(cfg *STUNConfig) {
			cfg.Bound = func(mapped netip.AddrPort, nat bool) { bound = append(bound, fmt.Sprint(mapped, nat)) }
		})
		equal(t, "at the start", n.take(), []string{"7547 0006 c001", "7547 0006 c001 c002"})
		wait(60 * time.Second)
		equal(t, "keep-alives", n.take(), []string{"7547 0006 c001", "7547 0006 c001"})
		n.set(func() { n.moved = 10 })
		wait(30 * time.Second)
		equal(t, "after a change", n.take(), []string{"7547 0006 c001", "7547 0006 c001 c002"})
		equal(t, "bound", bound, []string{"198.51.100.23:37547 true", "198.51.100.23:37557 true"})
		if s := c.Status(); s.Mapped.Port() != 37557 || !s.NAT {
			t.Errorf("status %+v", s)
		}
	})
}

// TestICWMPKeepsIDAndChange: quirk of the client, protocol notes 4.3.
func TestICWMPKeepsIDAndChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memNet{}
		c := runSTUN(t, n, "icwmp", nil)
		first := c.keptID
		n.take()
		wait(30 * time.Second)
		equal(t, "keep-alive", n.take(), []string{"7547 0006 c001 c002"})
		if first != c.newID() {
			t.Error("another transaction id")
		}
	})
}

func TestSTUNClientRetransmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memNet{lost: true}
		c := runSTUN(t, n, "standard", nil)
		wait(9 * time.Second)
		if got := len(n.take()); got != 9 { // RFC 3489 9.3
			t.Errorf("%d copies, want 9", got)
		}
		n.set(func() { n.lost = false })
		wait(30 * time.Second)
		if s := c.Status(); s.Failed != 1 || !s.Mapped.IsValid() {
			t.Errorf("status %+v", s)
		}
	})
}

func TestS06_Challenge(t *testing.T) {
	for _, test := range []struct {
		profile string
		form    STUNIntegrity
		always  bool
		mapped  bool
	}{
		{"tr069agent", IntegrityExact, true, true},
		{"icwmp", IntegrityPadded, true, true},
		{"works", IntegrityPadded, true, true},
		{"tr069agent", IntegrityPadded, true, false}, // answered in the wrong convention
		{"rdkb", IntegrityZero, true, false},         // verifies nothing
		{"rdkb", IntegrityZero, false, true},         // has its address before it is challenged
		{"tecom", IntegritySwapped, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := &memNet{auth: "1234", form: test.form, always: test.always}
			c := runSTUN(t, n, test.profile, nil)
			wait(time.Minute)
			s := c.Status()
			if s.Mapped.IsValid() != test.mapped {
				t.Errorf("%s, server %s: mapped %v", test.profile, test.form.Name, s.Mapped)
			}
			n.take()
			if test.profile != "rdkb" {
				return
			}
			// Without challenges an RDK-B client stays dead: it wants signatures for good.
			before := s.Replies
			n.set(func() { n.auth = "" })
			wait(2 * time.Minute)
			if after := c.Status().Replies; after != before {
				t.Errorf("rdkb takes %d replies after a challenge", after-before)
			}
		})
	}
}

// TestS21_ChallengedKeepAlives: tr069agent reports 0.0.0.0 and back.
func TestS21_ChallengedKeepAlives(t *testing.T) {
	for always, want := range map[bool]int{false: 1, true: 5} {
		synctest.Test(t, func(t *testing.T) {
			n := &memNet{auth: "1234", form: IntegrityExact, always: always}
			bound := 0
			runSTUN(t, n, "tr069agent", func(cfg *STUNConfig) {
				cfg.Bound = func(netip.AddrPort, bool) { bound++ }
			})
			wait(60 * time.Second)
			if bound != want {
				t.Errorf("challenged always %v: %d addresses reported, want %d", always, bound, want)
			}
		})
	}
}

func TestTimeoutDiscovery(t *testing.T) {
	for _, test := range []struct {
		profile string
		timeout time.Duration
		ignores bool
		want    time.Duration
	}{
		{"standard", 75 * time.Second, false, 70 * time.Second},
		{"standard", 0, false, 120 * time.Second},
		{"standard", 0, true, 30 * time.Second}, // a server that ignores RESPONSE-ADDRESS
		{"tr069agent", 75 * time.Second, false, 70 * time.Second},
		{"works", 35 * time.Second, false, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := &memNet{timeout: test.timeout, ignores: test.ignores}
			c := runSTUN(t, n, test.profile, func(cfg *STUNConfig) { cfg.MaxKeepAlive = 120 * time.Second })
			wait(time.Hour)
			if got := c.Status().KeepAlive; got != test.want {
				t.Errorf("%s, NAT %v: keep-alive %v, want %v", test.profile, test.timeout, got, test.want)
			}
			if c.discovery.on {
				t.Error("discovery goes on for ever")
			}
			n.take()
			wait(test.want)
			for _, line := range n.take() {
				if !strings.Contains(line, "7547 ") || !strings.Contains(line, "c001") {
					t.Errorf("after discovery: %s", line)
				}
			}
		})
	}
}

// TestS20_DiscoveryFromSpareSockets: 0xC001 from a second socket, RESPONSE-ADDRESS
// from a third, as tr069agent does.
func TestS20_DiscoveryFromSpareSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memNet{}
		runSTUN(t, n, "tr069agent", func(cfg *STUNConfig) { cfg.MaxKeepAlive = 40 * time.Second })
		equal(t, "start", n.take(), []string{"7547 0006 c001", "7549 0006 c001", "7547 0006 c001 c002"})
		wait(40 * time.Second)
		equal(t, "probe", n.take(), []string{"7547 0006 c001", "7548 0002", "7547 0006 c001"})
	})
}

func TestSTUNClientTakesConnectionRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memNet{}
		var events []string
		c := runSTUN(t, n, "standard", func(cfg *STUNConfig) {
			cfg.Requested = func(r ConnectionRequest) { events = append(events, "requested from "+r.From.String()) }
			cfg.Refused = func(_ ConnectionRequest, err error) { events = append(events, "refused "+ruleOf(err)) }
		})
		mapped := c.Status().Mapped
		for _, d := range []string{crDatagram("1795000000", "5"), crDatagram("1795000000", "5"), "GET / HTTP/1.1\r\n\r\n", "noise"} {
			n.set(func() { n.deliver(mapped, []byte(d), time.Now()) })
			synctest.Wait()
		}
		equal(t, "events", events, []string{"requested from " + memServer.String(), "refused copy", "refused form", "refused form"})
		if s := c.Status(); s.Requested != 1 || s.Refused != 3 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestNewSTUNClientRefuses(t *testing.T) {
	for _, cfg := range []STUNConfig{{}, {Conn: (&memNet{}).open()}, {Server: memServer}} {
		if _, err := NewSTUNClient(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
