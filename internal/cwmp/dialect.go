package cwmp

// The dialect of envelopes to a peer that nothing was heard of yet, and what
// builders use in place of what a Dialect leaves empty.
const (
	defaultEnvelopePrefix = "soap-env"
	defaultCWMPPrefix     = "cwmp"
	defaultNamespace      = "urn:dslforum-org:cwmp-1-0"
)

// DefaultDialect is the spelling that most CPEs and ACSs use themselves.
var DefaultDialect = Dialect{defaultEnvelopePrefix, defaultCWMPPrefix, defaultNamespace}

// dialectSpans is the spelling of CWMP elements as found.
type dialectSpans struct {
	prefix    []byte
	namespace []byte
	of        dialectRank
}

// dialectRank says how much an element's spelling tells of the session's.
type dialectRank uint8

const (
	dialectUnseen dialectRank = iota
	dialectUndeclared
	dialectOfHeader // or of a fault's detail
	dialectOfRPC
)

// maxDialectLooks bounds how often the attributes around an element are read:
// a header may repeat its elements any number of times.
const maxDialectLooks = 4

// noteDialect takes the spelling of the element just opened. Its namespace may
// be declared on any element around it.
func (s *scanner) noteDialect(rpc bool) {
	if s.dialectLooks++; s.dialectLooks > maxDialectLooks && !rpc {
		return
	}
	prefix, _ := splitName(s.bytes(s.tok.name))
	d := dialectSpans{prefix: prefix, of: dialectUndeclared}
	for i := len(s.stack) - 1; i >= 0; i-- {
		uri, ok := namespaceOf(s.bytes(s.stack[i].attrs), prefix)
		if !ok {
			continue
		}
		if len(uri) > 0 && len(uri) <= maxIdentifier {
			d.namespace, d.of = uri, dialectOfHeader
		}
		break
	}
	if rpc && d.of == dialectOfHeader {
		d.of = dialectOfRPC
	}
	if d.of > s.dialect.of && len(prefix) <= maxIdentifier {
		s.dialect = d
	}
}
