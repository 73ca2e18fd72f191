package proxy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// cpeConn is one connection of a CPE. One goroutine reads its requests, takes
// each to the ACS and writes the answers, in order (quirk C-11).
type cpeConn struct {
	srv    *Server
	ln     *listener
	set    *listenerSettings // as they were when it was accepted
	nc     net.Conn
	remote netip.AddrPort
	local  netip.AddrPort // that the client came to

	tls *tls.ConnectionState // nil on plain HTTP
	// transport is what a session is bound to: "" for plain HTTP, "tls", or the
	// fingerprint of the client certificate.
	transport               string
	clientCert, clientChain string // RFC 9440

	session *session
	served  bool // a request was answered
	busy    atomic.Bool
	raw     net.Conn // below TLS: what is closed from outside
	*workspace
}

// workspace is the memory that a connection works with. It is lent from a pool,
// since most connections live for one short session.
type workspace struct {
	br  *bufio.Reader
	req request
}

var workspaces = sync.Pool{New: func() any {
	w := &workspace{br: bufio.NewReaderSize(nil, 4<<10)}
	w.req.head.Fields = make(httpwire.Fields, 0, 16)
	return w
}}

// closeNow ends the connection from outside.
func (c *cpeConn) closeNow() { c.raw.Close() }

func (c *cpeConn) scheme() string {
	if c.tls != nil {
		return "https"
	}
	return "http"
}

func (c *cpeConn) tlsVersion() string {
	if c.tls == nil {
		return ""
	}
	return tls.VersionName(c.tls.Version)
}

// join makes a session the connection's, by which a CPE without cookies is
// recognised.
func (c *cpeConn) join(sess *session) {
	if c.session != sess {
		if sess.sum.Exchanges > 0 {
			sess.sum.Reconnects++
		}
		c.session = sess
	}
}

func (c *cpeConn) leave(sess *session) {
	if c.session == sess {
		c.session = nil
	}
}

// serve reads and answers requests until either side has had enough.
func (c *cpeConn) serve() {
	for {
		err := c.awaitRequest()
		if err != nil {
			return
		}
		c.busy.Store(true)
		open := c.serveOne()
		c.busy.Store(false)
		if !open || c.srv.life.Err() != nil {
			return
		}
	}
}

// awaitRequest waits for the first byte of a request. A connection that stays
// idle gives its workspace back meanwhile.
func (c *cpeConn) awaitRequest() error {
	if c.br.Buffered() > 0 {
		return nil
	}
	idle := c.srv.gen.Load().cfg.Limits.IdleConnection
	began := time.Now()
	if err := c.nc.SetReadDeadline(began.Add(min(idle, parkAfter))); err != nil {
		return err
	}
	_, err := c.br.Peek(1)
	if err == nil || idle <= parkAfter || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.giveWorkspace()
	if c.session != nil && c.session.over.Load() {
		c.session = nil // what comes now begins something new
	}
	if err := c.nc.SetReadDeadline(began.Add(idle)); err != nil {
		return err
	}
	var first [1]byte
	if _, err := c.nc.Read(first[:]); err != nil {
		return err
	}
	c.takeWorkspace(&resumed{c.nc, first[0], true})
	return nil
}

// parkAfter is how long an idle connection keeps its workspace: longer than the
// pauses within a session, shorter than those between sessions, and as long as
// a stray POST may come behind the end.
const parkAfter = strayTime

// resumed reads from a connection of which one byte has been read already.
type resumed struct {
	net.Conn
	first byte
	held  bool
}

// Read returns the byte that is held, then what comes behind it.
func (r *resumed) Read(p []byte) (int, error) {
	if r.held && len(p) > 0 {
		p[0], r.held = r.first, false
		return 1, nil
	}
	return r.Conn.Read(p)
}

// takeWorkspace lends the connection a workspace to read from.
func (c *cpeConn) takeWorkspace(from io.Reader) {
	c.workspace = workspaces.Get().(*workspace)
	c.br.Reset(from)
}

func (c *cpeConn) giveWorkspace() {
	w := c.workspace
	if w == nil {
		return
	}
	c.workspace = nil
	w.br.Reset(nil)
	w.req = request{head: httpwire.Request{Fields: w.req.head.Fields[:0]}}
	workspaces.Put(w)
}

// serveOne serves one request and reports whether the connection goes on.
func (c *cpeConn) serveOne() bool {
	r := &c.req
	defer r.release()
	if err := c.readRequest(r); err != nil {
		return c.refuseRead(err)
	}
	head := takeBuffer()
	defer giveBuffer(head)
	rep, keep := c.answer(r, head)
	if rep.release != nil {
		defer rep.release()
	}
	if err := c.send(*head, rep.body); err != nil {
		return false
	}
	if !keep {
		c.linger()
	}
	return keep
}

// answer has the request handled and builds the head of the reply. Only then
// is the session's turn given back: the ACS's fields belong to its connection,
// which the next exchange uses again.
func (c *cpeConn) answer(r *request, head *[]byte) (rep reply, keep bool) {
	defer c.srv.giveTurn(r)
	rep = c.srv.handle(c, r)
	keep = !rep.close && c.keepAlive(r)
	*head = rep.append((*head)[:0], r.head.Minor, keep)
	c.srv.endLeg(r.turn, r, &rep, *head)
	r.handled, c.served = true, true
	return rep, keep
}

