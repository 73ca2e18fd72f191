package httpwire

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Framing says where a message body ends (RFC 9112 6.3).
type Framing struct {
	Length  int64 // bytes; -1 when unknown
	Chunked bool
	ToEOF   bool // responses only: the body ends with the connection
}

// Framing of a request. A request with neither length nor chunks has no body,
// whatever its other fields say (quirk C-24). Both at once is refused: that is
// how requests are smuggled.
func (r *Request) Framing() (Framing, error) {
	length, err := contentLength(r.Fields)
	if err != nil {
		return Framing{}, err
	}
	coding, coded := transferCoding(r.Fields)
	switch {
	case !coded:
		return Framing{Length: max(length, 0)}, nil
	case length >= 0:
		return Framing{}, ErrBothLengths
	case coding != "chunked" || r.Minor == 0:
		return Framing{}, ErrEncoding
	}
	return Framing{Length: -1, Chunked: true}, nil
}

// Framing of the response to a POST.
func (r *Response) Framing() (Framing, error) {
	if r.Status < 200 || r.Status == 204 || r.Status == 304 {
		return Framing{}, nil
	}
	if coding, coded := transferCoding(r.Fields); coded {
		if coding != "chunked" {
			return Framing{}, ErrEncoding
		}
		return Framing{Length: -1, Chunked: true}, nil
	}
	length, err := contentLength(r.Fields)
	if err != nil {
		return Framing{}, err
	}
	return Framing{Length: length, ToEOF: length < 0}, nil
}

// contentLength returns -1 when there is none. Repeated equal values are one.
func contentLength(fields Fields) (int64, error) {
	length := int64(-1)
	for i := range fields {
		if len(fields[i].Name) != len("Content-Length") || !strings.EqualFold(fields[i].Name, "Content-Length") {
			continue
		}
		for item := range strings.SplitSeq(fields[i].Value, ",") {
			n, err := strconv.ParseUint(strings.Trim(item, " \t"), 10, 62)
			if err != nil || length >= 0 && int64(n) != length {
				return -1, ErrLength
			}
			length = int64(n)
		}
	}
	return length, nil
}

// transferCoding returns the transfer coding in lower case; "identity" of
// RFC 2616 counts as none.
func transferCoding(fields Fields) (string, bool) {
	var codings []string
	for i := range fields {
		if strings.EqualFold(fields[i].Name, "Transfer-Encoding") {
			codings = append(codings, fields[i].Value)
		}
	}
	if codings == nil {
		return "", false
	}
	coding := strings.ToLower(strings.Join(codings, ","))
	return coding, coding != "identity"
}

// firstRead is how much memory a body is given on the sender's word alone.
const firstRead = 64 << 10

// ReadBody appends the body to buf and returns it. It reads at most limit bytes
// of content, else fails with ErrBodyTooLarge; memory grows with what really
// arrives. reserve, if not nil, is asked before each growth beyond 64 KiB with
// the bytes wanted in addition, and its error ends the read.
func ReadBody(br *bufio.Reader, f Framing, limit int64, buf []byte, reserve func(int) error) ([]byte, error) {
	if f.Length == 0 && !f.Chunked && !f.ToEOF {
		return buf, nil
	}
	if f.Length > limit {
		return buf, ErrBodyTooLarge
	}
	if f.Length >= 0 {
		return readN(br, int(f.Length), buf, true, reserve)
	}
	if f.Chunked {
		return readChunked(br, limit, buf, reserve)
	}
	return readToEOF(br, limit, buf, reserve)
}

// readN reads exactly n bytes, doubling the memory as they arrive. They may be
// the last, or more follow.
func readN(br *bufio.Reader, n int, buf []byte, last bool, reserve func(int) error) ([]byte, error) {
	for n > 0 {
		step := min(n, max(firstRead, len(buf)))
		var err error
		known := n
		if !last {
			known = 0
		}
		if buf, err = grow(buf, step, known, reserve); err != nil {
			return buf, err
		}
		got, err := io.ReadFull(br, buf[len(buf):len(buf)+step])
		buf = buf[:len(buf)+got]
		n -= got
		if err != nil {
			return buf, unexpected(err)
		}
	}
	return buf, nil
}

// grow makes room for step more bytes, and at least doubles buf, so that many
// small steps copy little. When all that follows is known and near, it makes
// room for just that, so that a body is not copied twice. known is 0 when it is
// not known.
func grow(buf []byte, step, known int, reserve func(int) error) ([]byte, error) {
	if cap(buf)-len(buf) >= step {
		return buf, nil
	}
	want := max(step, len(buf))
	if known > 0 && known <= 4*max(len(buf), firstRead) {
		want = max(step, known)
	}
	if reserve != nil && len(buf)+want > firstRead {
		if err := reserve(want); err != nil {
			return buf, err
		}
	}
	grown := make([]byte, len(buf), len(buf)+want) // no more than was reserved
	copy(grown, buf)
	return grown, nil
}

func readChunked(br *bufio.Reader, limit int64, buf []byte, reserve func(int) error) ([]byte, error) {
	content := int64(0)
	for {
		size, err := chunkSize(br)
		if err != nil {
			return buf, err
		}
		if size == 0 {
			return buf, discardTrailer(br)
		}
		if content += size; content > limit {
			return buf, ErrBodyTooLarge
		}
		if buf, err = readN(br, int(size), buf, false, reserve); err != nil {
			return buf, err
		}
		if line, err := readLine(br); err != nil || line != "" {
			return buf, errors.Join(ErrChunk, unexpected(err))
		}
	}
}

// chunkSize reads "1a;extension". RFC 9112 7.1.
func chunkSize(br *bufio.Reader) (int64, error) {
	line, err := readLine(br)
	if err != nil {
		return 0, err
	}
	digits, _, _ := strings.Cut(line, ";")
	size, err := strconv.ParseUint(strings.Trim(digits, " \t"), 16, 62)
	if err != nil {
		return 0, ErrChunk
	}
	return int64(size), nil
}

// maxTrailer bounds the trailer section, which is read and dropped.
const maxTrailer = 4 << 10

func discardTrailer(br *bufio.Reader) error {
	for read := 0; read < maxTrailer; {
		line, err := readLine(br)
		if err != nil || line == "" {
			return err
		}
		read += len(line)
	}
	return ErrChunk
}

// readLine reads one line, without its end, that fits the reader's buffer.
func readLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", ErrChunk
	}
	if err != nil {
		return "", unexpected(err)
	}
	return strings.TrimSuffix(string(line[:len(line)-1]), "\r"), nil
}

func readToEOF(br *bufio.Reader, limit int64, buf []byte, reserve func(int) error) ([]byte, error) {
	start := len(buf)
	for {
		var err error
		if cap(buf) == len(buf) {
			if buf, err = grow(buf, 4<<10, 0, reserve); err != nil {
				return buf, err
			}
		}
		n, err := br.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)-start) > limit {
			return buf, ErrBodyTooLarge
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
