package cwmp

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// frame is an open element.
type frame struct {
	node  node
	name  Span // the qualified name
	attrs Span
	inner int // where its content begins
}

// valueSpans is what was found of a list's entry.
type valueSpans struct{ name, value, attrs Span }

// scanner finds where the parts of one envelope lie; result makes strings of
// them.
type scanner struct {
	tokenizer
	charset charset
	opts    Options

	stack  []frame
	tokens int

	leaves       [nodeCount]Span // inner bytes of the elements that occur once
	envelopeName Span
	rpcName      Span
	valueAttrs   Span         // of the last Value
	events       []valueSpans // name is EventCode, value is CommandKey
	params       []valueSpans
	elements     []elementSpan
	root         string
	dialect      dialectSpans
	dialectLooks int
	declaration  Span
	rest         int

	scratch []byte
	texts   strings.Builder // all strings of the message but those of Device

	// The slices begin in these, to spare allocations.
	stackArray  [12]frame
	eventsArray [4]valueSpans
	paramsArray [4]valueSpans
}

// envelope scans from the prolog to what follows the envelope.
func (s *scanner) envelope() error {
	if err := s.prolog(); err != nil {
		return err
	}
	for len(s.stack) > 0 {
		kind, err := s.next()
		if err != nil {
			return err
		}
		if err := s.step(kind); err != nil {
			return err
		}
	}
	return s.trailer()
}

// prolog opens the envelope, which must be the first element.
func (s *scanner) prolog() error {
	for {
		kind, err := s.next()
		switch {
		case err != nil:
			return err
		case kind == tokenPI:
			if s.declaration.End == 0 && s.isDeclaration() {
				s.declaration = s.tok.at
			}
		case s.isEnvelope(kind):
			return s.step(kind)
		default:
			return s.problem(ErrNotSOAP)
		}
	}
}

// trailer looks for another envelope right behind this one. What else is there
// is garbage that CPEs leave in their buffers (quirk C-52).
func (s *scanner) trailer() error {
	declaration := 0
	for {
		kind, err := s.next()
		switch {
		case errors.Is(err, ErrDTD):
			return err
		case err != nil:
			return nil
		case kind == tokenPI:
			if declaration == 0 && s.isDeclaration() {
				declaration = s.tok.at.Start
			}
		case s.isEnvelope(kind) && declaration > 0:
			s.rest = declaration
			return nil
		case s.isEnvelope(kind):
			s.rest = s.tok.at.Start
			return nil
		default:
			return nil
		}
	}
}

// step takes a token inside the envelope.
func (s *scanner) step(kind tokenKind) error {
	if s.tokens++; s.tokens > orDefault(s.opts.MaxTokens, DefaultMaxTokens) {
		return s.problem(ErrTokens)
	}
	switch kind {
	case tokenStart:
		return s.open()
	case tokenEmpty:
		if err := s.open(); err != nil {
			return err
		}
		slash := s.tok.at.End - len("/>")
		return s.close(Span{slash, slash})
	case tokenEnd:
		top := &s.stack[len(s.stack)-1]
		if !bytes.Equal(s.bytes(top.name), s.bytes(s.tok.name)) {
			return s.problem(ErrSyntax)
		}
		return s.close(Span{top.inner, s.tok.at.Start})
	case tokenEOF:
		return s.problem(ErrTruncated)
	}
	return nil
}

// problem reports what is wrong with the last token.
func (s *scanner) problem(reason error) error { return &ScanError{reason, s.tok.at.Start} }

func orDefault(limit, standard int) int {
	if limit > 0 {
		return limit
	}
	return standard
}

// plain returns the trimmed text at a span, which is valid until the next call.
func (s *scanner) plain(at Span) []byte { return s.resolved(s.bytes(at)) }

// resolved returns the trimmed text that raw stands for: raw itself as a rule,
// else in memory that the next call uses again.
func (s *scanner) resolved(raw []byte) []byte {
	for _, b := range raw {
		if b == '&' || b == '<' || b == '\r' || b >= utf8.RuneSelf {
			s.scratch = s.charset.appendText(s.scratch[:0], raw)
			raw = s.scratch
			break
		}
	}
	return trim(raw)
}

func rootOf(name []byte) string {
	for _, root := range [...]string{"InternetGatewayDevice.", "Device."} {
		if hasPrefix(name, root) {
			return root
		}
	}
	return ""
}

func (s *scanner) bytes(at Span) []byte { return s.src[at.Start:at.End] }

func (s *scanner) local(name Span) []byte {
	_, local := splitName(s.bytes(name))
	return local
}

func (s *scanner) isDeclaration() bool { return string(s.bytes(s.tok.name)) == "xml" }

func (s *scanner) isEnvelope(kind tokenKind) bool {
	return (kind == tokenStart || kind == tokenEmpty) &&
		nodeDocument.child(s.local(s.tok.name)) == nodeEnvelope
}
