package admin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// TLSConfig is `admin.tls`.
type TLSConfig struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ClientCAFile holds the certificates of those who vouch for clients.
	ClientCAFile string `yaml:"client_ca_file"`
}

// validate reports what is wrong with the section.
func (c *TLSConfig) validate(report func(key, value, problem string)) {
	given := c.CertFile != "" || c.KeyFile != ""
	switch {
	case given && c.CertFile == "":
		report("tls.cert_file", "", "is missing beside key_file")
	case given && c.KeyFile == "":
		report("tls.key_file", "", "is missing beside cert_file")
	case given:
		if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
			report("tls.cert_file", c.CertFile, "cannot be used: "+err.Error())
		}
	case c.ClientCAFile != "":
		report("tls.client_ca_file", c.ClientCAFile, "needs cert_file and key_file: clients show certificates in HTTPS alone")
	}
	if c.ClientCAFile != "" {
		if _, err := readCAs(c.ClientCAFile); err != nil {
			report("tls.client_ca_file", c.ClientCAFile, "cannot be used: "+err.Error())
		}
	}
}

func readCAs(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("it holds no PEM certificate")
	}
	return pool, nil
}

// load returns the settings of the listener, nil where it speaks plain HTTP.
func (c *TLSConfig) load(log *zap.Logger) (*tls.Config, error) {
	if c.CertFile == "" {
		return nil, nil
	}
	pair := &keyPair{certFile: c.CertFile, keyFile: c.KeyFile, log: log}
	if err := pair.read(); err != nil {
		return nil, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	if c.ClientCAFile != "" {
		pool, err := readCAs(c.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("client_ca_file: %w", err)
		}
		settings.ClientCAs, settings.ClientAuth = pool, tls.VerifyClientCertIfGiven
	}
	return settings, nil
}

// keyPair is a certificate that is read again when its file has changed.
type keyPair struct {
	certFile, keyFile string
	log               *zap.Logger

	mu   sync.Mutex
	held *tls.Certificate
	at   time.Time // of the file that was looked at last
}

func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if info, err := os.Stat(p.certFile); err == nil && p.looks(info.ModTime()) {
		if err := p.read(); err != nil {
			p.log.Error("the new admin.tls.cert_file cannot be used, the former certificate stays: correct it", zap.Error(err))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held, nil
}

// looks tells whether a file of a time is to be read, once for each time.
func (p *keyPair) looks(at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := !at.Equal(p.at)
	p.at = at
	return changed
}

func (p *keyPair) read() error {
	info, err := os.Stat(p.certFile)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.at = &pair, info.ModTime()
	return nil
}
