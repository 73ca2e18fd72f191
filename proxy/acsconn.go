package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// acsConn is a session's own connection to its ACS (quirks U1, U2). One
// goroutine uses it at a time; close may be called by any.
type acsConn struct {
	nc     net.Conn
	br     *bufio.Reader // lent for an exchange
	resp   httpwire.Response
	closed sync.Once
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

func newACSConn(nc net.Conn) *acsConn {
	return &acsConn{nc: nc, resp: httpwire.Response{Fields: make(httpwire.Fields, 0, 12)}}
}

func (a *acsConn) close() { a.closed.Do(func() { a.nc.Close() }) }

// exchangeError says how far an exchange with an ACS came.
type exchangeError struct {
	stage    string // connect, send, answer
	answered bool   // a byte of the answer came: nobody else may be asked
	timeout  bool
	err      error
}

func (e *exchangeError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *exchangeError) Unwrap() error { return e.err }

func failed(stage string, answered bool, err error) *exchangeError {
	return &exchangeError{stage, answered, errors.Is(err, os.ErrDeadlineExceeded), err}
}

// acsReply is a whole reply of an ACS. Its head is valid until the next
// exchange on the connection, its body until the buffer is given back.
type acsReply struct {
	head   *httpwire.Response
	body   []byte
	plain  bool // body was decompressed
	edited bool // body is not what the ACS wrote
	buffer *[]byte
	// keep says that the ACS keeps the connection open.
	keep bool
}

// stale tells a reply that was no answer to the request: a connection that was
// idle for too long is closed with it.
func (r *acsReply) stale() bool { return r.head != nil && r.head.Status == 408 }

func (r *acsReply) release() {
	if r.buffer != nil {
		giveBuffer(r.buffer)
		r.buffer, r.body = nil, nil
	}
}

// roundTrip sends one request, which is in memory as a whole (quirks U5, U6),
// and reads the reply. No answer byte by deadline is a failure; once the answer
// has begun it may take as long again.
func (a *acsConn) roundTrip(head, body []byte, deadline time.Time, limit int64, l *loan) (acsReply, *exchangeError) {
	patience := time.Until(deadline)
	if err := a.nc.SetDeadline(deadline); err != nil {
		return acsReply{}, failed("send", false, err)
	}
	unsent := writeMessage(a.nc, head, body)
	a.br = readers.Get().(*bufio.Reader)
	a.br.Reset(a.nc)
	defer func() {
		a.br.Reset(nil)
		readers.Put(a.br)
		a.br = nil
	}()
	// An ACS may answer a large message early and close: Tomcat does, with 401.
	if _, err := a.br.Peek(1); err != nil {
		if unsent != nil {
			return acsReply{}, failed("send", false, unsent)
		}
		return acsReply{}, failed("answer", false, err)
	}
	if err := a.nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return acsReply{}, failed("answer", true, err)
	}
	reply, err := a.readReply(limit, l)
	if err != nil {
		reply.release()
		return acsReply{}, failed("answer", true, err)
	}
	if unsent != nil || a.br.Buffered() > 0 { // half a request, or more than one answer to one
		reply.keep = false
	}
	return reply, nil
}

// writeMessage sends head and body with as few system calls as it takes,
// without copying a large body.
func writeMessage(w net.Conn, head, body []byte) error {
	if len(body) <= pooledBody {
		_, err := w.Write(append(head, body...))
		return err
	}
	parts := net.Buffers{head, body}
	_, err := parts.WriteTo(w)
	return err
}

// maxReplyHead bounds the head of an ACS's reply.
const maxReplyHead = 64 << 10

func (a *acsConn) readReply(limit int64, l *loan) (acsReply, error) {
	for {
		head, err := httpwire.ReadHead(a.br, maxReplyHead)
		if err != nil {
			return acsReply{}, err
		}
		if err := httpwire.ParseResponse(head, &a.resp); err != nil {
			return acsReply{}, err
		}
		if a.resp.Status >= 200 {
			break
		}
		if a.resp.Status == 101 {
			return acsReply{}, fmt.Errorf("%w: unasked switch of protocols", httpwire.ErrMalformed)
		}
	}
	return a.readReplyBody(limit, l)
}

func (a *acsConn) readReplyBody(limit int64, l *loan) (acsReply, error) {
	framing, err := a.resp.Framing()
	if err != nil {
		return acsReply{}, err
	}
	reply := acsReply{head: &a.resp, buffer: takeBuffer(), keep: keepsOpen(&a.resp) && !framing.ToEOF}
	*reply.buffer, err = httpwire.ReadBody(a.br, framing, limit, *reply.buffer, l.reserve)
	if err != nil {
		return reply, err
	}
	reply.body = *reply.buffer
	if encoding := a.resp.Fields.Get("Content-Encoding"); !isPlain(encoding) && len(reply.body) > 0 {
		reply.body, err = decode(encoding, reply.body, limit, l.reserve)
		reply.plain = true
	}
	return reply, err
}

func keepsOpen(resp *httpwire.Response) bool {
	if resp.Minor == 0 {
		return resp.Fields.Token("Connection", "keep-alive")
	}
	return !resp.Fields.Token("Connection", "close")
}

// quiet tells an ACS that merely closed or reset an idle connection.
func (e *exchangeError) quiet() bool { return !e.answered && !e.timeout }

// reason is a short name for the metrics.
func (e *exchangeError) reason() string {
	switch {
	case e.timeout:
		return e.stage + "_timeout"
	case strings.Contains(e.err.Error(), "refused"):
		return "refused"
	case e.answered:
		return "broken_answer"
	}
	return e.stage + "_failed"
}
