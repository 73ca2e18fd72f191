package connreq

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// maxAnswer bounds the head of a CPE's answer, in bytes.
const maxAnswer = 16 << 10

var errNoAnswer = errors.New("CPE has closed the connection without an answer")

// answer is the head of a CPE's answer.
type answer struct {
	httpwire.Response
	rest  int  // bytes behind the head that came along
	whole bool // the head ended as it should
}

func (a *answer) challenges() (values []string) {
	for _, f := range a.Fields {
		if strings.EqualFold(f.Name, "WWW-Authenticate") {
			values = append(values, f.Value)
		}
	}
	return values
}

// readAnswer reads the head of an answer as CPEs send it: lines that end in a bare
// LF, folded fields, and no empty line before the connection ends (quirk C-87).
// It calls status once the status line is there; what follows matters less, and
// whatever error ends it after that is taken for its end.
func readAnswer(r io.Reader, status func()) (answer, error) {
	var err error
	buf := make([]byte, 0, 2<<10)
	for named := false; ; {
		if len(buf) == maxAnswer {
			return answer{}, fmt.Errorf("CPE's answer has a head of more than %d bytes", maxAnswer)
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(2*cap(buf), maxAnswer)), buf...)
		}
		var n int
		n, err = r.Read(buf[len(buf):cap(buf)])
		from := max(0, len(buf)-3) // an empty line may have come in pieces
		if buf = buf[:len(buf)+n]; from == 0 {
			buf = trimLines(buf)
		}
		if !named && bytes.IndexByte(buf, '\n') >= 0 {
			named = true
			status()
		}
		if end := emptyLine(buf, from); end > 0 {
			return parseAnswer(buf[:end], len(buf)-end, true)
		}
		if err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) {
		buf = buf[:bytes.LastIndexByte(buf, '\n')+1] // half a nonce is worse than none
	}
	if len(buf) == 0 && errors.Is(err, io.EOF) {
		return answer{}, errNoAnswer
	}
	if len(buf) == 0 {
		return answer{}, err
	}
	return parseAnswer(append(buf, "\n\n"...), 0, false)
}

// trimLines drops empty lines before the status line (RFC 9112 2.2). It does not
// move the rest, so that buf keeps its room.
func trimLines(buf []byte) []byte {
	return append(buf[:0], bytes.TrimLeft(buf, "\r\n")...)
}

// emptyLine returns the offset behind the first empty line at from or later, 0 if
// there is none.
func emptyLine(buf []byte, from int) int {
	for at := from; ; {
		i := bytes.IndexByte(buf[at:], '\n')
		if i < 0 {
			return 0
		}
		at += i + 1
		switch rest := buf[at:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return at + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return at + 2
		}
	}
}

// parseAnswer wants a good status line. Of the fields it keeps those before one that
// cannot be read.
func parseAnswer(head []byte, rest int, whole bool) (answer, error) {
	a := answer{rest: rest, whole: whole}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if err := httpwire.ParseResponse(string(line)+"\n\n", &a.Response); err != nil {
		return answer{}, fmt.Errorf("CPE's answer is not HTTP: %w", err)
	}
	_ = httpwire.ParseResponse(string(head), &a.Response)
	return a, nil
}
