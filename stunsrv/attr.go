package stunsrv

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Attribute types. Those up to 0x7FFF must be understood by who is sent them, the
// others may be ignored (RFC 3489 11.2, RFC 8489 14).
const (
	attrMappedAddress     = 0x0001
	attrResponseAddress   = 0x0002
	attrChangeRequest     = 0x0003
	attrSourceAddress     = 0x0004
	attrChangedAddress    = 0x0005
	attrUsername          = 0x0006
	attrMessageIntegrity  = 0x0008
	attrErrorCode         = 0x0009
	attrUnknownAttributes = 0x000A
	attrReflectedFrom     = 0x000B // the last of RFC 3489
	attrRealm             = 0x0014
	attrNonce             = 0x0015
	attrIntegritySHA256   = 0x001C
	attrPasswordAlgorithm = 0x001D
	attrUserhash          = 0x001E
	attrXORMappedAddress  = 0x0020
	attrPadding           = 0x0026 // RFC 5780 7.6
	attrResponsePort      = 0x0027 // RFC 5780 7.5
	attrFingerprint       = 0x8028
	attrResponseOrigin    = 0x802B // RFC 5780 7.3
	attrOtherAddress      = 0x802C // RFC 5780 7.4
	attrConnectionRequest = 0xC001 // CONNECTION-REQUEST-BINDING, TR-111 2.2.3
	attrBindingChange     = 0xC002 // BINDING-CHANGE, TR-111 2.2.3
	optional              = 0x8000 // types from here on may be ignored
)

const (
	attrHeaderSize  = 4
	integritySize   = attrHeaderSize + 20
	fingerprintSize = attrHeaderSize + 4
)

// Address families of an address attribute (RFC 8489 14.1).
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// walk reads the attributes one after the other. Where a length is no multiple of
// four, the next attribute follows the padding (RFC 8489 14), or follows at once,
// as some classic clients have it (quirk S-08). It returns false if the
// attributes do not end where the message does.
func (m *message) walk(padded bool) bool {
	for at := headerSize; at < len(m.raw); {
		rest := m.raw[at:]
		if len(rest) < attrHeaderSize {
			return false
		}
		typ, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		value := rest[attrHeaderSize:]
		if n > len(value) {
			// One client claims 64 bytes for its last 20 (quirk S-07 e).
			if typ != attrMessageIntegrity || n != 64 || len(value) != integritySize-attrHeaderSize {
				return false
			}
			n = len(value)
		}
		m.take(typ, at, value[:n])
		if padded {
			n = (n + 3) &^ 3
		}
		at += attrHeaderSize + n
	}
	return true
}

// take keeps what one attribute says. Of several of a type the first counts, and
// nothing that follows MESSAGE-INTEGRITY does but FINGERPRINT, since it is not
// signed (RFC 8489 14, 14.5). One that is malformed is taken for absent, for the
// clients that send such expect an answer (quirk S-08).
func (m *message) take(typ uint16, at int, value []byte) {
	switch {
	case typ == attrFingerprint:
		if len(value) == fingerprintSize-attrHeaderSize {
			m.fingerprint = at
		}
		return
	case m.integrity != 0:
		return
	}
	switch typ {
	case attrConnectionRequest:
		m.binding = true // its presence is the signal, whatever its value (quirk S-09)
	case attrBindingChange:
		m.change = true
	case attrUsername:
		if !m.named {
			m.named, m.username = true, trimUsername(value)
			m.spaced = bytes.HasSuffix(value, []byte(" "))
		}
	case attrMessageIntegrity:
		if len(value) >= integritySize-attrHeaderSize {
			m.integrity = at
		}
	case attrChangeRequest:
		if len(value) == 4 && m.from == ownSocket {
			m.from = sender(value[3] >> 1 & 3) // RFC 3489 11.2.4: 0x4 the IP, 0x2 the port
		}
	case attrResponseAddress:
		if !m.elsewhere {
			m.elsewhere, m.responseAddress = true, parseAddress(value)
		}
	case attrResponsePort:
		if len(value) >= 2 && m.responsePort == 0 {
			m.responsePort = binary.BigEndian.Uint16(value)
		}
	case attrPadding:
		m.padding = max(m.padding, len(value))
	default:
		if typ < optional && !wellKnown(typ) {
			m.addUnknown(typ)
		}
	}
}

