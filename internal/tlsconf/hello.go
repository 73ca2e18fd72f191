package tlsconf

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Hello is what a client offered when it began a handshake (quirk C-77).
type Hello struct {
	ServerName   string
	Versions     []uint16
	CipherSuites []uint16
	Protocols    []string // of ALPN
}

// versionSSL3 has no name in crypto/tls that may be used.
const versionSSL3 = 0x0300

type helloKey struct{}

// WatchHello returns a context for HandshakeContext, and where the client's
// offer is found once the handshake has ended; it stays empty if the client
// sent none.
func WatchHello(ctx context.Context) (context.Context, *Hello) {
	h := new(Hello)
	return context.WithValue(ctx, helloKey{}, h), h
}

func noteHello(info *tls.ClientHelloInfo) {
	h, ok := info.Context().Value(helloKey{}).(*Hello)
	if !ok {
		return
	}
	*h = Hello{
		ServerName:   info.ServerName,
		Versions:     info.SupportedVersions,
		CipherSuites: info.CipherSuites,
		Protocols:    info.SupportedProtos,
	}
}

// String describes the offer in one short line.
func (h *Hello) String() string {
	if h == nil || len(h.Versions) == 0 {
		return "nothing"
	}
	name := "no SNI"
	if h.ServerName != "" {
		name = fmt.Sprintf("SNI %.64q", h.ServerName)
	}
	return fmt.Sprintf("%s, %s, ciphers %s", versionRange(h.Versions), name, cipherList(h.CipherSuites))
}

func versionRange(versions []uint16) string {
	known := slices.DeleteFunc(slices.Clone(versions), func(v uint16) bool { return v < versionSSL3 || v > tls.VersionTLS13 })
	if len(known) == 0 {
		return "no known version"
	}
	low, high := tls.VersionName(slices.Min(known)), tls.VersionName(slices.Max(known))
	if low == high {
		return low
	}
	return low + " to " + high
}

// cipherList writes suites as the hexadecimal numbers of the registry.
func cipherList(suites []uint16) string {
	const most = 24
	var parts []string
	for i, s := range suites {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(suites)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%04x", s))
	}
	return strings.Join(parts, " ")
}
