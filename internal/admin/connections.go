package admin

import (
	"net"
	"net/netip"
	"sync"
)

// maxOfSource is how many connections one address may have, an IPv6 one with its /64.
// The rest is for others: above all for who asks for health.
const maxOfSource = maxConnections * 3 / 4

// sources is a listener that closes connections of an address that has many. Those of
// this machine are not counted: its users share an address with what probes health.
type sources struct {
	net.Listener

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// Accept returns the next connection that may be.
func (s *sources) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := sourceOf(c.RemoteAddr().String())
		if from.Addr().IsLoopback() {
			return c, nil
		}
		if s.enter(from) {
			return &connection{Conn: c, leave: sync.OnceFunc(func() { s.leave(from) })}, nil
		}
		_ = c.Close()
	}
}

func (s *sources) enter(from netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[from] >= maxOfSource {
		return false
	}
	s.open[from]++
	return true
}

func (s *sources) leave(from netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[from]--; s.open[from] == 0 {
		delete(s.open, from)
	}
}

// connection is one that was counted.
type connection struct {
	net.Conn
	leave func()
}

// Close closes it, and makes room for another.
func (c *connection) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
