// Package tlstest makes certificate authorities and certificates for tests
// and for the demo: in memory or in files, quickly, and valid for a day around
// now unless told otherwise. It is never part of what the gateway trusts or
// serves by itself.
package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// rsaKey is the one RSA key of the process: making one takes a good part of a
// second, and no test cares that its certificates share it.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, 2048)
})

// CA is a certificate authority with an ECDSA key. It is safe for concurrent
// use.
type CA struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// Spec says what a certificate is for. The zero value is an ECDSA server
// certificate without a name.
type Spec struct {
	// CommonName defaults to the first of Names.
	CommonName string
	Names      []string
	IPs        []net.IP
	URIs       []string
	Emails     []string
	// RSA asks for an RSA key, which legacy CPEs need; else it is P-256.
	RSA bool
	// Client makes a client certificate instead of a server's.
	Client bool
	// NotBefore and NotAfter default to a day before and after now.
	NotBefore, NotAfter time.Time
}

// Leaf is an end-entity certificate with its key and the CA that issued it.
type Leaf struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	ca   *x509.Certificate
}

// Must returns v, and panics when err is not nil.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// NewCA makes a self-signed certificate authority.
func NewCA(commonName string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("ca key: %w", err)
	}
	template, err := newTemplate(Spec{CommonName: commonName})
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.ExtKeyUsage = nil
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &CA{Cert: cert, key: key}, nil
}

// Issue makes a certificate as spec asks.
func (ca *CA) Issue(spec Spec) (*Leaf, error) {
	key, err := newKey(spec.RSA)
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(spec)
	if err != nil {
		return nil, err
	}
	cert, err := sign(template, ca.Cert, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	return &Leaf{Cert: cert, Key: key, ca: ca.Cert}, nil
}

// Pool returns a pool that trusts the CA alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// PEM returns the CA's certificate.
func (ca *CA) PEM() []byte { return certPEM(ca.Cert) }

// WriteFile writes the CA's certificate to dir/name.crt and returns its path.
func (ca *CA) WriteFile(dir, name string) (string, error) {
	path := filepath.Join(dir, name+".crt")
	return path, os.WriteFile(path, ca.PEM(), 0o600)
}

// TLS returns the certificate as crypto/tls takes it, with the CA's
// certificate as its chain.
func (l *Leaf) TLS() tls.Certificate {
	return tls.Certificate{
		Certificate: [][]byte{l.Cert.Raw, l.ca.Raw},
		PrivateKey:  l.Key,
		Leaf:        l.Cert,
	}
}

// CertPEM returns the certificate and then the CA's.
func (l *Leaf) CertPEM() []byte { return append(certPEM(l.Cert), certPEM(l.ca)...) }

// KeyPEM returns the private key in PKCS #8.
func (l *Leaf) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(l.Key)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// WriteFiles writes dir/name.crt and dir/name.key and returns their paths.
func (l *Leaf) WriteFiles(dir, name string) (certFile, keyFile string, err error) {
	certFile = filepath.Join(dir, name+".crt")
	keyFile = filepath.Join(dir, name+".key")
	keyPEM, err := l.KeyPEM()
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(certFile, l.CertPEM(), 0o600); err != nil {
		return "", "", err
	}
	return certFile, keyFile, os.WriteFile(keyFile, keyPEM, 0o600)
}

func newKey(useRSA bool) (crypto.Signer, error) {
	if useRSA {
		return rsaKey()
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func newTemplate(spec Spec) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:   serial,
		Subject:        pkix.Name{CommonName: spec.CommonName},
		DNSNames:       spec.Names,
		IPAddresses:    spec.IPs,
		EmailAddresses: spec.Emails,
		NotBefore:      orTime(spec.NotBefore, now.Add(-24*time.Hour)),
		NotAfter:       orTime(spec.NotAfter, now.Add(24*time.Hour)),
		KeyUsage:       x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:    []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if spec.Client {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if spec.CommonName == "" && len(spec.Names) > 0 {
		template.Subject.CommonName = spec.Names[0]
	}
	for _, s := range spec.URIs {
		u, err := url.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("uri %q: %w", s, err)
		}
		template.URIs = append(template.URIs, u)
	}
	return template, nil
}

func sign(template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

func certPEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

func orTime(t, fallback time.Time) time.Time {
	if t.IsZero() {
		return fallback
	}
	return t
}
