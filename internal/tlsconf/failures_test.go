package tlsconf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
)

var errCipher = errors.New("tls: no cipher suite supported by both client and server; client offered: [5]")

func TestC77_WatchHello(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	server := listenTLS(t, m, ListenerConfig{})
	ctx, offered := WatchHello(t.Context())
	if offered.String() != "nothing" {
		t.Errorf("before the handshake: %s", offered)
	}
	client := trusting("acs.example")
	client.MinVersion, client.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
	client.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
	h := shakeWith(ctx, t, server, clientOf(client))
	if HandshakeReason(h.serverErr) != ReasonNoSharedCipher {
		t.Fatalf("server: %v", h.serverErr)
	}
	if got, want := offered.String(), `TLS 1.0 to TLS 1.2, SNI "acs.example", ciphers 002f 000a`; got != want {
		t.Errorf("offered %s, want %s", got, want)
	}
}

func TestC77_HelloStaysShort(t *testing.T) {
	h := &Hello{ServerName: strings.Repeat("x", 60_000), Versions: []uint16{0x0a0a, tls.VersionTLS12}, CipherSuites: make([]uint16, 30_000)}
	if got := h.String(); len(got) > 400 || !strings.Contains(got, "and 29976 more") || !strings.HasPrefix(got, "TLS 1.2, SNI") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := (&Hello{Versions: []uint16{0x0a0a}}).String(); !strings.HasPrefix(got, "no known version, no SNI") {
		t.Error(got)
	}
	if got := (*Hello)(nil).String(); got != "nothing" {
		t.Error(got)
	}
}

func TestC77_FailuresAreGathered(t *testing.T) {
	m, logs := newTestManager(t, Config{})
	offered := &Hello{Versions: []uint16{tls.VersionTLS10}, CipherSuites: []uint16{5}}
	for i := range 100 {
		m.NoteFailure("cpe", netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), offered, errCipher)
	}
	m.NoteFailure("cpe", netip.MustParseAddr("2001:db8:1:2::3%eth0"), offered, errCipher)
	m.NoteFailure("cpe", netip.Addr{}, nil, errCipher)
	m.NoteFailure("cpe", netip.MustParseAddr("198.51.100.1"), nil, io.EOF) // what scanners do
	m.failures.flush()

	lines := logs.FilterMessage("tls handshakes failed").All()
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	got := lines[0].ContextMap()
	if got["count"] != int64(100) || got["source"] != "192.0.2.0/24" || got["reason"] != ReasonNoSharedCipher ||
		got["listener"] != "cpe" || got["offered"] != "TLS 1.0, no SNI, ciphers 0005" {
		t.Errorf("line %v", got)
	}
	m.failures.flush()
	if n := logs.FilterMessage("tls handshakes failed").Len(); n != 3 {
		t.Error("reported twice")
	}
}

func TestC77_FailuresAreBounded(t *testing.T) {
	m, logs := newTestManager(t, Config{})
	for i := range 10_000 {
		offered := &Hello{Versions: []uint16{tls.VersionTLS10}, ServerName: fmt.Sprint(i)}
		m.NoteFailure("cpe", netip.MustParseAddr("192.0.2.1"), offered, errCipher)
	}
	if n := len(m.failures.kinds); n != maxFailureKinds {
		t.Errorf("%d kinds are remembered", n)
	}
	m.failures.flush()
	rest := logs.FilterMessage("tls handshakes failed for other reasons or sources").All()
	if logs.Len() != maxFailureLines+1 || len(rest) != 1 || rest[0].ContextMap()["count"] != int64(10_000-maxFailureLines) {
		t.Errorf("%d lines, rest %v", logs.Len(), rest)
	}
}
