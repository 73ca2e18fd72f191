package cwmp

import (
	"bytes"
	"slices"
)

// StripDeclaration returns body without the XML declaration that m, a message
// of it, has, and without the white space around that. If the declaration is
// the first thing in the body so is then the envelope, as models need that
// cannot read a declaration (quirk C-69). The result may share memory with
// body, which is not changed.
func StripDeclaration(body []byte, m Message) []byte {
	d := m.Declaration
	if d.End <= d.Start || d.End > len(body) {
		return body
	}
	before := bytes.TrimPrefix(body[:d.Start], []byte("\xEF\xBB\xBF"))
	rest := body[d.End:]
	if m.Charset == littleEndian.String() || m.Charset == bigEndian.String() {
		return slices.Concat(body[:d.Start], rest) // the byte order mark stays
	}
	rest = bytes.TrimLeft(rest, blanks)
	if isBlank(before) {
		return rest
	}
	return slices.Concat(body[:d.Start], rest)
}
