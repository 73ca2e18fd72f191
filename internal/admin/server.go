package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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
}

// New binds the address and serves nothing yet. A server that is never run
// must be closed.
func New(c Config, d Deps) (*Server, error) {
	who, err := NewAuthenticator(&c)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("admin.address: %w", err)
	}
	log := d.Log.Named("admin")
	httpLog, err := zap.NewStdLogAt(log, zap.WarnLevel)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if !loopback(c.Address) {
		log.Warn("admin listener is not on loopback: metrics and health need no token, keep it behind a firewall",
			zap.Stringer("address", listener.Addr()))
	}
	return &Server{
		listener: netutil.LimitListener(listener, maxConnections),
		http: http.Server{
			Handler:           newHandler(d, who, httpLog),
			ReadHeaderTimeout: readTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          httpLog,
		},
	}, nil
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
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
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

func (s *Server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // cuts what did not finish in time
	}
}
