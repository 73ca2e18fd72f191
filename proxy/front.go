package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/acsgate/acsgate/internal/tlsconf"
)

// listener is one CPE-facing socket.
type listener struct {
	name     string
	nl       net.Listener
	settings atomic.Pointer[listenerSettings]
	open     atomic.Int64

	gauge    prometheus.Gauge
	accepted prometheus.Counter
	// mistakes limits the log lines about CPEs that speak TLS to a plain port
	// or the reverse: a misconfigured fleet must not fill the disk.
	mistakes *rate.Limiter
}

// listenerSettings are what a reload may change of a listener.
type listenerSettings struct {
	cfg     ListenConfig
	tls     *tls.Config // nil for plain HTTP
	trusted []netip.Prefix
}

func (s *Server) bind(listen []ListenConfig) error {
	settings, err := s.listenerSettings(listen)
	if err != nil {
		return err
	}
	lc := net.ListenConfig{KeepAlive: -1} // connections have timeouts of their own
	for i, cfg := range listen {
		nl, err := lc.Listen(context.Background(), "tcp", cfg.Address)
		if err != nil {
			return fmt.Errorf("listener %q: %w", cfg.Name, err)
		}
		l := &listener{
			name: cfg.Name, nl: nl, gauge: s.metrics.connections.WithLabelValues(cfg.Name),
			accepted: s.metrics.accepted.WithLabelValues(cfg.Name), mistakes: rate.NewLimiter(rate.Every(10*time.Second), 3),
		}
		l.settings.Store(settings[i])
		s.listeners = append(s.listeners, l)
	}
	return nil
}

func (s *Server) listenerSettings(listen []ListenConfig) ([]*listenerSettings, error) {
	all := make([]*listenerSettings, len(listen))
	for i, cfg := range listen {
		set := &listenerSettings{cfg: cfg}
		for _, text := range cfg.ProxyProtocol {
			prefix, err := parsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("listener %q: proxy_protocol: %w", cfg.Name, err)
			}
			set.trusted = append(set.trusted, prefix)
		}
		if cfg.TLS != nil {
			if s.deps.ListenTLS == nil {
				return nil, fmt.Errorf("listener %q: no TLS is available", cfg.Name)
			}
			tlsConfig, err := s.deps.ListenTLS(*cfg.TLS)
			if err != nil {
				return nil, fmt.Errorf("listener %q: %w", cfg.Name, err)
			}
			set.tls = tlsConfig
		}
		all[i] = set
	}
	return all, nil
}

// parsePrefix reads a network, or an address as a network of one.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix.Masked(), err
}

// accept takes connections until the listener is closed. Each is served on a
// goroutine that serving waits for.
func (s *Server) accept(l *listener, serving *sync.WaitGroup) {
	pause := time.Duration(0)
	for {
		nc, err := l.nl.Accept()
		switch {
		case err == nil:
			pause = 0
			s.hire(accepted{l, nc}, serving)
		case isClosed(err):
			return
		default: // out of file descriptors, most likely: wait for some to close
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Error("accept failed", zap.String("listener", l.name), zap.Error(err), zap.Duration("pause", pause))
			s.sleep(pause)
		}
	}
}

// accepted is a connection that waits for a worker.
type accepted struct {
	l  *listener
	nc net.Conn
}

// hire gives a connection to a worker who has served one before, whose stack has
// its size already, or else to a new one.
func (s *Server) hire(a accepted, serving *sync.WaitGroup) {
	select {
	case s.handOver <- a:
	default:
		serving.Go(func() { s.work(a) })
	}
}

// maxResting bounds the workers that wait for another connection.
const maxResting = 256

