package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const certName = "acs.example"

// certificate is a self-signed P-256 certificate in files.
type certificate struct {
	certFile, keyFile string
	pemFile           string // both in one file, as HAProxy wants it
	pool              *x509.CertPool
}

func newCertificate(dir string) (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: certName}, DNSNames: []string{certName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return writeCertificate(dir, der, keyDER)
}

func writeCertificate(dir string, der, keyDER []byte) (*certificate, error) {
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	c := &certificate{
		certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem"),
		pemFile: filepath.Join(dir, "both.pem"), pool: x509.NewCertPool(),
	}
	c.pool.AppendCertsFromPEM(certPEM)
	return c, errors.Join(
		os.WriteFile(c.certFile, certPEM, 0o600), os.WriteFile(c.keyFile, keyPEM, 0o600),
		os.WriteFile(c.pemFile, append(certPEM, keyPEM...), 0o600))
}

// clientTLS is the CPEs' side: the given version alone, P-256, and nothing
// that would let a session be resumed, so that each pays a full handshake.
func (c *certificate) clientTLS(version uint16) *tls.Config {
	return &tls.Config{
		RootCAs: c.pool, ServerName: certName, MinVersion: version, MaxVersion: version,
		CurvePreferences: []tls.CurveID{tls.CurveP256}, ClientSessionCache: nil, SessionTicketsDisabled: true,
	}
}

// serverTLS is the baseline's side.
func serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, SessionTicketsDisabled: true,
	}
}
