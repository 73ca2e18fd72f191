package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/mholt/acmez/v3"
)

// listener makes the TLS settings of one CPE listener, for each client those
// that it can live with.
type listener struct {
	m        *Manager
	cfg      ListenerConfig
	clientCA *clientCA // nil without client certificates
	built    atomic.Pointer[variants]
}

// variants are the settings that differ by client. They share the session
// ticket keys of the listener's own tls.Config.
type variants struct {
	plain *tls.Config
	// http11 answers ALPN for clients that offer http/1.1; all others are
	// answered as if they had not sent ALPN, whatever they offer (quirk C-76).
	http11 *tls.Config
	// unsigned and tls11 are for legacy clients of TLS 1.2 that know no
	// signature but SHA-1, which crypto/tls no longer makes in TLS 1.2: the one
	// leaves only suites without a server signature, the other steps down to
	// TLS 1.1, whose signatures are of another kind.
	unsigned, tls11 *tls.Config
	pool            *x509.CertPool
}

// Listener returns the TLS settings of a listener, ready for tls.Server: no
// HTTP/2, session tickets on, certificates that follow all later changes. The
// settings are for this listener alone, since session tickets carry what a
// client certificate proved. An error is one of configuration.
func (m *Manager) Listener(cfg ListenerConfig) (*tls.Config, error) {
	l := &listener{m: m, cfg: cfg}
	if cfg.asksClient() {
		ca, err := m.clientCA(cfg.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("client_ca_file %q %w", cfg.ClientCAFile, err)
		}
		l.clientCA = ca
	}
	if len(m.selection.Load().all) == 0 && !m.acmeConfigured() {
		return nil, errors.New("no certificate to serve: add tls.certificates or tls.acme")
	}
	if cfg.legacy() {
		m.legacy.Store(true)
		m.warnLegacy()
	}
	base := l.variants().plain.Clone()
	base.GetConfigForClient = l.configFor
	return base, nil
}

func (c *ListenerConfig) asksClient() bool {
	return c.ClientAuth == ClientAuthIfGiven || c.ClientAuth == ClientAuthRequired
}

// configFor is GetConfigForClient.
func (l *listener) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	noteHello(hello)
	if slices.Equal(hello.SupportedProtos, []string{acmez.ACMETLS1Protocol}) {
		if cert := l.m.challengeCertificate(hello.Context(), hello.ServerName); cert != nil {
			return challengeConfig(cert), nil
		}
	}
	v := l.variants()
	switch {
	case l.cfg.legacy() && onlySHA1(hello):
		if l.cfg.ClientAuth == ClientAuthOff && offersAny(hello, v.unsigned.CipherSuites) {
			return v.unsigned, nil
		}
		return v.tls11, nil
	case slices.Contains(hello.SupportedProtos, "http/1.1"):
		return v.http11, nil
	default:
		return v.plain, nil
	}
}

// challengeConfig answers a TLS-ALPN-01 validation (RFC 8737 3).
func challengeConfig(cert *tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{*cert},
		NextProtos:   []string{acmez.ACMETLS1Protocol},
	}
}

// variants returns the settings of now. They are built anew when the client
// CAs have changed; two goroutines that do so at once come to the same.
func (l *listener) variants() *variants {
	var pool *x509.CertPool
	if l.clientCA != nil {
		pool = l.clientCA.pool.Load()
	}
	if v := l.built.Load(); v != nil && v.pool == pool {
		return v
	}
	v := l.build(pool)
	l.built.Store(v)
	return v
}

func (l *listener) build(pool *x509.CertPool) *variants {
	plain := l.cfg.newTLSConfig()
	plain.GetCertificate = l.certificateFor
	plain.ClientCAs = pool
	switch l.cfg.ClientAuth {
	case ClientAuthIfGiven:
		plain.ClientAuth = tls.VerifyClientCertIfGiven
	case ClientAuthRequired:
		plain.ClientAuth = tls.RequireAndVerifyClientCert
	}
	v := &variants{plain: plain, http11: plain.Clone(), unsigned: plain.Clone(), tls11: plain.Clone(), pool: pool}
	v.http11.NextProtos = []string{"http/1.1"}
	v.unsigned.MaxVersion = tls.VersionTLS12
	v.unsigned.CipherSuites = unsignedSuites(l.cfg.TripleDES)
	v.tls11.MaxVersion = tls.VersionTLS11
	return v
}

// certificateFor is GetCertificate. Without any certificate crypto/tls answers
// unrecognized_name.
func (l *listener) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c := l.m.selection.Load().choose(hello, l.cfg.legacy(), l.m.now())
	if c == nil {
		return nil, nil
	}
	return c.tls, nil
}

// onlySHA1 reports whether the client's best version is TLS 1.2 and it can
// verify no signature that crypto/tls makes there. A missing list means SHA-1
// (RFC 5246 7.4.1.4.1).
func onlySHA1(hello *tls.ClientHelloInfo) bool {
	if len(hello.SupportedVersions) == 0 || slices.Max(hello.SupportedVersions) != tls.VersionTLS12 {
		return false
	}
	return !slices.ContainsFunc(hello.SignatureSchemes, func(s tls.SignatureScheme) bool {
		return slices.Contains(goodSignatures, s)
	})
}

var goodSignatures = []tls.SignatureScheme{
	tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512,
	tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512,
	tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512,
	tls.Ed25519,
}

func offersAny(hello *tls.ClientHelloInfo, suites []uint16) bool {
	return slices.ContainsFunc(hello.CipherSuites, func(id uint16) bool { return slices.Contains(suites, id) })
}
