package stunsrv

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	turnQueue  = 256            // packets that wait for pion, of one socket
	turnBuffer = maxPacket + 64 // a packet that was signed anew may have grown
)

// turnPacket is a packet on its way to pion.
type turnPacket struct {
	source netip.AddrPort
	n      int
	data   [maxPacket]byte
}

var turnPackets = sync.Pool{New: func() any { return new(turnPacket) }}

// turnConn is what pion takes for its socket: a queue that the reader of a STUN
// socket fills, and that socket for what is sent.
//
// pion has one goroutine that reads from it and deals with each packet to the end,
// all callbacks and the answer included, before it reads the next. So the request
// in hand needs no lock: ReadFrom sets it, and the handlers of authentication,
// allocation and permission and WriteTo, which pion calls in between, find in it
// who asks. Where pion hands a user over to nobody, this is how the allocation
// knows its own.
type turnConn struct {
	relay   *relay
	local   netip.AddrPort
	address *net.UDPAddr
	queue   chan *turnPacket
	closing sync.Once
	closed  chan struct{}
	ended   chan struct{}  // the reader is gone
	live    sync.WaitGroup // allocations

	hand turnRequest // of the reader's goroutine alone

	mu          sync.Mutex
	allocations map[netip.AddrPort]*turnAllocation // by client; bounded by what users may hold
}

func newTURNConn(r *relay, local netip.AddrPort) *turnConn {
	return &turnConn{
		relay: r, local: local, address: net.UDPAddrFromAddrPort(local), queue: make(chan *turnPacket, turnQueue),
		closed: make(chan struct{}), ended: make(chan struct{}),
		allocations: make(map[netip.AddrPort]*turnAllocation),
	}
}

// push queues a copy of a packet and tells whether there was room.
func (c *turnConn) push(packet []byte, source netip.AddrPort) bool {
	p := turnPackets.Get().(*turnPacket)
	p.source, p.n = source, copy(p.data[:], packet)
	select {
	case c.queue <- p:
		return true
	default:
		turnPackets.Put(p)
		return false
	}
}

// ReadFrom returns the next packet that pion may see.
func (c *turnConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		select {
		case <-c.closed:
			close(c.ended) // pion reads no more after an error
			return 0, nil, net.ErrClosed
		case p := <-c.queue:
			n, source := c.admit(b, p.data[:p.n], p.source), p.source
			turnPackets.Put(p)
			if n > 0 {
				return n, net.UDPAddrFromAddrPort(source), nil
			}
		}
	}
}

// WriteTo sends an answer of pion's to the client.
func (c *turnConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.noteAnswer(b)
	if err := c.relay.server.SendFrom(c.local, udpAddrPort(to), b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close ends ReadFrom. The STUN socket stays open.
func (c *turnConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return nil
}

// wait returns when pion has given up the connection and all allocations.
func (c *turnConn) wait() {
	<-c.ended
	c.live.Wait()
}

// LocalAddr returns the address of the STUN socket.
func (c *turnConn) LocalAddr() net.Addr { return c.address }

// SetDeadline does nothing: pion sets none.
func (*turnConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (*turnConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, sending never waits.
func (*turnConn) SetWriteDeadline(time.Time) error { return nil }

// of returns the allocation of a client, nil if there is none.
func (c *turnConn) of(source netip.AddrPort) *turnAllocation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.allocations[source]
}

// known tells whether a client has an allocation.
func (c *turnConn) known(source netip.AddrPort) turnFate {
	if a := c.of(source); a == nil || a.state(c.relay.server.deps.Now()) != turnLive {
		return turnNoAllocation
	}
	return turnAccepted
}

func (c *turnConn) remember(a *turnAllocation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allocations[a.client] = a
}

// forget drops an allocation, if its client has none after it.
func (c *turnConn) forget(a *turnAllocation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.allocations[a.client] == a {
		delete(c.allocations, a.client)
	}
}

func udpAddrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		return unmap(udp.AddrPort())
	}
	return netip.AddrPort{}
}
