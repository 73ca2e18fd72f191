package simnet

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 3489 names HMAC-SHA1
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// What a TR-111 client needs of RFC 3489. This is a reading of the standard of
// its own, so that it can judge the one of a server.
const (
	stunBindingRequest  = 0x0001
	stunBindingResponse = 0x0101
	stunBindingError    = 0x0111

	stunMappedAddress     = 0x0001
	stunResponseAddress   = 0x0002
	stunSourceAddress     = 0x0004
	stunChangedAddress    = 0x0005
	stunUsername          = 0x0006
	stunPassword          = 0x0007
	stunIntegrity         = 0x0008
	stunErrorCode         = 0x0009
	stunReflectedFrom     = 0x000b
	stunXORMappedOld      = 0x8020
	stunConnectionRequest = 0xc001 // CONNECTION-REQUEST-BINDING
	stunBindingChange     = 0xc002
)

// stunBindingText is the value of CONNECTION-REQUEST-BINDING, TR-111 2.2.3.
const stunBindingText = "dslforum.org/TR-111 "

const (
	stunHeader  = 20
	stunMaxText = 64 // bytes to whose multiple some pad what they sign
	stunMACSize = 4 + sha1.Size
)

// stunAttribute is one attribute of a message that was read.
type stunAttribute struct {
	kind  uint16
	value []byte // as long as the length field says
	at    int    // offset of its header in the message
}

// stunMessage is a message that was read. It shares memory with its datagram.
type stunMessage struct {
	kind  uint16
	id    [16]byte
	attrs []stunAttribute
	raw   []byte
}

var errNotSTUN = errors.New("not a STUN message")

// parseSTUN reads a message. aligned clients add the length of an attribute to
// its place as it is, without the padding to four bytes.
func parseSTUN(raw []byte, aligned bool) (*stunMessage, error) {
	if len(raw) < stunHeader || raw[0]&0xc0 != 0 {
		return nil, errNotSTUN
	}
	if n := int(binary.BigEndian.Uint16(raw[2:])); n != len(raw)-stunHeader {
		return nil, fmt.Errorf("header says %d bytes, %d follow", n, len(raw)-stunHeader)
	}
	m := &stunMessage{kind: binary.BigEndian.Uint16(raw), id: [16]byte(raw[4:20]), raw: raw}
	for at := stunHeader; at < len(raw); {
		if at+4 > len(raw) {
			return nil, fmt.Errorf("%d stray bytes at the end", len(raw)-at)
		}
		length := int(binary.BigEndian.Uint16(raw[at+2:]))
		end := at + 4 + length
		if end > len(raw) {
			return nil, fmt.Errorf("attribute 0x%04x is longer than the message", binary.BigEndian.Uint16(raw[at:]))
		}
		m.attrs = append(m.attrs, stunAttribute{kind: binary.BigEndian.Uint16(raw[at:]), value: raw[at+4 : end], at: at})
		if at = end; !aligned {
			at = min(at+(-length&3), len(raw))
		}
	}
	return m, nil
}

// get returns the first attribute of that kind.
func (m *stunMessage) get(kind uint16) (stunAttribute, bool) {
	for _, a := range m.attrs {
		if a.kind == kind {
			return a, true
		}
	}
	return stunAttribute{}, false
}

// address reads an attribute of the form of MAPPED-ADDRESS, IPv4 alone: TR-111
// knows no other (RFC 3489 11.2.1).
func (a stunAttribute) address() (netip.AddrPort, error) {
	if len(a.value) != 8 || a.value[1] != 1 {
		return netip.AddrPort{}, fmt.Errorf("attribute 0x%04x is not an IPv4 address", a.kind)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.value[4:])), binary.BigEndian.Uint16(a.value[2:])), nil
}

// errorCode reads ERROR-CODE, RFC 3489 11.2.9.
func (a stunAttribute) errorCode() int {
	if len(a.value) < 4 {
		return 0
	}
	return int(a.value[2]&7)*100 + int(a.value[3])
}

