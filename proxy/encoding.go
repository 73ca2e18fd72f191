package proxy

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errDecode says that a compressed body is not what its header says.
var errDecode = errors.New("body cannot be decompressed")

// decode undoes a Content-Encoding. It never yields more than limit bytes, and
// asks reserve for what it takes. An encoding that it does not know is an
// error: what cannot be read cannot be routed (quirk C-32).
func decode(encoding string, body []byte, limit int64, reserve func(int) error) ([]byte, error) {
	r, err := decoder(encoding, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDecode, err)
	}
	var out bytes.Buffer
	for {
		if err := reserve(decodeStep); err != nil {
			return nil, err
		}
		n, err := io.CopyN(&out, r, decodeStep)
		switch {
		case int64(out.Len()) > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF) || n < decodeStep && err == nil:
			return out.Bytes(), nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errDecode, err)
		}
	}
}

const decodeStep = 64 << 10

func decoder(encoding string, body []byte) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "gzip", "x-gzip":
		return gzip.NewReader(bytes.NewReader(body))
	case "deflate": // zlib by the book, raw deflate in the field
		if r, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			return r, nil
		}
		return flate.NewReader(bytes.NewReader(body)), nil
	}
	return nil, fmt.Errorf("content encoding %q is not known", encoding)
}

// isPlain tells whether a Content-Encoding leaves the body as it is.
func isPlain(encoding string) bool {
	return encoding == "" || strings.EqualFold(strings.TrimSpace(encoding), "identity")
}
