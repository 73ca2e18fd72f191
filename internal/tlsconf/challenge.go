package tlsconf

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"github.com/acsgate/acsgate/internal/store"
)

const (
	challengePath   = "/.well-known/acme-challenge/" // RFC 8555 8.3
	challengePrefix = "tls/challenge/"
	// challengeTTL removes what a crash left behind; CAs give up far earlier.
	challengeTTL = time.Hour
	// challengeWait bounds a look into the store, and challengeReaders how many
	// strangers may cause one at a time.
	challengeWait    = 2 * time.Second
	challengeReaders = 4
	maxToken         = 256
)

// challengeBook holds the challenges of orders that are under way: in memory
// for this process, in the store for others that share it.
type challengeBook struct {
	store   store.Store
	enabled atomic.Bool
	readers chan struct{}

	mu   sync.Mutex
	open map[string]acme.Challenge // by key
}

func newChallengeBook(s store.Store) *challengeBook {
	return &challengeBook{
		store:   s,
		readers: make(chan struct{}, challengeReaders),
		open:    make(map[string]acme.Challenge),
	}
}

func (b *challengeBook) enable(on bool) { b.enabled.Store(on) }

// keyOf is where a challenge is found: HTTP-01 by its token, TLS-ALPN-01 by
// the name that is validated.
func keyOf(c acme.Challenge) string {
	if c.Type == acme.ChallengeTypeTLSALPN01 {
		return "alpn/" + strings.ToLower(c.Identifier.Value)
	}
	return "http/" + c.Token
}

// Present implements acmez.Solver.
func (b *challengeBook) Present(ctx context.Context, c acme.Challenge) error {
	value, err := json.Marshal(c)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.open[keyOf(c)] = c
	b.mu.Unlock()
	_, err = b.store.Put(ctx, challengePrefix+keyOf(c), value, store.PutOptions{TTL: challengeTTL})
	return err
}

// CleanUp implements acmez.Solver. It works after the order was cancelled too.
func (b *challengeBook) CleanUp(ctx context.Context, c acme.Challenge) error {
	b.mu.Lock()
	delete(b.open, keyOf(c))
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), challengeWait)
	defer cancel()
	return b.store.Delete(ctx, challengePrefix+keyOf(c), 0)
}

func (b *challengeBook) find(ctx context.Context, key string) (acme.Challenge, bool) {
	if !b.enabled.Load() {
		return acme.Challenge{}, false
	}
	b.mu.Lock()
	c, ok := b.open[key]
	b.mu.Unlock()
	if ok {
		return c, true
	}
	return b.findStored(ctx, key)
}

// findStored looks for a challenge that another process put into the store.
func (b *challengeBook) findStored(ctx context.Context, key string) (c acme.Challenge, ok bool) {
	select {
	case b.readers <- struct{}{}:
		defer func() { <-b.readers }()
	default:
		return c, false
	}
	ctx, cancel := context.WithTimeout(ctx, challengeWait)
	defer cancel()
	entry, err := b.store.Get(ctx, challengePrefix+key)
	if err != nil {
		return c, false
	}
	return c, json.Unmarshal(entry.Value, &c) == nil
}

// Challenge returns the body that answers a GET of path for host, the Host
// header, if that is an HTTP-01 validation of an order under way (RFC 8555
// 8.3). It takes at most a read of the store, and that only for paths that
// look like a validation.
func (m *Manager) Challenge(host, path string) (body string, ok bool) {
	token, found := strings.CutPrefix(path, challengePath)
	if !found || !validToken(token) {
		return "", false
	}
	c, ok := m.book.find(context.Background(), "http/"+token)
	if !ok || !strings.EqualFold(hostOnly(host), c.Identifier.Value) {
		return "", false
	}
	return c.KeyAuthorization, true
}

// challengeCertificate returns the certificate that answers a TLS-ALPN-01
// validation of name, or nil.
func (m *Manager) challengeCertificate(ctx context.Context, name string) *tls.Certificate {
	if !validHostname(name) {
		return nil
	}
	c, ok := m.book.find(ctx, "alpn/"+strings.ToLower(name))
	if !ok {
		return nil
	}
	cert, err := acmez.TLSALPN01ChallengeCert(c)
	if err != nil {
		return nil
	}
	return cert
}

// validToken keeps to the alphabet of tokens, base64url (RFC 8555 8.3).
func validToken(token string) bool {
	for _, b := range []byte(token) {
		if !isAlnum(b) && b != '-' && b != '_' {
			return false
		}
	}
	return token != "" && len(token) <= maxToken
}

// hostOnly strips the port of a Host header.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(host, ".")
}
