package simnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// STUNConfig describes the STUN client of one simulated CPE.
type STUNConfig struct {
	Profile STUNProfile
	// Server is the STUN server.
	Server netip.AddrPort
	// Conn is the primary port: the client asks from it, and takes UDP Connection
	// Requests on it. Run leaves it open.
	Conn net.PacketConn
	// Spare opens further sockets, for timeout discovery; without it the period
	// stays MinKeepAlive.
	Spare func() (net.PacketConn, error)
	// Username and Password are STUNUsername and STUNPassword.
	Username, Password string
	// ConnectionRequestUsername and ConnectionRequestPassword sign UDP Connection
	// Requests.
	ConnectionRequestUsername, ConnectionRequestPassword string
	// MinKeepAlive and MaxKeepAlive are STUNMinimumKeepAlivePeriod and
	// STUNMaximumKeepAlivePeriod; 30 s when zero. A higher maximum turns on
	// timeout discovery.
	MinKeepAlive, MaxKeepAlive time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// The rest is called by Run's goroutine and must not block.

	// Bound is told the address as the server sees it, at first and when it has
	// changed, and whether there is a NAT.
	Bound func(mapped netip.AddrPort, nat bool)
	// Requested is told of each valid UDP Connection Request: the CPE should hold
	// a session with "6 CONNECTION REQUEST".
	Requested func(ConnectionRequest)
	// Refused is told of others, with a *RefusedError.
	Refused func(ConnectionRequest, error)
	// Unserved is told why a reply of the server does not serve the client.
	Unserved func(reply []byte, err error)
}

// ConnectionRequest is a Connection Request that came, by UDP or by HTTP.
type ConnectionRequest struct {
	From netip.AddrPort
	Raw  []byte // the datagram, or the head of the HTTP request
	At   time.Time
}

// STUNClient is the STUN client and the UDP listener of a simulated CPE, as TR-111
// part 2 has it.
type STUNClient struct {
	cfg     STUNConfig
	checker *RequestChecker
	packets chan stunPacket
	readers sync.WaitGroup

	// Owned by Run.
	asking    *transaction // from the primary port
	due       time.Time    // of the next request from there
	announce  bool         // the next one carries BINDING-CHANGE
	changed   bool         // one has, for StickyChange
	dead      bool         // a challenge has broken the client, for NeverSigned
	keptID    [16]byte
	discovery discovery

	mu     sync.Mutex
	status STUNStatus
}

// STUNStatus is what a client has come to know and do.
type STUNStatus struct {
	Mapped    netip.AddrPort // not valid before the first reply
	NAT       bool
	KeepAlive time.Duration
	Sent      int // datagrams, copies and probes included
	Replies   int // understood
	Unserved  int // not understood
	Failed    int // requests without any reply
	Signed    int // requests that answered a challenge
	Requested int // valid UDP Connection Requests
	Refused   int
	Survived  int // probes of timeout discovery that were answered
}

type stunPacket struct {
	conn net.PacketConn
	from netip.AddrPort
	data []byte
}

// NewSTUNClient checks the configuration. It starts nothing.
func NewSTUNClient(cfg STUNConfig) (*STUNClient, error) {
	switch {
	case cfg.Conn == nil:
		return nil, errors.New("STUN client without a socket")
	case !cfg.Server.IsValid():
		return nil, errors.New("STUN client without a server")
	}
	if cfg.Profile.Name == "" {
		cfg.Profile = STUNProfiles()[0]
	}
	cfg.Profile.setDefaults()
	setDefault(&cfg.MinKeepAlive, 30*time.Second)
	setDefault(&cfg.MaxKeepAlive, cfg.MinKeepAlive)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &STUNClient{
		cfg:     cfg,
		checker: cfg.Profile.NewRequestChecker(cfg.ConnectionRequestUsername, cfg.ConnectionRequestPassword),
		packets: make(chan stunPacket, 16),
	}
	c.status.KeepAlive = cfg.MinKeepAlive
	c.keptID = c.newID()
	return c, nil
}

// Status returns a copy of what the client knows. It may be called at any time.
func (c *STUNClient) Status() STUNStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *STUNClient) note(change func(*STUNStatus)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// Run keeps the binding alive and takes Connection Requests until the context
// ends; it returns nil then. It is called once.
func (c *STUNClient) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		c.discovery.close()
		c.readers.Wait()
		_ = c.cfg.Conn.SetReadDeadline(time.Time{}) // a socket that is closed needs none
	}()
	c.receive(inner, c.cfg.Conn)
	c.begin(inner)
	for {
		timer := time.NewTimer(c.next().Sub(c.cfg.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case p := <-c.packets:
			c.take(p)
		case <-timer.C:
		}
		timer.Stop()
		c.tick(c.cfg.Now())
	}
}

// receive reads a socket in a goroutine of its own until the context ends or
// the socket is closed.
func (c *STUNClient) receive(ctx context.Context, conn net.PacketConn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(past) })
	c.readers.Go(func() {
		defer stop()
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // such as an ICMP error of an earlier datagram
				if sleep(ctx, 10*time.Millisecond) != nil {
					return
				}
				continue
			}
			select {
			case c.packets <- stunPacket{conn, udpAddrPort(from), append([]byte(nil), buf[:n]...)}:
			case <-ctx.Done():
				return
			}
		}
	})
}

func udpAddrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// begin sets the first request and, if it is wanted, timeout discovery going.
func (c *STUNClient) begin(ctx context.Context) {
	c.due = c.cfg.Now()
	if c.cfg.Spare != nil && c.cfg.MaxKeepAlive > c.cfg.MinKeepAlive {
		c.startDiscovery(ctx)
	}
	c.tick(c.due)
}

// next is when tick must be called at the latest.
func (c *STUNClient) next() time.Time {
	when := c.due
	if c.asking != nil {
		when = c.asking.next
	}
	if at := c.discovery.next(); !at.IsZero() && at.Before(when) {
		when = at
	}
	return when
}

// tick does what is due.
func (c *STUNClient) tick(now time.Time) {
	switch t := c.asking; {
	case t != nil && !now.Before(t.next):
		if !c.again(t, now) {
			c.asking = nil
			c.due = now.Add(c.cfg.Profile.RetryAfter)
			c.note(func(s *STUNStatus) { s.Failed++ })
		}
	case t == nil && !now.Before(c.due):
		c.ask(now)
	}
	c.tickDiscovery(now)
}

// ask sends a Binding Request from the primary port.
func (c *STUNClient) ask(now time.Time) {
	c.asking = &transaction{conn: c.cfg.Conn, listen: c.cfg.Conn, binding: true, change: c.announce}
	c.announce = false
	c.changed = c.changed || c.asking.change
	c.start(c.asking, now)
}

// take handles one datagram. STUN begins with 0 or 1, a request with "G".
func (c *STUNClient) take(p stunPacket) {
	switch {
	case len(p.data) == 0:
	case p.data[0] <= 1:
		c.takeReply(p)
	case p.conn == c.cfg.Conn:
		c.takeRequest(p)
	}
}

func (c *STUNClient) takeRequest(p stunPacket) {
	now := c.cfg.Now()
	request := ConnectionRequest{From: p.from, Raw: p.data, At: now}
	if err := c.checker.Check(p.data, now); err != nil {
		c.note(func(s *STUNStatus) { s.Refused++ })
		if c.cfg.Refused != nil {
			c.cfg.Refused(request, err)
		}
		return
	}
	c.note(func(s *STUNStatus) { s.Requested++ })
	if c.cfg.Requested != nil {
		c.cfg.Requested(request)
	}
}
