package stunsrv

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// turnRest is how long a client whose allocation has ended waits for the next
	// one. The goroutine that pion has for an allocation deletes on its way out
	// whatever allocation the client then has, the next one included.
	turnRest = time.Second
	// turnMargin is the last part of an allocation's life, in which it gets no
	// more permissions: pion's timer that deletes an allocation does not wait for
	// the goroutine that adds a permission to it, and would meet one without a
	// timer.
	turnMargin = 5 * time.Second
	// Permissions of one allocation, and how long each lasts (RFC 8656 9). pion
	// has no bound for them.
	turnPermissions    = 4096
	permissionLifetime = 5 * time.Minute
)

var (
	errTURNQuota = errors.New("user has too many allocations")
	errTURNTCP   = errors.New("relay knows UDP alone")
)

// relayAddresses gives pion the relayed addresses of one socket, all of which are
// the socket's own. RFC 8656 7.2 wants one of its own for each allocation, because
// it relays both ways; we relay one way.
type relayAddresses struct{ conn *turnConn }

// Validate returns nil.
func (relayAddresses) Validate() error { return nil }

// AllocatePacketConn makes the allocation of the request in hand.
func (g relayAddresses) AllocatePacketConn(string, int) (net.PacketConn, net.Addr, error) {
	c, now := g.conn, g.conn.relay.server.deps.Now()
	a := &turnAllocation{
		conn: c, user: c.hand.user, client: c.hand.source, closed: make(chan struct{}),
		expires: now.Add(c.hand.lifetime), permitted: make(map[netip.Addr]time.Time),
	}
	if !a.user.take(a, now) {
		return nil, nil, errTURNQuota // pion answers 508
	}
	c.live.Add(1)
	c.remember(a)
	return a, c.address, nil
}

// AllocateConn refuses: the relay knows no TCP.
func (relayAddresses) AllocateConn(string, int) (net.Conn, net.Addr, error) {
	return nil, nil, errTURNTCP
}

// turnState is what an allocation is at some moment.
type turnState uint8

const (
	turnLive    turnState = iota
	turnResting           // ended less than turnRest ago
	turnGone
)

// turnAllocation is what pion takes for the relay's socket.
type turnAllocation struct {
	conn   *turnConn
	user   *turnUser
	client netip.AddrPort
	closed chan struct{}

	// Of the reader's goroutine alone.
	expires   time.Time
	permitted map[netip.Addr]time.Time // until when

	mu    sync.Mutex
	ended time.Time // zero while it lives
}

// state may be called from many goroutines.
func (a *turnAllocation) state(now time.Time) turnState {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.ended.IsZero():
		return turnLive
	case now.Sub(a.ended) < turnRest:
		return turnResting
	}
	return turnGone
}

// ReadFrom blocks until the allocation ends: nothing is relayed to the client.
func (a *turnAllocation) ReadFrom([]byte) (int, net.Addr, error) {
	<-a.closed
	return 0, nil, net.ErrClosed
}

// WriteTo sends a UDP Connection Request if that is what it is and the user may.
// What is refused is counted and, like what is lost on the way, no error.
func (a *turnAllocation) WriteTo(payload []byte, to net.Addr) (int, error) {
	a.conn.relay.metrics.datagram(a.send(payload, udpAddrPort(to)))
	return len(payload), nil
}

func (a *turnAllocation) send(payload []byte, to netip.AddrPort) turnResult {
	r := a.conn.relay
	switch {
	case len(payload) > maxConnectionRequest:
		return turnTooLong
	case !isConnectionRequest(payload):
		return turnNotRequest
	case !r.server.deps.MayReach(a.user.name, a.conn.local, to):
		return turnNotEntitled
	case !a.user.mayWake(r.sinceEpoch()):
		return turnRateLimited
	case r.server.deps.Relaying != nil && !r.server.deps.Relaying(to, payload):
		return turnImplausible
	case r.server.SendFrom(a.conn.local, to, payload) != nil:
		return turnUnsent // and why is counted there
	}
	return turnSent
}

// Close ends the allocation. pion calls it when its lifetime is over, when the
// client gives it back, and at the end.
func (a *turnAllocation) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended.IsZero() {
		return nil
	}
	a.ended = a.conn.relay.server.deps.Now()
	close(a.closed)
	a.user.gauge.Dec()
	a.conn.live.Done()
	return nil
}

// LocalAddr returns the address of the STUN socket.
func (a *turnAllocation) LocalAddr() net.Addr { return a.conn.address }

// SetDeadline does nothing: pion sets none.
func (*turnAllocation) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (*turnAllocation) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, sending never waits.
func (*turnAllocation) SetWriteDeadline(time.Time) error { return nil }

// permit notes a permission and tells whether there was room for it.
func (a *turnAllocation) permit(peer netip.Addr, now time.Time) bool {
	if _, known := a.permitted[peer]; !known && len(a.permitted) >= turnPermissions {
		for ip, until := range a.permitted {
			if now.After(until) {
				delete(a.permitted, ip)
			}
		}
		if len(a.permitted) >= turnPermissions {
			return false
		}
	}
	a.permitted[peer] = now.Add(permissionLifetime)
	return true
}
