package cwmp

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
)

// element is a node of the tree that the oracle reads with encoding/xml.
type element struct {
	prefix, local string
	attrs         []xml.Attr // names as written, prefix in Space
	text          string     // character data of the element and all below it
	parent        *element
	children      []*element
}

var errDirective = errors.New("a directive")

// parseTree reads body with encoding/xml, in strict mode, as a sequence of
// top-level elements.
func parseTree(body []byte) ([]*element, error) {
	checked := xml.NewDecoder(bytes.NewReader(body)) // matches tags
	raw := xml.NewDecoder(bytes.NewReader(body))     // keeps prefixes
	root := &element{}
	at := root
	for {
		if _, err := checked.Token(); err == io.EOF {
			return root.children, nil
		} else if err != nil {
			return nil, err
		}
		tok, err := raw.RawToken()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			tok = tok.Copy()
			e := &element{prefix: tok.Name.Space, local: tok.Name.Local, attrs: tok.Attr, parent: at}
			at.children = append(at.children, e)
			at = e
		case xml.EndElement:
			at = at.parent
		case xml.CharData:
			for e := at; e != nil; e = e.parent {
				e.text += string(tok)
			}
		case xml.Directive:
			return nil, errDirective
		}
		// An empty element is two tokens to Token and to RawToken alike.
	}
}

// all returns the elements at a path of local names below e, in order.
func (e *element) all(path ...string) []*element {
	if len(path) == 0 {
		return []*element{e}
	}
	var found []*element
	for _, c := range e.children {
		if c.local == path[0] || path[0] == "*" {
			found = append(found, c.all(path[1:]...)...)
		}
	}
	return found
}

// first returns the trimmed text of the first element at a path.
func (e *element) first(path ...string) (string, bool) {
	for _, c := range e.all(path...) {
		return strings.Trim(c.text, blanks), true
	}
	return "", false
}

func (e *element) firstText(path ...string) string {
	text, _ := e.first(path...)
	return text
}

func (e *element) count(path ...string) int {
	n, err := strconv.ParseUint(e.firstText(path...), 10, 64)
	if err != nil || n > maxCount {
		return 0
	}
	return int(n)
}

func (e *element) truth(path ...string) bool {
	text := e.firstText(path...)
	return text == "1" || strings.EqualFold(text, "true")
}

// namespace finds the declaration that is in force for prefix at e.
func (e *element) namespace(prefix string) string {
	for ; e != nil; e = e.parent {
		for _, a := range e.attrs {
			if prefix == "" && a.Name.Space == "" && a.Name.Local == "xmlns" ||
				prefix != "" && a.Name.Space == "xmlns" && a.Name.Local == prefix {
				return strings.Trim(a.Value, blanks)
			}
		}
	}
	return ""
}

// verdict is what the oracle says of a body.
type verdict struct {
	messages []Message // without spans and charset
	identity []identity
	unsure   bool // of the dialect
}

// identity says how many devices an envelope speaks of.
type identity uint8

const (
	oneDevice  identity = iota
	sameTwice           // the same words twice, perhaps in different spellings
	twoDevices          // must not be read
)

// judge reads all envelopes of body from the tree of encoding/xml.
func judge(roots []*element, opts Options) verdict {
	var v verdict
	for _, envelope := range roots {
		if envelope.local != "Envelope" {
			break
		}
		m, id, unsure := judgeEnvelope(envelope, opts)
		v.messages = append(v.messages, m)
		v.identity = append(v.identity, id)
		v.unsure = v.unsure || unsure
	}
	return v
}

func judgeEnvelope(envelope *element, opts Options) (m Message, id identity, unsure bool) {
	m.ID = envelope.firstText("Header", "ID")
	m.HoldRequests = envelope.truth("Header", "HoldRequests")
	m.NoMore = envelope.truth("Header", "NoMoreRequests")
	m.SessionTimeout = envelope.count("Header", "SessionTimeout")
	m.Dialect.EnvelopePrefix = envelope.prefix
	rpcs := envelope.all("Body", "*")
	unsure = judgeDialect(envelope, rpcs, &m.Dialect)
	if len(rpcs) == 0 {
		return m, oneDevice, unsure
	}
	rpc := rpcs[0]
	m.Method = rpc.local
	m.Kind = Request
	lists := [][]string{}
	switch {
	case rpc.local == "Fault":
		m.Kind = Fault
		judgeFault(rpc, &m)
	case rpc.local == "Inform":
		id = judgeInform(rpc, &m)
		lists = append(lists, []string{"ParameterList", "ParameterValueStruct"})
	case rpc.local == "SetParameterValues":
		lists = append(lists, []string{"ParameterList", "ParameterValueStruct"})
	case rpc.local == "GetParameterValuesResponse":
		m.Kind = Response
		lists = append(lists, []string{"ParameterList", "ParameterValueStruct"})
	case strings.HasSuffix(rpc.local, "Response"):
		m.Kind = Response
	}
	for _, path := range lists {
		judgeParams(rpc.all(path...), opts, &m)
	}
	for _, other := range rpcs[1:] {
		if other.local == "Inform" {
			id = twoDevices
		}
	}
	judgeElements(rpc, "", opts, &m)
	return m, id, unsure
}

