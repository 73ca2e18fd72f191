package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Authenticator knows who may use the API. It is safe for concurrent use.
type Authenticator struct {
	entries []entry
	logins  *logins
	refused prometheus.Counter // logins; nil until New
}

// entry is one of `admin.tokens`. Only the hash of a token is kept.
type entry struct {
	Identity
	hash        [sha256.Size]byte
	certificate string // "" where a token proves it
}

// NewAuthenticator reads the tokens of a configuration that was validated.
func NewAuthenticator(c *Config) (*Authenticator, error) {
	a := &Authenticator{logins: newLogins()}
	for i := range c.Tokens {
		t := &c.Tokens[i]
		hash, err := t.hash()
		if err != nil {
			return nil, fmt.Errorf("admin.tokens[%d]: %w", i, err)
		}
		e := entry{Identity: Identity{Name: t.Name, Role: t.Role, Scope: t.scope("")}, hash: hash, certificate: t.ClientCert}
		if t.Tenant != "" {
			at := slices.IndexFunc(c.Tenants, func(x TenantConfig) bool { return x.Name == t.Tenant })
			if at < 0 || c.Tenants[at].empty() {
				return nil, fmt.Errorf("admin.tokens[%d].tenant: %q is none of admin.tenants that names devices", i, t.Tenant)
			}
			e.Scope = c.Tenants[at].scope(t.Tenant)
		}
		a.entries = append(a.entries, e)
	}
	return a, nil
}

// Empty tells whether nobody may use the API.
func (a *Authenticator) Empty() bool { return len(a.entries) == 0 }

// Token returns whose token a text is. Every token is compared, so that the time
// tells nothing. It limits nothing: Login does.
func (a *Authenticator) Token(text string) (found Identity, ok bool) {
	hash := sha256.Sum256([]byte(text))
	for i := range a.entries {
		e := &a.entries[i]
		if e.certificate == "" && subtle.ConstantTimeCompare(hash[:], e.hash[:]) == 1 {
			found, ok = e.Identity, true
		}
	}
	return found, ok
}

// Certificate returns whose client certificate one is. That it was verified is the
// caller's to see to.
func (a *Authenticator) Certificate(c *x509.Certificate) (Identity, bool) {
	names := slices.Concat([]string{c.Subject.CommonName}, c.DNSNames, c.EmailAddresses)
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	for i := range a.entries {
		if e := &a.entries[i]; e.certificate != "" && slices.Contains(names, e.certificate) {
			return e.Identity, true
		}
	}
	return Identity{}, false
}