// work serves one connection after the other, as long as not too many others
// have nothing to do.
func (s *Server) work(a accepted) {
	for {
		s.serveConn(a.l, a.nc)
		a = accepted{}
		if s.resting.Add(1) > maxResting {
			s.resting.Add(-1)
			return
		}
		select {
		case a = <-s.handOver:
			s.resting.Add(-1)
		case <-s.life.Done():
			s.resting.Add(-1)
			return
		}
	}
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// serveConn owns one accepted connection to its end.
func (s *Server) serveConn(l *listener, nc net.Conn) {
	l.accepted.Inc()
	l.gauge.Inc()
	defer l.gauge.Dec()
	defer nc.Close()
	defer s.recoverPanic(l)
	set := l.settings.Load()
	open := l.open.Add(1)
	defer l.open.Add(-1)
	if limit := set.cfg.MaxConnections; limit > 0 && open > int64(limit) {
		s.refuseConn(l, "max_connections")
		return
	}
	c := &cpeConn{srv: s, ln: l, set: set, nc: nc, raw: nc}
	s.conns.add(c)
	defer s.conns.remove(c)
	if s.life.Err() == nil { // asked when it can be closed from outside: Run closes all after that
		c.serveFrom()
	}
}

// serveFrom serves the connection if its source has not too many.
func (c *cpeConn) serveFrom() {
	limits := &c.srv.gen.Load().cfg.Limits
	var err error
	if c.nc, c.remote, err = clientOf(c.nc, c.set, limits.HeaderTimeout); err != nil {
		c.srv.refuseConn(c.ln, "proxy_protocol")
		return
	}
	c.local = localOf(c.nc, c.raw)
	if !c.srv.sources.enter(c.remote.Addr(), limits.ConnectionsPerSource) {
		c.srv.refuseConn(c.ln, "connections_per_source")
		c.turnAway()
		return
	}
	defer c.srv.sources.leave(c.remote.Addr())
	if c.set.tls != nil && !c.secure() {
		return
	}
	c.serveBuffered()
}

// serveBuffered lends the connection a workspace while it is served.
func (c *cpeConn) serveBuffered() {
	c.takeWorkspace(c.nc)
	defer c.giveWorkspace()
	c.serve()
}

func (s *Server) refuseConn(l *listener, reason string) {
	s.metrics.refused.WithLabelValues(l.name, reason).Inc()
}

// recoverPanic keeps a fault in the gateway to the one connection that met it.
func (s *Server) recoverPanic(l *listener) {
	if fault := recover(); fault != nil {
		s.metrics.panics.Inc()
		s.log.Error("connection ended by a fault in the gateway", zap.String("listener", l.name),
			zap.Any("fault", fault), zap.ByteString("stack", debug.Stack()))
	}
}

// clientOf returns who the client is: the peer, or whom a trusted load balancer
// names in its PROXY header.
func clientOf(nc net.Conn, set *listenerSettings, timeout time.Duration) (net.Conn, netip.AddrPort, error) {
	peer, err := addrPort(nc.RemoteAddr())
	if err != nil || !contains(set.trusted, peer.Addr()) {
		return nc, peer, err
	}
	pc := proxyproto.NewConn(nc, proxyproto.WithPolicy(proxyproto.USE), proxyproto.SetReadHeaderTimeout(timeout))
	client, err := addrPort(pc.RemoteAddr()) // reads the header
	if err == nil && pc.ProxyHeader() == nil && len(set.trusted) > 0 {
		client = peer // the balancer's own health check
	}
	return pc, client, err
}

// localOf returns the address that the client came to: the one in the PROXY
// header, else that of the socket.
func localOf(nc, raw net.Conn) netip.AddrPort {
	local, err := addrPort(nc.LocalAddr())
	if err != nil {
		local, _ = addrPort(raw.LocalAddr()) // of sockets that are not TCP nothing is known
	}
	return local
}

func addrPort(a net.Addr) (netip.AddrPort, error) {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
	}
	return netip.AddrPort{}, fmt.Errorf("client address %v is not TCP", a)
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// turnAway answers a connection beyond its source's limit, where that costs no
// more than a write. Homes behind one address come back later.
func (c *cpeConn) turnAway() {
	if c.set.tls != nil {
		return
	}
	rep := c.srv.later("too many connections from this address")
	if c.write(rep, 1, false) == nil {
		c.linger()
	}
}

// secure does the TLS handshake. HTTP on a TLS port is told so (quirk C-36).
func (c *cpeConn) secure() bool {
	conn := tls.Server(c.nc, c.set.tls)
	ctx, offered := tlsconf.WatchHello(context.Background()) // the deadline ends it, not the context
	err := conn.SetDeadline(time.Now().Add(c.srv.gen.Load().cfg.Limits.HeaderTimeout))
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if err != nil {
		c.handshakeFailed(offered, err)
		return false
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return false
	}
	state := conn.ConnectionState()
	c.nc, c.tls, c.transport = conn, &state, "tls"
	if len(state.PeerCertificates) > 0 {
		sum := sha256.Sum256(state.PeerCertificates[0].Raw)
		c.transport = string(sum[:])
		if c.srv.deps.ClientCert != nil {
			c.clientCert, c.clientChain = c.srv.deps.ClientCert(state)
		}
	}
	return true
}

func (c *cpeConn) handshakeFailed(offered *tlsconf.Hello, err error) {
	var notTLS tls.RecordHeaderError
	if errors.As(err, &notTLS) && notTLS.Conn != nil && looksLikeHTTP(notTLS.RecordHeader) {
		c.srv.metrics.handshakes.WithLabelValues(c.ln.name, "http_on_tls_port").Inc()
		c.mistake("a client speaks plain HTTP to a TLS listener: it needs an https URL, or a listener without tls")
		rep := refusal(400, "this port speaks TLS: use an https URL")
		if c.write(&rep, 1, false) == nil {
			c.linger()
		}
		return
	}
	reason := "other"
	if c.srv.deps.HandshakeReason != nil {
		reason = c.srv.deps.HandshakeReason(err)
	}
	c.srv.metrics.handshakes.WithLabelValues(c.ln.name, reason).Inc()
	if c.srv.deps.HandshakeFailed != nil {
		c.srv.deps.HandshakeFailed(c.ln.name, c.remote.Addr(), offered, err)
	}
}

func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "POST ", "GET /", "HEAD ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// errTLSHello says that a plain connection begins with a TLS record.
var errTLSHello = errors.New("TLS on a plain port")

// isTLSHello looks at the first byte, which awaitRequest has waited for: 0x16
// begins a TLS handshake and no HTTP request.
func (c *cpeConn) isTLSHello() bool {
	first, err := c.br.Peek(1)
	return err == nil && first[0] == 0x16
}

// answerTLS says goodbye in TLS to a client on the wrong port (quirk C-36).
func (c *cpeConn) answerTLS() {
	c.srv.metrics.badRequests.WithLabelValues("tls_on_plain_port").Inc()
	c.mistake("a client speaks TLS to a plain listener: it needs an http URL, or a listener with tls")
	fatalUnexpectedMessage := []byte{0x15, 3, 1, 0, 2, 2, 10}
	if c.writeRaw(fatalUnexpectedMessage) == nil {
		c.linger()
	}
}

// mistake logs what an operator must mend, a few lines a minute at the most.
func (c *cpeConn) mistake(text string) {
	if c.ln.mistakes.Allow() {
		c.srv.log.Warn(text, zap.String("listener", c.ln.name), zap.Stringer("remote", c.remote))
	}
}
