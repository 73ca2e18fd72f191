package cwmp

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// result makes the message of what the scanner found.
func (s *scanner) result() Message {
	m := Message{
		Charset:     s.charset.name,
		Declaration: s.declaration,
		Rest:        s.rest,
		Root:        s.root,
	}
	s.texts.Grow(s.textSize())
	m.Dialect = s.dialectResult()
	m.ID = s.text(s.leaves[nodeID])
	m.HoldRequests = s.boolean(nodeHoldRequests)
	m.NoMore = s.boolean(nodeNoMoreRequests)
	m.SessionTimeout = s.integer(nodeSessionTimeout)
	if s.rpcName.End == 0 {
		return m // an envelope without content, of CWMP before TR-069 Amendment 1
	}
	m.Method = s.word(s.resolved(s.local(s.rpcName)))
	m.Kind = kindOf(m.Method)
	if m.Method == MethodInform {
		m.Device = s.device()
		m.Events = s.eventResult()
		m.MaxEnvelopes = s.integer(nodeMaxEnvelopes)
		m.RetryCount = s.integer(nodeRetryCount)
	}
	if m.Kind == Fault {
		m.FaultCode, m.FaultString = s.fault()
	}
	m.Params = s.paramResult()
	m.Elements = s.elementResult()
	return m
}

func kindOf(method string) Kind {
	switch {
	case method == MethodFault:
		return Fault
	case strings.HasSuffix(method, responseSuffix):
		return Response
	}
	return Request
}

// device has its strings in an allocation of their own: they are kept for as
// long as the device is known.
func (s *scanner) device() DeviceID {
	parts := [...]node{nodeManufacturer, nodeOUI, nodeProductClass, nodeSerialNumber}
	size := 0
	for _, n := range parts {
		size += s.leaves[n].len()
	}
	var own strings.Builder
	own.Grow(size)
	var out [len(parts)]string
	for i, n := range parts {
		out[i] = appendString(&own, s.plain(s.leaves[n]))
	}
	return DeviceID{out[0], NormalizeOUI(out[1]), out[2], out[3]}
}

func (s *scanner) dialectResult() Dialect {
	prefix, _ := splitName(s.bytes(s.envelopeName))
	return Dialect{
		EnvelopePrefix: s.word(s.resolved(prefix[:min(len(prefix), maxIdentifier)])),
		CWMPPrefix:     s.word(s.resolved(s.dialect.prefix)),
		Namespace:      s.word(s.resolved(s.dialect.namespace)),
	}
}

func (s *scanner) eventResult() []Event {
	if len(s.events) == 0 {
		return nil
	}
	events := make([]Event, len(s.events))
	for i, e := range s.events {
		events[i] = Event{s.word(s.plain(e.name)), s.text(e.value)}
	}
	return events
}

func (s *scanner) paramResult() []Param {
	if len(s.params) == 0 {
		return nil
	}
	params := make([]Param, len(s.params))
	for i, p := range s.params {
		params[i] = Param{s.text(p.name), s.text(p.value), s.xsdType(p.attrs), p.value}
	}
	return params
}

func (s *scanner) xsdType(attrs Span) string {
	_, local := splitName(s.resolved(attrByLocal(s.bytes(attrs), "type")))
	return s.word(local)
}

func (s *scanner) elementResult() []Param {
	if len(s.elements) == 0 {
		return nil
	}
	elements := make([]Param, len(s.elements))
	for i, e := range s.elements {
		elements[i] = Param{Name: e.path, Value: s.text(e.at), At: e.at}
	}
	return elements
}

// fault prefers what the CWMP detail says to what SOAP says (TR-069 3.5).
func (s *scanner) fault() (code, text string) {
	if code = s.word(s.plain(s.leaves[nodeFaultCode])); code == "" {
		_, local := splitName(s.plain(s.leaves[nodeSOAPFaultCode]))
		code = s.word(local)
	}
	at := s.leaves[nodeFaultString]
	if at.End == 0 {
		at = s.leaves[nodeSOAPFaultString]
	}
	return code, s.text(s.cut(at))
}

// cut shortens a span, to a whole character, that need not be reported in full.
func (s *scanner) cut(at Span) Span {
	if at.len() <= maxIdentifier {
		return at
	}
	at.End = at.Start + maxIdentifier
	for at.len() > 0 && !utf8.RuneStart(s.src[at.End]) {
		at.End--
	}
	return at
}

// integer reads a count; what is none, such as "(null)", is 0.
func (s *scanner) integer(n node) int {
	var v int64
	for _, c := range s.plain(s.leaves[n]) {
		if v = v*10 + int64(c-'0'); !isDigit(c) || v > maxCount {
			return 0
		}
	}
	return int(v)
}

// maxCount is the greatest count that is believed.
const maxCount = 1<<31 - 1

func (s *scanner) boolean(n node) bool {
	text := s.plain(s.leaves[n])
	return string(text) == "1" || bytes.EqualFold(text, []byte("true"))
}

func (at Span) len() int { return at.End - at.Start }
