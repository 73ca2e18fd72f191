package stunsrv

import (
	"net/netip"
	"time"
)

// sender says which socket a reply leaves from, as seen from the one that the
// request came in on. Its values are the two flags of CHANGE-REQUEST (RFC 3489
// 11.2.4): bit 0 changes the port, bit 1 the IP address.
type sender uint8

const (
	ownSocket sender = iota // the one that the request came in on
	otherPort               // same IP address, other port
	otherIP                 // other IP address, same port
	otherBoth               // other IP address and other port
	senders                 // their number
)

// topology holds the server's addresses as seen from one socket, indexed by
// sender. Those that do not exist are the zero AddrPort; ownSocket always does
// and is a concrete address, never 0.0.0.0, :: or an IPv4 address in IPv6.
type topology [senders]netip.AddrPort

// changed returns what CHANGED-ADDRESS says. Clients need the attribute even
// where the server has but one address, which then stands there itself: an
// address at which nobody answers would look like a NAT that blocks (quirk S-11).
func (t *topology) changed() netip.AddrPort {
	for _, s := range [...]sender{otherBoth, otherPort, otherIP} {
		if t[s].IsValid() {
			return t[s]
		}
	}
	return t[ownSocket]
}

// probed tells that the server has what RFC 5780 asks for.
func (t *topology) probed() bool { return t[otherBoth].IsValid() }

const (
	// maxReply bounds every reply in bytes, PADDING apart: RDK-B and Works Systems
	// read no more than 255. Classic replies are at
	// most 100 bytes to IPv4 (quirk S-03).
	maxReply = 255
	// maxPadding bounds the PADDING of a reply, which is never longer than that of
	// its request. It is enough for a datagram in two fragments (RFC 5780 7.6).
	maxPadding = 1500
	// minPort is the lowest port that a request may direct its reply to.
	minPort = 1024
)

// outcome is what became of one packet.
type outcome struct {
	disposition disposition
	// reply is the answer; empty means silence.
	reply []byte
	// destination is where the reply goes. Its IP address is always the source's.
	destination netip.AddrPort
	// from is the socket that the reply must leave from, and exists.
	from sender
	// sighted tells that sighting is to be reported, whether there is a reply or
	// not. Its Username points into the packet.
	sighted  bool
	sighting Sighting
}

// handler answers Binding Requests. It does no I/O and may be used from many
// goroutines at once.
type handler struct {
	guard *guard
}

func newHandler(cfg Config, deps Deps) *handler {
	return &handler{guard: newGuard(cfg, deps)}
}

