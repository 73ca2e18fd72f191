package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// preflightTimeout bounds the look at one target.
const preflightTimeout = 10 * time.Second

// checkMove tells why CPEs of some ACSs, none for any, cannot be sent to another one.
func (g *Gateway) checkMove(ctx context.Context, to string, from []string) error {
	rules := g.rules.Load()
	target := rules.named(to).cpeURL
	for _, acs := range from {
		if url := rules.named(acs).cpeURL; url != "" && policy.SameURL(url, target) {
			return fmt.Errorf("its cpe_url %q is that of acs %q too: there is nothing to set, move by routing", target, acs)
		}
	}
	return g.checkTarget(ctx, to)
}

// checkTarget tells whether CPEs could reach an ACS by its cpe_url: a CPE whose
// URL leads nowhere is lost until somebody visits it.
func (g *Gateway) checkTarget(ctx context.Context, acs string) error {
	to := g.rules.Load().named(acs)
	if to.cpeURL == "" {
		return fmt.Errorf("acs %q has no cpe_url: CPEs cannot be told where it is", acs)
	}
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	if err := preflight(ctx, to.cpeURL, to.cpeRoots); err != nil {
		return fmt.Errorf("acs %q: cpe_url %q: %w", acs, to.cpeURL, err)
	}
	return nil
}

// preflight asks a URL as a CPE would that knows these roots, nil for those of the
// system. It asks by GET, which changes nothing. Any answer in HTTP will do.
func preflight(ctx context.Context, target string, roots *x509.CertPool) error {
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
		// crypto/tls knows no names in CN, which CPEs take, and does not say what is
		// missing in a chain.
		InsecureSkipVerify: true, //nolint:gosec // see VerifyConnection
		MinVersion:         tls.VersionTLS10,
		VerifyConnection: func(s tls.ConnectionState) error {
			return checkChain(s.PeerCertificates, u.Hostname(), roots, time.Now())
		},
	}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// checkChain tells whether what a server sends shows that it is the host: its own
// certificate comes first, others help to get from there to a root.
func checkChain(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("there is no certificate")
	}
	leaf := chain[0]
	if err := leaf.VerifyHostname(host); err != nil && leaf.Subject.CommonName != host {
		return err
	}
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: now})
	if invalid, is := errors.AsType[x509.CertificateInvalidError](err); is && invalid.Reason == x509.Expired {
		c := invalid.Cert
		return fmt.Errorf("certificate of %q is valid from %s to %s only", c.Subject, c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly))
	}
	if _, is := errors.AsType[x509.UnknownAuthorityError](err); is {
		return unknownAuthority(chain)
	}
	return err
}

// unknownAuthority says where a chain ends that leads to no root which CPEs know.
func unknownAuthority(chain []*x509.Certificate) error {
	const remedy = "if CPEs know it, name it in cpe_root_ca_file"
	last := chain[0]
	for range chain {
		switch i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return last.CheckSignatureFrom(c) == nil }); {
		case bytes.Equal(last.RawSubject, last.RawIssuer) && last == chain[0]:
			return fmt.Errorf("certificate of %q is self-signed: %s", last.Subject, remedy)
		case bytes.Equal(last.RawSubject, last.RawIssuer):
			return fmt.Errorf("certificate of %q leads to the root %q, which is not one of those that CPEs know: %s", chain[0].Subject, last.Subject, remedy)
		case i < 0:
			return fmt.Errorf("certificate of %q is issued by %q, whose certificate the server does not send: have it sent, since CPEs do not look for it, or %s",
				last.Subject, last.Issuer, remedy)
		default:
			last = chain[i]
		}
	}
	return errors.New("certificates of the server lead in a circle")
}
