package natlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// Ports of the lab.
const (
	ServerPort = 3478
	// CPEPort is where CPEs should take UDP Connection Requests. The NATs map it,
	// and the two ports behind it, to ports that differ.
	CPEPort = 7547
)

// Timeout is how long a Forgetful NAT keeps a mapping that is not used.
const Timeout = 2 * time.Second

// Host is one machine of a lab.
type Host struct {
	Addrs     []netip.Addr
	namespace string
	t         testing.TB
}

// Lab is a network: a server and an attacker on the Internet, CPEs behind a NAT.
type Lab struct {
	Kind     Kind
	Server   *Host // with two addresses
	Attacker *Host
	CPEs     []*Host

	t       testing.TB
	tools   tools
	name    string
	routers []*router
}

// router is a host that does NAT; the first one is the nearest to the CPEs.
type router struct {
	*Host
	rules ruleset
}

var labs atomic.Int32

// New builds a network with a NAT of that kind. The test is skipped where that
// cannot be done. Everything is removed when the test ends.
func New(t testing.TB, kind Kind) *Lab {
	t.Helper()
	tools, err := find()
	if err != nil {
		unavailable(t, err)
	}
	tools.removeLeftovers()
	l := &Lab{Kind: kind, t: t, tools: tools, name: fmt.Sprintf("%s%d-%d-", prefix, os.Getpid(), labs.Add(1))}
	if err := l.add("internet"); err != nil {
		unavailable(t, fmt.Errorf("the NAT lab needs to create network namespaces: %w", err))
	}
	if err := l.tryRules("internet"); err != nil {
		unavailable(t, fmt.Errorf("the NAT lab needs a kernel with nftables and NAT: %w", err))
	}
	if err := l.build(); err != nil {
		t.Fatal(err)
	}
	return l
}

// add creates a namespace and has it removed in the end.
func (l *Lab) add(host string) error {
	name := l.name + host
	if err := run("", l.tools.ip, "netns", "add", name); err != nil {
		return err
	}
	l.t.Cleanup(func() {
		if err := run("", l.tools.ip, "netns", "delete", name); err != nil {
			l.t.Errorf("removing a namespace: %v", err)
		}
	})
	return nil
}

// ServerAddr is where the STUN server should listen.
func (l *Lab) ServerAddr() netip.AddrPort { return netip.AddrPortFrom(l.Server.Addrs[0], ServerPort) }

// Remap gives the outermost NAT another external address and other ports, and
// makes it forget its mappings, as after a reboot or a new lease.
func (l *Lab) Remap() {
	l.t.Helper()
	r := l.routers[len(l.routers)-1]
	r.rules.shift += 100
	r.rules.external = r.Addrs[(r.rules.shift/100)%len(r.Addrs)]
	if err := l.load(r); err != nil {
		l.t.Fatal(err)
	}
	if err := r.Do(flushConnections); err != nil {
		l.t.Fatalf("making the NAT forget: %v", err)
	}
}

// load gives a router its rules.
func (l *Lab) load(r *router) error {
	return r.Do(func() error { return run(r.rules.text(), l.tools.nft, "-f", "-") })
}

// tryRules loads rules of every sort into a namespace, and takes them back.
func (l *Lab) tryRules(host string) error {
	text := ""
	for _, kind := range []Kind{FullCone, Restricted, Symmetric} {
		r := ruleset{kind: kind, external: publicAddrs[0], cpes: cpeAddrs}
		text += r.text()
	}
	return within(l.name+host, func() error { return run(text+"delete table ip lab\n", l.tools.nft, "-f", "-") })
}

// Do runs fn on a thread of the host: sockets that it opens are the host's.
func (h *Host) Do(fn func() error) error { return within(h.namespace, fn) }

// ListenUDP opens a socket of the host; the test closes it in the end.
func (h *Host) ListenUDP(addr netip.AddrPort) *net.UDPConn {
	h.t.Helper()
	conn, err := h.OpenUDP(addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// OpenUDP opens a socket of the host that the caller closes.
func (h *Host) OpenUDP(addr netip.AddrPort) (conn *net.UDPConn, err error) {
	err = h.Do(func() error {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
		return err
	})
	return conn, err
}

// Listen opens a TCP listener of the host that the caller closes.
func (h *Host) Listen(addr netip.AddrPort) (ln net.Listener, err error) {
	err = h.Do(func() error {
		ln, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(addr))
		return err
	})
	return ln, err
}

// Dial connects from the host, as net.Dialer.DialContext does. The address must
// be numeric.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = h.Do(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}
