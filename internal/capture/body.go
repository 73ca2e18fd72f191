package capture

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// maxBody bounds a body that is looked into, in bytes.
const maxBody = 1 << 20

// maskBody returns what is kept of a body. What cannot be read, so that nobody can
// tell where a secret stands, is left out but for its length.
func (s *secrets) maskBody(m *Message) string {
	body := m.Body
	blank := len(bytes.Trim(body, " \t\r\n\x00")) == 0
	switch {
	case len(body) == 0:
		return ""
	case blank:
		return fmt.Sprintf("[%d bytes of white space]", len(body))
	case len(body) > maxBody:
		return leftOut(len(body), "too long")
	}
	contentType := strings.ToLower(m.Header.Get("Content-Type"))
	if m.Own && strings.HasPrefix(contentType, "text/plain") && utf8.Valid(body) {
		return maskText(string(body))
	}
	return s.maskXML(body, charset(contentType))
}

func leftOut(n int, why string) string { return fmt.Sprintf("[%d bytes left out: %s]", n, why) }

// charset returns the charset of a Content-Type in lower case.
func charset(contentType string) string {
	_, after, _ := strings.Cut(contentType, "charset")
	value, _, _ := strings.Cut(strings.TrimLeft(after, " ="), ";")
	return strings.Trim(value, " \t\"'`")
}

// maskXML masks what is secret in XML. What stands behind the first thing that is
// not well-formed is left out.
func (s *secrets) maskXML(body []byte, charset string) string {
	d := &document{secrets: s}
	left, err := cwmp.Walk(body, charset, d.piece)
	if err != nil {
		d.cutOff()
	}
	text := d.String()
	if err != nil {
		text += leftOut(left, cwmp.ScanReason(err))
	}
	return text
}
