package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// preflightTimeout bounds the look at one target.
const preflightTimeout = 10 * time.Second

// checkTarget tells whether CPEs could reach an ACS by its cpe_url: a CPE whose
// URL leads nowhere is lost until somebody visits it.
func (g *Gateway) checkTarget(ctx context.Context, acs string) error {
	target := g.rules.Load().named(acs).cpeURL
	if target == "" {
		return fmt.Errorf("acs %q has no cpe_url: CPEs cannot be told where it is", acs)
	}
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	if err := preflight(ctx, target); err != nil {
		return fmt.Errorf("acs %q: cpe_url %q: %w", acs, target, err)
	}
	return nil
}

// preflight asks a URL as a CPE would, by GET, which changes nothing. Any answer
// in HTTP will do. The certificate must have the URL's host as its name, and be
// valid now; whether the CPEs know its root, nobody can tell from here.
func preflight(ctx context.Context, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	if _, err := net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
		return fmt.Errorf("name is not found: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		// The chain is not ours to judge, so the name and the time are checked alone.
		InsecureSkipVerify:    true, //nolint:gosec // see above
		MinVersion:            tls.VersionTLS10,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error { return checkLeaf(raw, u.Hostname(), time.Now()) },
	}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// checkLeaf tells whether a certificate is that of a host, and valid.
func checkLeaf(raw [][]byte, host string, now time.Time) error {
	if len(raw) == 0 {
		return errors.New("there is no certificate")
	}
	leaf, err := x509.ParseCertificate(raw[0])
	switch {
	case err != nil:
		return err
	case now.Before(leaf.NotBefore) || now.After(leaf.NotAfter):
		return fmt.Errorf("certificate is valid from %s to %s only", leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
	}
	if err := leaf.VerifyHostname(host); err != nil && leaf.Subject.CommonName != host {
		return err
	}
	return nil
}
