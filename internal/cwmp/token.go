package cwmp

import "bytes"

type tokenKind uint8

const (
	tokenEOF   tokenKind = iota
	tokenStart           // <a>
	tokenEnd             // </a>
	tokenEmpty           // <a/>
	tokenPI              // <?a ?>, with the XML declaration among them
)

// token is one piece of markup. Its spans are offsets in the source.
type token struct {
	at    Span
	name  Span // the qualified name
	attrs Span // what follows the name inside the tag
}

// tokenizer finds the tags and processing instructions in src, which must be
// in a charset that contains ASCII. It passes over text, comments and CDATA
// sections, so markup inside those is never seen. Each byte is looked at a
// bounded number of times: after an error it must not be used again.
type tokenizer struct {
	src []byte
	pos int
	tok token // what the last call of next found
}

// next moves to the next token, tokenEOF at the end of src.
func (t *tokenizer) next() (tokenKind, error) {
	for {
		i := bytes.IndexByte(t.src[t.pos:], '<')
		if i < 0 || t.pos+i+1 == len(t.src) {
			t.pos = len(t.src)
			t.tok = token{at: Span{t.pos, t.pos}}
			return tokenEOF, nil
		}
		start := t.pos + i
		switch c := t.src[start+1]; {
		case c == '/':
			return t.endTag(start)
		case isNameStart(c):
			return t.startTag(start)
		case c == '?':
			return t.instruction(start)
		case c == '!':
			if err := t.skipSection(start); err != nil {
				return tokenEOF, err
			}
		default:
			t.pos = start + 1 // quirk C-52: an unescaped < that opens nothing is text
		}
	}
}

func (t *tokenizer) startTag(start int) (tokenKind, error) {
	nameEnd := t.nameEnd(start + 1)
	for i := nameEnd; i < len(t.src); {
		switch c := t.src[i]; c {
		case '>':
			t.pos = i + 1
			t.tok = token{Span{start, t.pos}, Span{start + 1, nameEnd}, Span{nameEnd, i}}
			if i > nameEnd && t.src[i-1] == '/' {
				t.tok.attrs.End--
				return tokenEmpty, nil
			}
			return tokenStart, nil
		case '"', '\'':
			n := bytes.IndexByte(t.src[i+1:], c)
			if n < 0 {
				return tokenEOF, &ScanError{ErrTruncated, start}
			}
			i += n + 2
		case '<':
			return tokenEOF, &ScanError{ErrSyntax, i}
		default:
			i++
		}
	}
	return tokenEOF, &ScanError{ErrTruncated, start}
}

func (t *tokenizer) endTag(start int) (tokenKind, error) {
	nameEnd := t.nameEnd(start + 2)
	i := nameEnd
	for i < len(t.src) && isSpace(t.src[i]) {
		i++
	}
	if i == len(t.src) {
		return tokenEOF, &ScanError{ErrTruncated, start}
	}
	if t.src[i] != '>' || nameEnd == start+2 {
		return tokenEOF, &ScanError{ErrSyntax, start}
	}
	t.pos = i + 1
	t.tok = token{at: Span{start, t.pos}, name: Span{start + 2, nameEnd}}
	return tokenEnd, nil
}

func (t *tokenizer) instruction(start int) (tokenKind, error) {
	end, ok := after(t.src, start+2, "?>")
	if !ok {
		return tokenEOF, &ScanError{ErrTruncated, start}
	}
	t.pos = end
	nameEnd := min(t.nameEnd(start+2), end-2)
	t.tok = token{Span{start, end}, Span{start + 2, nameEnd}, Span{nameEnd, end - 2}}
	return tokenPI, nil
}

// skipSection passes over a comment or CDATA section at start.
func (t *tokenizer) skipSection(start int) error {
	end, ok := sectionEnd(t.src, start)
	if !ok {
		return &ScanError{sectionProblem(t.src[start:]), start}
	}
	t.pos = end
	return nil
}

const (
	commentOpen  = "<!--"
	commentClose = "-->"
	cdataOpen    = "<![CDATA["
	cdataClose   = "]]>"
)

// sectionEnd returns the offset after the comment or CDATA section at start.
func sectionEnd(src []byte, start int) (end int, ok bool) {
	switch {
	case hasPrefix(src[start:], commentOpen):
		return after(src, start+len(commentOpen), commentClose)
	case hasPrefix(src[start:], cdataOpen):
		return after(src, start+len(cdataOpen), cdataClose)
	}
	return 0, false
}

// sectionProblem says why what src begins with is no complete section.
func sectionProblem(src []byte) error {
	const doctype = "<!DOCTYPE"
	if len(src) >= len(doctype) && bytes.EqualFold(src[:len(doctype)], []byte(doctype)) {
		return ErrDTD
	}
	if hasPrefix(src, commentOpen) || hasPrefix(src, cdataOpen) {
		return ErrTruncated
	}
	return ErrSyntax
}

// after returns the offset behind the next mark at or after from.
func after(src []byte, from int, mark string) (end int, ok bool) {
	n := bytes.Index(src[from:], []byte(mark))
	if n < 0 {
		return 0, false
	}
	return from + n + len(mark), true
}

func (t *tokenizer) nameEnd(i int) int {
	for i < len(t.src) && isNameByte(t.src[i]) {
		i++
	}
	return i
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// isNameStart reports whether a tag's name may begin with c. Bytes beyond
// ASCII may: which letters they are does not matter here.
func isNameStart(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == ':' || c >= 0x80
}

// isNameByte reports whether c continues a name: all but what XML gives a
// meaning inside tags.
func isNameByte(c byte) bool { return !nameDelimiters[c] }

var nameDelimiters = [256]bool{
	' ': true, '\t': true, '\r': true, '\n': true, '/': true, '>': true,
	'<': true, '=': true, '"': true, '\'': true, '?': true,
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// blanks is what Scan strips from both ends of a text: the white space of XML
// and the NULs that some CPEs leave behind strings (quirk C-52).
const blanks = " \t\r\n\x00"

func isBlank(b []byte) bool { return len(trim(b)) == 0 }

// trim removes the bytes of blanks from both ends, faster than bytes.Trim.
func trim(b []byte) []byte {
	for len(b) > 0 && (isSpace(b[0]) || b[0] == 0) {
		b = b[1:]
	}
	for len(b) > 0 && (isSpace(b[len(b)-1]) || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return b
}
