package simnet

import (
	"strconv"
	"strings"
)

// lineName is the field name of a header line in lower case.
func lineName(text string) string {
	name, _, _ := strings.Cut(text, ":")
	return strings.ToLower(strings.TrimSpace(name))
}

// headerValues fill the placeholders of a make's header.
type headerValues struct {
	host, authorization, encoding string
	cookies                       []string
	length                        int
	chunked, expect, close        bool
}

// requestHead writes the head of a POST as the make spells it.
func (m *Make) requestHead(target string, when Occasion, v headerValues) []byte {
	b := make([]byte, 0, 512)
	b = append(b, "POST "+target+" HTTP/1."...)
	if m.HTTP10 {
		b = append(b, "0\r\n"...)
	} else {
		b = append(b, "1\r\n"...)
	}
	for _, l := range m.Header {
		if l.When&when != 0 && !(v.close && lineName(l.Text) == "connection") {
			b = v.appendLine(b, l.Text)
		}
	}
	if v.expect {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	if v.close {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// appendLine appends a line with its placeholder filled in, or nothing.
func (v *headerValues) appendLine(b []byte, text string) []byte {
	prefix, rest, ok := strings.Cut(text, "{")
	if !ok {
		return append(append(b, text...), "\r\n"...)
	}
	placeholder, suffix, _ := strings.Cut(rest, "}")
	if placeholder == "length" && v.chunked {
		return append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	for _, value := range v.fill(placeholder) {
		b = append(append(append(append(b, prefix...), value...), suffix...), "\r\n"...)
	}
	return b
}

func (v *headerValues) fill(placeholder string) []string {
	var value string
	switch placeholder {
	case "cookie":
		return v.cookies
	case "length":
		value = strconv.Itoa(v.length)
	case "host":
		value = v.host
	case "authorization":
		value = v.authorization
	case "encoding":
		value = v.encoding
	}
	if value == "" {
		return nil
	}
	return []string{value}
}
