package tlsconf

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// issuer gets certificates from an ACME CA for certmagic. certmagic's own
// opens ports 80 and 443 by itself when nobody else has, and keeps challenges
// and rate limiters in the process; this one answers on our listeners only and
// leaves nothing behind.
type issuer struct {
	setup  *acmeSetup
	book   *challengeBook
	http   *http.Client
	orders *prometheus.CounterVec
	log    *zap.Logger
}

var (
	_ certmagic.Issuer            = (*issuer)(nil)
	_ certmagic.RenewalInfoGetter = (*issuer)(nil)
)

func newIssuer(m *Manager, setup *acmeSetup, log *zap.Logger) *issuer {
	return &issuer{setup: setup, book: m.book, http: setup.client(), orders: m.metrics.orders, log: log}
}

func (i *issuer) close() { i.http.CloseIdleConnections() }

// IssuerKey implements certmagic.Issuer.
func (i *issuer) IssuerKey() string { return i.setup.issuerKey }

// Issue implements certmagic.Issuer: one order, validated by whichever of
// HTTP-01 and TLS-ALPN-01 works.
func (i *issuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	chains, err := i.order(ctx, csr)
	if isProblem(err, acme.ProblemTypeAccountDoesNotExist) {
		// The CA was set up anew, as private ones are.
		i.log.Warn("account is unknown to the CA, a new one is made")
		if err := i.forgetAccount(ctx); err != nil {
			return nil, err
		}
		chains, err = i.order(ctx, csr)
	}
	if err != nil {
		i.orders.WithLabelValues("failed").Inc()
		return nil, err
	}
	i.orders.WithLabelValues("ok").Inc()
	chain, err := i.prefer(chains)
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{Certificate: chain.ChainPEM, Metadata: chain}, nil
}

func (i *issuer) order(ctx context.Context, csr *x509.CertificateRequest) ([]acme.Certificate, error) {
	client := i.client()
	account, err := i.account(ctx, client.Client)
	if err != nil {
		return nil, err
	}
	params, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return nil, err
	}
	params.Replaces = replacedBy(ctx)
	return client.ObtainCertificate(ctx, params)
}

func (i *issuer) client() *acmez.Client {
	return &acmez.Client{
		Client: &acme.Client{
			Directory:  i.setup.cfg.Directory,
			HTTPClient: i.http,
			UserAgent:  "acsgate",
			// Traces are added from a level on that does not exist.
			Logger: slog.New(zapslog.NewHandler(i.log.Core(), zapslog.WithName(i.log.Name()), zapslog.AddStacktraceAt(127))),
		},
		ChallengeSolvers: map[string]acmez.Solver{
			acme.ChallengeTypeHTTP01:    i.book,
			acme.ChallengeTypeTLSALPN01: i.book,
		},
	}
}

// GetRenewalInfo implements certmagic.RenewalInfoGetter (RFC 9773).
func (i *issuer) GetRenewalInfo(ctx context.Context, cert certmagic.Certificate) (acme.RenewalInfo, error) {
	return i.client().GetRenewalInfo(ctx, cert.Leaf)
}

// prefer returns the chain that leads to the root of preferred_chain, else the
// CA's first.
func (i *issuer) prefer(chains []acme.Certificate) (acme.Certificate, error) {
	if len(chains) == 0 {
		return acme.Certificate{}, errors.New("the CA delivered no certificate chain")
	}
	want := i.setup.cfg.PreferredChain
	if want == "" {
		return chains[0], nil
	}
	var have []string
	for _, chain := range chains {
		root := chainRoot(chain.ChainPEM)
		if root == want {
			return chain, nil
		}
		have = append(have, root)
	}
	i.log.Error("preferred chain is not offered, the first one is used: correct tls.acme.preferred_chain",
		zap.String("preferred_chain", want), zap.Strings("offered", have))
	return chains[0], nil
}

// chainRoot returns the common name of the issuer of a chain's last
// certificate.
func chainRoot(chainPEM []byte) string {
	var name string
	for block, rest := pem.Decode(chainPEM); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			name = cert.Issuer.CommonName
		}
	}
	return name
}

func isProblem(err error, kind string) bool {
	problem, ok := errors.AsType[acme.Problem](err)
	return ok && problem.Type == kind
}

type replacedKey struct{}

// withReplaced tells Issue which certificate the next one replaces, so that
// the CA can account for it (RFC 9773 5).
func withReplaced(ctx context.Context, leaf *x509.Certificate) context.Context {
	return context.WithValue(ctx, replacedKey{}, leaf)
}

func replacedBy(ctx context.Context) *x509.Certificate {
	leaf, _ := ctx.Value(replacedKey{}).(*x509.Certificate)
	return leaf
}

// contactOf returns the contact list of an account.
func contactOf(email string) []string {
	if email == "" {
		return nil
	}
	return []string{fmt.Sprintf("mailto:%s", email)}
}
