package capture

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// document is XML on its way to what is kept of it. Whether a text may be kept is
// known when its element and those around it have ended: a struct may tell its
// value before its name.
type document struct {
	secrets  *secrets
	parts    []part
	elements []element
	open     []int // places in elements, outermost first
	fault    bool  // a SOAP fault, whose texts may repeat what they refuse
}

// part is a stretch of the output: markup that is kept, or a text.
type part struct {
	text    string // markup, as it is kept, or a text as it is written
	says    string // of a text: without entities, sections and comments
	element int    // whose text it is, outside for none; markup for markup
	opens   int    // the element whose start tag it is, -1 for none
}

// Values of part.element.
const (
	isMarkup = -1
	outside  = -2
)

// element is one element of the document.
type element struct {
	local   string
	parent  int  // -1 for none
	start   int  // place of its start tag in parts
	end     int  // place of its end tag
	parted  bool // it has children
	broken  bool // the document ends in it
	named   bool // a child names a parameter
	secret  bool // what is in it is: a child names a secret, or it is called like one
	opaque  bool // of its content nothing is kept if it is parted
	isValue bool
	odd     bool // it has attributes of which nobody knows what they say of its text
}

// piece takes the next piece of the document.
func (d *document) piece(p cwmp.Piece) {
	switch p.Kind {
	case cwmp.PieceText:
		d.parts = append(d.parts, part{string(p.Raw), string(p.Text), d.innermost(), -1})
	case cwmp.PieceInstruction:
		d.markup(declaration.FindString(string(p.Raw)), -1)
	case cwmp.PieceStart:
		d.start(p)
	case cwmp.PieceEmpty:
		d.start(p)
		d.open = d.open[:len(d.open)-1]
	case cwmp.PieceEnd:
		d.elements[d.innermost()].end = len(d.parts)
		d.markup(tagOf(p), -1)
		d.end()
	}
}

func (d *document) innermost() int {
	if len(d.open) == 0 {
		return outside
	}
	return d.open[len(d.open)-1]
}

func (d *document) markup(text string, opens int) {
	if text == "" {
		text = masked
	}
	d.parts = append(d.parts, part{text, "", isMarkup, opens})
}

func (d *document) start(p cwmp.Piece) {
	local := string(p.Local)
	e := element{local: local, parent: -1, start: len(d.parts), secret: secretElement(local), isValue: strings.EqualFold(local, "Value")}
	if e.odd = !attributes.Match(p.Attrs); e.odd {
		e.secret = e.secret || bytes.ContainsRune(p.Attrs, '&') || namesSecret(string(p.Attrs))
	}
	e.opaque = e.secret || e.isValue
	if outer := d.innermost(); outer >= 0 {
		e.parent = outer
		d.elements[outer].parted = true
	}
	d.fault = d.fault || strings.EqualFold(local, "Fault")
	d.open = append(d.open, len(d.elements))
	d.elements = append(d.elements, e)
	d.markup(tagOf(p), len(d.elements)-1)
}

// end closes the innermost element.
func (d *document) end() {
	i := d.innermost()
	d.open = d.open[:len(d.open)-1]
	e := &d.elements[i]
	if e.parent < 0 || !nameElement(e.local) {
		return
	}
	name := strings.Trim(d.textOf(i), " \t\r\n\x00")
	outer := &d.elements[e.parent]
	outer.named = true
	outer.secret = outer.secret || e.parted || !isName(name) || secretName(name)
}

// textOf returns the text of an element that has just ended.
func (d *document) textOf(i int) string {
	var b strings.Builder
	for _, p := range d.parts[d.elements[i].start:] {
		if p.element == i {
			b.WriteString(p.says)
		}
	}
	return b.String()
}

// cutOff takes what was begun and not ended off a document that breaks: an
// element without children, and what is secret. Elements that are open may not
// have told all their names yet: of what else is right in them no text is kept.
func (d *document) cutOff() {
	if len(d.open) == 0 {
		return
	}
	cut := len(d.parts)
	if last := d.elements[d.innermost()]; !last.parted {
		cut = last.start
	}
	for _, i := range d.open {
		e := &d.elements[i]
		if e.secret || e.opaque {
			cut = min(cut, e.start)
		}
		e.broken = true
	}
	d.parts = d.parts[:cut]
}

