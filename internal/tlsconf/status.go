package tlsconf

import (
	"time"

	"go.uber.org/zap"
)

// States of a certificate.
const (
	StateOK       = "ok"
	StateExpiring = "expiring" // it should have been replaced by now
	StateExpired  = "expired"
	StateMissing  = "missing" // ACME has not delivered it yet
)

// CertStatus is what there is to know of one certificate.
type CertStatus struct {
	Name      string   // the first of Names; of a missing one what was asked for
	Names     []string // what it is served for
	Source    string   // "static" or "acme"
	File      string   // of a static one
	Key       string   // "rsa", "ecdsa" or "ed25519"; empty when missing
	Issuer    string   // common name of the issuer
	Root      string   // common name of the issuer of the last certificate of the chain
	NotBefore time.Time
	NotAfter  time.Time
	State     string
	LastError string // why it could not be replaced or obtained; empty when all is well
}

// Status returns the state of all certificates: the static ones in configured
// order, then those of ACME.
func (m *Manager) Status() []CertStatus {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []CertStatus
	for _, p := range m.static {
		s := p.current.status(now)
		s.File = p.files.CertFile
		s.setError(p.err)
		all = append(all, s)
	}
	for _, g := range m.managed {
		s := CertStatus{Name: g.name, Names: []string{g.name}, Source: SourceACME, State: StateMissing}
		if g.current != nil {
			s = g.current.status(now)
		}
		s.setError(g.err)
		all = append(all, s)
	}
	return all
}

func (s *CertStatus) setError(err error) {
	if err != nil {
		s.LastError = err.Error()
	}
}

func (c *certificate) status(now time.Time) CertStatus {
	leaf := c.tls.Leaf
	s := CertStatus{
		Name:      c.name(),
		Names:     c.names,
		Source:    c.source,
		Key:       keyKind(leaf),
		Issuer:    leaf.Issuer.CommonName,
		Root:      c.rootName(),
		NotBefore: leaf.NotBefore,
		NotAfter:  leaf.NotAfter,
		State:     StateOK,
	}
	for _, addr := range c.addrs {
		s.Names = append(s.Names[:len(s.Names):len(s.Names)], addr.String())
	}
	switch {
	case now.After(leaf.NotAfter):
		s.State = StateExpired
	case c.expiresSoon(now):
		s.State = StateExpiring
	}
	return s
}

// warnExpiry logs once when a certificate comes near its end, and once when it
// is past it.
func (m *Manager) warnExpiry() {
	for _, s := range m.Status() {
		if s.State == StateMissing || !m.changed(s.Source+" "+s.File+" "+s.Name, s.State) {
			continue
		}
		fields := []zap.Field{
			zap.String("certificate", s.Name), zap.String("source", s.Source),
			zap.String("file", s.File), zap.Time("not_after", s.NotAfter),
		}
		switch s.State {
		case StateExpired:
			m.log.Error("certificate has expired: CPEs that know the time refuse it", fields...)
		case StateExpiring:
			m.log.Warn("certificate expires soon", fields...)
		}
	}
}

// warnLegacy says once that old CPEs cannot be served.
func (m *Manager) warnLegacy() {
	s := m.selection.Load()
	state := "fine"
	if m.legacy.Load() && len(s.all) > 0 && !s.hasRSA() {
		state = "no rsa"
	}
	if m.changed("legacy", state) && state != "fine" {
		m.log.Warn("no certificate has an RSA key: old CPEs on legacy-cpe listeners cannot connect; " +
			"add an RSA certificate or set tls.acme.key_type to rsa2048")
	}
}

// changed remembers the state of a thing and says whether it is news.
func (m *Manager) changed(thing, state string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.warned[thing] == state {
		return false
	}
	m.warned[thing] = state
	return true
}
