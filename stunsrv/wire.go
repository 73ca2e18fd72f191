package stunsrv

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

const (
	headerSize  = 20         // RFC 3489 11.1, RFC 8489 5
	magicCookie = 0x2112A442 // RFC 8489 5

	bindingRequest      = 0x0001
	sharedSecretRequest = 0x0002
	methodBinding       = 0x001
	successClass        = 0x0100 // added to a request's type
	errorClass          = 0x0110
	fingerprintXOR      = 0x5354554E // RFC 8489 14.7
)

// traffic is the kind of a datagram on a socket that STUN and TURN share.
type traffic uint8

const (
	noise       traffic = iota // neither STUN nor TURN
	binding                    // for the handler: anything classic, and Binding with the cookie
	turnMessage                // STUN with the cookie, of a method other than Binding
	channelData                // TURN ChannelData (RFC 8656 12.4)
)

// classify tells what a datagram is without parsing it. A text such as "GET "
// looks like ChannelData by its first byte and is told apart by its length
// (quirk S-02).
func classify(packet []byte) traffic {
	switch {
	case len(packet) < 4:
		return noise
	case packet[0]&0xC0 == 0x40:
		if n := 4 + int(binary.BigEndian.Uint16(packet[2:])); n <= len(packet) {
			return channelData
		}
		return noise
	case packet[0]&0xC0 != 0 || len(packet) < headerSize:
		return noise
	case binary.BigEndian.Uint32(packet[4:]) != magicCookie || method(packet) == methodBinding:
		return binding
	}
	return turnMessage
}

// method returns the method of a STUN message, its type without the two class
// bits (RFC 8489 5).
func method(packet []byte) uint16 {
	t := binary.BigEndian.Uint16(packet)
	return t&0x000F | t>>1&0x0070 | t>>2&0x0F80
}

// message is a parsed request of either dialect: RFC 3489, or RFC 8489, which has
// the magic cookie. Its slices point into raw.
type message struct {
	raw    []byte
	typ    uint16
	cookie bool

	named    bool // USERNAME is there
	spaced   bool // and filled up with spaces
	binding  bool // CONNECTION-REQUEST-BINDING
	change   bool // BINDING-CHANGE
	username []byte

	from            sender // CHANGE-REQUEST
	elsewhere       bool   // RESPONSE-ADDRESS is there
	responseAddress netip.AddrPort
	responsePort    uint16
	padding         int // bytes of PADDING

	integrity   int // offset of MESSAGE-INTEGRITY in raw, 0 if there is none
	fingerprint int // offset of FINGERPRINT in raw, 0 if there is none

	// Types that must be understood and are not, as many as a reply tells.
	unknown  [8]uint16
	unknowns int
}

// parse reads a packet into m, which it overwrites. It returns answered if there
// is a message to answer, else what the packet is instead.
func (m *message) parse(packet []byte) disposition {
	if len(packet) < headerSize || packet[0]&0xC0 != 0 {
		return notSTUN
	}
	*m = message{
		raw:    packet,
		typ:    binary.BigEndian.Uint16(packet),
		cookie: binary.BigEndian.Uint32(packet[4:]) == magicCookie,
	}
	n := int(binary.BigEndian.Uint16(packet[2:]))
	if headerSize+n != len(packet) || m.cookie && n%4 != 0 {
		return malformed
	}
	if m.typ != bindingRequest && (m.typ != sharedSecretRequest || m.cookie) {
		return notRequest
	}
	if !m.walk(true) {
		if m.cookie {
			return malformed
		}
		*m = message{raw: m.raw, typ: m.typ}
		if !m.walk(false) {
			return malformed
		}
	}
	if m.fingerprint != 0 && m.fingerprint+fingerprintSize != len(packet) {
		m.fingerprint = 0 // it must be the last one
	}
	// With a wrong FINGERPRINT it is not STUN that came (RFC 8489 6.3). Classic
	// clients know no such attribute.
	if m.cookie && m.fingerprint != 0 &&
		binary.BigEndian.Uint32(packet[m.fingerprint+attrHeaderSize:]) != fingerprint(packet[:m.fingerprint]) {
		return malformed
	}
	return answered
}

// fingerprint returns the value of FINGERPRINT for a message up to it, whose
// header counts it in.
func fingerprint(b []byte) uint32 { return crc32.ChecksumIEEE(b) ^ fingerprintXOR }

// appendHeader starts a reply of a class to m, with its 16 bytes of cookie or
// transaction id (RFC 5389 12.2).
func appendHeader(b []byte, m *message, class uint16) []byte {
	typ := m.typ | class
	b = append(b, byte(typ>>8), byte(typ), 0, 0)
	return append(b, m.raw[4:headerSize]...)
}

// setLength writes the message length of a reply, more bytes of which follow.
func setLength(b []byte, more int) {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-headerSize+more))
}

// appendFingerprint appends FINGERPRINT, which must be the last attribute.
func appendFingerprint(b []byte) []byte {
	setLength(b, fingerprintSize)
	sum := fingerprint(b)
	b = appendAttr(b, attrFingerprint, fingerprintSize-attrHeaderSize)
	return binary.BigEndian.AppendUint32(b, sum)
}
