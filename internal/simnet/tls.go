package simnet

import (
	"crypto/tls"
	"crypto/x509"
)

// TLSError is a failed TLS handshake.
type TLSError struct{ cause error }

// Error implements error.
func (e *TLSError) Error() string { return "TLS handshake: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *TLSError) Unwrap() error { return e.cause }

// config is the client's TLS settings for a host with the habits of a make.
func (h TLSHabits) config(base *tls.Config, host string) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		cfg = base.Clone()
	}
	if h.Min != 0 {
		cfg.MinVersion = h.Min
	}
	if h.Max != 0 {
		cfg.MaxVersion, cfg.MinVersion = h.Max, min(cfg.MinVersion, h.Max)
	}
	if h.Ciphers != nil {
		cfg.CipherSuites = h.Ciphers
	}
	if cfg.ServerName == "" && !h.NoSNI {
		cfg.ServerName = host
	}
	if h.NoSNI {
		withoutSNI(cfg, host)
	}
	return cfg
}

// withoutSNI keeps the server's name out of the handshake and verifies the
// certificate nevertheless, unless the caller has turned that off.
func withoutSNI(cfg *tls.Config, host string) {
	cfg.ServerName = ""
	if cfg.InsecureSkipVerify {
		return
	}
	cfg.InsecureSkipVerify = true // VerifyConnection does it
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: cfg.RootCAs, DNSName: host, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(opts)
		return err
	}
}
