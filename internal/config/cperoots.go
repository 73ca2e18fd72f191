package config

import (
	"crypto/x509"
	"errors"
	"os"
)

// CPERoots reads the certificate authorities that the CPEs of this ACS know, nil for
// those of the system.
func (c *ACS) CPERoots() (*x509.CertPool, error) {
	if c.CPERootCAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CPERootCAFile)
	if err != nil {
		return nil, errors.New("cannot be read: " + reason(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return pool, nil
}
