package simnet

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// ACS is a scripted ACS. All methods are safe for concurrent use.
type ACS struct {
	cfg       ACSConfig
	listener  net.Listener
	secret    []byte // of nonces that are not bound to a connection
	misbehave atomic.Pointer[func(*Exchange) Misbehaviour]
	down      atomic.Bool
	overload  atomic.Bool
	lines     chan string
	counters  counters
	running   sync.WaitGroup

	mu       sync.Mutex
	conns    map[*acsConn]struct{}
	numbered int // connections so far
	sessions map[string]*acsSession
	devices  map[cwmp.Key]*acsSession
	record   record
}

// NewACS checks the configuration and binds the address. It starts nothing; an
// ACS that is not run must be closed.
func NewACS(cfg ACSConfig) (*ACS, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("ACS %s: %w", cfg.Name, err)
	}
	a := &ACS{
		cfg: cfg, listener: listener, secret: newSecret(), lines: make(chan string, maxLines),
		conns: map[*acsConn]struct{}{}, sessions: map[string]*acsSession{}, devices: map[cwmp.Key]*acsSession{},
	}
	a.SetMisbehave(cfg.Misbehave)
	return a, nil
}

// Addr is the address on which the ACS listens.
func (a *ACS) Addr() string { return a.listener.Addr().String() }

// URL is where CPEs find the ACS.
func (a *ACS) URL() string {
	scheme, path := "http", a.cfg.Path
	if a.cfg.TLS != nil {
		scheme = "https"
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + a.Addr() + path
}

// Name is the configured name.
func (a *ACS) Name() string { return a.cfg.Name }

// SetMisbehave replaces ACSConfig.Misbehave from the next request on.
func (a *ACS) SetMisbehave(fn func(*Exchange) Misbehaviour) {
	if fn == nil {
		fn = func(*Exchange) Misbehaviour { return Misbehaviour{} }
	}
	a.misbehave.Store(&fn)
}

// SetDown makes the ACS close every connection, present and future, without a
// word, until it is called with false.
func (a *ACS) SetDown(down bool) {
	a.down.Store(down)
	if down {
		a.hangUpAll()
	}
}

// SetOverloaded makes the ACS answer 503 with Retry-After to each new session.
func (a *ACS) SetOverloaded(overloaded bool) { a.overload.Store(overloaded) }

// Close releases the address of an ACS that is not run.
func (a *ACS) Close() { a.listener.Close() }

// maxLines is how many log lines wait for a slow Log.
const maxLines = 256

// Run serves until the context ends. It returns nil then, after the last
// connection has been closed and the last line been logged.
func (a *ACS) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(inner, func() { a.listener.Close() })
	defer stop()
	var helpers sync.WaitGroup
	helpers.Go(func() { a.writeLines(inner) })
	helpers.Go(func() { a.expireSessions(inner) })
	err := a.accept(inner)
	cancel()
	a.hangUpAll()
	a.running.Wait()
	helpers.Wait()
	a.listener.Close()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// accept takes connections until the listener is closed.
func (a *ACS) accept(ctx context.Context) error {
	for {
		nc, err := a.listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				nc.Close()
			}
			return nil
		}
		if isTemporary(err) {
			a.counters.acceptErrors.Add(1)
			if sleep(ctx, 50*time.Millisecond) != nil {
				return nil
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("ACS %s: %w", a.cfg.Name, err)
		}
		if a.down.Load() {
			nc.Close()
			continue
		}
		if a.cfg.TLS != nil {
			nc = tls.Server(nc, a.cfg.TLS)
		}
		c := a.admit(nc)
		a.running.Go(func() { c.serve(ctx) })
	}
}

// admit enters a connection in the books.
func (a *ACS) admit(nc net.Conn) *acsConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.numbered++
	c := newACSConn(a, nc, a.numbered)
	a.conns[c] = struct{}{}
	a.counters.connections.Add(1)
	return c
}

// hangUpAll closes every connection; their goroutines do the rest.
func (a *ACS) hangUpAll() {
	a.mu.Lock()
	open := slices.Collect(maps.Keys(a.conns))
	a.mu.Unlock()
	for _, c := range open {
		c.nc.Close()
	}
}

// expireSessions drops sessions whose CPE has been silent for too long.
func (a *ACS) expireSessions(ctx context.Context) {
	for sleep(ctx, min(a.cfg.SessionTimeout/2, time.Second)) == nil {
		a.mu.Lock()
		limit := a.cfg.Now().Add(-a.cfg.SessionTimeout)
		for _, s := range a.sessions {
			if s.last.Before(limit) {
				a.drop(s)
				a.counters.timeouts.Add(1)
			}
		}
		a.mu.Unlock()
	}
}

// writeLines hands log lines on, also those that are left at the end.
func (a *ACS) writeLines(ctx context.Context) {
	if a.cfg.Log == nil {
		return
	}
	for {
		select {
		case line := <-a.lines:
			a.cfg.Log(line)
			continue
		default:
		}
		select {
		case line := <-a.lines:
			a.cfg.Log(line)
		case <-ctx.Done():
			return
		}
	}
}

// logf queues a line, or counts it as dropped.
func (a *ACS) logf(format string, args ...any) {
	if a.cfg.Log == nil {
		return
	}
	select {
	case a.lines <- a.cfg.Name + ": " + fmt.Sprintf(format, args...):
	default:
		a.counters.linesDropped.Add(1)
	}
}
