package cwmp

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// wideOrder is the byte order of a UTF-16 body.
type wideOrder uint8

const (
	narrow wideOrder = iota // not UTF-16
	littleEndian
	bigEndian
)

// String returns the name of the charset.
func (o wideOrder) String() string {
	return [...]string{"utf-8", "utf-16le", "utf-16be"}[o]
}

func (o wideOrder) unit(b []byte) uint16 {
	if o == bigEndian {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (o wideOrder) appendUnit(dst []byte, unit uint16) []byte {
	if o == bigEndian {
		return binary.BigEndian.AppendUint16(dst, unit)
	}
	return binary.LittleEndian.AppendUint16(dst, unit)
}

// detectWide recognises UTF-16 by its byte order mark, or by two units that
// can begin a message without one.
func detectWide(body []byte) wideOrder {
	if len(body) < 4 {
		return narrow
	}
	for _, o := range [...]wideOrder{littleEndian, bigEndian} {
		first, second := o.unit(body), o.unit(body[2:])
		if first == 0xFEFF && (o == bigEndian || second != 0) || isOpening(first) && 0 < second && second < 0x80 {
			return o
		}
	}
	return narrow
}

func isOpening(unit uint16) bool {
	return unit == '<' || unit < 0x80 && isSpace(byte(unit))
}

// decodeWide returns body as UTF-8. Every character of one unit, also an
// unpaired surrogate, takes one to three bytes, and every pair four: the
// lengths alone lead back, see restore.
func (o wideOrder) decodeWide(body []byte) []byte {
	text := make([]byte, 0, len(body)/2+len(body)/8)
	for i := 0; i+1 < len(body); i += 2 {
		r := rune(o.unit(body[i:]))
		if utf16.IsSurrogate(r) && i+3 < len(body) {
			if pair := utf16.DecodeRune(r, rune(o.unit(body[i+2:]))); pair != utf8.RuneError {
				r = pair
				i += 2
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return text
}

// appendWide appends text, in UTF-8, to dst.
func (o wideOrder) appendWide(dst []byte, text string) []byte {
	for _, r := range text {
		if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
			dst = o.appendUnit(o.appendUnit(dst, uint16(r1)), uint16(r2))
			continue
		}
		dst = o.appendUnit(dst, uint16(r))
	}
	return dst
}

// restore turns offsets in a text that decodeWide made into those in the body
// that it was made from.
func restore(text []byte, offsets []*int) {
	slices.SortFunc(offsets, func(a, b *int) int { return *a - *b })
	at, original := 0, 0
	for _, p := range offsets {
		for at < *p {
			_, width := utf8.DecodeRune(text[at:])
			at += width
			original += wideLen(width)
		}
		*p = original
	}
}

// wideLen returns how many bytes a character takes in UTF-16 that takes width
// bytes in UTF-8.
func wideLen(width int) int {
	if width == utf8.UTFMax {
		return 4
	}
	return 2
}
