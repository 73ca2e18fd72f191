package cwmp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// walked writes the pieces of a body, one a line.
func walked(body []byte, charset string) (lines []string, whole []byte, left int, err error) {
	names := map[PieceKind]string{PieceText: "text ", PieceStart: "start ", PieceEnd: "end ", PieceEmpty: "empty ", PieceInstruction: "pi "}
	left, err = Walk(body, charset, func(p Piece) {
		line := names[p.Kind] + string(p.Local)
		if p.Kind == PieceText {
			line += string(p.Text)
		}
		if len(p.Attrs) > 0 {
			line += "|" + string(p.Attrs)
		}
		lines = append(lines, line)
		whole = append(whole, p.Raw...)
	})
	return lines, whole, left, err
}

func TestWalk(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want string
		left int
		err  error
	}{
		"all kinds":       {"<?xml version='1.0'?><s:a b='>'>x&amp;<![CDATA[<y>]]><!-- z --><c/></s:a>\n", "pi xml| version='1.0'; start a| b='>'; text x&<y>; empty c; end a; text \n", 0, nil},
		"two documents":   {"<a/><b></b>", "empty a; start b; end b", 0, nil},
		"latin":           {"<?xml encoding='iso-8859-1'?><a>\xe9</a>", "pi xml| encoding='iso-8859-1'; start a; text é; end a", 0, nil},
		"lone less-than":  {"<a>1 < 2</a>", "start a; text 1 < 2; end a", 0, nil},
		"wrong end":       {"<a><b>x</a>", "start a; start b", 5, ErrSyntax},
		"end too many":    {"<a/></b>", "empty a", 4, ErrSyntax},
		"truncated":       {"<a>x", "start a", 1, ErrTruncated},
		"open comment":    {"<a>x<!-- </a>", "start a", 10, ErrTruncated},
		"DTD":             {"<!DOCTYPE a><a/>", "", 16, ErrDTD},
		"unknown charset": {"<?xml encoding='utf-32'?><a/>", "", 29, ErrCharset},
		"nothing":         {"", "", 0, nil},
		"text alone":      {"hello", "text hello", 0, nil},
		"too deep":        {strings.Repeat("<a>", DefaultMaxDepth+1), strings.TrimSuffix(strings.Repeat("start a; ", DefaultMaxDepth), "; "), 3, ErrDepth},
	} {
		lines, _, left, err := walked([]byte(tc.body), "")
		if got := strings.Join(lines, "; "); got != tc.want || left != tc.left || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %d left, %v; want %q, %d, %v", name, got, left, err, tc.want, tc.left, tc.err)
		}
	}
}

func TestWalkUTF16(t *testing.T) {
	body := littleEndian.appendWide([]byte("\xff\xfe"), "<a>é😀</a>")
	lines, _, left, err := walked(body, "")
	if got := strings.Join(lines, "; "); got != "text \uFEFF; start a; text é😀; end a" || left != 0 || err != nil {
		t.Errorf("%q, %d left, %v", got, left, err)
	}
}

// FuzzWalk demands that every byte of UTF-8 is visited once, in order, up to the
// problem.
func FuzzWalk(f *testing.F) {
	seedBodies(f, func(body []byte) { f.Add(body) })
	f.Fuzz(func(t *testing.T, body []byte) {
		_, whole, left, err := walked(body, "")
		if err == nil && left != 0 {
			t.Errorf("%d bytes are left without an error", left)
		}
		cs, csErr := detectCharset(body, "")
		if csErr != nil || cs != charsetUTF8 || !utf8.Valid(body) {
			return
		}
		if len(whole)+left != len(body) || !bytes.HasPrefix(body, whole) {
			t.Errorf("%q and %d bytes left of %q", whole, left, body)
		}
	})
}
