package cwmp

import "bytes"

// open takes a start tag.
func (s *scanner) open() error {
	if len(s.stack) >= orDefault(s.opts.MaxDepth, DefaultMaxDepth) {
		return s.problem(ErrDepth)
	}
	parent := nodeDocument
	if len(s.stack) > 0 {
		parent = s.stack[len(s.stack)-1].node
	}
	n := parent.child(s.local(s.tok.name))
	s.stack = append(s.stack, frame{n, s.tok.name, s.tok.attrs, s.tok.at.End})
	switch {
	case parent == nodeBody:
		return s.openRPC(n)
	case n == nodeOther:
	case n == nodeEnvelope:
		s.envelopeName = s.tok.name
	case parent == nodeHeader, n == nodeCWMPFault:
		s.noteDialect(false)
	case n == nodeParam:
		s.leaves[nodeParamName], s.leaves[nodeParamValue] = Span{}, Span{}
	case n == nodeEvent:
		s.leaves[nodeEventCode], s.leaves[nodeCommandKey] = Span{}, Span{}
	case n == nodeParamValue && s.leaves[n].End == 0:
		s.valueAttrs = s.tok.attrs
	}
	return nil
}

// openRPC takes a child of Body. The first one is the RPC; others are passed
// over, but an Inform must never hide behind something else (quirk C-54).
func (s *scanner) openRPC(n node) error {
	switch {
	case s.rpcName.End > 0 && n == nodeInform:
		return s.problem(ErrAmbiguous)
	case s.rpcName.End > 0:
		s.stack[len(s.stack)-1].node = nodeOther
	case s.tok.name.len() > maxIdentifier:
		return s.problem(ErrTooLong)
	default:
		s.rpcName = s.tok.name
		if n != nodeFault {
			s.noteDialect(true)
		}
	}
	return nil
}

// close ends the innermost element, whose content is inner.
func (s *scanner) close(inner Span) error {
	f := s.stack[len(s.stack)-1]
	if len(s.opts.Elements) > 0 {
		if err := s.noteElement(inner); err != nil {
			return err
		}
	}
	s.stack = s.stack[:len(s.stack)-1]
	if f.node.isIdentifier() && inner.len() > maxIdentifier {
		return s.problem(ErrTooLong)
	}
	switch f.node {
	case nodeOther:
	case nodeEvent:
		if len(s.events) < maxEvents {
			s.noteEvent()
		}
	case nodeParam:
		return s.noteParam()
	default:
		return s.noteLeaf(f.node, inner)
	}
	return nil
}

// noteLeaf keeps the first occurrence of an element.
func (s *scanner) noteLeaf(n node, inner Span) error {
	first := s.leaves[n]
	if first.End == 0 {
		s.leaves[n] = inner
		return nil
	}
	if n.isIdentity() && !bytes.Equal(s.bytes(first), s.bytes(inner)) {
		return s.problem(ErrAmbiguous)
	}
	return nil
}

func (s *scanner) noteEvent() {
	s.events = append(s.events, valueSpans{name: s.leaves[nodeEventCode], value: s.leaves[nodeCommandKey]})
}

// noteParam takes a complete ParameterValueStruct.
func (s *scanner) noteParam() error {
	at, value := s.leaves[nodeParamName], s.leaves[nodeParamValue]
	if at.End == 0 || s.root != "" && s.opts.Params == nil {
		return nil
	}
	name := s.plain(at)
	if s.root == "" {
		s.root = rootOf(name)
	}
	if value.End == 0 || s.opts.Params == nil || !s.opts.Params(name) {
		return nil
	}
	if len(s.params) == maxSelected {
		return s.problem(ErrTokens)
	}
	s.params = append(s.params, valueSpans{at, value, s.valueAttrs})
	return nil
}
