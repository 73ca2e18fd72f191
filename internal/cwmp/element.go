package cwmp

import "strings"

// elementSpan is an element that Options.Elements selected.
type elementSpan struct {
	path string
	at   Span
}

// rpcDepth is how many elements are open inside the RPC's own: Envelope, Body
// and the RPC.
const rpcDepth = 3

// noteElement keeps the innermost open element, whose content is inner, if it
// was selected and lies within the RPC.
func (s *scanner) noteElement(inner Span) error {
	if len(s.stack) <= rpcDepth || s.stack[rpcDepth-1].name != s.rpcName {
		return nil
	}
	for _, path := range s.opts.Elements {
		if !s.isAt(path) {
			continue
		}
		if len(s.elements) == maxSelected {
			return s.problem(ErrTokens)
		}
		s.elements = append(s.elements, elementSpan{path, inner})
	}
	return nil
}

// isAt reports whether the open elements below the RPC are those of path. It
// compares from the end, where most elements differ already.
func (s *scanner) isAt(path string) bool {
	for i := len(s.stack) - 1; i >= rpcDepth; i-- {
		slash := strings.LastIndexByte(path, '/')
		if !hasLocal(s.bytes(s.stack[i].name), path[slash+1:]) {
			return false
		}
		if slash < 0 {
			return i == rpcDepth
		}
		path = path[:slash]
	}
	return false
}
