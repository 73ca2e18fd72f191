package cwmp

// Kind classifies a CWMP message by the role that it plays in a session.
type Kind uint8

const (
	Unknown  Kind = iota // not recognisable as CWMP: pass it through
	Empty                // no body, or nothing but white space and NULs
	Request              // an RPC request, of either side
	Response             // an RPC response: the method ends in "Response"
	Fault                // a SOAP fault
)

// String returns the kind in lower case, fit for logs and metric labels.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Unknown]
}

var kindNames = [...]string{"unknown", "empty", "request", "response", "fault"}

// Span is a half-open range of byte offsets, [Start, End), in the body that
// was scanned.
type Span struct{ Start, End int }

// Param is one ParameterValueStruct that the caller of Scan asked for, or that
// a builder is to write.
type Param struct {
	Name  string
	Value string // decoded: entities, CDATA and charset resolved, white space around it removed
	Type  string // local name of the XSD type, such as "boolean"; empty when not told, which builders write as "string"
	At    Span   // the inner bytes of the Value element, for Edit; builders ignore it
}

// Event is one EventStruct of an Inform (TR-069 A.3.3.1).
type Event struct {
	Code       string // such as "6 CONNECTION REQUEST"
	CommandKey string
}

// Dialect is how one side of a session spells its envelopes. The gateway
// answers in the dialect of the session (protocol notes 1.7, 1.13).
type Dialect struct {
	EnvelopePrefix string // such as "soap-env"; empty for a default namespace
	CWMPPrefix     string // such as "cwmp"
	Namespace      string // such as "urn:dslforum-org:cwmp-1-0"
}

// Message is what Scan found in one envelope. Its strings are copies: they do
// not keep the body in memory. Those of Device share an allocation of their
// own; the others share a second one, so clone one of those to keep it long.
type Message struct {
	Kind         Kind
	Method       string // local name of the RPC, such as "Inform"; empty for Unknown, Empty
	ID           string // cwmp:ID of the SOAP header
	HoldRequests bool
	NoMore       bool // NoMoreRequests, deprecated
	Dialect      Dialect

	// Inform only.
	Device         DeviceID
	Events         []Event
	MaxEnvelopes   int
	RetryCount     int
	SessionTimeout int // seconds, of the SOAP header; 0 when absent

	// Fault only: the code of the cwmp:Fault detail, such as "9005", else the
	// SOAP faultcode without its prefix.
	FaultCode   string
	FaultString string

	// Params holds the parameters that Options.Params selected, in order.
	Params []Param
	// Elements holds the elements that Options.Elements selected, in the order
	// of their ends. Name is the path, Type is empty.
	Elements []Param
	// Root is the data model's root object seen in the first parameter name,
	// "Device." or "InternetGatewayDevice.", else empty.
	Root string

	// Charset is the charset that the body was read in, such as "utf-8".
	Charset string
	// Declaration is the span of the XML declaration, empty when there is none.
	Declaration Span
	// Rest is the offset at which a further envelope begins, 0 when there is
	// none (quirk C-56).
	Rest int
}

// Options bound a scan and say which parameters to report.
type Options struct {
	// Params selects parameters by full name, of an Inform, a
	// GetParameterValuesResponse or a SetParameterValues; nil selects none. The
	// slice is only valid during the call.
	Params func(name []byte) bool
	// Elements selects elements by their path of local names below the RPC's
	// element, such as "URL" or "FaultStruct/FaultCode".
	Elements []string
	// Charset is the charset of the Content-Type header, lower case, if any.
	// A byte order mark or XML declaration in the body wins over it.
	Charset string
	// MaxDepth and MaxTokens bound nesting and the number of tags of an
	// envelope; zero means DefaultMaxDepth and DefaultMaxTokens.
	MaxDepth, MaxTokens int
}

// The bounds of a scan. The deepest message of the standard nests 8 elements;
// one of 3 MB has about 100,000 tags.
const (
	DefaultMaxDepth  = 64
	DefaultMaxTokens = 1 << 20
	// maxEnvelopes bounds what ScanAll returns.
	maxEnvelopes = 64
	// maxSelected bounds the parameters, and the elements, of one message that
	// can be selected.
	maxSelected = 1 << 16
	// maxIdentifier bounds the bytes of each text that identifies something:
	// the standard allows 64 characters for the parts of a DeviceId. Longer
	// ones would let a stranger fill the registry.
	maxIdentifier = 1024
)
