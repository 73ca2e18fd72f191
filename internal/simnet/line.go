package simnet

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// line is one connection of a CPE to its ACS.
type line struct {
	conn          net.Conn
	br            *bufio.Reader
	number        int
	local, remote netip.AddrPort
	posts         int
	stop          func() bool // ends the watch on the context
}

// readers keeps the read buffers of closed connections: a fleet that opens a
// connection per POST would otherwise spend its time allocating them.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

// dial opens a connection to the session's ACS, with TLS for https.
func (s *session) dial(ctx context.Context) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cpe.cfg.Timeout)
	defer cancel()
	address, err := s.address()
	if err != nil {
		return nil, err
	}
	conn, err := s.cpe.cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &line{conn: conn, local: addrPort(conn.LocalAddr()), remote: addrPort(conn.RemoteAddr())}
	if s.url.Scheme == "https" {
		secured := tls.Client(conn, s.cpe.make.TLS.config(s.cpe.cfg.TLS, s.url.Hostname()))
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, &TLSError{err}
		}
		l.conn = secured
	}
	l.br = readers.Get().(*bufio.Reader)
	l.br.Reset(l.conn)
	return l, nil
}

func hostPort(host, port, scheme string) string {
	switch {
	case port != "":
	case scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(host, port)
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// deadline bounds the next exchange; a context that is done ends it at once.
func (l *line) deadline(ctx context.Context, timeout time.Duration) {
	l.conn.SetDeadline(time.Now().Add(timeout))
	if ctx.Err() != nil {
		l.conn.SetDeadline(past)
	}
}

// past is a deadline that has always expired.
var past = time.Unix(1, 0)

func (l *line) close() {
	if l.stop != nil {
		l.stop()
	}
	l.conn.Close()
	l.br.Reset(nil)
	readers.Put(l.br)
	l.br = nil
}

// paceBytes is the size of the pieces that a slow sender writes.
const paceBytes = 64

// send writes a request. pace, if not zero, is waited between small pieces.
func (l *line) send(ctx context.Context, b []byte, pace time.Duration) error {
	for pace > 0 && len(b) > paceBytes {
		if _, err := l.conn.Write(b[:paceBytes]); err != nil {
			return err
		}
		b = b[paceBytes:]
		if err := sleep(ctx, pace); err != nil {
			return err
		}
	}
	_, err := l.conn.Write(b)
	return err
}

// sleep waits unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitContinue waits a second for "100 Continue" as libcurl does. It reports
// true when something has arrived.
func (l *line) awaitContinue(ctx context.Context) bool {
	l.deadline(ctx, time.Second)
	_, err := l.br.Peek(1)
	return err == nil
}

// compress encodes a body; an unknown encoding leaves it as it is.
func compress(body []byte, encoding string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	default:
		return body
	}
	_, _ = w.Write(body) // a bytes.Buffer never fails
	_ = w.Close()
	return b.Bytes()
}

// chunk frames a body in two chunks, so that reassembly is needed.
func chunk(body []byte) []byte {
	var b []byte
	half := len(body) / 2
	for _, part := range [][]byte{body[:half], body[half:]} {
		if len(part) > 0 {
			b = append(strconv.AppendInt(b, int64(len(part)), 16), "\r\n"...)
			b = append(append(b, part...), "\r\n"...)
		}
	}
	return append(b, "0\r\n\r\n"...)
}
