package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recording is what went over the wire on both sides of a gateway, in its order: a
// CPE's session has one message under way at a time.
type recording struct {
	t *testing.T

	mu       sync.Mutex
	messages []message
	names    map[string]string // what stands for a port, by its digits
}

// message is what one side has sent before the other says something.
type message struct {
	from, to string
	raw      []byte // nil where a connection is closed
}

func (r *recording) add(from, to string, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.messages); n > 0 && r.messages[n-1].from == from && r.messages[n-1].to == to && r.messages[n-1].raw != nil {
		r.messages[n-1].raw = append(r.messages[n-1].raw, b...)
		return
	}
	r.messages = append(r.messages, message{from, to, append([]byte{}, b...)})
}

func (r *recording) closed(from, to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, message{from: from, to: to})
}

// forget drops what was recorded so far.
func (r *recording) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = nil
}

// port gives an address a port in the text. It has five digits, so that the lengths
// of messages are what they were.
func (r *recording) port(address, is string) {
	r.t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil || len(port) != 5 {
		r.t.Fatalf("address %q: its port has not five digits", address)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[port] = is
}

// dial is that of a CPE whose bytes are recorded.
func (r *recording) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &recordedConn{Conn: c, r: r}, nil
}

type recordedConn struct {
	net.Conn
	r    *recording
	once sync.Once
}

// Write implements net.Conn. It records first: what follows from the bytes comes later.
func (c *recordedConn) Write(b []byte) (int, error) {
	c.r.add("CPE", "gateway", b)
	return c.Conn.Write(b)
}

// Read implements net.Conn.
func (c *recordedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.r.add("gateway", "CPE", b[:n])
	}
	return n, err
}

// Close implements net.Conn.
func (c *recordedConn) Close() error {
	c.once.Do(func() { c.r.closed("CPE", "gateway") })
	return c.Conn.Close()
}

// tap starts what stands before an ACS and records sessions, not probes. It returns
// its URL.
func (r *recording) tap(name, acs string) string {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.relay(ctx, name, c, acs) })
		}
	})
	r.t.Cleanup(func() {
		cancel()
		l.Close()
		running.Wait()
	})
	return "http://" + l.Addr().String() + "/"
}

// relay carries one connection of the gateway to an ACS.
func (r *recording) relay(ctx context.Context, name string, gateway net.Conn, acs string) {
	defer gateway.Close()
	to, err := new(net.Dialer).DialContext(ctx, "tcp", acs)
	if err != nil {
		return // it is down
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() {
		gateway.Close()
		to.Close()
	})()
	first := make([]byte, 64<<10)
	n, err := gateway.Read(first)
	if err != nil {
		return
	}
	session := bytes.HasPrefix(first[:n], []byte("POST "))
	carry := func(dst, src net.Conn, from, to string) {
		defer dst.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := src.Read(b)
			if n > 0 && session {
				r.add(from, to, b[:n])
			}
			if _, werr := dst.Write(b[:n]); errors.Join(err, werr) != nil {
				return
			}
		}
	}
	if session {
		r.add("gateway", name, first[:n])
	}
	var done sync.WaitGroup
	done.Go(func() { carry(gateway, to, name, "gateway") })
	if _, err := to.Write(first[:n]); err == nil {
		carry(to, gateway, "gateway", name)
	}
	to.Close()
	done.Wait()
}

// text is the conversation, with what differs from run to run put in order. What was
// said to and by the party apart comes last: nobody waits for it.
func (r *recording) text(apart string) string {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.messages)
	late := func(m message) int {
		if m.from == apart || m.to == apart {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b message) int { return late(a) - late(b) })
	var b strings.Builder
	for i, m := range all {
		if m.raw == nil {
			fmt.Fprintf(&b, "-- %02d %s closes --\n", i+1, m.from)
			continue
		}
		fmt.Fprintf(&b, "-- %02d %s to %s --\n%s", i+1, m.from, m.to, r.lines(m))
	}
	return r.steady(b.String())
}

// lines are a message without the carriage returns that end each line of its head.
func (r *recording) lines(m message) string {
	r.t.Helper()
	head, body, whole := strings.Cut(string(m.raw), "\r\n\r\n")
	head = strings.ReplaceAll(head, "\r\n", "\n")
	if !whole || strings.Contains(head+body, "\r") || strings.Contains(body, "HTTP/1.1") {
		r.t.Fatalf("from %s to %s: not one message whose head alone has carriage returns: %q", m.from, m.to, m.raw)
	}
	text := head + "\n\n" + body
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

var (
	hostDigits = regexp.MustCompile(`\b127\.0\.1\.[12][0-9]{2}\b`) // of a goldenWorld
	portDigits = regexp.MustCompile(`\b[0-9]{5}\b`)
	dateLine   = regexp.MustCompile(`(?m)^Date: .*$`)
	retryLine  = regexp.MustCompile(`(?m)^Retry-After: [0-9]+$`)
	random     = regexp.MustCompile(`(?:\bgw-|\bgw=|session=|STUNPassword</Name>\s*<Value[^>]*>|:ID [^>]*>(?:gw-)?)([A-Za-z0-9._-]{6,})`)
)

// steady replaces what is another in each run by something of the same length.
func (r *recording) steady(text string) string {
	text = dateLine.ReplaceAllString(text, "Date: Sat, 21 Nov 2026 12:00:00 GMT")
	text = retryLine.ReplaceAllString(text, "Retry-After: 60") // is spread, quirk C-14
	text = hostDigits.ReplaceAllString(text, "127.0.1.100")
	text = portDigits.ReplaceAllStringFunc(text, func(p string) string { return cmp.Or(r.names[p], p) })
	is := map[string]string{}
	for _, m := range random.FindAllStringSubmatch(text, -1) {
		if _, known := is[m[1]]; !known {
			is[m[1]] = fmt.Sprintf("%0*d", len(m[1]), len(is)+1)
		}
	}
	for was, name := range is {
		text = strings.ReplaceAll(text, was, name)
	}
	return text
}
