package stunsrv

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
)

// maxSockets bounds the sockets; a machine with more addresses is told which.
const maxSockets = 256

// parseEndpoint reads an entry of Config.Listen. As for Go's other listeners no
// IP address, or ::, stands for all of the machine, and 0.0.0.0 for those of
// IPv4.
func parseEndpoint(value string) (netip.AddrPort, error) {
	host, number, err := net.SplitHostPort(value)
	if err != nil {
		return netip.AddrPort{}, errors.New(`is not ip:port such as "203.0.113.10:3478", nor ":3478" for every address`)
	}
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return netip.AddrPort{}, errors.New("has a port that is not a number from 0 to 65535")
	}
	ip := netip.IPv6Unspecified()
	if host != "" {
		if ip, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, errors.New("has a host that is not an IP address: names are not looked up")
		}
	}
	ip = ip.Unmap()
	switch {
	case ip.IsMulticast() || ip == broadcast:
		return netip.AddrPort{}, errors.New("is not the address of one machine")
	case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
		return netip.AddrPort{}, errors.New("is a link-local address without its zone, such as %eth0")
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

// expand returns the IP addresses that an entry stands for. They become a socket
// each: a reply must come from the address that was asked, and name it.
func expand(ip netip.Addr, machine func() ([]netip.Addr, error)) ([]netip.Addr, error) {
	if !ip.IsUnspecified() {
		return []netip.Addr{ip}, nil
	}
	all, err := machine()
	if err != nil {
		return nil, fmt.Errorf("the addresses of the machine cannot be listed: %w", err)
	}
	return slices.DeleteFunc(all, func(a netip.Addr) bool { return ip.Is4() && !a.Is4() }), nil
}

// machineAddresses returns the unicast addresses of the machine in order, without
// IPv6 link-local ones, which no CPE is told.
func machineAddresses() ([]netip.Addr, error) {
	networks, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, network := range networks {
		prefix, err := netip.ParsePrefix(network.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr().Unmap()
		if !ip.IsMulticast() && (ip.Is4() || !ip.IsLinkLocalUnicast()) {
			out = append(out, ip)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), nil
}

// listener gathers the sockets while they are bound.
type listener struct {
	sockets []*socket
	named   []*socket // those that an entry gave the IP address of
	skipped []netip.AddrPort
}

// listen binds all sockets, or none if one of them fails.
func listen(entries []string, machine func() ([]netip.Addr, error)) (*listener, error) {
	var l listener
	err := l.bindAll(entries, machine)
	if err == nil {
		err = l.complete()
	}
	if err != nil {
		closeAll(l.sockets)
		return nil, err
	}
	return &l, nil
}

func (l *listener) bindAll(entries []string, machine func() ([]netip.Addr, error)) error {
	for _, entry := range entries {
		address, err := parseEndpoint(entry)
		if err != nil {
			return fmt.Errorf("stun: listen %q %w", entry, err)
		}
		ips, err := expand(address.Addr(), machine)
		if err == nil {
			err = l.bindEntry(ips, address)
		}
		if err != nil {
			return fmt.Errorf("stun: listen %q: %w", entry, err)
		}
	}
	return nil
}

// bindEntry binds all the IP addresses that an entry stands for to one port,
// which the kernel chooses if it is 0.
func (l *listener) bindEntry(ips []netip.Addr, entry netip.AddrPort) error {
	wild, port, bound := entry.Addr().IsUnspecified(), entry.Port(), 0
	for _, ip := range ips {
		s, err := l.bind(netip.AddrPortFrom(ip, port))
		if wild && errors.Is(err, syscall.EADDRNOTAVAIL) {
			// Of all addresses one may be about to come or to go.
			l.skipped = append(l.skipped, netip.AddrPortFrom(ip, port))
			continue
		}
		if err != nil {
			return err
		}
		port = s.local.Port()
		bound++
		if !wild {
			l.named = append(l.named, s)
		}
	}
	if bound == 0 {
		return errors.New("the machine has no address of the kind")
	}
	return nil
}

// bind opens a socket unless there is one of that address.
func (l *listener) bind(local netip.AddrPort) (*socket, error) {
	for _, s := range l.sockets {
		if s.local == local {
			return s, nil
		}
	}
	if len(l.sockets) == maxSockets {
		return nil, fmt.Errorf("more than %d addresses: list those that CPEs are to use", maxSockets)
	}
	s, err := bind(local)
	if err != nil {
		return nil, err
	}
	l.sockets = append(l.sockets, s)
	return s, nil
}

// complete makes the four sockets of CHANGE-REQUEST out of the first two named
// ones that differ in both IP address and port (RFC 3489 8.1, RFC 5780 7.2), for
// each family, and tells every socket of the others.
func (l *listener) complete() error {
	for _, v4 := range []bool{true, false} {
		a, b := l.pair(v4)
		if a == nil {
			continue
		}
		c, err := l.bind(netip.AddrPortFrom(a.local.Addr(), b.local.Port()))
		if err != nil {
			return fmt.Errorf("stun: the four addresses of CHANGE-REQUEST: %w", err)
		}
		d, err := l.bind(netip.AddrPortFrom(b.local.Addr(), a.local.Port()))
		if err != nil {
			return fmt.Errorf("stun: the four addresses of CHANGE-REQUEST: %w", err)
		}
		a.changed = [senders]*socket{ownSocket: a, otherPort: c, otherIP: d, otherBoth: b}
		b.changed = [senders]*socket{ownSocket: b, otherPort: d, otherIP: c, otherBoth: a}
		c.changed = [senders]*socket{ownSocket: c, otherPort: a, otherIP: b, otherBoth: d}
		d.changed = [senders]*socket{ownSocket: d, otherPort: b, otherIP: a, otherBoth: c}
	}
	for _, s := range l.sockets {
		if s.changed[ownSocket] == nil {
			s.changed[ownSocket] = s
			s.changed[otherPort] = l.neighbour(s) // quirk S-11
		}
		for k, other := range s.changed {
			if other != nil {
				s.topology[k] = other.local
			}
		}
	}
	return nil
}

// pair returns the first two named sockets of a family that differ in both IP
// address and port.
func (l *listener) pair(v4 bool) (a, b *socket) {
	for i, a := range l.named {
		for _, b := range l.named[i+1:] {
			if a.local.Addr().Is4() == v4 && b.local.Addr().Is4() == v4 &&
				a.local.Addr() != b.local.Addr() && a.local.Port() != b.local.Port() {
				return a, b
			}
		}
	}
	return nil, nil
}

// neighbour returns the first other socket of the same IP address.
func (l *listener) neighbour(s *socket) *socket {
	for _, other := range l.sockets {
		if other != s && other.local.Addr() == s.local.Addr() {
			return other
		}
	}
	return nil
}

// smallest returns the size of the smallest receive buffer.
func smallest(sockets []*socket) int {
	s := slices.MinFunc(sockets, func(a, b *socket) int { return cmp.Compare(a.receiveBuffer(), b.receiveBuffer()) })
	return s.receiveBuffer()
}

func closeAll(sockets []*socket) {
	for _, s := range sockets {
		_ = s.conn.Close() // nothing is buffered that could be lost
	}
}
