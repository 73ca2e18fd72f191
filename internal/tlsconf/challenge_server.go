package tlsconf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// challengeConnections bounds the connections to http_address.
const challengeConnections = 64

func httpAddress(c *ACMEConfig) string {
	if c == nil {
		return ""
	}
	return c.HTTPAddress
}

// listenHTTP binds http_address, if there is one.
func listenHTTP(c *ACMEConfig) (net.Listener, error) {
	addr := httpAddress(c)
	if addr == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("tls.acme.http_address %q cannot be bound: %w", addr, err)
	}
	return netutil.LimitListener(ln, challengeConnections), nil
}

func (m *Manager) closeHTTP() {
	if m.http != nil {
		_ = m.http.Close()
	}
}

// serveChallenges answers HTTP-01 validations on http_address until ctx ends.
// Everything else is not found: a CPE that strays here is not redirected
// (quirk C-74).
func (m *Manager) serveChallenges(ctx context.Context) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(m.answerChallenge),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // what strangers do here is not worth a line
	}
	server.SetKeepAlivesEnabled(false)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		_ = server.Close()
	})
	err := server.Serve(m.http)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("tls.acme.http_address: %w", err)
}

func (m *Manager) answerChallenge(w http.ResponseWriter, r *http.Request) {
	body, ok := m.Challenge(r.Host, r.URL.Path)
	if r.Method != http.MethodGet || !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, body)
}
