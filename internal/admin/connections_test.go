package admin

import (
	"net"
	"net/netip"
	"testing"
)

// accepted is a listener whose connections come from the addresses that are sent.
type accepted chan string

func (a accepted) Accept() (net.Conn, error) {
	from, ok := <-a
	if !ok {
		return nil, net.ErrClosed
	}
	near, far := net.Pipe()
	return &fromConn{Conn: near, far: far, from: from}, nil
}

func (a accepted) Close() error   { return nil }
func (a accepted) Addr() net.Addr { return fromAddr("") }

type fromConn struct {
	net.Conn
	far  net.Conn
	from string
}

func (c *fromConn) RemoteAddr() net.Addr { return fromAddr(c.from) }

type fromAddr string

func (fromAddr) Network() string  { return "tcp" }
func (a fromAddr) String() string { return string(a) }

// TestSources_OneAddressLeavesRoomForOthers: beyond its bound its connections are
// closed, and each that ends makes room.
func TestSources_OneAddressLeavesRoomForOthers(t *testing.T) {
	from := make(accepted, maxConnections+10)
	s := &sources{Listener: from, open: map[netip.Prefix]int{}}
	accept := func(want string) net.Conn {
		t.Helper()
		c, err := s.Accept()
		if err != nil || c.RemoteAddr().String() != want {
			t.Fatalf("%v %v, want %s", c, err, want)
		}
		return c
	}
	const one, same, other, local = "[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.1:1", "127.0.0.1:1"
	var last net.Conn
	for range maxOfSource {
		from <- one
		last = accept(one)
	}
	from <- one
	from <- same // of the same /64
	from <- other
	accept(other)
	for range maxOfSource + 1 {
		from <- local
		accept(local)
	}
	for range 2 {
		_ = last.Close()
	}
	from <- same
	from <- one
	from <- other
	accept(same)
	accept(other)
	if len(s.open) != 2 || s.open[sourceOf(one)] != maxOfSource || s.open[sourceOf(other)] != 2 {
		t.Errorf("%v", s.open)
	}
}
