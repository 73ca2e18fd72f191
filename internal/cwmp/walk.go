package cwmp

import (
	"bytes"
)

// PieceKind says what a Piece is.
type PieceKind uint8

// Kinds of pieces.
const (
	PieceText        PieceKind = iota // what stands between two tags: text, CDATA sections and comments
	PieceStart                        // <a>
	PieceEnd                          // </a>
	PieceEmpty                        // <a/>
	PieceInstruction                  // <?a ?>, with the XML declaration among them
)

// Piece is one stretch of a body. Its slices are valid during the call only.
type Piece struct {
	Kind  PieceKind
	Raw   []byte // as it is written, in UTF-8
	Local []byte // local name of a tag
	Attrs []byte // what follows the name inside the tag
	Text  []byte // of PieceText: what it says, with white space, without comments
}

// Walk calls visit with every piece of body, in order and without gaps, as long
// as the tags match: it is for those who must account for every byte, where Scan
// is for those who look for something. Any number of elements may follow each
// other. charset is what Scan's Options call so.
//
// On an error, which is a *ScanError, the pieces before the problem have been
// visited; left is how many bytes have not, as they are in UTF-8. Documents with a
// DTD, and those beyond the default bounds of a scan, are errors.
func Walk(body []byte, charset string, visit func(Piece)) (left int, err error) {
	r, err := newReading(body, charset)
	if err != nil {
		return len(body), err
	}
	w := walker{tokenizer: tokenizer{src: r.text}, charset: r.charset, visit: visit}
	err = w.walk()
	return len(r.text) - w.done, err
}

type walker struct {
	tokenizer
	charset charset
	visit   func(Piece)
	open    []Span // names
	done    int    // up to where pieces were visited
	tokens  int
	scratch []byte
}

func (w *walker) walk() error {
	for {
		kind, err := w.next()
		if err != nil {
			return err
		}
		if err := w.check(kind); err != nil {
			return &ScanError{err, w.tok.at.Start}
		}
		w.text(w.src[w.done:w.tok.at.Start])
		w.done = w.tok.at.End
		if kind == tokenEOF {
			return nil
		}
		w.visit(Piece{
			Kind: pieceKinds[kind], Raw: w.charset.decode(w.src[w.tok.at.Start:w.tok.at.End]),
			Local: w.local(), Attrs: w.charset.decode(w.src[w.tok.attrs.Start:w.tok.attrs.End]),
		})
	}
}

var pieceKinds = map[tokenKind]PieceKind{
	tokenStart: PieceStart, tokenEnd: PieceEnd, tokenEmpty: PieceEmpty, tokenPI: PieceInstruction,
}

func (w *walker) text(raw []byte) {
	if len(raw) == 0 {
		return
	}
	w.scratch = w.charset.appendText(w.scratch[:0], raw)
	w.visit(Piece{Kind: PieceText, Raw: w.charset.decode(raw), Text: w.scratch})
}

func (w *walker) local() []byte {
	_, local := splitName(w.src[w.tok.name.Start:w.tok.name.End])
	return w.charset.decode(local)
}

// check holds the token against the bounds and the open elements.
func (w *walker) check(kind tokenKind) error {
	if w.tokens++; w.tokens > DefaultMaxTokens {
		return ErrTokens
	}
	switch kind {
	case tokenStart:
		if len(w.open) == DefaultMaxDepth {
			return ErrDepth
		}
		w.open = append(w.open, w.tok.name)
	case tokenEnd:
		last := len(w.open) - 1
		if last < 0 || !bytes.Equal(w.bytes(w.open[last]), w.bytes(w.tok.name)) {
			return ErrSyntax
		}
		w.open = w.open[:last]
	case tokenEOF:
		if len(w.open) > 0 {
			return ErrTruncated
		}
	case tokenEmpty, tokenPI:
	}
	return nil
}

func (w *walker) bytes(at Span) []byte { return w.src[at.Start:at.End] }
