package simnet

import (
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Occasion says on which POSTs a header line is sent.
type Occasion uint8

// Occasions combine by or.
const (
	WithBody Occasion = 1 << iota
	WhenEmpty
	WhenProbing // the empty POST before the Inform, made to fetch a challenge

	Always    = WithBody | WhenEmpty | WhenProbing
	AnyEmpty  = WhenEmpty | WhenProbing
	BodyProbe = WithBody | WhenProbing
)

// HeaderLine is one line of a make's request header, spelled as it is sent.
// {host}, {authorization}, {cookie}, {length} and {encoding} are filled in; a
// line whose placeholder has nothing to say is left out.
type HeaderLine struct {
	Text string
	When Occasion
}

// Connection says how a CPE uses TCP within a session.
type Connection uint8

// The ways to use connections.
const (
	KeepAlive    Connection = iota // one for the session
	PerPost                        // the CPE closes after each reply, unannounced
	PerPostClose                   // the same, announced by "Connection: close"
)

// DigestForm says how a make spells its answer to a digest challenge.
type DigestForm struct {
	RFC2069  bool   // no qop, nc, cnonce even if qop was offered, quirk C-30
	URI      string // "" path and query; "absolute"; "empty" for uri=""
	FixedNC  bool   // nc=00000001 on every POST, quirk C-67
	QuotedNC bool   // nc and qop quoted
	Folded   bool   // the field continues on further lines, quirk C-30
	AuthInt  bool   // prefers auth-int where it is offered
}

// Make is a kind of CPE: its identity, how it spells and frames messages, and
// what it insists on in replies. Treat values as immutable; With copies.
type Make struct {
	Name    string
	Summary string // one line for people
	Device  cwmp.DeviceID
	Root    string // "Device." or "InternetGatewayDevice."
	Inform  []Parameter
	Style   Style
	Header  []HeaderLine

	HTTP10         bool // quirk C-12
	AbsoluteTarget bool // the request line carries the whole URL, quirk C-35
	Chunked        bool // bodies are chunked, quirk C-20
	Expect         bool // bodies wait for "100 Continue", quirk C-20
	Encoding       string
	Pace           time.Duration // pause between small pieces of a request, quirk C-39

	EmptyFirst       bool // fetches the challenge by an empty POST, quirk C-04; with credentials only
	EmptyFirstAlways bool // does so without credentials too
	PreemptiveBasic  bool
	AuthoriseOnce    bool // Authorization on the Inform alone, quirk C-67
	Digest           DigestForm
	Cookies          CookieMode
	KeepCookies      bool // the jar survives the session
	Connection       Connection
	CloseAfter401    bool // a new connection for the answer to a challenge, quirk C-01
	NoReconnect      bool // a session ends with its connection, quirk C-66
	StrayPost        bool // one more empty POST after the end, protocol notes 1.5
	URLChange        URLChange
	Lacks            []string // parameters that its model has not, without the root; see Without
	Rules            Rules
	TLS              TLSHabits
}

// TLSHabits are what a make's TLS stack can do; zero values mean a modern one.
type TLSHabits struct {
	Min, Max uint16   // tls.VersionTLS10 and so on
	Ciphers  []uint16 // for TLS 1.2 and below
	NoSNI    bool     // quirk C-70
}

// AsShipped returns the make with the parser faults of the software as it is
// shipped, which distributions usually patch: it cannot read a reply that
// begins with an XML declaration (quirks C-64, C-69).
func (m Make) AsShipped() Make {
	m.Name += "-shipped"
	m.Summary += ", refusing an XML declaration"
	m.Rules.NoDeclaration = true
	return m
}

// EmptyForm is a way to spell an empty POST, quirk C-24.
type EmptyForm uint8

// The five forms of quirk C-24.
const (
	EmptyBare       EmptyForm = iota // no Content-Length at all
	EmptyLength                      // Content-Length: 0
	EmptyType                        // with Content-Type
	EmptyAction                      // with SOAPAction
	EmptyTypeAction                  // with both
)

// WithEmptyPost returns the make with its empty POSTs in that form.
func (m Make) WithEmptyPost(form EmptyForm) Make {
	var lines []HeaderLine
	for _, l := range m.Header {
		if name := lineName(l.Text); name == "content-length" || name == "content-type" || name == "soapaction" {
			l.When &^= AnyEmpty
		}
		if l.When != 0 {
			lines = append(lines, l)
		}
	}
	m.Header = append(lines, emptyLines[form]...)
	return m
}

var emptyLines = map[EmptyForm][]HeaderLine{
	EmptyLength:     {{"Content-Length: 0", AnyEmpty}},
	EmptyType:       {{"Content-Type: text/xml", AnyEmpty}, {"Content-Length: 0", AnyEmpty}},
	EmptyAction:     {{`SOAPAction: ""`, AnyEmpty}, {"Content-Length: 0", AnyEmpty}},
	EmptyTypeAction: {{"Content-Type: text/xml", AnyEmpty}, {"SOAPAction:", AnyEmpty}, {"Content-Length: 0", AnyEmpty}},
}

// MakeNamed returns a make of Makes by its name; "-shipped" behind the name
// asks for AsShipped.
func MakeNamed(name string) (Make, bool) {
	makes := Makes()
	i := slices.IndexFunc(makes, func(m Make) bool { return m.Name == name || m.Name+"-shipped" == name })
	if i < 0 {
		return Make{}, false
	}
	if makes[i].Name != name {
		return makes[i].AsShipped(), true
	}
	return makes[i], true
}
