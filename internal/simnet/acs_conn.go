package simnet

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// acsConn is one connection of a CPE, or of a gateway, to the ACS.
type acsConn struct {
	acs    *ACS
	nc     net.Conn
	br     *bufio.Reader
	number int
	n      int // requests so far

	// Guarded by acs.mu.
	session    *acsSession
	device     cwmp.Key // of the first Inform
	nonces     map[string]bool
	authorized bool // by an answer outside of a session
}

func newACSConn(a *ACS, nc net.Conn, number int) *acsConn {
	return &acsConn{acs: a, nc: nc, number: number}
}

const (
	maxRequestHead = 64 << 10
	maxRequestBody = 32 << 20
)

// serve answers requests until the connection ends.
func (c *acsConn) serve(ctx context.Context) {
	c.br = readers.Get().(*bufio.Reader)
	c.br.Reset(c.nc)
	for ctx.Err() == nil {
		x, err := c.read()
		if err != nil {
			c.refuse(err)
			break
		}
		if c.acs.cfg.Mode == FreeACS && x.Chunked {
			x.Body = nil // U5
		}
		if !c.answer(ctx, x) {
			break
		}
	}
	c.nc.Close()
	c.br.Reset(nil)
	readers.Put(c.br)
	c.acs.release(c)
}

// errRefused says that ACSConfig.Refuse wants the connection closed.
var errRefused = errors.New("refused by configuration")

// read reads one request: it waits long for the first byte and shortly for the
// rest, as GenieACS does (U6).
func (c *acsConn) read() (*Exchange, error) {
	a := c.acs
	c.nc.SetReadDeadline(time.Now().Add(a.cfg.SessionTimeout))
	if _, err := c.br.Peek(1); err != nil {
		return nil, io.EOF
	}
	c.n++
	if a.cfg.Refuse != nil && a.cfg.Refuse(c.number, c.n) {
		return nil, errRefused
	}
	c.nc.SetReadDeadline(time.Now().Add(a.cfg.RequestTimeout))
	x := &Exchange{Conn: c.number, N: c.n, Remote: addrPort(c.nc.RemoteAddr()), At: a.cfg.Now()}
	var err error
	if x.Head, err = httpwire.ReadHead(c.br, maxRequestHead); err != nil {
		return nil, err
	}
	if err := httpwire.ParseRequest(x.Head, &x.Request); err != nil {
		return nil, err
	}
	return x, c.readBody(x)
}

func (c *acsConn) readBody(x *Exchange) error {
	framing, err := x.Framing()
	if err != nil {
		return err
	}
	x.Chunked, x.Expect = framing.Chunked, x.Fields.Has("Expect")
	if x.Expect {
		if _, err := io.WriteString(c.nc, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	if x.Body, err = httpwire.ReadBody(c.br, framing, maxRequestBody, nil, nil); err != nil {
		return err
	}
	x.Pipelined = c.br.Buffered() > 0
	return nil
}

// refuse answers what cannot be read, if there is any use in it.
func (c *acsConn) refuse(err error) {
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, errRefused) || isReset(err) || errors.Is(err, net.ErrClosed):
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.acs.counters.slowRequests.Add(1)
		_, _ = io.WriteString(c.nc, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		c.acs.counters.badRequests.Add(1)
		_, _ = io.WriteString(c.nc, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
}

// decode undoes the Content-Encoding. It reports false for one that it does
// not know.
func (x *Exchange) decode() bool {
	var r io.Reader
	var err error
	switch encoding := strings.ToLower(x.Fields.Get("Content-Encoding")); encoding {
	case "", "identity":
		return true
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(x.Body))
	case "deflate":
		if r, err = zlib.NewReader(bytes.NewReader(x.Body)); err != nil {
			r, err = flate.NewReader(bytes.NewReader(x.Body)), nil
		}
	default:
		return false
	}
	if err != nil {
		return false
	}
	x.Encoded = true
	x.Body, err = io.ReadAll(io.LimitReader(r, maxRequestBody))
	return err == nil
}

// isTemporary reports an accept error that passes, such as too many files.
func isTemporary(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}