// String returns what is kept.
func (d *document) String() string {
	d.spread()
	var b strings.Builder
	for i := 0; i < len(d.parts); i++ {
		p := &d.parts[i]
		if p.element != isMarkup {
			b.WriteString(d.kept(p))
			continue
		}
		b.WriteString(p.text)
		if p.opens >= 0 && d.elements[p.opens].opaque && d.elements[p.opens].parted {
			b.WriteString(masked)
			i = d.elements[p.opens].end - 1
		}
	}
	return b.String()
}

// spread makes secret what stands in something secret, what an open element holds,
// and a Value of nobody knows what.
func (d *document) spread() {
	for i := range d.elements {
		e := &d.elements[i]
		if e.isValue && (e.parent < 0 || !d.elements[e.parent].named) {
			e.secret = true
		}
		if e.parent < 0 || nameElement(e.local) {
			continue
		}
		if outer := &d.elements[e.parent]; outer.secret || outer.broken && !e.parted {
			e.secret = true
		}
	}
}

// kept returns what is kept of a text.
func (d *document) kept(p *part) string {
	if strings.Trim(p.says, " \t\r\n\x00\uFEFF") == "" {
		return blankOf(p)
	}
	if p.element < 0 { // behind the last element, or before the first
		return masked
	}
	e := &d.elements[p.element]
	switch {
	case e.parted:
		return masked
	case nameElement(e.local):
		if isName(strings.TrimSpace(p.says)) {
			return plain(p, p.says)
		}
		return masked
	case strings.EqualFold(e.local, "FaultCode") && faultCode.MatchString(p.says):
		return plain(p, p.says)
	case e.secret, e.odd:
		d.secrets.add(p.says)
		return masked
	case d.fault && d.secrets.in(p.says):
		return masked
	}
	return plain(p, maskText(p.says))
}

var faultCode = regexp.MustCompile(`^\s*[89]\d{3}\s*$`)

// blankOf is a text of white space; comments in it are left out.
func blankOf(p *part) string {
	if !strings.ContainsAny(p.text, "<&") {
		return p.text
	}
	return p.says
}

// plain returns a text as it was written, if it says what is to be kept and has no
// comments in it, else escaped.
func plain(p *part, keep string) string {
	if keep == p.says && !strings.ContainsRune(p.text, '<') {
		return p.text
	}
	return escape.Replace(keep)
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// tagOf is a tag as it is kept: without attributes, where one may hold what is
// secret.
func tagOf(p cwmp.Piece) string {
	raw := string(p.Raw)
	name, _, _ := strings.Cut(strings.TrimLeft(raw, "</"), string(p.Attrs))
	if len(p.Attrs) == 0 {
		name = strings.TrimRight(strings.TrimRight(strings.TrimLeft(raw, "</"), ">"), "/ \t\r\n")
	}
	if !tagName.MatchString(name) {
		return "<" + masked + ">"
	}
	if attributes.Match(p.Attrs) {
		return raw
	}
	switch p.Kind {
	case cwmp.PieceEmpty:
		return "<" + name + " " + masked + "/>"
	case cwmp.PieceStart, cwmp.PieceEnd, cwmp.PieceText, cwmp.PieceInstruction:
	}
	return "<" + name + " " + masked + ">"
}

// What of markup is kept as it is: names, the declaration, and the attributes of
// SOAP and XML Schema with values that are names, types or addresses.
var (
	tagName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$`)
	declaration = regexp.MustCompile(`^<\?xml(\s+(version|encoding|standalone)\s*=\s*("[A-Za-z0-9._-]{1,32}"|'[A-Za-z0-9._-]{1,32}'))*\s*\?>$`)
	attributes  = regexp.MustCompile(`^(\s+(xmlns|xmlns:[A-Za-z0-9_.-]+|([A-Za-z0-9_.-]+:)?(type|arrayType|mustUnderstand|actor|encodingStyle|nil|root|schemaLocation))\s*=\s*("[A-Za-z0-9:/._# ,\[\]-]{0,256}"|'[A-Za-z0-9:/._# ,\[\]-]{0,256}'))*\s*/?$`)
)
