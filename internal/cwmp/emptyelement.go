package cwmp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// emptyElements finds the names of elements written as <a/>, whose span is
// empty and lies at the slash. It reads body from its start, as the scanner
// did, since a tag cannot be read backwards.
type emptyElements struct {
	body []byte
	cs   charset

	tokenizer tokenizer
	started   bool
	at        int // the offset in body that wideAt, an offset in the text, stands for
	wideAt    int
}

var errNoElement = errors.New("not the content of an element")

// isSlash reports whether at is the span of an element written as <a/>.
func (e *emptyElements) isSlash(at Span) bool {
	return at.Start == at.End && bytes.HasPrefix(e.body[at.Start:], e.cs.appendEncoded(nil, []byte("/>")))
}

// opened returns what takes the place of the /> at slash so that the element
// holds text, which is escaped.
func (e *emptyElements) opened(slash int, text []byte) ([]byte, error) {
	name, err := e.nameAt(slash)
	if err != nil {
		return nil, err
	}
	end := ">"
	if bytes.HasSuffix(e.body[:slash], e.cs.appendEncoded(nil, []byte("/"))) {
		end = " >" // of <a b=c//>, which would still be empty as <a b=c/>
	}
	return slices.Concat([]byte(end), text, []byte("</"), name, []byte(">")), nil
}

// nameAt returns, in UTF-8 or as in body, the name of the element whose slash
// is at an offset in body. The offsets of calls must grow.
func (e *emptyElements) nameAt(slash int) ([]byte, error) {
	if !e.started {
		e.started = true
		e.tokenizer.src = e.body
		if e.cs.wide != narrow {
			e.tokenizer.src = e.cs.wide.decodeWide(e.body)
		}
	}
	for {
		kind, err := e.tokenizer.next()
		if err != nil {
			return nil, err
		}
		tok := &e.tokenizer.tok
		if kind == tokenEOF || e.offset(tok.at.Start) > slash {
			return nil, fmt.Errorf("edit at %d: %w", slash, errNoElement)
		}
		if kind == tokenEmpty && e.offset(tok.at.End-len("/>")) == slash {
			return e.tokenizer.src[tok.name.Start:tok.name.End], nil
		}
	}
}

// offset returns the offset in body of one in the text. Arguments must grow.
func (e *emptyElements) offset(text int) int {
	if e.cs.wide == narrow {
		return text
	}
	for e.wideAt < text {
		_, width := utf8.DecodeRune(e.tokenizer.src[e.wideAt:])
		e.wideAt += width
		e.at += wideLen(width)
	}
	return e.at
}
