package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"os"

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/simnet"
)

// tlsFlags are the TLS settings of either end.
type tlsFlags struct {
	min, max         string
	caFile           string
	certFile         string
	keyFile          string
	insecure, hidden bool
}

func (f *tlsFlags) addVersions(flags *flag.FlagSet) {
	flags.StringVar(&f.min, "tls-min", "1.2", "lowest TLS `version`: 1.0, 1.1, 1.2 or 1.3")
	flags.StringVar(&f.max, "tls-max", "1.3", "highest TLS `version`; below 1.2 old ciphers are offered too")
}

func (f *tlsFlags) addClient(flags *flag.FlagSet) {
	f.addVersions(flags)
	flags.StringVar(&f.caFile, "ca", "", "PEM `file` with the CA of the ACS")
	flags.BoolVar(&f.insecure, "insecure", false, "do not verify the certificate of the ACS")
	flags.BoolVar(&f.hidden, "no-sni", false, "send no server name, as old CPEs")
	flags.StringVar(&f.certFile, "cert", "", "PEM `file` with the CPE's own certificate")
	flags.StringVar(&f.keyFile, "key", "", "PEM `file` with its key")
}

func (f *tlsFlags) addServer(flags *flag.FlagSet) {
	f.addVersions(flags)
	flags.StringVar(&f.certFile, "cert", "", "PEM `file` with the certificate; with it the ACS speaks TLS")
	flags.StringVar(&f.keyFile, "key", "", "PEM `file` with its key")
}

var tlsVersions = map[string]uint16{
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// oldCiphers are what CPEs of the time of TLS 1.0 can do, beside newer ones.
var oldCiphers = []uint16{
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
}

// habits are the versions and ciphers in a client's handshake.
func (f *tlsFlags) habits() (simnet.TLSHabits, error) {
	h := simnet.TLSHabits{NoSNI: f.hidden}
	var err error
	if h.Min, err = choice("tls-min", f.min, tlsVersions); err != nil {
		return h, err
	}
	if h.Max, err = choice("tls-max", f.max, tlsVersions); err != nil {
		return h, err
	}
	if f.max < f.min {
		h.Min = h.Max // -tls-max 1.0 alone says enough
	}
	if h.Min < tls.VersionTLS12 {
		h.Ciphers = oldCiphers
	}
	return h, nil
}

// client is the base of a client's TLS settings.
func (f *tlsFlags) client() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure} //nolint:gosec // asked for by -insecure
	if f.caFile != "" {
		pem, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, commandline.Usagef("-ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, commandline.Usagef("-ca %q: there is no PEM certificate in it", f.caFile)
		}
	}
	return cfg, f.ownCertificate(cfg)
}

func (f *tlsFlags) ownCertificate(cfg *tls.Config) error {
	if f.certFile == "" && f.keyFile == "" {
		return nil
	}
	if f.certFile == "" || f.keyFile == "" {
		return commandline.Usagef("-cert and -key belong together: give both files")
	}
	cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return commandline.Usagef("-cert %q, -key %q: %w", f.certFile, f.keyFile, err)
	}
	cfg.Certificates = []tls.Certificate{cert}
	return nil
}

// server is the TLS settings of an ACS, nil without a certificate.
func (f *tlsFlags) server() (*tls.Config, error) {
	habits, err := f.habits()
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: habits.Min, MaxVersion: habits.Max, CipherSuites: habits.Ciphers}
	if err := f.ownCertificate(cfg); err != nil || cfg.Certificates == nil {
		return nil, err
	}
	return cfg, nil
}
