package campaign

import (
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	chunkBits  = 16
	chunkBytes = 1 << chunkBits
	maxPart    = 255 // bytes of each part of an identity
	maxText    = 2048
	maxShared  = 8192 // texts of a campaign that are kept once
)

// arena keeps bytes that are never changed or freed alone. It has few pointers
// whatever it holds.
type arena struct {
	chunks [][]byte
}

// room returns n bytes and their offset.
func (a *arena) room(n int) (offset uint32, b []byte) {
	last := len(a.chunks) - 1
	if last < 0 || len(a.chunks[last])+n > chunkBytes {
		a.chunks = append(a.chunks, make([]byte, 0, chunkBytes))
		last++
	}
	chunk := a.chunks[last]
	start := len(chunk)
	a.chunks[last] = chunk[:start+n]
	return uint32(last)<<chunkBits | uint32(start), a.chunks[last][start:]
}

func (a *arena) at(offset uint32) []byte {
	return a.chunks[offset>>chunkBits][offset&(chunkBytes-1):]
}

// keepable tells whether a device can be a member: whether its identity fits into
// a record and a key.
func keepable(id *cwmp.DeviceID) bool {
	return len(id.OUI) <= maxPart && len(id.ProductClass) <= maxPart && len(id.SerialNumber) <= maxPart &&
		id.SerialNumber != "" && len(id.String()) <= maxPart
}

// addID keeps an identity.
func (a *arena) addID(id *cwmp.DeviceID) uint32 {
	offset, b := a.room(3 + len(id.OUI) + len(id.ProductClass) + len(id.SerialNumber))
	for _, part := range [...]string{id.SerialNumber, id.ProductClass, id.OUI} {
		b[0] = byte(len(part))
		copy(b[1:], part)
		b = b[1+len(part):]
	}
	return offset
}

// isID compares an identity without allocating.
func (a *arena) isID(offset uint32, id *cwmp.DeviceID) bool {
	b := a.at(offset)
	for _, part := range [...]string{id.SerialNumber, id.ProductClass, id.OUI} {
		n := int(b[0])
		if string(b[1:1+n]) != part {
			return false
		}
		b = b[1+n:]
	}
	return true
}

func (a *arena) id(offset uint32) cwmp.DeviceID {
	serial, class, oui := a.parts(offset)
	return cwmp.DeviceID{SerialNumber: string(serial), ProductClass: string(class), OUI: string(oui)}
}

// parts returns those of an identity, which are not to be changed.
func (a *arena) parts(offset uint32) (serial, class, oui []byte) {
	b := a.at(offset)
	next := func() []byte {
		part := b[1 : 1+int(b[0])]
		b = b[1+len(part):]
		return part
	}
	return next(), next(), next()
}

// texts keeps strings, most of which many members share, and numbers them; 0 is
// "". It only grows.
type texts struct {
	numbers map[string]uint32
	shared  []string
	own     arena
}

// ownBit marks numbers of texts that one member alone has.
const ownBit = 1 << 31

func newTexts() texts { return texts{numbers: map[string]uint32{"": 0}, shared: []string{""}} }

func (t *texts) at(n uint32) string {
	if n&ownBit == 0 {
		return t.shared[n]
	}
	b := t.own.at(n &^ ownBit)
	length := int(b[0])<<8 | int(b[1])
	return string(b[2 : 2+length])
}

// number returns the number of s, cut to maxText bytes.
func (t *texts) number(s string) uint32 {
	if n, ok := t.share(s); ok {
		return n
	}
	s = s[:min(len(s), maxText)]
	offset, b := t.own.room(2 + len(s))
	b[0], b[1] = byte(len(s)>>8), byte(len(s))
	copy(b[2:], s)
	return offset | ownBit
}

// reason returns the number of a reason. What CPEs say may take many forms, and
// replaces itself: when there are too many, what is kept is that there are.
func (t *texts) reason(s string) uint32 {
	if n, ok := t.share(s); ok {
		return n
	}
	return t.numbers[manyReasons]
}

// manyReasons stands for reasons that have no room.
const manyReasons = "one of many reasons: see the log"

func (t *texts) share(s string) (uint32, bool) {
	s = s[:min(len(s), maxText)]
	if n, ok := t.numbers[s]; ok {
		return n, true
	}
	if len(t.shared) == maxShared-1 {
		s = manyReasons
	} else if len(t.shared) >= maxShared {
		return 0, false
	}
	n := uint32(len(t.shared))
	s = strings.Clone(s) // it may be a part of a whole message
	t.shared = append(t.shared, s)
	t.numbers[s] = n
	return n, s != manyReasons
}
