package cwmp

import (
	"strconv"
	"time"
)

// The namespaces of SOAP 1.1 and XML Schema that every envelope declares.
const (
	namespaceEnvelope = "http://schemas.xmlsoap.org/soap/envelope/"
	namespaceEncoding = "http://schemas.xmlsoap.org/soap/encoding/"
	namespaceXSD      = "http://www.w3.org/2001/XMLSchema"
	namespaceXSI      = "http://www.w3.org/2001/XMLSchema-instance"
)

// writer builds an envelope. The first bytes are "<", the prefix and
// "Envelope": there is no XML declaration, which some CPEs cannot read (quirk
// C-64). All five namespaces are declared on Envelope with a prefix each: some
// CPEs look nowhere else (protocol notes 1.7). Arguments are unqualified.
type writer struct {
	buf     []byte
	dialect Dialect
}

// header holds what goes before the body.
type header struct {
	id             string // no cwmp:ID when empty
	sessionTimeout int    // seconds; not written when 0
}

// newWriter opens an envelope up to its body.
func newWriter(d Dialect, h header) *writer {
	w := &writer{buf: make([]byte, 0, 2048), dialect: d.usable()}
	w.raw("<").env("Envelope")
	w.namespace(w.dialect.EnvelopePrefix, namespaceEnvelope)
	w.namespace("soap-enc", namespaceEncoding)
	w.namespace("xsd", namespaceXSD)
	w.namespace("xsi", namespaceXSI)
	w.namespace(w.dialect.CWMPPrefix, w.dialect.Namespace)
	w.raw("><").env("Header").raw(">")
	if h.id != "" {
		w.headerElement("ID", h.id, "1")
	}
	if h.sessionTimeout > 0 {
		w.headerElement("SessionTimeout", strconv.Itoa(h.sessionTimeout), "0")
	}
	w.raw("</").env("Header").raw("><").env("Body").raw(">")
	return w
}

// usable replaces what an envelope cannot be written with: empty parts, and
// prefixes that are no names or clash.
func (d Dialect) usable() Dialect {
	if !isPrefix(d.EnvelopePrefix) {
		d.EnvelopePrefix = defaultEnvelopePrefix
	}
	if !isPrefix(d.CWMPPrefix) || d.CWMPPrefix == d.EnvelopePrefix {
		d.CWMPPrefix = defaultCWMPPrefix
	}
	if d.CWMPPrefix == d.EnvelopePrefix {
		d.EnvelopePrefix = defaultEnvelopePrefix
	}
	if d.Namespace == "" {
		d.Namespace = defaultNamespace
	}
	return d
}

// isPrefix reports whether s can be a prefix beside the fixed ones. Names
// beyond ASCII are left out.
func isPrefix(s string) bool {
	switch s {
	case "", "soap-enc", "xsd", "xsi", "xml", "xmlns":
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || !isDigit(c) && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// bytes closes the envelope and returns it.
func (w *writer) bytes() []byte {
	return w.raw("</").env("Body").raw("></").env("Envelope").raw(">").buf
}

func (w *writer) raw(s string) *writer {
	w.buf = append(w.buf, s...)
	return w
}

func (w *writer) text(s string) *writer {
	w.buf = appendEscaped(w.buf, s, false)
	return w
}

func (w *writer) env(local string) *writer {
	return w.raw(w.dialect.EnvelopePrefix).raw(":").raw(local)
}

func (w *writer) namespace(prefix, uri string) {
	w.raw(" xmlns:").raw(prefix).raw(`="`).text(uri).raw(`"`)
}

// headerElement writes mustUnderstand under the envelope's own prefix: some
// CPEs refuse the header without (protocol notes 1.5).
func (w *writer) headerElement(local, value, mustUnderstand string) {
	w.raw("<").raw(w.dialect.CWMPPrefix).raw(":").raw(local).raw(" ").env("mustUnderstand")
	w.raw(`="`).raw(mustUnderstand).raw(`">`).text(value)
	w.raw("</").raw(w.dialect.CWMPPrefix).raw(":").raw(local).raw(">")
}

// rpc writes the element of a method around its arguments.
func (w *writer) rpc(method string, args func()) *writer {
	w.raw("<").raw(w.dialect.CWMPPrefix).raw(":").raw(method).raw(">")
	if args != nil {
		args()
	}
	return w.raw("</").raw(w.dialect.CWMPPrefix).raw(":").raw(method).raw(">")
}

func (w *writer) element(name, value string) {
	w.raw("<").raw(name).raw(">").text(value).raw("</").raw(name).raw(">")
}

func (w *writer) number(name string, value int) { w.element(name, strconv.Itoa(value)) }

// boolean is written as a digit: some CPEs read it with atoi (protocol notes
// 1.5).
func (w *writer) boolean(name string, value bool) {
	if value {
		w.element(name, "1")
		return
	}
	w.element(name, "0")
}

// time writes a dateTime in UTC; the zero time is the standard's "unknown
// time" (TR-106 3.2).
func (w *writer) time(name string, t time.Time) {
	w.element(name, t.UTC().Format("2006-01-02T15:04:05Z"))
}

// array writes a SOAP array of n entries of a type with its prefix.
func (w *writer) array(name, typ string, n int, entry func(i int)) {
	w.raw("<").raw(name).raw(` soap-enc:arrayType="`).raw(typ).raw("[")
	w.raw(strconv.Itoa(n)).raw(`]">`)
	for i := range n {
		entry(i)
	}
	w.raw("</").raw(name).raw(">")
}

// structs writes an array of n structs of a CWMP type.
func (w *writer) structs(name, typ string, n int, fields func(i int)) {
	w.array(name, w.dialect.CWMPPrefix+":"+typ, n, func(i int) {
		w.raw("<").raw(typ).raw(">")
		fields(i)
		w.raw("</").raw(typ).raw(">")
	})
}

func (w *writer) strings(name string, values []string) {
	w.array(name, "xsd:string", len(values), func(i int) { w.element("string", values[i]) })
}

func (w *writer) params(params []Param) {
	w.structs("ParameterList", "ParameterValueStruct", len(params), func(i int) {
		p := params[i]
		typ, value := xsdValue(p)
		w.element("Name", p.Name)
		w.raw(`<Value xsi:type="xsd:`).text(typ).raw(`">`).text(value).raw("</Value>")
	})
}

// xsdValue returns the type and the value as it is written.
func xsdValue(p Param) (typ, value string) {
	if p.Type == "" {
		return "string", p.Value
	}
	if p.Type == "boolean" {
		switch p.Value {
		case "true":
			return p.Type, "1"
		case "false":
			return p.Type, "0"
		}
	}
	return p.Type, p.Value
}
