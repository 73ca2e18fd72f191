package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// VerifyDevice checks that the client certificate of a connection is that of
// the device which the Inform names (quirks C-54, C-75). It returns nil on
// listeners that ask for none, and where none was given but none was required.
// The error says what the certificate says and what was expected; the session
// must be refused.
//
// The parts of the identity are compared as they are and percent-encoded as in
// TR-069 3.4.4. As they are, hyphens within a part cannot be told from those
// of the template, so a certificate may prove more than one way to divide it.
func (m *Manager) VerifyDevice(l ListenerConfig, state tls.ConnectionState, id cwmp.DeviceID) error {
	if !l.asksClient() {
		return nil
	}
	if len(state.PeerCertificates) == 0 {
		if l.ClientAuth == ClientAuthIfGiven {
			return nil
		}
		return errors.New("client certificate is missing")
	}
	l.SetDefaults()
	template, err := parseIdentity(l.ClientIdentity)
	if err != nil {
		return fmt.Errorf("client_identity %q %w", l.ClientIdentity, err)
	}
	return template.verify(state.PeerCertificates[0], id)
}

// identity is a parsed client_identity: alternatives, each a list of pieces.
type identity []alternative

type alternative []piece

// piece is literal text, or a part of the device's identity.
type piece struct {
	literal string
	part    func(cwmp.DeviceID) string
}

var identityParts = map[string]func(cwmp.DeviceID) string{
	"oui":           func(id cwmp.DeviceID) string { return id.OUI },
	"product_class": func(id cwmp.DeviceID) string { return id.ProductClass },
	"serial":        func(id cwmp.DeviceID) string { return id.SerialNumber },
}

// parseIdentity parses a template. The error continues a sentence about it.
func parseIdentity(template string) (identity, error) {
	var all identity
	for text := range strings.SplitSeq(template, "|") {
		a, err := parseAlternative(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func parseAlternative(text string) (alternative, error) {
	if !strings.Contains(text, "{serial}") {
		return nil, errors.New("does not contain {serial}: without it every device would match")
	}
	var a alternative
	for text != "" {
		before, rest, open := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return nil, errors.New("has a } without {: write placeholders as {oui}, {product_class}, {serial}")
		}
		a = append(a, piece{literal: before})
		if !open {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		part := identityParts[name]
		if !closed || part == nil {
			return nil, fmt.Errorf("has an unknown placeholder {%s}: use {oui}, {product_class}, {serial}", name)
		}
		a = append(a, piece{part: part})
		text = after
	}
	return a, nil
}

// verify returns nil if the certificate says what one of the alternatives
// comes to for the device.
func (t identity) verify(cert *x509.Certificate, id cwmp.DeviceID) error {
	said := identitiesOf(cert)
	var expected []string
	for _, a := range t {
		expected = append(expected, a.expand(id)...)
	}
	for _, want := range expected {
		if slices.ContainsFunc(said, func(s string) bool { return asciiLower(s) == asciiLower(want) }) {
			return nil
		}
	}
	if len(expected) == 0 {
		return fmt.Errorf("client certificate cannot be compared: device %s lacks a part that client_identity needs", id.String())
	}
	return fmt.Errorf("client certificate is for %s, expected %s", quoted(said), quoted(expected))
}

// expand returns what the certificate may say: the parts as they are and, if
// that differs, percent-encoded. It is empty if the device lacks a part.
func (a alternative) expand(id cwmp.DeviceID) []string {
	var raw, encoded strings.Builder
	for _, p := range a {
		text := p.literal
		if p.part != nil {
			if text = p.part(id); text == "" {
				return nil
			}
			encoded.WriteString(percentEncode(text))
		} else {
			encoded.WriteString(text)
		}
		raw.WriteString(text)
	}
	if raw.String() == encoded.String() {
		return []string{raw.String()}
	}
	return []string{raw.String(), encoded.String()}
}

// identitiesOf returns all that a certificate says about whose it is.
func identitiesOf(cert *x509.Certificate) []string {
	var all []string
	if cert.Subject.CommonName != "" {
		all = append(all, cert.Subject.CommonName)
	}
	all = append(all, cert.DNSNames...)
	for _, u := range cert.URIs {
		all = append(all, u.String())
	}
	return append(all, cert.EmailAddresses...)
}

// percentEncode encodes every byte but letters, digits, ".", "_" and "~", so
// that the hyphens of the template stand out (TR-069 3.4.4).
func percentEncode(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if isAlnum(c) || c == '.' || c == '_' || c == '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// asciiLower leaves all but A-Z alone: Unicode folding would let other letters
// pass for them.
func asciiLower(s string) string {
	lower := []byte(s)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}

// quoted lists what strangers wrote, a few and not too long.
func quoted(values []string) string {
	const most, longest = 4, 100
	if len(values) == 0 {
		return "nobody"
	}
	var parts []string
	for i, v := range values {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(values)-most))
			break
		}
		if len(v) > longest {
			v = v[:longest] + "..."
		}
		parts = append(parts, fmt.Sprintf("%q", v))
	}
	return strings.Join(parts, " or ")
}
