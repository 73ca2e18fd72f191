package cwmp

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// appendText appends the character data of raw, the inner bytes of an element
// in charset c, to dst: entities and CDATA resolved, line ends made \n, and
// comments, processing instructions and tags left out. Quirk C-52: an
// ampersand that begins no reference stands for itself.
func (c charset) appendText(dst, raw []byte) []byte {
	for len(raw) > 0 {
		n := bytes.IndexAny(raw, "&<\r")
		if n < 0 {
			return c.appendPlain(dst, raw)
		}
		dst = c.appendPlain(dst, raw[:n])
		raw = raw[n:]
		used := 1
		switch {
		case raw[0] == '&':
			dst, used = appendReference(dst, raw)
		case raw[0] == '\r' && !hasPrefix(raw, "\r\n"):
			dst = append(dst, '\n')
		case raw[0] == '<':
			dst, used = c.appendMarkup(dst, raw)
		}
		raw = raw[used:]
	}
	return dst
}

// appendMarkup appends what the markup that raw begins with adds to the text,
// and returns how many bytes of raw it took.
func (c charset) appendMarkup(dst, raw []byte) ([]byte, int) {
	end, ok := markupEnd(raw)
	switch {
	case !ok:
		return append(dst, '<'), 1
	case hasPrefix(raw, cdataOpen):
		return c.appendLines(dst, raw[len(cdataOpen):end-len(cdataClose)]), end
	}
	return dst, end
}

// markupEnd returns the length of the tag, section or instruction that raw
// begins with, and false for a < that is text. raw was tokenised before, so
// what begins also ends.
func markupEnd(raw []byte) (end int, ok bool) {
	if hasPrefix(raw, "<!") {
		return sectionEnd(raw, 0)
	}
	if len(raw) < 2 || raw[1] != '?' && raw[1] != '/' && !isNameStart(raw[1]) {
		return 0, false
	}
	t := tokenizer{src: raw}
	_, err := t.next()
	return t.tok.at.End, err == nil
}

// appendLines appends text with its line ends made \n (XML 1.0 2.11).
func (c charset) appendLines(dst, text []byte) []byte {
	for {
		n := bytes.IndexByte(text, '\r')
		if n < 0 {
			return c.appendPlain(dst, text)
		}
		dst = append(c.appendPlain(dst, text[:n]), '\n')
		text = bytes.TrimPrefix(text[n+1:], []byte("\n"))
	}
}

func (c charset) appendPlain(dst, text []byte) []byte {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			text = c.decode(text)
			break
		}
	}
	return append(dst, text...)
}

// appendReference resolves the reference that raw begins with, and returns how
// many bytes of raw it took. What is no reference is left as it is.
func appendReference(dst, raw []byte) ([]byte, int) {
	for _, e := range references {
		if hasPrefix(raw, e.name) {
			return append(dst, e.char), len(e.name)
		}
	}
	if hasPrefix(raw, "&#") {
		if r, used := numericReference(raw); used > 0 {
			return utf8.AppendRune(dst, r), used
		}
	}
	return append(dst, '&'), 1
}

// references are the five that need no DTD (XML 1.0 4.6).
var references = [...]struct {
	name string
	char byte
}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}

// numericReference reads &#N; or &#xN;, and returns 0 used bytes when raw does
// not begin with one that names a character.
func numericReference(raw []byte) (r rune, used int) {
	i, base := 2, rune(10)
	if i < len(raw) && raw[i] == 'x' {
		i, base = 3, 16
	}
	first := i
	for ; i < len(raw) && hexValue(raw[i]) >= 0 && rune(hexValue(raw[i])) < base; i++ {
		r = min(r*base+rune(hexValue(raw[i])), utf8.MaxRune+1)
	}
	if i == first || i == len(raw) || raw[i] != ';' || !utf8.ValidRune(r) {
		return 0, 0
	}
	return r, i + 1
}

// appendEscaped appends s as character data. With ascii, what is beyond ASCII
// becomes a numeric reference, which every charset can hold. A character that
// XML 1.0 cannot carry is replaced by U+FFFD; see illegalChar.
func appendEscaped(dst []byte, s string, ascii bool) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r':
			dst = append(dst, "&#13;"...)
		case !isXMLChar(r):
			dst = appendChar(dst, utf8.RuneError, ascii)
		default:
			dst = appendChar(dst, r, ascii)
		}
	}
	return dst
}

func appendChar(dst []byte, r rune, ascii bool) []byte {
	if !ascii || r < utf8.RuneSelf {
		return utf8.AppendRune(dst, r)
	}
	dst = strconv.AppendInt(append(dst, "&#"...), int64(r), 10)
	return append(dst, ';')
}

// isXMLChar is the Char production of XML 1.0 (2.2).
func isXMLChar(r rune) bool {
	return r >= 0x20 && r != 0xFFFE && r != 0xFFFF || r == '\t' || r == '\n' || r == '\r'
}

// illegalChar returns the first character of s that XML cannot carry.
func illegalChar(s string) (r rune, found bool) {
	for i, r := range s {
		_, width := utf8.DecodeRuneInString(s[i:])
		if !isXMLChar(r) || r == utf8.RuneError && width == 1 {
			return r, true
		}
	}
	return 0, false
}
