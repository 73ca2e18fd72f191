package tlsconf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/store"
)

const (
	// loadTimeout bounds reading the stored certificates when a configuration
	// is loaded, and orderTimeout one order with its validations.
	loadTimeout  = 5 * time.Second
	orderTimeout = 5 * time.Minute
	// renewalRatio is the part of a certificate's life that is left when it is
	// renewed, unless the CA suggests a time itself (ARI, RFC 9773).
	renewalRatio = 1.0 / 3
)

var keyTypes = map[string]certmagic.KeyType{
	"p256":    certmagic.P256,
	"p384":    certmagic.P384,
	"rsa2048": certmagic.RSA2048,
	"rsa4096": certmagic.RSA4096,
}

// acmeSetup is what one ACME configuration leads to. It is immutable.
type acmeSetup struct {
	cfg       ACMEConfig
	issuerKey string // names the CA in the store
	storage   *storage
	roots     *x509.CertPool // nil for those of the system
}

// managed is the state of one name that ACME serves. It is immutable.
type managed struct {
	name    string
	current *certificate // nil until there is one
	err     error        // why the last attempt failed
}

func newACMESetup(cfg ACMEConfig, s store.Store) (*acmeSetup, error) {
	if s == nil {
		return nil, errors.New("tls.acme needs a store")
	}
	if _, ok := keyTypes[cfg.KeyType]; !ok {
		return nil, fmt.Errorf("tls.acme.key_type %q is not a key type: use p256, p384, rsa2048 or rsa4096", cfg.KeyType)
	}
	key, err := issuerKey(cfg.Directory)
	if err != nil {
		return nil, err
	}
	setup := &acmeSetup{cfg: cfg, issuerKey: key, storage: newStorage(s)}
	if cfg.RootCAFile != "" {
		if setup.roots, _, err = readPool(cfg.RootCAFile); err != nil {
			return nil, fmt.Errorf("tls.acme.root_ca_file %q %w", cfg.RootCAFile, err)
		}
	}
	return setup, nil
}

// issuerKey names a CA by the host and path of its directory.
func issuerKey(directory string) (string, error) {
	u, err := url.Parse(directory)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("tls.acme.directory %q is not an https URL", directory)
	}
	path := strings.Trim(strings.ReplaceAll(u.Path, "/", "-"), "-")
	return strings.Trim(u.Host+"-"+path, "-"), nil
}

// client returns an HTTP client for the CA. Its idle connections must be
// closed at the end.
func (s *acmeSetup) client() *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			IdleConnTimeout:       30 * time.Second,
		},
	}
}

// errUnusable says that what the store holds for a name makes no certificate:
// a crash came between the writes of a renewed key and its certificate.
var errUnusable = errors.New("stored certificate and key do not fit together")

// stored returns the certificate that the store holds for a name, or an error
// that wraps fs.ErrNotExist or errUnusable.
func (s *acmeSetup) stored(ctx context.Context, name string) (*certificate, error) {
	certPEM, err := s.storage.Load(ctx, certmagic.StorageKeys.SiteCert(s.issuerKey, name))
	if err != nil {
		return nil, err
	}
	keyPEM, err := s.storage.Load(ctx, certmagic.StorageKeys.SitePrivateKey(s.issuerKey, name))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnusable, err)
	}
	return newCertificate(&pair, SourceACME), nil
}

// loadManaged returns the names of a configuration with the certificates that
// the store has for them. A store that fails only delays them.
func (m *Manager) loadManaged(s *acmeSetup) []*managed {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	var all []*managed
	for _, name := range s.cfg.Names {
		g := &managed{name: strings.ToLower(name)}
		c, err := s.stored(ctx, g.name)
		switch {
		case err == nil:
			g.current = c
		case !errors.Is(err, fs.ErrNotExist):
			m.log.Warn("stored certificate cannot be read", zap.String("certificate", g.name), zap.Error(err))
		}
		all = append(all, g)
	}
	return all
}

// setManaged publishes what came of an attempt for a name, unless the
// configuration has changed meanwhile.
func (m *Manager) setManaged(s *acmeSetup, next *managed) {
	m.mu.Lock()
	if m.acme == s {
		for i, g := range m.managed {
			if g.name == next.name {
				m.managed[i] = next
			}
		}
		m.reselect()
	}
	m.mu.Unlock()
	m.warnLegacy()
}

func (m *Manager) managedBy(s *acmeSetup) []*managed {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.acme != s {
		return nil
	}
	return append([]*managed(nil), m.managed...)
}
