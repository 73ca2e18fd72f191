package search

import (
	"net/netip"
	"strings"
)

// Text is a text that is looked for, whatever the case of its letters A to Z. It
// can be in an address only if nothing in it is longer than what addresses have
// between two separators.
type Text struct {
	lower, upper string
	address      bool
	dash         bool           // or a percent sign
	tail         string         // after the last dash, if there is no percent sign in it
	exact        netip.AddrPort // if it is one
}

// NewText returns what finds s.
func NewText(s string) Text {
	lower, upper := []byte(s), []byte(s)
	for i := range lower {
		lower[i], upper[i] = lowerOf(lower[i]), upperOf(upper[i])
	}
	t := Text{lower: string(lower), upper: string(upper), address: likeAddress(lower), dash: strings.ContainsAny(s, "-%")}
	if i := strings.LastIndexByte(t.lower, '-'); i >= 0 && !strings.Contains(t.lower[i:], "%") {
		t.tail = t.lower[i+1:]
	}
	if addr, err := netip.ParseAddrPort(s); err == nil {
		t.exact = addr
	}
	return t
}

// Empty reports whether the text is in everything.
func (t *Text) Empty() bool { return t.lower == "" }

// Across reports whether the text may be in the string form of an identity and in
// none of its parts: if it goes across parts, or has one of their escapes. What
// follows its last dash then begins a part, which mostly rules it out.
func Across[C string | []byte](t *Text, class C, serial []byte) bool {
	switch {
	case !t.dash:
		return false
	case t.tail == "":
		return true
	}
	return begins(t, serial) || begins(t, class)
}

func begins[T string | []byte](t *Text, b T) bool {
	if len(b) < len(t.tail) {
		return false
	}
	for i := range len(t.tail) {
		if lowerOf(b[i]) != t.tail[i] {
			return false
		}
	}
	return true
}

// In reports whether the text is somewhere in b. It does not allocate.
func (t *Text) In(b []byte) bool { return in(t, b) }

// InString is In for a string.
func (t *Text) InString(s string) bool { return in(t, s) }

func in[T string | []byte](t *Text, b T) bool {
	n := len(t.lower)
	if n == 0 {
		return true
	}
	low, up := t.lower[0], t.upper[0]
	for i := 0; i+n <= len(b); i++ {
		if c := b[i]; c != low && c != up {
			continue
		}
		j := 1
		for j < n && (b[i+j] == t.lower[j] || b[i+j] == t.upper[j]) {
			j++
		}
		if j == n {
			return true
		}
	}
	return false
}

// LikeAddress reports whether the text may be a part of an address.
func (t *Text) LikeAddress() bool { return t.address }

// InAddress reports whether the text is a part of how the address is written, or
// is the whole of it with its port. It does not allocate.
func (t *Text) InAddress(a netip.AddrPort) bool {
	switch {
	case !t.address || !a.IsValid():
		return false
	case t.exact.IsValid() && t.exact == a:
		return true
	}
	var room [48]byte
	return t.In(a.Addr().AppendTo(room[:0]))
}

// likeAddress reports whether a text can be a part of an address in lower case.
func likeAddress(text []byte) bool {
	const group = 5 // digits of a port; parts of addresses have fewer
	length := 0
	for _, c := range text {
		switch {
		case c == '.' || c == ':' || c == '[' || c == ']':
			length = 0
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
			if length++; length > group {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func lowerOf(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upperOf(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}
