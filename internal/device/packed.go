package device

import (
	"encoding/binary"
	"net/netip"
)

// text is a string of a packed record: the number of a shared name, or bytes of
// its own. The zero text is the empty string.
type text struct {
	name uint32 // plus 1; 0 for a text of its own
	own  []byte
}

// is reports whether the text is s.
func (t text) is(n *names, s string) bool {
	if t.name != 0 {
		return n.at(t.name-1) == s
	}
	return string(t.own) == s
}

// set makes the text s, shared if there is room for it, and reports whether that
// changes it. An s that is empty or too long does not.
func (t *text) set(s string, n *names, limit int) bool {
	if s == "" || len(s) > limit || t.is(n, s) {
		return false
	}
	if number, ok := n.number(s); ok {
		*t = text{name: number + 1}
	} else {
		*t = text{own: []byte(s)}
	}
	return true
}

// setOwn is set for what every device has another of.
func (t *text) setOwn(s string, limit int) bool {
	if s == "" || len(s) > limit || string(t.own) == s {
		return false
	}
	*t = text{own: []byte(s)}
	return true
}

// string returns the text. That of a shared name costs nothing.
func (t text) string(n *names) string {
	if t.name != 0 {
		return n.at(t.name - 1)
	}
	return string(t.own)
}

// state is one device as its shard has it, a view of a packed record. Its own
// texts refer to the record, so it is valid only until the record is replaced.
type state struct {
	oui, class, serial text

	home, reason text
	revision     uint64 // of the assignment in the store, 0 for none
	assigned     uint32 // when; this and all times in seconds since 1970

	acs, rule, listener, local   text // local in its text form: there are few
	manufacturer, software, root text
	url, udp                     text
	source                       netip.AddrPort
	first, last                  uint32
	events                       eventSet
	sessions, failed, faults     uint32
	lastFailed                   bool // the last session that has ended
}

// Flags of a packed record.
const (
	hasAssignment = 1 << iota
	hasSource4
	hasSource6
	lastFailed
	failing // see Record.Failing
)

// append packs the state. It begins with what lookups compare and searches look
// at, and ends with what only those read that want all.
func (s *state) append(b []byte) []byte {
	b = append(b, s.flags())
	b = binary.LittleEndian.AppendUint32(b, s.last)
	b = appendTexts(b, s.oui, s.class, s.serial)
	if s.revision != 0 {
		b = appendTexts(b, s.home, s.reason)
		b = binary.AppendUvarint(b, s.revision)
		b = binary.AppendUvarint(b, uint64(s.assigned))
	}
	b = appendTexts(b, s.acs, s.rule, s.listener, s.manufacturer, s.software)
	b = appendSource(b, s.source)
	b = binary.AppendUvarint(b, uint64(s.sessions))
	b = binary.AppendUvarint(b, uint64(s.failed))
	b = appendTexts(b, s.local, s.root, s.url, s.udp)
	b = binary.LittleEndian.AppendUint32(b, s.first)
	b = binary.AppendUvarint(b, uint64(s.events))
	return binary.AppendUvarint(b, uint64(s.faults))
}

func (s *state) flags() (flags byte) {
	if s.revision != 0 {
		flags |= hasAssignment
	}
	if s.lastFailed {
		flags |= lastFailed
	}
	if s.lastFailed || failedMostly(s.sessions, s.failed) {
		flags |= failing
	}
	switch addr := s.source.Addr(); {
	case addr.Is4():
		flags |= hasSource4
	case addr.Is6():
		flags |= hasSource6
	}
	return flags
}

func appendTexts(b []byte, texts ...text) []byte {
	for _, t := range texts {
		if t.name != 0 {
			b = binary.AppendUvarint(b, uint64(t.name-1)<<1|1)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(t.own))<<1)
		b = append(b, t.own...)
	}
	return b
}

// appendSource writes 6 or 18 bytes, or none without a source.
func appendSource(b []byte, source netip.AddrPort) []byte {
	switch addr := source.Addr(); {
	case addr.Is4():
		a := addr.As4()
		b = append(b, a[:]...)
	case addr.Is6():
		a := addr.As16()
		b = append(b, a[:]...)
	default:
		return b
	}
	return binary.BigEndian.AppendUint16(b, source.Port())
}

// unpacker reads a packed record. Records are written by append alone, so there
// is nothing to check.
type unpacker struct{ rest []byte }

// identity returns the flags, which the rest depends on.
func (u *unpacker) identity(s *state) (flags byte) {
	flags, s.last = u.rest[0], binary.LittleEndian.Uint32(u.rest[1:])
	u.rest = u.rest[1+4:]
	s.lastFailed = flags&lastFailed != 0
	s.oui, s.class, s.serial = u.text(), u.text(), u.text()
	return flags
}

// assignment follows the identity.
func (u *unpacker) assignment(s *state, flags byte) {
	if flags&hasAssignment != 0 {
		s.home, s.reason = u.text(), u.text()
		s.revision = u.uvarint()
		s.assigned = uint32(u.uvarint())
	}
}

// routing follows the assignment.
func (u *unpacker) routing(s *state) { s.acs, s.rule, s.listener = u.text(), u.text(), u.text() }

// sighting follows the routing.
func (u *unpacker) sighting(s *state, flags byte) {
	s.manufacturer, s.software = u.text(), u.text()
	s.source = u.source(flags)
	s.sessions, s.failed = uint32(u.uvarint()), uint32(u.uvarint())
}

// unpack reads a whole record.
func unpack(b []byte) (s state) {
	u := unpacker{b}
	flags := u.identity(&s)
	u.assignment(&s, flags)
	u.routing(&s)
	u.sighting(&s, flags)
	s.local, s.root, s.url, s.udp = u.text(), u.text(), u.text(), u.text()
	s.first = binary.LittleEndian.Uint32(u.rest)
	u.rest = u.rest[4:]
	s.events, s.faults = eventSet(u.uvarint()), uint32(u.uvarint())
	return s
}

// uvarint reads what binary.AppendUvarint wrote, mostly one byte or two.
func (u *unpacker) uvarint() uint64 {
	if c := u.rest[0]; c < more {
		u.rest = u.rest[1:]
		return uint64(c)
	}
	return u.long()
}

// more marks bytes of a varint that others follow.
const more = 0x80

func (u *unpacker) long() (v uint64) {
	const bits = 7
	for i, c := range u.rest {
		v |= uint64(c&^more) << (bits * i)
		if c < more {
			u.rest = u.rest[i+1:]
			return v
		}
	}
	return v
}

func (u *unpacker) text() (t text) {
	v := u.uvarint()
	if v&1 != 0 {
		return text{name: uint32(v>>1) + 1}
	}
	t.own, u.rest = u.rest[:v>>1], u.rest[v>>1:]
	return t
}

func (u *unpacker) source(flags byte) (source netip.AddrPort) {
	size := 0
	switch {
	case flags&hasSource4 != 0:
		size = 4
	case flags&hasSource6 != 0:
		size = 16
	default:
		return source
	}
	addr, _ := netip.AddrFromSlice(u.rest[:size])
	source = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(u.rest[size:]))
	u.rest = u.rest[size+2:]
	return source
}
