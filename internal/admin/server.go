package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"
)

// Bounds of the listener. Its clients are a scraper, a load balancer and an
// operator: nothing of theirs is slow or large.
const (
	maxConnections = 512
	maxHeaderBytes = 16 << 10
	readTimeout    = 5 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 30 * time.Second
	stopTimeout    = 2 * time.Second
)

// Deps is what the listener reports on.
type Deps struct {
	// Registry is served at /metrics.
	Registry *prometheus.Registry
	// Ready says why the gateway should get no new sessions, nil when it
	// should. The lines of the error's text are the reasons. It is called for
	// every request to /readyz, concurrently, and must not block.
	Ready func() error
	// Live says why the process should be restarted, nil when it should not.
	// It is called like Ready.
	Live func() error
	// API is what the JSON API does; nil where there is none.
	API *API
	// Console makes what is served at every other path; nil where there is none.
	Console func(*Authenticator, *API) http.Handler
	Log     *zap.Logger
}

// Server is the admin listener.
type Server struct {
	listener net.Listener
	http     http.Server
	tls      bool
	audits   *audits // nil where there is no API
}

// New binds the address and serves nothing yet. A server that is never run
// must be closed. An API belongs to one server.
func New(c Config, d Deps) (*Server, error) {
	c.SetDefaults()
	log := d.Log.Named("admin")
	httpLog, err := zap.NewStdLogAt(log, zap.WarnLevel)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := c.TLS.load(log)
	if err != nil {
		return nil, fmt.Errorf("admin.tls: %w", err)
	}
	s := &Server{tls: tlsConfig != nil}
	g, end, err := s.attach(&c, d, log)
	if err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", c.Address); err != nil {
		return nil, fmt.Errorf("admin.address: %w", err)
	}
	if !loopback(c.Address) {
		log.Warn("admin listener is not on loopback: metrics and health need no token, keep it behind a firewall",
			zap.Stringer("address", s.listener.Addr()), zap.Bool("tls", s.tls))
	}
	s.listener = &sources{Listener: netutil.LimitListener(s.listener, maxConnections), open: map[netip.Prefix]int{}}
	s.http = http.Server{
		Handler:           secured(&c, newHandler(d, g, httpLog)),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          httpLog,
		TLSConfig:         tlsConfig,
	}
	s.http.RegisterOnShutdown(end)
	return s, nil
}

// attach makes what stands before the API and keeps its books. end tells those who
// read events that it is over.
func (s *Server) attach(c *Config, d Deps, log *zap.Logger) (g *guard, end func(), err error) {
	stopping, end := context.WithCancel(context.Background())
	if d.API == nil {
		return nil, end, nil
	}
	who, err := NewAuthenticator(c)
	if err != nil {
		return nil, end, err
	}
	m, err := newMetrics(d.Registry)
	if err != nil {
		return nil, end, err
	}
	who.refused = m.failedLogins
	if s.audits, err = newAudits(c.AuditFile, log, m.auditFailures); err != nil {
		return nil, end, fmt.Errorf("admin.audit_file: %w", err)
	}
	d.API.log, d.API.metrics, d.API.audits, d.API.stopping, d.API.limits = log, m, s.audits, stopping, newLimits(c.RequestsPerSecond)
	return &guard{api: d.API, who: who, limits: d.API.limits, replays: newReplays(), metrics: m}, end, nil
}

// Addr is the address that is bound, with the port that the system chose when
// the configured one is 0.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close releases the address of a server that is not running. After Run has
// returned it does nothing.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("admin listener: %w", err)
	}
	return nil
}

// Run serves until ctx is done, lets the requests under way finish for two
// seconds, and returns nil. Any other end is an error.
func (s *Server) Run(ctx context.Context) error {
	if s.audits != nil {
		written, stop := make(chan struct{}), make(chan struct{})
		go func() { defer close(written); s.audits.run(stop) }()
		defer func() { close(stop); <-written }()
	}
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	select {
	case err := <-served:
		_ = s.http.Close() // the connections that were accepted before
		return fmt.Errorf("admin listener %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	s.stop()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin listener %s: %w", s.Addr(), err)
	}
	return nil
}

func (s *Server) serve() error {
	if s.tls {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

func (s *Server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // cuts what did not finish in time
	}
}