// keepAlive says whether the CPE wants the connection to go on (quirk C-12).
func (c *cpeConn) keepAlive(r *request) bool {
	if r.head.Minor == 0 {
		return r.head.Fields.Token("Connection", "keep-alive")
	}
	return !r.head.Fields.Token("Connection", "close")
}

// readRequest reads one whole request. Only then is the ACS asked: an ACS waits
// but seconds for a request, a CPE on a bad line takes minutes (quirks U6, C-39).
func (c *cpeConn) readRequest(r *request) error {
	limits := &c.srv.gen.Load().cfg.Limits
	now := time.Now()
	if err := c.nc.SetReadDeadline(now.Add(limits.HeaderTimeout)); err != nil {
		return err
	}
	if c.tls == nil && c.isTLSHello() {
		return errTLSHello
	}
	head, err := httpwire.ReadHead(c.br, int(limits.HeaderBytes))
	if err != nil {
		return err
	}
	if err := httpwire.ParseRequest(head, &r.head); err != nil {
		return err
	}
	if err := r.setTarget(); err != nil {
		return err
	}
	framing, err := r.head.Framing()
	if err != nil {
		return err
	}
	r.loan = loan{from: &c.srv.memory}
	return c.readBody(r, framing, limits, now)
}

func (c *cpeConn) readBody(r *request, f httpwire.Framing, limits *LimitsConfig, now time.Time) (err error) {
	r.body = nil
	if f.Length == 0 {
		return nil
	}
	if f.Length > int64(limits.BodyBytes) {
		return errTooLarge
	}
	if err := c.nc.SetReadDeadline(now.Add(limits.bodyTime(f.Length))); err != nil {
		return err
	}
	if r.head.Minor > 0 && c.br.Buffered() == 0 && r.head.Fields.Token("Expect", "100-continue") { // RFC 9110 10.1.1
		if err := c.writeRaw([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	r.buffer = takeBuffer()
	*r.buffer, err = httpwire.ReadBody(c.br, f, int64(limits.BodyBytes), *r.buffer, r.loan.reserve)
	r.body = *r.buffer
	return err
}

// bodyTime is how long a body may take: the slowest line that is waited for
// after a first minute. A body of unknown length gets the time of the largest.
func (l *LimitsConfig) bodyTime(length int64) time.Duration {
	if length < 0 {
		length = int64(l.BodyBytes)
	}
	rate := max(int64(l.MinRate), 1)
	return min(l.HeaderTimeout+time.Duration(length/rate)*time.Second, maxBodyTime)
}

// maxBodyTime bounds the slowest sender.
const maxBodyTime = 10 * time.Minute

// write sends a reply of our own with its head and body in one go.
func (c *cpeConn) write(rep *reply, minor int, keep bool) error {
	buf := takeBuffer()
	defer giveBuffer(buf)
	*buf = rep.append((*buf)[:0], minor, keep)
	return c.send(*buf, rep.body)
}

func (c *cpeConn) send(head, body []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return writeMessage(c.nc, head, body)
}

func (c *cpeConn) writeRaw(b []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := c.nc.Write(b)
	return err
}

// writeTime bounds how long a CPE may take to read an answer.
const writeTime = 2 * time.Minute

// refuseRead answers a request that could not be read, where an answer makes
// sense, and always ends the connection.
func (c *cpeConn) refuseRead(err error) bool {
	if errors.Is(err, errTLSHello) {
		c.answerTLS()
		return false
	}
	reason, status := badReason(err)
	c.srv.metrics.badRequests.WithLabelValues(reason).Inc()
	if status == 0 {
		return false
	}
	rep := refusal(status, err.Error())
	if status == 503 {
		rep = *c.srv.later(err.Error())
	}
	if c.write(&rep, 1, false) == nil {
		c.linger()
	}
	return false
}

// badReason names what is wrong with a request for the metrics, and the status
// that answers it, 0 for none.
func badReason(err error) (reason string, status int) {
	for _, known := range []struct {
		err    error
		reason string
		status int
	}{
		{errDecode, "content_encoding", 415}, // before the causes that it may wrap
		{io.ErrUnexpectedEOF, "cut_off", 0}, {io.EOF, "cut_off", 0}, {os.ErrDeadlineExceeded, "too_slow", 408},
		{httpwire.ErrHeadTooLarge, "head_too_large", 400}, {errTooLarge, "body_too_large", 400},
		{httpwire.ErrVersion, "version", 400}, {httpwire.ErrMalformed, "malformed", 400},
		{httpwire.ErrBothLengths, "both_lengths", 400}, {httpwire.ErrLength, "length", 400},
		{httpwire.ErrEncoding, "transfer_encoding", 400}, {httpwire.ErrChunk, "chunk", 400},
		{errNoMemory, "memory", 503},
		{cwmp.ErrDTD, "xml_dtd", 400}, {cwmp.ErrDepth, "xml_depth", 400}, {cwmp.ErrTokens, "xml_tokens", 400},
	} {
		if errors.Is(err, known.err) {
			return known.reason, known.status
		}
	}
	return "connection", 0
}

// linger reads a little of what the CPE still sends, so that closing does not
// destroy the answer on its way.
func (c *cpeConn) linger() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		if half.CloseWrite() != nil {
			return
		}
	}
	if c.nc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.nc, lingerBytes) // the outcome changes nothing
	}
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)