func judgeDialect(envelope *element, rpcs []*element, d *Dialect) (unsure bool) {
	var candidates []*element
	for _, h := range envelope.all("Header", "*") {
		switch h.local {
		case "ID", "HoldRequests", "NoMoreRequests", "SessionTimeout":
			candidates = append(candidates, h)
		}
	}
	if len(rpcs) > 0 {
		candidates = append(candidates, rpcs[0].all("detail", "Fault")...)
	}
	unsure = len(candidates) > 3
	if len(rpcs) > 0 && rpcs[0].local != "Fault" {
		if uri := rpcs[0].namespace(rpcs[0].prefix); uri != "" {
			d.CWMPPrefix, d.Namespace = rpcs[0].prefix, uri
			return false
		}
		candidates = append(candidates, rpcs[0])
	}
	for _, c := range candidates {
		if uri := c.namespace(c.prefix); uri != "" {
			d.CWMPPrefix, d.Namespace = c.prefix, uri
			return unsure
		}
	}
	if len(candidates) > 0 {
		d.CWMPPrefix = candidates[0].prefix
		unsure = unsure || len(candidates) > 1 // order in the document, not in the list
	}
	return unsure
}

func judgeFault(rpc *element, m *Message) {
	m.FaultCode = rpc.firstText("detail", "Fault", "FaultCode")
	if m.FaultCode == "" {
		code := rpc.firstText("faultcode")
		if i := strings.LastIndex(code, ":"); i > 0 && i < len(code)-1 {
			code = code[i+1:]
		}
		m.FaultCode = code
	}
	text, ok := rpc.first("detail", "Fault", "FaultString")
	if !ok {
		text = rpc.firstText("faultstring")
	}
	m.FaultString = text
}

func judgeInform(rpc *element, m *Message) (id identity) {
	m.Device = DeviceID{
		Manufacturer: rpc.firstText("DeviceId", "Manufacturer"),
		OUI:          NormalizeOUI(rpc.firstText("DeviceId", "OUI")),
		ProductClass: rpc.firstText("DeviceId", "ProductClass"),
		SerialNumber: rpc.firstText("DeviceId", "SerialNumber"),
	}
	id = max(id, sameness(rpc.all("DeviceId")))
	for _, part := range []string{"Manufacturer", "OUI", "ProductClass", "SerialNumber"} {
		id = max(id, sameness(rpc.all("DeviceId", part)))
	}
	for i, e := range rpc.all("Event", "EventStruct") {
		if i < maxEvents {
			m.Events = append(m.Events, Event{e.firstText("EventCode"), e.firstText("CommandKey")})
		}
	}
	m.MaxEnvelopes = rpc.count("MaxEnvelopes")
	m.RetryCount = rpc.count("RetryCount")
	return id
}

func sameness(list []*element) identity {
	if len(list) < 2 {
		return oneDevice
	}
	for _, e := range list[1:] {
		if e.text != list[0].text {
			return twoDevices
		}
	}
	return sameTwice
}

func judgeParams(structs []*element, opts Options, m *Message) {
	for _, s := range structs {
		name, named := s.first("Name")
		if m.Root == "" {
			for _, root := range []string{"InternetGatewayDevice.", "Device."} {
				if strings.HasPrefix(name, root) {
					m.Root = root
				}
			}
		}
		values := s.all("Value")
		if !named || len(values) == 0 || opts.Params == nil || !opts.Params([]byte(name)) {
			continue
		}
		p := Param{Name: name, Value: strings.Trim(values[0].text, blanks)}
		for _, a := range values[0].attrs {
			if a.Name.Local == "type" {
				p.Type = strings.Trim(a.Value, blanks)
				if i := strings.LastIndex(p.Type, ":"); i > 0 && i < len(p.Type)-1 {
					p.Type = p.Type[i+1:]
				}
				break
			}
		}
		m.Params = append(m.Params, p)
	}
}

func judgeElements(e *element, path string, opts Options, m *Message) {
	for _, c := range e.children {
		below := strings.TrimPrefix(path+"/"+c.local, "/")
		judgeElements(c, below, opts, m)
		for _, wanted := range opts.Elements {
			if wanted == below {
				m.Elements = append(m.Elements, Param{Name: below, Value: strings.Trim(c.text, blanks)})
			}
		}
	}
}

// bare returns m without what the oracle cannot know.
func bare(m Message) Message {
	m.Params, m.Elements = bareParams(m.Params), bareParams(m.Elements)
	m.Charset, m.Declaration, m.Rest = "", Span{}, 0
	return m
}

func bareParams(list []Param) []Param {
	var out []Param
	for _, p := range list {
		p.At = Span{}
		out = append(out, p)
	}
	return out
}
