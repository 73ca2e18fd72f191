package httpwire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Errors of reading a message. They say what is wrong, not with whom.
var (
	ErrHeadTooLarge = errors.New("message head is larger than the limit")
	ErrMalformed    = errors.New("malformed message head")
	ErrVersion      = errors.New("unsupported protocol version")
	ErrBothLengths  = errors.New("both Content-Length and Transfer-Encoding")
	ErrLength       = errors.New("unusable Content-Length")
	ErrEncoding     = errors.New("unusable Transfer-Encoding")
	ErrBodyTooLarge = errors.New("message body is larger than the limit")
	ErrChunk        = errors.New("malformed chunk")
)

// maxFields bounds the number of header fields of one message, and that of
// folded lines.
const maxFields = 128

// Request is the head of a request.
type Request struct {
	Method string
	Target string // as sent: path, absolute URI, or *
	Minor  int    // the N of HTTP/1.N
	Fields Fields
}

// Response is the head of a response.
type Response struct {
	Status int
	Reason string
	Minor  int
	Fields Fields
}

// ReadHead reads up to and including the empty line that ends a message head,
// at most limit bytes. Empty lines before the head are skipped (RFC 9112 2.2).
// It returns io.EOF only when the stream ends before the first byte, and
// io.ErrUnexpectedEOF when it ends within the head.
func ReadHead(br *bufio.Reader, limit int) (string, error) {
	if head, n := bufferedHead(br, limit); n > 0 {
		s := string(head)
		_, err := br.Discard(n)
		return s, err
	}
	return readHeadLines(br, limit)
}

// bufferedHead finds a head that has arrived whole with a single read, which is
// how nearly all of them come. It waits for the first byte only.
func bufferedHead(br *bufio.Reader, limit int) ([]byte, int) {
	if _, err := br.Peek(1); err != nil {
		return nil, 0
	}
	buf, _ := br.Peek(br.Buffered())
	if buf[0] == '\r' || buf[0] == '\n' {
		return nil, 0
	}
	end := headEnd(buf)
	if end > limit {
		return nil, 0
	}
	return buf[:end], end
}

// headEnd returns the offset behind the first empty line, or 0.
func headEnd(buf []byte) int {
	end := 0
	if i := bytes.Index(buf, []byte("\n\r\n")); i >= 0 {
		end, buf = i+3, buf[:i+1]
	}
	if i := bytes.Index(buf, []byte("\n\n")); i >= 0 {
		end = i + 2
	}
	return end
}

func readHeadLines(br *bufio.Reader, limit int) (string, error) {
	var head []byte
	read := 0
	for {
		line, err := br.ReadSlice('\n')
		read += len(line)
		if read > limit {
			return "", ErrHeadTooLarge
		}
		blank := isBlank(line)
		if !blank || len(head) > 0 {
			head = append(head, line...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && read > 0:
			return "", io.ErrUnexpectedEOF
		case err != nil:
			return "", err
		case blank && endsHead(head):
			return string(head), nil
		}
	}
}

func isBlank(line []byte) bool {
	return len(line) == 1 && line[0] == '\n' || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}

// endsHead tells an empty line from the tail of a line that was longer than the
// read buffer.
func endsHead(head []byte) bool {
	return bytes.HasSuffix(head, []byte("\n\r\n")) || bytes.HasSuffix(head, []byte("\n\n"))
}

// ParseRequest parses a head that ReadHead returned. req.Fields is reused.
func ParseRequest(head string, req *Request) error {
	line, rest := cutLine(head)
	method, after, ok := strings.Cut(line, " ")
	last := strings.LastIndexByte(after, ' ')
	if !ok || last < 0 || !isToken(method) {
		return fmt.Errorf("%w: request line %.40q", ErrMalformed, line)
	}
	req.Method, req.Target = method, strings.Trim(after[:last], " ")
	if !isTarget(req.Target) {
		return fmt.Errorf("%w: request target %.80q", ErrMalformed, req.Target)
	}
	var err error
	if req.Minor, err = parseVersion(after[last+1:]); err != nil {
		return err
	}
	req.Fields, err = parseFields(rest, req.Fields[:0])
	return err
}

// ParseResponse parses a head that ReadHead returned. resp.Fields is reused.
func ParseResponse(head string, resp *Response) error {
	line, rest := cutLine(head)
	version, after, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(strings.TrimLeft(after, " "), " ")
	var err error
	if resp.Minor, err = parseVersion(version); err != nil {
		return err
	}
	resp.Status, err = strconv.Atoi(code)
	if err != nil || len(code) != 3 || resp.Status < 100 {
		return fmt.Errorf("%w: status line %.40q", ErrMalformed, line)
	}
	if resp.Reason = strings.TrimSpace(reason); !cleanValue(resp.Reason) {
		resp.Reason = "" // worth nothing, but a bare CR in it might end a line elsewhere
	}
	resp.Fields, err = parseFields(rest, resp.Fields[:0])
	return err
}

func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

func parseVersion(s string) (minor int, err error) {
	if len(s) == 8 && s[:7] == "HTTP/1." && s[7] >= '0' && s[7] <= '9' {
		return int(s[7] - '0'), nil
	}
	return 0, fmt.Errorf("%w: %.20q", ErrVersion, s)
}

func isTarget(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

func parseFields(s string, fields Fields) (Fields, error) {
	folds := 0
	for s != "" {
		line, rest := cutLine(s)
		s = rest
		if line == "" {
			return fields, nil
		}
		if !cleanValue(line) {
			return fields, fmt.Errorf("%w: control character in header line %.40q", ErrMalformed, line)
		}
		if line[0] == ' ' || line[0] == '\t' { // folded line, RFC 9112 5.2
			if len(fields) == 0 {
				return fields, fmt.Errorf("%w: header begins with a folded line", ErrMalformed)
			}
			if folds++; folds > maxFields { // each copies what came before
				return fields, ErrHeadTooLarge
			}
			last := &fields[len(fields)-1]
			last.Value = strings.Trim(last.Value+" "+strings.Trim(line, " \t"), " ")
			continue
		}
		if len(fields) == maxFields {
			return fields, ErrHeadTooLarge
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t") // quirk C-35: "Host : acs"
		if !ok || !isToken(name) {
			return fields, fmt.Errorf("%w: header line %.40q", ErrMalformed, line)
		}
		fields = append(fields, Field{name, strings.Trim(value, " \t")})
	}
	return fields, nil
}

// cleanValue refuses what could end a line in another reader's eyes.
func cleanValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// tokenChars are the tchar of RFC 9110 5.6.2.
var tokenChars = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenChars[s[i]] {
			return false
		}
	}
	return s != ""
}
