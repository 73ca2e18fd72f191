package simnet

import (
	"net"
	"net/netip"
	"sync"
)

// maxPeers bounds the peers that a HomeNAT remembers.
const maxPeers = 64

// HomeNAT is the socket of a CPE behind a port-restricted NAT, in one piece: the
// CPE sees its private address, the world that of the outside socket, and nothing
// comes in but from the address and port that the CPE has sent to.
type HomeNAT struct {
	net.PacketConn // the outside
	private        netip.AddrPort

	mu    sync.Mutex
	peers map[netip.AddrPort]bool
}

// NewHomeNAT returns the socket with the private address behind outside, a UDP
// socket, which it closes when it is closed.
func NewHomeNAT(private netip.AddrPort, outside net.PacketConn) *HomeNAT {
	return &HomeNAT{PacketConn: outside, private: private, peers: map[netip.AddrPort]bool{}}
}

// LocalAddr returns the private address.
func (n *HomeNAT) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(n.private) }

// Outside returns the address that the world sees.
func (n *HomeNAT) Outside() netip.AddrPort { return udpAddrPort(n.PacketConn.LocalAddr()) }

// WriteTo sends a datagram, and lets its peer's answers in.
func (n *HomeNAT) WriteTo(b []byte, to net.Addr) (int, error) {
	n.mu.Lock()
	if len(n.peers) < maxPeers {
		n.peers[udpAddrPort(to)] = true
	}
	n.mu.Unlock()
	return n.PacketConn.WriteTo(b, to)
}

// ReadFrom returns the next datagram that the NAT lets in.
func (n *HomeNAT) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		size, from, err := n.PacketConn.ReadFrom(b)
		if err != nil {
			return size, from, err
		}
		n.mu.Lock()
		open := n.peers[udpAddrPort(from)]
		n.mu.Unlock()
		if open {
			return size, from, nil
		}
	}
}

// Expire forgets all peers, as a NAT does after a silence.
func (n *HomeNAT) Expire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.peers)
}
