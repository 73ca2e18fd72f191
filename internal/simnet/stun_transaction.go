package simnet

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// transaction is one Binding Request and its copies.
type transaction struct {
	conn    net.PacketConn // it leaves from here
	listen  net.PacketConn // the reply is expected here
	binding bool           // with CONNECTION-REQUEST-BINDING and USERNAME
	change  bool           // with BINDING-CHANGE
	signed  bool
	respond netip.AddrPort // RESPONSE-ADDRESS, if valid

	id      [16]byte
	raw     []byte
	started time.Time
	copies  int
	next    time.Time // of the next copy, or of giving up
}

// newID makes a transaction id in the manner of the profile.
func (c *STUNClient) newID() [16]byte {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	switch c.cfg.Profile.ID {
	case IDDigits:
		digits := fmt.Sprintf("%010d%06d", c.cfg.Now().Unix(), (int(id[0])<<8+int(id[1]))*15)
		copy(id[:], digits)
	case IDKept:
		if c.keptID != [16]byte{} {
			return c.keptID
		}
	case IDWithoutMagic:
		copy(id[:], "\x01\x01")
	}
	return id
}

// start sends a transaction for the first time.
func (c *STUNClient) start(t *transaction, now time.Time) {
	t.started, t.copies = now, 0
	t.id = c.newID()
	c.send(t)
}

// send sends one copy and sets the time of the next.
func (c *STUNClient) send(t *transaction) {
	if t.copies == 0 || c.cfg.Profile.ID == IDFresh {
		if t.copies > 0 {
			t.id = c.newID()
		}
		t.raw = c.request(t)
	}
	if _, err := t.conn.WriteTo(t.raw, net.UDPAddrFromAddrPort(c.cfg.Server)); err == nil { // an error is a lost packet
		c.note(func(s *STUNStatus) { s.Sent++ })
	}
	p := &c.cfg.Profile
	wait := p.GiveUp
	if t.copies < len(p.Retransmits) {
		wait = p.Retransmits[t.copies]
	}
	t.next = t.started.Add(wait)
}

// again sends the next copy, or reports false when the client gives up.
func (c *STUNClient) again(t *transaction, now time.Time) bool {
	if t.copies >= len(c.cfg.Profile.Retransmits) || now.Sub(t.started) >= c.cfg.Profile.GiveUp {
		return false
	}
	t.copies++
	c.send(t)
	return true
}

// request writes the Binding Request of a transaction.
func (c *STUNClient) request(t *transaction) []byte {
	p := &c.cfg.Profile
	b := newSTUNMessage(stunBindingRequest, t.id)
	if t.binding {
		b = c.appendBinding(b, t)
	}
	if t.respond.IsValid() {
		b = appendSTUNAddress(b, stunResponseAddress, t.respond)
	}
	if t.signed {
		b = p.Integrity.sign(b, c.cfg.Password)
	}
	return finishSTUN(b)
}

// appendBinding appends what tells a request from the listening port, TR-111
// 2.2.3.
func (c *STUNClient) appendBinding(b []byte, t *transaction) []byte {
	p := &c.cfg.Profile
	text := stunBindingText
	if p.ShortText {
		text = text[:len(text)-1]
	}
	if p.BindingFirst {
		b = appendSTUNAttribute(b, stunConnectionRequest, []byte(text))
	}
	if c.cfg.Username != "" {
		b = appendSTUNAttribute(b, stunUsername, p.Pad.pad(c.cfg.Username))
	}
	if !p.BindingFirst {
		b = appendSTUNAttribute(b, stunConnectionRequest, []byte(text))
	}
	if t.change || p.StickyChange && c.changed {
		b = appendSTUNAttribute(b, stunBindingChange, nil)
	}
	if p.ChangeWithAddress && t.change {
		b = appendSTUNAddress(b, stunResponseAddress, c.Status().Mapped)
	}
	if p.Extra {
		b = appendSTUNAttribute(b, 0xc800, []byte("ev\x00\x01"))
		b = appendSTUNAttribute(b, 0xc801, []byte("ev\x00\x02"))
	}
	return b
}

// fixedUsername is the size of USERNAME under PadFixed.
const fixedUsername = 32

// pad brings a user name into the form of the wire.
func (p STUNPadding) pad(name string) []byte {
	b := []byte(name)
	missing := -len(b) & 3
	switch p {
	case PadOutside:
		missing = 0
	case PadFixed:
		missing = max(missing, fixedUsername-len(b))
	}
	filler := map[STUNPadding]string{PadSpaces: "   ", PadMemory: "\x00xy"}[p]
	if filler == "" {
		return append(b, make([]byte, missing)...)
	}
	return append(b, filler[:missing]...)
}

// takeReply gives a STUN message to the transaction that it answers.
func (c *STUNClient) takeReply(p stunPacket) {
	now := c.cfg.Now()
	for _, t := range []*transaction{c.asking, c.discovery.asking} {
		if t == nil || t.listen != p.conn || len(p.data) < stunHeader || [16]byte(p.data[4:20]) != t.id {
			continue
		}
		key := ""
		if t.signed || c.dead {
			key = c.cfg.Password
		}
		reply, err := c.cfg.Profile.read(p.data, t.id, key)
		if err == nil && t.respond.IsValid() && !t.binding && c.cfg.Profile.Reply.NeedReflected && !reply.reflected {
			err = errNotReflected
		}
		if err != nil {
			c.unserved(p.data, err)
			return
		}
		c.note(func(s *STUNStatus) { s.Replies++ })
		switch {
		case reply.code != 0:
			c.challenged(t, p.data, reply.code, now)
		case t == c.asking:
			c.bound(reply.mapped, now)
		default:
			c.discovered(reply.mapped, now)
		}
		return
	}
}

func (c *STUNClient) unserved(reply []byte, err error) {
	c.note(func(s *STUNStatus) { s.Unserved++ })
	if c.cfg.Unserved != nil {
		c.cfg.Unserved(reply, err)
	}
}

// challenged takes an error. Clients know what to do about 401 alone (quirk S-06).
func (c *STUNClient) challenged(t *transaction, raw []byte, code int, now time.Time) {
	if code != 401 || t.signed || c.cfg.Username == "" || c.cfg.Password == "" {
		c.unserved(raw, fmt.Errorf("server answered %d", code))
		return
	}
	c.dead = c.dead || c.cfg.Profile.Reply.NeverSigned
	if c.cfg.Profile.ForgetsChallenged && t == c.asking && !t.change && c.Status().Mapped.IsValid() {
		c.tell(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	}
	t.signed = true
	c.note(func(s *STUNStatus) { s.Signed++ })
	c.start(t, now)
}

// bound takes the client's address as the server sees it.
func (c *STUNClient) bound(mapped netip.AddrPort, now time.Time) {
	t := c.asking
	c.asking = nil
	changed := mapped != c.Status().Mapped
	if changed {
		c.tell(mapped)
	}
	c.announce = changed
	c.due = now.Add(c.Status().KeepAlive)
	if changed && !t.change { // one that changes with every packet waits its turn
		c.due = now
		return
	}
	c.rested(now)
}

// tell reports an address.
func (c *STUNClient) tell(mapped netip.AddrPort) {
	local := udpAddrPort(c.cfg.Conn.LocalAddr())
	nat := mapped != local
	c.note(func(s *STUNStatus) { s.Mapped, s.NAT = mapped, nat })
	if c.cfg.Bound != nil {
		c.cfg.Bound(mapped, nat)
	}
}
