package device

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Prefixes of keys; the device's string form follows.
const (
	devicePrefix = "device/"
	assignPrefix = "assign/"
)

// version is the first byte of every value. It changes when a value can no
// longer be read by leaving out the fields that are not known.
const version = 1

// A field is a varint of its tag, times two, plus one if it is text; then a
// varint of the number, or of the text's length and the text. Tags are never
// used again for something else.
const (
	tagManufacturer = iota + 1
	tagACS
	tagRule
	tagListener
	tagSoftware
	tagURL
	tagUDP
	tagRoot
	tagSource // 4 or 16 bytes of address, 2 of port
	tagFirst
	tagLast
	tagEvents
	tagSessions
	tagFailed
	tagFaults
	tagLocal
	tagLastFailed
)

// Tags of an assignment's value.
const (
	tagHome = iota + 1
	tagReason
	tagAssigned
)

var (
	errVersion   = errors.New("unknown version")
	errTruncated = errors.New("truncated")
	errField     = errors.New("field makes no sense")
)

func appendNumber(b []byte, tag, n uint32) []byte {
	if n == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(tag)<<1)
	return binary.AppendUvarint(b, uint64(n))
}

func appendText[T string | []byte](b []byte, tag uint32, text T) []byte {
	if len(text) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(tag)<<1|1)
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// field is one decoded field; which of number and text counts, the tag says. A
// number where text belongs leaves the text empty.
type field struct {
	tag    uint32
	number uint32
	text   []byte
}

// eachField reads the fields of a value, and leaves it to fn to know their tags.
func eachField(b []byte, fn func(field) error) error {
	if len(b) == 0 {
		return errTruncated
	}
	if b[0] != version {
		return fmt.Errorf("%w %d", errVersion, b[0])
	}
	for b = b[1:]; len(b) > 0; {
		f, rest, err := nextField(b)
		if err == nil {
			err = fn(f)
		}
		if err != nil {
			return err
		}
		b = rest
	}
	return nil
}

func nextField(b []byte) (f field, rest []byte, err error) {
	head, n := binary.Uvarint(b)
	if n <= 0 {
		return f, nil, errTruncated
	}
	b = b[n:]
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return f, nil, errTruncated
	}
	b = b[n:]
	if head>>1 > 1<<32-1 {
		return f, nil, errField
	}
	f.tag = uint32(head >> 1)
	if head&1 == 0 {
		f.number = uint32(min(v, 1<<32-1))
		return f, b, nil
	}
	if v > uint64(len(b)) {
		return f, nil, errTruncated
	}
	f.text = b[:v]
	return f, b[v:], nil
}

// encodeSoft appends the value of a device's soft state.
func (t *tables) encodeSoft(b []byte, st *state) []byte {
	b = append(b, version)
	for _, f := range [...]struct {
		tag   uint32
		text  text
		names *names
	}{
		{tagManufacturer, st.manufacturer, t.cpes}, {tagACS, st.acs, t.ours}, {tagRule, st.rule, t.ours},
		{tagListener, st.listener, t.ours}, {tagSoftware, st.software, t.cpes}, {tagURL, st.url, nil},
		{tagUDP, st.udp, nil}, {tagLocal, st.local, t.ours},
	} {
		if f.text.name != 0 {
			b = appendText(b, f.tag, f.names.at(f.text.name-1))
		} else {
			b = appendText(b, f.tag, f.text.own)
		}
	}
	b = appendRoot(b, st.root.string(t.cpes))
	var source [18]byte
	b = appendText(b, tagSource, appendSource(source[:0], st.source))
	for _, f := range [...]struct{ tag, number uint32 }{
		{tagFirst, st.first}, {tagLast, st.last}, {tagEvents, uint32(st.events)},
		{tagSessions, st.sessions}, {tagFailed, st.failed}, {tagFaults, st.faults},
		{tagLastFailed, numberOf(st.lastFailed)},
	} {
		b = appendNumber(b, f.tag, f.number)
	}
	return b
}

// decodeSoft reads the value of a device's soft state into st, whose own texts
// then refer to b. Texts that are too long are left out.
func (t *tables) decodeSoft(b []byte, st *state) error {
	return eachField(b, func(f field) error {
		switch f.tag {
		case tagManufacturer:
			st.manufacturer = t.cpes.textOf(f.text)
		case tagACS:
			st.acs = t.ours.textOf(f.text)
		case tagRule:
			st.rule = t.ours.textOf(f.text)
		case tagListener:
			st.listener = t.ours.textOf(f.text)
		case tagSoftware:
			st.software = t.cpes.textOf(f.text)
		case tagLocal:
			st.local = t.ours.textOf(f.text)
		case tagRoot:
			st.root = t.root(f)
		case tagURL:
			st.url = limited(f.text, maxURL)
		case tagUDP:
			st.udp = limited(f.text, maxText)
		case tagSource:
			return decodeSource(f.text, &st.source)
		default:
			decodeNumber(f, st)
		}
		return nil
	})
}

func decodeNumber(f field, st *state) {
	switch f.tag {
	case tagFirst:
		st.first = f.number
	case tagLast:
		st.last = f.number
	case tagEvents:
		st.events = eventSet(f.number)
	case tagSessions:
		st.sessions = f.number
	case tagFailed:
		st.failed = f.number
	case tagFaults:
		st.faults = f.number
	case tagLastFailed:
		st.lastFailed = f.number != 0
	}
}

func numberOf(flag bool) uint32 {
	if flag {
		return 1
	}
	return 0
}

// roots are the usual roots of data models, which are stored as numbers from 1.
var roots = [...]string{"Device.", "InternetGatewayDevice."}

func appendRoot(b []byte, root string) []byte {
	for i, usual := range roots {
		if root == usual {
			return appendNumber(b, tagRoot, uint32(i+1))
		}
	}
	return appendText(b, tagRoot, root)
}

func (t *tables) root(f field) (root text) {
	if f.number > 0 && f.number <= uint32(len(roots)) {
		root.set(roots[f.number-1], t.cpes, maxText)
		return root
	}
	return t.cpes.textOf(f.text)
}

// textOf is text for bytes, which it does not copy if they are not shared.
func (n *names) textOf(b []byte) text {
	if len(b) == 0 || len(b) > maxText {
		return text{}
	}
	if number, ok := n.numberOf(b); ok {
		return text{name: number + 1}
	}
	return text{own: b}
}

func limited(b []byte, limit int) text {
	if len(b) > limit {
		return text{}
	}
	return text{own: b}
}

func decodeSource(b []byte, source *netip.AddrPort) error {
	if len(b) != 4+2 && len(b) != 16+2 {
		return errField
	}
	addr, _ := netip.AddrFromSlice(b[:len(b)-2])
	*source = plainSource(netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[len(b)-2:])))
	return nil
}

// encodeAssignment returns the value of an assignment. One without an ACS says
// that there was one, which is over.
func encodeAssignment(a Assignment) []byte {
	b := appendText([]byte{version}, tagHome, a.HomeACS)
	b = appendText(b, tagReason, a.AssignReason)
	return appendNumber(b, tagAssigned, toSeconds(a.AssignedAt))
}

func decodeAssignment(b []byte) (a Assignment, err error) {
	err = eachField(b, func(f field) error {
		switch f.tag {
		case tagHome:
			a.HomeACS = string(f.text)
		case tagReason:
			a.AssignReason = string(f.text)
		case tagAssigned:
			a.AssignedAt = fromSeconds(f.number)
		}
		return nil
	})
	return a, err
}