// appendSTUNAttribute appends an attribute, padded outside its length with
// NULs, which is the only padding that a wrong length needs.
func appendSTUNAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

func appendSTUNAddress(b []byte, kind uint16, a netip.AddrPort) []byte {
	value := binary.BigEndian.AppendUint16([]byte{0, 1}, a.Port())
	ip := a.Addr().Unmap().As4()
	return appendSTUNAttribute(b, kind, append(value, ip[:]...))
}

// newSTUNMessage begins a message; finishSTUN sets its length.
func newSTUNMessage(kind uint16, id [16]byte) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 256), kind)
	return append(append(b, 0, 0), id[:]...)
}

func finishSTUN(b []byte) []byte {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	return b
}

// STUNIntegrity is a convention of MESSAGE-INTEGRITY: what stands in the length
// of the header while the message is signed, and whether the text is padded.
// Protocol notes 4.4, quirk S-07.
type STUNIntegrity struct {
	Name string
	// Zero signs with the length 0. Otherwise Add is added to the length of the
	// message with MESSAGE-INTEGRITY.
	Zero bool
	Add  int
	Pad  bool // with NULs to a multiple of 64 bytes
	// Swapped writes the five words of the MAC in the wrong byte order, behind a
	// length of 64 instead of 20.
	Swapped bool
}

// The conventions that clients were seen to use.
var (
	IntegrityPadded   = STUNIntegrity{Name: "padded", Pad: true}             // RFC 3489 11.2.8
	IntegrityExact    = STUNIntegrity{Name: "exact"}                         // RFC 5389 15.4
	IntegrityBefore   = STUNIntegrity{Name: "before", Add: -24, Pad: true}   // the length before the attribute was appended
	IntegrityZero     = STUNIntegrity{Name: "zero", Zero: true}              // the length not yet written
	IntegrityPlus4    = STUNIntegrity{Name: "plus-4", Add: 4, Pad: true}     // counted wrong
	IntegrityMinus44  = STUNIntegrity{Name: "minus-44", Add: -44, Pad: true} // the header and the MAC not counted
	IntegritySwapped  = STUNIntegrity{Name: "swapped", Pad: true, Swapped: true}
	stunConventionSet = []STUNIntegrity{IntegrityPadded, IntegrityExact, IntegrityBefore, IntegrityZero, IntegrityPlus4, IntegrityMinus44, IntegritySwapped}
)

// mac signs a message up to its MESSAGE-INTEGRITY.
func (c STUNIntegrity) mac(text []byte, key string) []byte {
	signed := append([]byte(nil), text...)
	length := 0
	if !c.Zero {
		length = len(text) - stunHeader + stunMACSize + c.Add
	}
	binary.BigEndian.PutUint16(signed[2:], uint16(length))
	if c.Pad {
		signed = append(signed, make([]byte, -len(signed)&(stunMaxText-1))...)
	}
	h := hmac.New(sha1.New, []byte(key))
	h.Write(signed)
	sum := h.Sum(nil)
	if c.Swapped {
		for i := 0; i < len(sum); i += 4 {
			binary.BigEndian.PutUint32(sum[i:], binary.LittleEndian.Uint32(sum[i:]))
		}
	}
	return sum
}

// sign appends MESSAGE-INTEGRITY.
func (c STUNIntegrity) sign(b []byte, key string) []byte {
	at := len(b)
	b = appendSTUNAttribute(b, stunIntegrity, c.mac(b, key))
	if c.Swapped {
		binary.BigEndian.PutUint16(b[at+2:], stunMaxText)
	}
	return b
}

// verify reports whether the message is signed with the key.
func (c STUNIntegrity) verify(m *stunMessage, key string) bool {
	a, ok := m.get(stunIntegrity)
	return ok && hmac.Equal(a.value, c.mac(m.raw[:a.at], key))
}
