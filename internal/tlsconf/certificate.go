package tlsconf

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"strings"
	"time"
)

// Sources of certificates, as Status and the metrics name them.
const (
	SourceStatic = "static"
	SourceACME   = "acme"
)

// certificate is one certificate that can be served. It is immutable.
type certificate struct {
	tls    *tls.Certificate // Leaf is set
	names  []string         // lower case DNS names, and the common name if it is one
	addrs  []netip.Addr
	rsa    bool
	source string
}

func newCertificate(pair *tls.Certificate, source string) *certificate {
	_, isRSA := pair.Leaf.PublicKey.(*rsa.PublicKey)
	c := &certificate{tls: pair, names: namesOf(pair.Leaf), rsa: isRSA, source: source}
	for _, ip := range pair.Leaf.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			c.addrs = append(c.addrs, addr.Unmap())
		}
	}
	return c
}

// namesOf returns the names that a client may ask for to get this certificate.
// The common name counts beside the SANs: old CPEs check it, and the private
// CAs made for them fill nothing else (quirk C-72).
func namesOf(leaf *x509.Certificate) []string {
	var names []string
	seen := make(map[string]bool)
	for _, name := range append(leaf.DNSNames[:len(leaf.DNSNames):len(leaf.DNSNames)], leaf.Subject.CommonName) {
		name = strings.ToLower(name)
		if !seen[name] && validHostname(strings.TrimPrefix(name, "*.")) {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// covers reports whether a certificate for pattern, which may be a wildcard,
// is valid for name (RFC 6125 6.4.3: one whole label).
func covers(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	return pattern == name || pattern == wildcardOf(name)
}

// wildcardOf returns the one wildcard that would cover a lower-case name, or
// "" if there is none.
func wildcardOf(name string) string {
	_, parent, ok := strings.Cut(name, ".")
	if !ok {
		return ""
	}
	return "*." + parent
}

func (c *certificate) covers(name string) bool {
	for _, n := range c.names {
		if covers(n, name) {
			return true
		}
	}
	return false
}

func (c *certificate) validAt(now time.Time) bool {
	leaf := c.tls.Leaf
	return !now.Before(leaf.NotBefore) && !now.After(leaf.NotAfter)
}

// name is how the certificate is called where there is room for one name.
func (c *certificate) name() string {
	switch {
	case len(c.names) > 0:
		return c.names[0]
	case len(c.addrs) > 0:
		return c.addrs[0].String()
	default:
		return strings.ToValidUTF8(c.tls.Leaf.Subject.String(), "?")
	}
}

// expiresSoon reports whether a certificate is so near its end that it should
// have been replaced: ACME renews with a third of the lifetime left, and an
// operator needs a month.
func (c *certificate) expiresSoon(now time.Time) bool {
	leaf := c.tls.Leaf
	warn := min(30*24*time.Hour, leaf.NotAfter.Sub(leaf.NotBefore)/6)
	return now.Add(warn).After(leaf.NotAfter)
}

// rootName is the common name of the authority that the chain leads to, as
// far as the chain tells.
func (c *certificate) rootName() string {
	chain := c.tls.Certificate
	last, err := x509.ParseCertificate(chain[len(chain)-1])
	if err != nil {
		return ""
	}
	return last.Issuer.CommonName
}

func keyKind(leaf *x509.Certificate) string {
	switch leaf.PublicKeyAlgorithm {
	case x509.RSA:
		return "rsa"
	case x509.ECDSA:
		return "ecdsa"
	case x509.Ed25519:
		return "ed25519"
	default:
		return "other"
	}
}