// handle decides what becomes of a packet that came in on the socket of at, and
// writes it to o. It appends the reply to o.reply[:0], so that an outcome that is
// used again, one a goroutine, costs no allocation; everything else in o is
// overwritten. packet is only read, and not kept but for o.sighting.Username.
func (h *handler) handle(packet []byte, at *topology, source netip.AddrPort, now time.Time, o *outcome) {
	*o = outcome{reply: o.reply[:0]}
	var m message
	if o.disposition = m.parse(packet); o.disposition != answered {
		return
	}
	source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
	o.destination = source
	if ip := source.Addr(); source.Port() == 0 || !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip == broadcast {
		o.disposition = impossible
		return
	}
	if m.typ == sharedSecretRequest { // quirk S-17
		o.refuse(&m, sharedSecret)
		return
	}
	v := h.guard.judge(&m, source, now)
	if v.refusal != answered {
		o.refuse(&m, v.refusal)
		return
	}
	if m.cookie && !o.understood(&m, at) {
		return
	}
	// A request with RESPONSE-ADDRESS asks on behalf of another port (TR-111
	// 2.2.2, quirk S-20): that it came from this one means nothing.
	if m.binding && !m.elsewhere {
		o.sighted = true
		o.sighting = Sighting{
			Local: at[ownSocket], Source: source, Username: m.username,
			Change: m.change, Verified: v.verified, At: now,
		}
	}
	if !at[m.from].IsValid() {
		// An answer from another socket than the one asked for would tell the client
		// of a NAT that lets everything through (quirk S-11).
		o.disposition = unmetChange
		return
	}
	o.from = m.from
	o.direct(&m, source)
	switch {
	case o.disposition == reflected:
	case v.replayed:
		o.disposition = replayed
	case v.verified:
		o.disposition = verified
	}
	if m.cookie {
		o.answerCookie(&m, at, source, &v)
	} else {
		o.answerClassic(&m, at, source, &v)
	}
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// understood tells whether a client of RFC 8489 gets what it demands, and refuses
// it if not. Classic clients get an answer whatever else they ask (quirk S-18).
func (o *outcome) understood(m *message, at *topology) bool {
	switch {
	case !at.probed():
		// RFC 5780 6.1: without a second address its attributes are unknown ones.
		if m.from != ownSocket && !at[m.from].IsValid() {
			m.addUnknown(attrChangeRequest)
		}
		if m.padding > 0 {
			m.addUnknown(attrPadding)
		}
		if m.responsePort > 0 {
			m.addUnknown(attrResponsePort)
		}
	case m.padding > 0 && m.responsePort > 0: // RFC 5780 6.1
		o.refuse(m, badRequest)
		return false
	}
	if m.unknowns > 0 {
		o.refuse(m, unknownAttr)
		return false
	}
	return true
}

// direct sends the reply to where the request asks for, if that is another port
// of its own IP address. Any other wish is ignored, so that nobody can have
// replies sent to a third party (quirk S-10).
func (o *outcome) direct(m *message, source netip.AddrPort) {
	to := source
	switch {
	case m.elsewhere:
		to = netip.AddrPortFrom(m.responseAddress.Addr().Unmap(), m.responseAddress.Port())
	case m.cookie && m.responsePort > 0:
		to = netip.AddrPortFrom(source.Addr(), m.responsePort)
	default:
		return
	}
	if to.Addr() == source.Addr() && to.Port() >= minPort {
		o.destination, o.disposition = to, reflected
	}
}

// answerClassic appends a Binding Response of RFC 3489. Order and choice of the
// attributes are what real clients insist on: the first must be MAPPED-ADDRESS,
// the first three must be there, and one that RFC 3489 does not know makes some
// drop the whole (quirks S-03, S-04, S-22).
func (o *outcome) answerClassic(m *message, at *topology, source netip.AddrPort, v *verdict) {
	b := appendHeader(o.reply, m, successClass)
	b = appendAddress(b, attrMappedAddress, source)
	b = appendAddress(b, attrSourceAddress, at[o.from])
	b = appendAddress(b, attrChangedAddress, at.changed())
	if o.disposition == reflected {
		b = appendAddress(b, attrReflectedFrom, source) // marks the timeout probe for tr069agent
	}
	if v.key != nil {
		b = appendIntegrity(b, v.key, v.convention, 0)
	}
	setLength(b, 0)
	o.reply = b
}

// answerCookie appends a Binding Response of RFC 8489, with MAPPED-ADDRESS first
// for a CPE and for who may ask by RFC 5780, and that RFC's attributes where there
// is a second address.
func (o *outcome) answerCookie(m *message, at *topology, source netip.AddrPort, v *verdict) {
	b := appendHeader(o.reply, m, successClass)
	if m.binding || m.elsewhere || at.probed() {
		b = appendAddress(b, attrMappedAddress, source)
	}
	b = appendXORAddress(b, attrXORMappedAddress, source)
	if o.disposition == reflected && m.elsewhere {
		b = appendAddress(b, attrReflectedFrom, source)
	}
	if at.probed() {
		b = appendAddress(b, attrResponseOrigin, at[o.from])
		b = appendAddress(b, attrOtherAddress, at[otherBoth])
	}
	if n := min(m.padding, maxPadding) &^ 3; n > 0 {
		b = appendAttr(b, attrPadding, n)
		b = append(b, padding[:n]...)
	}
	if v.key != nil {
		after := 0
		if m.fingerprint != 0 {
			after = fingerprintSize
		}
		b = appendIntegrity(b, v.key, v.convention, after)
	}
	o.finish(m, b)
}

var padding [maxPadding]byte

// refuse appends an error response. ERROR-CODE is its first attribute, and for
// classic clients the only one (quirk S-06).
func (o *outcome) refuse(m *message, d disposition) {
	o.disposition = d
	b := appendHeader(o.reply, m, errorClass)
	b = appendError(b, problems[d])
	if d == unknownAttr {
		b = appendAttr(b, attrUnknownAttributes, 2*m.unknowns)
		for _, typ := range m.unknown[:m.unknowns] {
			b = append(b, byte(typ>>8), byte(typ))
		}
		b = append(b, padding[:len(b)&2]...)
	}
	o.finish(m, b)
}

// finish completes a reply, with FINGERPRINT if a client of RFC 8489 sent one.
func (o *outcome) finish(m *message, b []byte) {
	if m.cookie && m.fingerprint != 0 {
		o.reply = appendFingerprint(b)
		return
	}
	setLength(b, 0)
	o.reply = b
}
