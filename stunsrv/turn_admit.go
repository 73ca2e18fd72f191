package stunsrv

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v2"
)

// turnRequest is the packet that pion deals with.
type turnRequest struct {
	source     netip.AddrPort
	user       *turnUser // who signed it, nil if nobody
	key        []byte
	allocation *turnAllocation // of the client, nil without one
	lifetime   time.Duration   // what it asks for, bounded
}

// authenticated is pion's AuthHandler: the signature was checked by admit. pion
// answers 400 to those who failed, whatever was wrong.
func (c *turnConn) authenticated(string, string, net.Addr) ([]byte, bool) {
	return c.hand.key, c.hand.user != nil
}

// permitted is pion's PermissionHandler; checkPeers has judged the peers already.
func (c *turnConn) permitted(_ net.Addr, ip net.IP) bool {
	addr, ok := netip.AddrFromSlice(ip)
	return ok && peerPossible(addr.Unmap(), c.local.Addr())
}

// noteAnswer learns from pion's answer how long the allocation lives on.
func (c *turnConn) noteAnswer(answer []byte) {
	if c.hand.allocation != nil && binary.BigEndian.Uint16(answer) == refreshRequest|successClass {
		c.hand.allocation.expires = c.relay.server.deps.Now().Add(c.hand.lifetime)
	}
}

// admit makes a packet the one in hand and writes to b what pion shall see of it.
// It returns the length, 0 for nothing.
func (c *turnConn) admit(b, packet []byte, source netip.AddrPort) int {
	c.hand = turnRequest{source: source}
	n, fate := c.decide(b, packet)
	c.relay.metrics.packet(fate)
	return n
}

func (c *turnConn) decide(b, packet []byte) (int, turnFate) {
	if packet[0]&0xC0 == 0x40 || binary.BigEndian.Uint16(packet) == sendIndication {
		return copy(b, packet), turnAccepted
	}
	m := &stun.Message{Raw: append(make([]byte, 0, turnBuffer), packet...)}
	if m.Decode() != nil || m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(m) != nil {
		return 0, turnMalformed
	}
	if !m.Contains(stun.AttrMessageIntegrity) {
		return copy(b, packet), turnChallenged
	}
	if !c.authenticate(m) {
		if !c.relay.strangers.allow(c.hand.source.Addr(), c.relay.sinceEpoch()) {
			return 0, turnStrangerLimit
		}
		return copy(b, packet), turnBadCredentials
	}
	if code, fate := c.check(m); fate != turnAccepted {
		c.refuse(m, code)
		return 0, fate
	}
	out, err := c.signAnew(m)
	if err != nil {
		return 0, turnMalformed
	}
	return copy(b, out.Raw), turnAccepted
}

// authenticate finds out who signed a request.
func (c *turnConn) authenticate(m *stun.Message) bool {
	username, err := m.Get(stun.AttrUsername)
	if err != nil {
		return false
	}
	user, key := c.relay.users.find(string(username), c.relay.server.deps.Now())
	if user == nil || stun.MessageIntegrity(key).Check(m) != nil {
		return false
	}
	c.hand.user, c.hand.key = user, key
	return true
}

// check decides on a request what pion leaves open. A code of 0 with a fate other
// than turnAccepted is silence, after which the client asks again.
func (c *turnConn) check(m *stun.Message) (stun.ErrorCode, turnFate) {
	now := c.relay.server.deps.Now()
	resting := false
	if a := c.of(c.hand.source); a != nil {
		switch a.state(now) {
		case turnLive:
			c.hand.allocation = a
		case turnResting:
			resting = true
		}
	}
	if m.Type.Method == stun.MethodAllocate {
		if resting {
			return 0, turnTooSoon
		}
		return c.checkAllocate(m, now)
	}
	a := c.hand.allocation
	switch {
	case a == nil:
		return stun.CodeAllocMismatch, turnNoAllocation // RFC 8656 5
	case a.user != c.hand.user:
		return stun.CodeWrongCredentials, turnWrongUser // RFC 8656 5
	case m.Type.Method == stun.MethodRefresh:
		c.hand.lifetime = c.relay.lifetime(m)
		return 0, turnAccepted
	case a.expires.Sub(now) < turnMargin:
		return 0, turnTooLate
	}
	return c.checkPeers(m, a, now)
}

