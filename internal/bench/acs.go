package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// acsServer is a scripted ACS that costs as little as possible: it answers
// from prepared bytes and keeps no state but counters. It also watches what a
// strict ACS would refuse: requests of a session that arrive on a connection
// other than the one of the session's Inform (quirk U1).
type acsServer struct {
	closeAtEnd bool // send Connection: close with the 204, as many ACSs do
	script     acsScript
	url        string // its own: looked for in Informs, if it is set

	cookie atomic.Uint64
	open   atomic.Int64
	stats  acsCounters
	conns  sync.WaitGroup
}

// acsStats are the counters of an acsServer since its start.
type acsStats struct {
	Accepted  int64 // connections
	PeakOpen  int64 // connections open at once, at most
	Informs   int64
	Own       int64 // of those, how many said that the CPE has the ACS's own URL
	Followups int64 // requests after the Inform
	Foreign   int64 // of those, on another connection than the Inform
	Bytes     int64 // of request bodies
}

type acsCounters struct {
	accepted, peak, informs, own, followups, foreign, bytes atomic.Int64
}

// acsScript are the prepared answers.
type acsScript struct{ informHead, informTail, rpc, done string }

func newACSServer(closeAtEnd bool) *acsServer {
	inform := informResponseBody()
	s := &acsServer{closeAtEnd: closeAtEnd, script: acsScript{
		informHead: "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nContent-Length: " +
			strconv.Itoa(len(inform)) + "\r\nSet-Cookie: session=",
		informTail: "\r\n\r\n" + inform,
		rpc:        soapReply(rpcBody(rpcSize)),
		done:       "HTTP/1.1 204 No Content\r\n\r\n",
	}}
	if closeAtEnd {
		s.script.done = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
	}
	return s
}

// writeURL makes the ACS's RPC one that writes its own URL into the CPE.
func (s *acsServer) writeURL(url string) {
	s.url = url
	s.script.rpc = soapReply(settingBody(url, rpcSize))
}

func soapReply(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)
}

// serve answers connections of l until it is closed, then waits for them.
func (s *acsServer) serve(l net.Listener) error {
	defer s.conns.Wait()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("acs: accept: %w", err)
		}
		s.conns.Go(func() { s.connection(conn) })
	}
}

func (s *acsServer) connection(conn net.Conn) {
	defer conn.Close()
	s.stats.accepted.Add(1)
	raise(&s.stats.peak, s.open.Add(1))
	defer s.open.Add(-1)
	c := acsConnection{server: s, r: bufio.NewReaderSize(conn, 4096)}
	for {
		reply, last, err := c.request()
		if err != nil {
			return
		}
		if _, err = conn.Write(reply); err != nil || last {
			return
		}
	}
}

// raise sets v to n if n is larger.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); n > old && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

func (s *acsServer) snapshot() acsStats {
	c := &s.stats
	return acsStats{
		Accepted: c.accepted.Load(), PeakOpen: c.peak.Load(), Informs: c.informs.Load(), Own: c.own.Load(),
		Followups: c.followups.Load(), Foreign: c.foreign.Load(), Bytes: c.bytes.Load(),
	}
}

// acsConnection reads requests of one connection and picks their answers.
type acsConnection struct {
	server *acsServer
	r      *bufio.Reader
	reply  []byte
	cookie [16]byte // of the session whose Inform came here last
}

// acsRequest is what the ACS looks at in a request's head.
type acsRequest struct {
	length int
	big    int // bytes of a large answer that the path asks for: /reply/N
	close  bool
	cookie [16]byte
}

func (c *acsConnection) request() (reply []byte, last bool, err error) {
	var q acsRequest
	if err = c.head(&q); err != nil {
		return nil, false, err
	}
	start, err := c.r.Peek(min(q.length, 2048))
	if err != nil {
		return nil, false, err
	}
	reply = c.answer(&q, start)
	if _, err = c.r.Discard(q.length); err != nil {
		return nil, false, err
	}
	c.server.stats.bytes.Add(int64(q.length))
	return reply, q.close, nil
}

func (c *acsConnection) answer(q *acsRequest, start []byte) []byte {
	s := c.server
	if bytes.Contains(start, []byte(markInform)) {
		s.stats.informs.Add(1)
		if s.url != "" && bytes.Contains(start, []byte(s.url)) {
			s.stats.own.Add(1)
		}
		return c.informReply()
	}
	s.stats.followups.Add(1)
	if q.cookie != c.cookie {
		s.stats.foreign.Add(1)
	}
	switch {
	case len(start) > 0:
		q.close = q.close || s.closeAtEnd
		return []byte(s.script.done)
	case q.big > 0:
		return []byte(soapReply(rpcBody(q.big)))
	default:
		return []byte(s.script.rpc)
	}
}

func (c *acsConnection) informReply() []byte {
	const digits = "0123456789abcdef"
	n := c.server.cookie.Add(1)
	for i := range c.cookie {
		c.cookie[len(c.cookie)-1-i] = digits[n&15]
		n >>= 4
	}
	c.reply = append(c.reply[:0], c.server.script.informHead...)
	c.reply = append(c.reply, c.cookie[:]...)
	c.reply = append(c.reply, c.server.script.informTail...)
	return c.reply
}

// head reads a request's head up to the empty line.
func (c *acsConnection) head(q *acsRequest) error {
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0:
			return nil
		case first:
			q.big = bigReply(line)
		default:
			if err := q.field(line); err != nil {
				return err
			}
		}
	}
}

func (q *acsRequest) field(line []byte) (err error) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case is(name, "content-length"):
		q.length, err = strconv.Atoi(string(value))
	case is(name, "connection"):
		q.close = is(value, "close")
	case is(name, "transfer-encoding"):
		err = errors.New("acs: chunked request") // quirk U5
	case is(name, "cookie"):
		if _, id, ok := bytes.Cut(value, []byte("session=")); ok {
			copy(q.cookie[:], id)
		}
	}
	return err
}

func is(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// bigReply is N of a request line "POST /reply/N HTTP/1.1", else 0.
func bigReply(line []byte) int {
	_, rest, ok := bytes.Cut(line, []byte(" /reply/"))
	if !ok {
		return 0
	}
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return 0
	}
	return n
}