// wellKnown tells the types that must be understood, mean nothing in a request to
// this server, and do no harm there.
func wellKnown(typ uint16) bool {
	switch typ {
	case attrRealm, attrNonce, attrIntegritySHA256, attrPasswordAlgorithm, attrUserhash, attrXORMappedAddress:
		return true
	}
	return typ >= attrMappedAddress && typ <= attrReflectedFrom
}

func (m *message) addUnknown(typ uint16) {
	if m.unknowns < len(m.unknown) {
		m.unknown[m.unknowns] = typ
		m.unknowns++
	}
}

// trimUsername takes off what clients fill a USERNAME up to a multiple of four
// with: NULs and whatever follows them, or spaces (quirk S-08).
func trimUsername(value []byte) []byte {
	if i := bytes.IndexByte(value, 0); i >= 0 {
		value = value[:i]
	}
	return bytes.TrimRight(value, " ")
}

// parseAddress reads the value of an address attribute; what is none is the zero
// AddrPort.
func parseAddress(value []byte) netip.AddrPort {
	switch {
	case len(value) == 8 && value[1] == familyIPv4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(value[4:])), binary.BigEndian.Uint16(value[2:]))
	case len(value) == 20 && value[1] == familyIPv6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(value[4:])), binary.BigEndian.Uint16(value[2:]))
	}
	return netip.AddrPort{}
}

// appendAttr appends the header of an attribute of n bytes.
func appendAttr(b []byte, typ uint16, n int) []byte {
	return append(b, byte(typ>>8), byte(typ), byte(n>>8), byte(n))
}

// appendAddress appends an address attribute (RFC 3489 11.2.1, RFC 8489 14.1).
func appendAddress(b []byte, typ uint16, a netip.AddrPort) []byte {
	port := a.Port()
	if ip := a.Addr(); ip.Is4() {
		v := ip.As4()
		return append(b, byte(typ>>8), byte(typ), 0, 8, 0, familyIPv4, byte(port>>8), byte(port), v[0], v[1], v[2], v[3])
	}
	v := a.Addr().As16()
	b = appendAttr(b, typ, 20)
	b = append(b, 0, familyIPv6, byte(port>>8), byte(port))
	return append(b, v[:]...)
}

// appendXORAddress appends an address XORed with the cookie and the transaction
// id (RFC 8489 14.2), which b starts with.
func appendXORAddress(b []byte, typ uint16, a netip.AddrPort) []byte {
	id := b[4:headerSize]
	at := len(b) + attrHeaderSize + 2
	b = appendAddress(b, typ, a)
	b[at] ^= id[0]
	b[at+1] ^= id[1]
	for i, v := range b[at+2:] {
		b[at+2+i] = v ^ id[i]
	}
	return b
}

// A problem is the code and reason of an ERROR-CODE.
type problem struct {
	code   int
	reason string // its length a multiple of four, for RFC 3489 11.2.9
}

// problems of RFC 3489 11.2.9, of which no client reads the reason.
var problems = [dispositions]problem{
	badRequest:   {400, "Bad Request "},
	challenged:   {401, "Unauthorized"},
	unknownAttr:  {420, "Unknown Attribute   "},
	unknownUser:  {430, "Stale Credentials   "},
	badSignature: {431, "Integrity Check Failure "},
	nameless:     {432, "Missing Username"},
	sharedSecret: {433, "Use Shared Secret over TLS  "},
}

// appendError appends ERROR-CODE.
func appendError(b []byte, p problem) []byte {
	b = appendAttr(b, attrErrorCode, 4+len(p.reason))
	b = append(b, 0, 0, byte(p.code/100), byte(p.code%100))
	return append(b, p.reason...)
}