func (c *turnConn) checkAllocate(m *stun.Message, now time.Time) (stun.ErrorCode, turnFate) {
	transport, err := m.Get(stun.AttrRequestedTransport)
	switch {
	case c.wantsOtherPort(m):
		return stun.CodeInsufficientCapacity, turnUnmet
	case err == nil && (len(transport) != 4 || transport[0] != 17):
		return stun.CodeUnsupportedTransProto, turnUnmet
	case c.wantsOtherFamily(m):
		return stun.CodeAddrFamilyNotSupported, turnUnmet
	case c.hand.allocation == nil && !c.hand.user.hasRoom(now):
		return stun.CodeAllocQuotaReached, turnQuota
	}
	c.hand.lifetime = c.relay.lifetime(m)
	return 0, turnAccepted
}

// wantsOtherPort reads EVEN-PORT and RESERVATION-TOKEN (RFC 8656 7.2): there is but
// one port, which may be even.
func (c *turnConn) wantsOtherPort(m *stun.Message) bool {
	if m.Contains(stun.AttrReservationToken) {
		return true
	}
	even, err := m.Get(stun.AttrEvenPort)
	return err == nil && (len(even) != 1 || even[0]&0x80 != 0 || c.local.Port()%2 != 0)
}

// wantsOtherFamily reads REQUESTED-ADDRESS-FAMILY (RFC 8656 18.6).
func (c *turnConn) wantsOtherFamily(m *stun.Message) bool {
	family, err := m.Get(stun.AttrRequestedAddressFamily)
	if err != nil {
		return false
	}
	own := byte(familyIPv4)
	if c.local.Addr().Is6() {
		own = familyIPv6
	}
	return len(family) != 4 || family[0] != own
}

// checkPeers judges the peers of CreatePermission and ChannelBind.
func (c *turnConn) checkPeers(m *stun.Message, a *turnAllocation, now time.Time) (stun.ErrorCode, turnFate) {
	code, fate := stun.CodeBadRequest, turnMalformed // without a peer
	err := m.ForEach(stun.AttrXORPeerAddress, func(m *stun.Message) error {
		var peer stun.XORMappedAddress
		if err := peer.GetFromAs(m, stun.AttrXORPeerAddress); err != nil {
			return err
		}
		ip, _ := netip.AddrFromSlice(peer.IP)
		ip = ip.Unmap()
		switch {
		case ip.Is4() != c.local.Addr().Is4():
			code, fate = stun.CodePeerAddrFamilyMismatch, turnPeer
		case !peerPossible(ip, c.local.Addr()):
			code, fate = stun.CodeForbidden, turnPeer
		case !a.permit(ip, now):
			code, fate = stun.CodeInsufficientCapacity, turnPermissionsFull
		default:
			code, fate = 0, turnAccepted
			return nil
		}
		return errRefusedPeer
	})
	if err != nil && fate == turnAccepted {
		return stun.CodeBadRequest, turnMalformed
	}
	return code, fate
}

var errRefusedPeer = errors.New("peer is refused")

// peerPossible tells whether a CPE may have an address. It knows no port: whether
// a datagram may go somewhere is judged when it goes.
func peerPossible(ip, local netip.Addr) bool {
	switch {
	case !ip.IsValid(), ip.IsUnspecified(), ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	}
	return !ip.IsLoopback() || local.IsLoopback()
}

// refuse answers a signed request with an error.
func (c *turnConn) refuse(m *stun.Message, code stun.ErrorCode) {
	if code == 0 {
		return
	}
	reply, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID),
		stun.NewType(m.Type.Method, stun.ClassErrorResponse), code, stun.MessageIntegrity(c.hand.key))
	if err == nil {
		_ = c.relay.server.SendFrom(c.local, c.hand.source, reply.Raw) // failures are counted there
	}
}
