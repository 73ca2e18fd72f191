package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// cpe plays the CPE's side of sessions, one after another, over connections
// that it is given. It keeps cookies as a CPE does: one jar, emptied when a
// session starts. It is not safe for concurrent use.
type cpe struct {
	path   string
	script *cpeScript

	conn   net.Conn
	r      *bufio.Reader
	out    []byte
	body   []byte
	cookie []byte
}

// cpeScript holds the prepared messages that all CPEs of a run share.
type cpeScript struct {
	inform      informTemplate
	rpcMark     string // of the RPC that it expects
	rpcResponse string
}

func newCPEScript(responseSize int) *cpeScript {
	return &cpeScript{inform: newInformTemplate(informSize), rpcMark: markRPC, rpcResponse: rpcResponseBody(responseSize)}
}

func newCPE(script *cpeScript, path string) *cpe {
	return &cpe{path: path, script: script, r: bufio.NewReaderSize(nil, 2048)}
}

// connect makes conn the CPE's connection; the session's cookies stay.
func (c *cpe) connect(conn net.Conn) {
	c.conn = conn
	c.r.Reset(conn)
}

// session holds one complete session over the current connection.
func (c *cpe) session(d cwmp.DeviceID) error {
	for _, step := range []func() error{func() error { return c.informs(d) }, c.asks, c.answers} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// informs opens a session.
func (c *cpe) informs(d cwmp.DeviceID) error {
	c.cookie = c.cookie[:0]
	c.body = c.script.inform.body(c.body[:0], d)
	return c.exchange("inform", c.body, 200, markInformResponse)
}

// asks posts empty and expects the ACS's RPC.
func (c *cpe) asks() error { return c.exchange("empty post", nil, 200, c.script.rpcMark) }

// answers posts the answer to the RPC and expects the end of the session.
func (c *cpe) answers() error {
	c.body = append(c.body[:0], c.script.rpcResponse...)
	return c.exchange("rpc response", c.body, 204, "")
}

func (c *cpe) exchange(what string, body []byte, status int, mark string) error {
	c.request(body)
	if _, err := c.conn.Write(c.out); err != nil {
		return fmt.Errorf("%s: write: %w", what, err)
	}
	got, found, err := c.response(mark)
	if err != nil {
		return fmt.Errorf("%s: read: %w", what, err)
	}
	if got != status || !found {
		return fmt.Errorf("%s: answered by status %d (expected %d, %q found: %t)", what, got, status, mark, found)
	}
	return nil
}

// request builds the next request in c.out.
func (c *cpe) request(body []byte) {
	out := append(c.out[:0], "POST "...)
	out = append(out, c.path...)
	out = append(out, " HTTP/1.1\r\nHost: acs.example:7547\r\nUser-Agent: example-cwmp/1.0\r\n"...)
	if len(body) > 0 {
		out = append(out, "Content-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction: \"\"\r\n"...)
	}
	if len(c.cookie) > 0 {
		out = append(append(append(out, "Cookie: "...), c.cookie...), "\r\n"...)
	}
	out = strconv.AppendInt(append(out, "Content-Length: "...), int64(len(body)), 10)
	out = append(out, "\r\n\r\n"...)
	c.out = append(out, body...)
}

// response reads a whole response and reports whether mark is in its start.
func (c *cpe) response(mark string) (status int, found bool, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, false, err
	}
	if len(line) < 12 {
		return 0, false, fmt.Errorf("status line %q is too short", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, false, fmt.Errorf("status line %q: %w", line, err)
	}
	length, err := c.fields()
	if err != nil {
		return status, false, err
	}
	start, err := c.r.Peek(min(length, 1024))
	if err != nil {
		return status, false, err
	}
	found = bytes.Contains(start, []byte(mark))
	_, err = c.r.Discard(length)
	return status, found, err
}

// fields reads the header fields and returns the body's length.
func (c *cpe) fields() (length int, err error) {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			length, err = strconv.Atoi(string(value))
		case is(name, "transfer-encoding"):
			err = errors.New("chunked response") // quirk C-21
		case is(name, "set-cookie"):
			pair, _, _ := bytes.Cut(value, []byte(";"))
			c.cookie = append(c.cookie[:0], pair...)
		}
		if err != nil {
			return 0, err
		}
	}
}
