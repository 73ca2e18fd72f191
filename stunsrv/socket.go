package stunsrv

import (
	"net"
	"net/netip"
	"syscall"
)

// wishedBuffer is what each socket's receive and send buffer should hold, in
// bytes: the requests of a fleet come in waves, when power or a line is back.
const wishedBuffer = 8 << 20

// maxPacket bounds a datagram in bytes. No request comes near it; a TURN client
// may send as much as a link takes.
const maxPacket = 1600

// socket is one bound UDP address.
type socket struct {
	conn     *net.UDPConn
	raw      syscall.RawConn
	local    netip.AddrPort
	topology topology
	// changed holds the sockets of topology; nil where there is none.
	changed [senders]*socket
}

// bind opens a socket. A port of 0 is chosen by the kernel.
func bind(local netip.AddrPort) (*socket, error) {
	network := "udp4"
	if local.Addr().Is6() {
		network = "udp6" // IPv6 alone, whatever net.ipv6.bindv6only says
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s := &socket{conn: conn, raw: raw, local: netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())}
	s.growBuffers()
	return s, nil
}
