package connreq

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// acsListener closes at once what does not come from an ACS, and what is more than
// the endpoint holds.
type acsListener struct {
	net.Listener
	acs     networks
	max     int64
	open    atomic.Int64
	refused func(reason string)
}

// Accept returns the next connection of an ACS.
func (l *acsListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		switch {
		case err != nil || !l.acs.contains(remote.Addr()):
			l.refused("source")
		case l.open.Add(1) > l.max:
			l.open.Add(-1)
			l.refused("limit")
		default:
			return &acsConn{Conn: conn, listener: l}, nil
		}
		conn.Close()
	}
}

// acsConn is counted until it is closed.
type acsConn struct {
	net.Conn
	listener *acsListener
	once     sync.Once
}

// Close closes the connection.
func (c *acsConn) Close() error {
	c.once.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}
