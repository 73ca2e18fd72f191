package cwmp

import (
	"fmt"
	"slices"
)

// Edit replaces the content of an element by a text.
type Edit struct {
	At   Span   // of a Param that Scan found
	Text string // not escaped
}

// Rewrite returns body with the edits made, each Text escaped as the charset
// of body demands, and every byte outside the edited spans as it was (quirk
// C-51): no prefix, declaration or white space changes. What a span holds is
// replaced as a whole, be it text, entities or CDATA; an element written as
// <a/> is opened to take the text. Edits may come in any order but must not
// overlap. Without edits the result is body itself, else a copy.
//
// charset is what was given to Scan in Options. An error, in which case there
// is no result, means that an edit does not belong to body, or that its text
// holds a character that XML cannot carry.
func Rewrite(body []byte, charset string, edits []Edit) ([]byte, error) {
	if len(edits) == 0 {
		return body, nil
	}
	cs, err := detectCharset(body, charset)
	if err != nil {
		return nil, err
	}
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int {
		if a.At.Start != b.At.Start {
			return a.At.Start - b.At.Start
		}
		return a.At.End - b.At.End
	})
	for _, e := range edits {
		if err := checkEdit(body, cs, e); err != nil {
			return nil, err
		}
	}
	return splice(body, cs, edits)
}

func checkEdit(body []byte, cs charset, e Edit) error {
	if e.At.Start < 0 || e.At.End < e.At.Start || e.At.End > len(body) {
		return fmt.Errorf("edit at %d to %d: outside the body of %d bytes", e.At.Start, e.At.End, len(body))
	}
	if cs.wide != narrow && (e.At.Start|e.At.End)&1 != 0 {
		return fmt.Errorf("edit at %d to %d: splits a character of the %s body", e.At.Start, e.At.End, cs.name)
	}
	if r, found := illegalChar(e.Text); found {
		return fmt.Errorf("edit at %d: text holds %U, which XML cannot carry", e.At.Start, r)
	}
	return nil
}

// splice makes edits that are sorted and checked but for overlaps.
func splice(body []byte, cs charset, edits []Edit) ([]byte, error) {
	size := len(body)
	for _, e := range edits {
		size += 2*len(e.Text) + 32
	}
	out := make([]byte, 0, size)
	empty := &emptyElements{body: body, cs: cs}
	var text []byte
	done := 0
	for i, e := range edits {
		if e.At.Start < done || i > 0 && e.At == edits[i-1].At {
			return nil, fmt.Errorf("edit at %d: overlaps the edit at %d", e.At.Start, edits[i-1].At.Start)
		}
		out = append(out, body[done:e.At.Start]...)
		done = e.At.End
		text = appendEscaped(text[:0], e.Text, cs.decoder != nil)
		if len(text) > 0 && empty.isSlash(e.At) {
			tail, err := empty.opened(e.At.Start, text)
			if err != nil {
				return nil, err
			}
			text = tail
			done += len(cs.appendEncoded(nil, []byte("/>")))
		}
		out = cs.appendEncoded(out, text)
	}
	return append(out, body[done:]...), nil
}

// appendEncoded appends text, in UTF-8, as the charset spells it. In a charset
// that needs a decoder all that is beyond ASCII was escaped before.
func (c charset) appendEncoded(dst, text []byte) []byte {
	if c.wide != narrow {
		return c.wide.appendWide(dst, string(text))
	}
	return append(dst, text...)
}
