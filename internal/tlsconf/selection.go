package tlsconf

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// selection finds the certificate for a client. It is immutable: a change of
// any certificate builds a new one.
type selection struct {
	byName map[string][]*certificate // exact names, wildcards as "*.parent"
	byAddr map[netip.Addr][]*certificate
	// fallback is for clients that ask for nothing we have, best group first:
	// those of default_name, then all in configured order (quirk C-70).
	fallback [][]*certificate
	all      []*certificate
}

func newSelection(all []*certificate, defaultName string) *selection {
	s := &selection{
		byName: make(map[string][]*certificate),
		byAddr: make(map[netip.Addr][]*certificate),
		all:    all,
	}
	var named []*certificate
	for _, c := range all {
		for _, name := range c.names {
			s.byName[name] = append(s.byName[name], c)
		}
		for _, addr := range c.addrs {
			s.byAddr[addr] = append(s.byAddr[addr], c)
		}
		if defaultName != "" && c.covers(defaultName) {
			named = append(named, c)
		}
	}
	s.fallback = [][]*certificate{named, all}
	return s
}

// choose returns the best certificate for the client, or nil if there is none
// at all. A certificate that the client cannot use is only returned when no
// other is left, so that the handshake fails for the true reason.
func (s *selection) choose(hello *tls.ClientHelloInfo, preferRSA bool, now time.Time) *certificate {
	if len(s.all) == 1 {
		return s.all[0]
	}
	groups := append([][]*certificate{s.named(hello.ServerName)}, s.fallback...)
	for _, group := range groups {
		if c := best(group, hello, preferRSA, now); c != nil {
			return c
		}
	}
	for _, group := range groups {
		if len(group) > 0 {
			return group[0]
		}
	}
	return nil
}

// named returns the certificates for exactly this SNI. Addresses are not
// allowed there (RFC 6066 3) but some clients send them.
func (s *selection) named(serverName string) []*certificate {
	if serverName == "" {
		return nil
	}
	if addr, err := netip.ParseAddr(strings.Trim(serverName, "[]")); err == nil {
		return s.byAddr[addr.Unmap()]
	}
	name := strings.ToLower(serverName)
	if exact := s.byName[name]; len(exact) > 0 {
		return exact
	}
	return s.byName[wildcardOf(name)]
}

// best returns the best of a group that the client supports, or nil: valid
// before expired, then of the preferred kind of key, then in order.
func best(group []*certificate, hello *tls.ClientHelloInfo, preferRSA bool, now time.Time) *certificate {
	if len(group) == 0 {
		return nil
	}
	// Whether the name fits was decided above, and a default never fits.
	nameless := *hello
	nameless.ServerName = ""
	rank := func(c *certificate) int {
		r := 0
		if !c.validAt(now) {
			r += 2
		}
		if c.rsa != preferRSA {
			r++
		}
		return r
	}
	ranked := slices.Clone(group)
	slices.SortStableFunc(ranked, func(a, b *certificate) int { return rank(a) - rank(b) })
	for _, c := range ranked {
		if nameless.SupportsCertificate(c.tls) == nil {
			return c
		}
	}
	return nil
}

// hasRSA reports whether any certificate has an RSA key.
func (s *selection) hasRSA() bool {
	return slices.ContainsFunc(s.all, func(c *certificate) bool { return c.rsa })
}
