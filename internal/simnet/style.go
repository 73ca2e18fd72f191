package simnet

import (
	"fmt"
	"strings"
)

// Style is how a make spells its envelopes, down to white space. The values of
// known makes reproduce what those clients really send.
type Style struct {
	Declaration string // XML declaration with what follows it, or ""
	Prefix      string // of the SOAP envelope namespace
	EncPrefix   string // of the SOAP encoding namespace
	CWMPPrefix  string // of the CWMP namespace
	Namespace   string // such as "urn:dslforum-org:cwmp-1-0"
	// Declarations are the xmlns attributes of the Envelope; {env}, {enc},
	// {cwmp} and {ns} stand for the four fields above.
	Declarations string
	// Newline ends each line and Indent begins it, once per level; Base is the
	// level of the Envelope. HeaderInline puts the Header on the line of the
	// Envelope, FinalNewline ends the last line too.
	Newline, Indent               string
	Base                          int
	HeaderInline, FinalNewline    bool
	Typed                         bool   // xsi:type on the elements of DeviceId and names too, quirk C-65
	InformCount                   int    // size that the Inform's ParameterList claims; 0 tells the truth
	CountFormat                   string // of array sizes: "%d" or "%02d"
	EmptyKey, EmptyValue          string // end of an empty CommandKey or Value: "/>", " />", or "" for the long form
	TimeLayout                    string // of CurrentTime
	True, False                   string // of booleans
	MirrorPrefix                  bool   // answers use the envelope prefix of the ACS
	RandomID                      bool   // cwmp:ID is random, else it counts
	ObjectsInNames                bool   // GetParameterNames lists the path itself and objects
	NoHeader                      bool   // no SOAP header and no cwmp:ID at all
	LeadingNewlines, TrailingNULs int    // dirt around the envelope, quirk C-52
}

// compactDeclarations is the order in which most compact writers declare.
const compactDeclarations = ` xmlns:{enc}="http://schemas.xmlsoap.org/soap/encoding/" xmlns:{env}="http://schemas.xmlsoap.org/soap/envelope/"` +
	` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:{cwmp}="{ns}"`

// compactStyle is the plain form without white space that genieacs-sim, many
// gSOAP devices and the scripted ACS use.
func compactStyle() Style {
	return Style{
		Declaration: `<?xml version="1.0" encoding="UTF-8"?>` + "\n",
		Prefix:      "soap-env", EncPrefix: "soap-enc", CWMPPrefix: "cwmp",
		Namespace:    "urn:dslforum-org:cwmp-1-0",
		Declarations: compactDeclarations,
		CountFormat:  "%d", EmptyKey: "/>", EmptyValue: "/>",
		TimeLayout: "2006-01-02T15:04:05Z", True: "1", False: "0",
	}
}

// envelope is an envelope being written in a style.
type envelope struct {
	style *Style
	env   string // envelope prefix, of the style or mirrored
	b     []byte
	depth int
}

// newEnvelope writes everything up to the Body's first child. extra is put
// behind the cwmp:ID, already spelled.
func newEnvelope(s *Style, env, id, extra string) *envelope {
	e := &envelope{style: s, env: env, b: make([]byte, 0, 1024), depth: s.Base}
	e.text(strings.Repeat("\n", s.LeadingNewlines) + s.Declaration)
	e.text(strings.Repeat(s.Indent, s.Base) + "<" + env + ":Envelope" + e.declarations() + ">")
	if !s.HeaderInline {
		e.line()
	}
	e.depth++
	if !s.NoHeader {
		e.header(id, extra)
	}
	e.open(env+":Body", "")
	return e
}

func (e *envelope) declarations() string {
	s := e.style
	return strings.NewReplacer("{env}", e.env, "{enc}", s.EncPrefix, "{cwmp}", s.CWMPPrefix, "{ns}", s.Namespace).Replace(s.Declarations)
}

func (e *envelope) header(id, extra string) {
	if e.style.HeaderInline {
		e.text("<" + e.env + ":Header>")
		e.line()
		e.depth++
	} else {
		e.open(e.env+":Header", "")
	}
	e.leaf(e.style.CWMPPrefix+":ID", " "+e.env+`:mustUnderstand="1"`, id)
	e.text(extra)
	e.close(e.env + ":Header")
}

// finish closes Body and Envelope and returns the bytes.
func (e *envelope) finish() []byte {
	e.close(e.env + ":Body")
	e.depth--
	e.text(strings.Repeat(e.style.Indent, e.depth) + "</" + e.env + ":Envelope>")
	if e.style.FinalNewline {
		e.line()
	}
	e.text(strings.Repeat("\x00", e.style.TrailingNULs))
	return e.b
}

func (e *envelope) text(s string) { e.b = append(e.b, s...) }
func (e *envelope) line()         { e.text(e.style.Newline) }

func (e *envelope) indent() {
	for range e.depth {
		e.text(e.style.Indent)
	}
}

// open begins an element; attrs begins with a blank when it is not empty.
func (e *envelope) open(name, attrs string) {
	e.indent()
	e.text("<" + name + attrs + ">")
	e.line()
	e.depth++
}

func (e *envelope) close(name string) {
	e.depth--
	e.indent()
	e.text("</" + name + ">")
	e.line()
}

// leaf writes an element with text.
func (e *envelope) leaf(name, attrs, text string) {
	e.leafEnding(name, attrs, text, "")
}

// leafEnding writes an element with text; ending closes the tag when there is
// no text, "" means the long form.
func (e *envelope) leafEnding(name, attrs, text, ending string) {
	e.indent()
	if text == "" && ending != "" {
		e.text("<" + name + attrs + ending)
	} else {
		e.text("<" + name + attrs + ">" + escapeText(text) + "</" + name + ">")
	}
	e.line()
}

// array opens an element that carries soap-enc:arrayType.
func (e *envelope) array(name, itemType string, n int) {
	e.open(name, " "+e.style.EncPrefix+`:arrayType="`+itemType+fmt.Sprintf("["+e.style.CountFormat+"]", n)+`"`)
}

// typed is an xsi:type attribute where the style writes them.
func (e *envelope) typed(xsdType string) string {
	if !e.style.Typed {
		return ""
	}
	return ` xsi:type="` + xsdType + `"`
}

func (e *envelope) boolean(v bool) string {
	if v {
		return e.style.True
	}
	return e.style.False
}

var textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escapeText(s string) string {
	if !strings.ContainsAny(s, "&<>") {
		return s
	}
	return textEscaper.Replace(s)
}
