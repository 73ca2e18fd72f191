package tlsconf

import (
	"crypto/rsa"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

var acsRSA = tlstest.Spec{Names: []string{"acs.example"}, RSA: true}

func TestC71_ProfilesAcceptTheirVersions(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	tests := []struct {
		profile string
		version uint16
		ok      bool
	}{
		{ProfileModern, tls.VersionTLS10, false},
		{ProfileModern, tls.VersionTLS11, false},
		{ProfileModern, tls.VersionTLS12, true},
		{ProfileModern, tls.VersionTLS13, true},
		{ProfileLegacy, tls.VersionTLS10, true},
		{ProfileLegacy, tls.VersionTLS11, true},
		{ProfileLegacy, tls.VersionTLS12, true},
		{ProfileLegacy, tls.VersionTLS13, true},
	}
	for _, tt := range tests {
		t.Run(tt.profile+" "+tls.VersionName(tt.version), func(t *testing.T) {
			client := trusting("acs.example")
			client.MinVersion, client.MaxVersion = tt.version, tt.version
			h := shake(t, listenTLS(t, m, ListenerConfig{Profile: tt.profile}), client)
			if (h.serverErr == nil) != tt.ok {
				t.Fatalf("server: %v, want ok %v", h.serverErr, tt.ok)
			}
			if tt.ok && (h.clientErr != nil || h.client.Version != tt.version) {
				t.Errorf("client: %v, version %x", h.clientErr, h.client.Version)
			}
		})
	}
}

func TestC71_ProfilesAcceptTheirSuites(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	tests := []struct {
		name     string
		listener ListenerConfig
		suite    uint16
		ok       bool
	}{
		{"modern, ecdhe gcm", ListenerConfig{}, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, true},
		{"modern, rsa kx", ListenerConfig{}, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, false},
		{"modern, rsa kx cbc", ListenerConfig{}, tls.TLS_RSA_WITH_AES_128_CBC_SHA, false},
		{"legacy, rsa kx cbc", ListenerConfig{Profile: ProfileLegacy}, tls.TLS_RSA_WITH_AES_128_CBC_SHA, true},
		{"legacy, rsa kx cbc 256", ListenerConfig{Profile: ProfileLegacy}, tls.TLS_RSA_WITH_AES_256_CBC_SHA, true},
		{"legacy, ecdhe cbc", ListenerConfig{Profile: ProfileLegacy}, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, true},
		{"legacy, 3des", ListenerConfig{Profile: ProfileLegacy}, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, false},
		{"legacy, 3des by option", ListenerConfig{Profile: ProfileLegacy, TripleDES: true}, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, true},
		{"legacy, rc4", ListenerConfig{Profile: ProfileLegacy, TripleDES: true}, tls.TLS_RSA_WITH_RC4_128_SHA, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := trusting("acs.example")
			client.MaxVersion = tls.VersionTLS12
			client.CipherSuites = []uint16{tt.suite}
			h := shake(t, listenTLS(t, m, tt.listener), client)
			if (h.serverErr == nil) != tt.ok {
				t.Fatalf("server: %v, want ok %v", h.serverErr, tt.ok)
			}
			if tt.ok && h.server.CipherSuite != tt.suite {
				t.Errorf("suite %s", tls.CipherSuiteName(h.server.CipherSuite))
			}
		})
	}
}

// TestC71_ProfilesDoNotDependOnGODEBUG holds the profiles against the settings
// that widen and narrow Go's defaults.
func TestC71_ProfilesDoNotDependOnGODEBUG(t *testing.T) {
	t.Setenv("GODEBUG", "tls10server=1,tlsrsakex=1,tls3des=1")
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	client := trusting("acs.example")
	client.MinVersion, client.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
	client.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	if h := shake(t, listenTLS(t, m, ListenerConfig{}), client); HandshakeReason(h.serverErr) != ReasonNoSharedCipher {
		t.Errorf("modern with RSA key exchange: %v", h.serverErr)
	}
	client.MaxVersion = tls.VersionTLS11
	if h := shake(t, listenTLS(t, m, ListenerConfig{}), client); HandshakeReason(h.serverErr) != ReasonOldVersion {
		t.Errorf("modern with TLS 1.1: %v", h.serverErr)
	}
}

func TestC71_LegacyPrefersRSA(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{
		certFiles(t, tlstest.Spec{Names: []string{"acs.example"}}),
		certFiles(t, acsRSA),
	}})
	for profile, wantRSA := range map[string]bool{ProfileModern: false, ProfileLegacy: true} {
		h := shake(t, listenTLS(t, m, ListenerConfig{Profile: profile}), trusting("acs.example"))
		if h.clientErr != nil {
			t.Fatalf("%s: %v", profile, h.clientErr)
		}
		if _, isRSA := h.client.PeerCertificates[0].PublicKey.(*rsa.PublicKey); isRSA != wantRSA {
			t.Errorf("%s: serves %T", profile, h.client.PeerCertificates[0].PublicKey)
		}
	}
}

func TestC71_LegacyWithoutRSAWarns(t *testing.T) {
	ecdsa := certFiles(t, tlstest.Spec{Names: []string{"acs.example"}})
	m, logs := newTestManager(t, Config{Certificates: []CertConfig{ecdsa}})
	const warning = "no certificate has an RSA key"
	count := func() (n int) {
		for _, e := range logs.All() {
			if strings.HasPrefix(e.Message, warning) {
				n++
			}
		}
		return n
	}
	listenTLS(t, m, ListenerConfig{})
	if count() != 0 {
		t.Error("warned without a legacy listener")
	}
	listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	if count() != 1 {
		t.Errorf("%d warnings, want 1", count())
	}
	for _, certs := range [][]CertConfig{{ecdsa, certFiles(t, acsRSA)}, {ecdsa}} {
		if err := m.Reload(Config{Certificates: certs}); err != nil {
			t.Fatal(err)
		}
	}
	if count() != 2 {
		t.Errorf("%d warnings after the RSA certificate came and went, want 2", count())
	}
}

func TestC76_ALPN(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	server := listenTLS(t, m, ListenerConfig{})
	for name, tt := range map[string]struct {
		offer []string
		want  string
	}{
		"none":         {nil, ""},
		"http/1.1":     {[]string{"http/1.1"}, "http/1.1"},
		"h2 first":     {[]string{"h2", "http/1.1"}, "http/1.1"},
		"h2 alone":     {[]string{"h2"}, ""},
		"odd":          {[]string{"http/1.0", "cwmp"}, ""},
		"no challenge": {[]string{"acme-tls/1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := trusting("acs.example")
			client.NextProtos = tt.offer
			h := shake(t, server, client)
			if h.clientErr != nil || h.client.NegotiatedProtocol != tt.want {
				t.Errorf("protocol %q, %v; want %q", h.client.NegotiatedProtocol, h.clientErr, tt.want)
			}
		})
	}
}

func TestC76_SessionTicketsResume(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	server := listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		client := trusting("acs.example")
		client.MinVersion, client.MaxVersion = version, version
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		client.NextProtos = []string{"http/1.1"}
		for i, want := range []bool{false, true} {
			if h := shake(t, server, client); h.clientErr != nil || h.server.DidResume != want {
				t.Errorf("%s, handshake %d: resumed %v, %v", tls.VersionName(version), i+1, h.server.DidResume, h.clientErr)
			}
		}
	}
}

// oldHello builds the ClientHello of a stack that crypto/tls cannot play.
type oldHello struct {
	version    uint16
	suites     []uint16
	serverName string
	signatures []byte // the extension's content, nil to leave it out
}

func (o oldHello) bytes() []byte {
	u16 := func(n int) []byte { return []byte{byte(n >> 8), byte(n)} }
	ext := func(id int, body []byte) []byte { return append(append(u16(id), u16(len(body))...), body...) }
	var exts []byte
	if o.serverName != "" {
		name := append(append([]byte{0}, u16(len(o.serverName))...), o.serverName...)
		exts = append(exts, ext(0, append(u16(len(name)), name...))...)
	}
	exts = append(exts, ext(10, []byte{0, 2, 0, 23})...) // P-256
	exts = append(exts, ext(11, []byte{1, 0})...)        // uncompressed points
	if o.signatures != nil {
		exts = append(exts, ext(13, append(u16(len(o.signatures)), o.signatures...))...)
	}
	body := append(u16(int(o.version)), make([]byte, 32)...)
	body = append(body, 0)
	body = append(body, u16(2*len(o.suites))...)
	for _, s := range o.suites {
		body = append(body, u16(int(s))...)
	}
	body = append(body, 1, 0)
	body = append(append(body, u16(len(exts))...), exts...)
	msg := append([]byte{1, 0}, append(u16(len(body)), body...)...)
	return append(append([]byte{22, 3, 1}, u16(len(msg))...), msg...)
}

// answer sends the hello and returns the version and suite of the ServerHello,
// or the alert.
func (o oldHello) answer(t *testing.T, server *tls.Config) (version, suite uint16, alert byte) {
	t.Helper()
	shakeWith(t.Context(), t, server, func(conn net.Conn) (tls.ConnectionState, error) {
		if _, err := conn.Write(o.bytes()); err != nil {
			return tls.ConnectionState{}, err
		}
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil || n < 7 {
			t.Errorf("read %d bytes: %v", n, err)
			return tls.ConnectionState{}, err
		}
		if buf[0] == 21 {
			alert = buf[6]
			return tls.ConnectionState{}, nil
		}
		hello := buf[9:]
		version = uint16(hello[0])<<8 | uint16(hello[1])
		after := 35 + int(hello[34])
		suite = uint16(hello[after])<<8 | uint16(hello[after+1])
		return tls.ConnectionState{}, nil
	})
	return version, suite, alert
}

// TestC71_ClientsThatOnlyKnowSHA1 meets TLS 1.2 stacks from before SHA-2
// signatures, for which crypto/tls no longer signs in TLS 1.2.
func TestC71_ClientsThatOnlyKnowSHA1(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	legacy := listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	clientAuth := listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy, ClientAuth: ClientAuthIfGiven, ClientCAFile: caFile(t)})
	const ecdhe, rsaKx = tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA
	sha1 := []byte{2, 1, 2, 2, 2, 3, 1, 1} // SHA-1 with RSA, DSA, ECDSA; MD5 with RSA
	tests := []struct {
		name           string
		server         *tls.Config
		hello          oldHello
		version, suite uint16
	}{
		{"no list, rsa kx offered", legacy, oldHello{version: tls.VersionTLS12, suites: []uint16{ecdhe, rsaKx}}, tls.VersionTLS12, rsaKx},
		{"sha1 list, rsa kx offered", legacy, oldHello{version: tls.VersionTLS12, suites: []uint16{ecdhe, rsaKx}, signatures: sha1}, tls.VersionTLS12, rsaKx},
		{"sha1 list, ecdhe only", legacy, oldHello{version: tls.VersionTLS12, suites: []uint16{ecdhe}, signatures: sha1}, tls.VersionTLS11, ecdhe},
		{"sha1 list, client signs too", clientAuth, oldHello{version: tls.VersionTLS12, suites: []uint16{ecdhe, rsaKx}, signatures: sha1}, tls.VersionTLS11, ecdhe},
		{"sha2 list", legacy, oldHello{version: tls.VersionTLS12, suites: []uint16{ecdhe, rsaKx}, signatures: append(sha1, 4, 1)}, tls.VersionTLS12, ecdhe},
		{"tls 1.0", legacy, oldHello{version: tls.VersionTLS10, suites: []uint16{ecdhe, rsaKx}}, tls.VersionTLS10, ecdhe},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			version, suite, alert := tt.hello.answer(t, tt.server)
			if version != tt.version || suite != tt.suite {
				t.Errorf("%s with %s, alert %d; want %s with %s", tls.VersionName(version), tls.CipherSuiteName(suite),
					alert, tls.VersionName(tt.version), tls.CipherSuiteName(tt.suite))
			}
		})
	}
}

func TestListenerWithoutCertificate(t *testing.T) {
	m, _ := newTestManager(t, Config{})
	cfg := ListenerConfig{}
	cfg.SetDefaults()
	if _, err := m.Listener(cfg); err == nil || !strings.Contains(err.Error(), "add tls.certificates or tls.acme") {
		t.Errorf("error %v", err)
	}
	cfg.ClientAuth, cfg.ClientCAFile = ClientAuthRequired, "/nonexistent/ca.crt"
	if _, err := m.Listener(cfg); err == nil || !strings.Contains(err.Error(), "client_ca_file") {
		t.Errorf("error %v", err)
	}
}

// TestHandshakesDuringReloads is for the race detector.
func TestHandshakesDuringReloads(t *testing.T) {
	one, two := certFiles(t, acsRSA), certFiles(t, tlstest.Spec{Names: []string{"acs.example"}})
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{one}})
	server := listenTLS(t, m, ListenerConfig{ClientAuth: ClientAuthIfGiven, ClientCAFile: caFile(t)})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := m.Reload(Config{Certificates: []CertConfig{one, two}[i%2:]}); err != nil {
				t.Errorf("reload: %v", err)
			}
			m.refreshFiles()
			m.Status()
		}
	})
	for range 50 {
		if h := shake(t, server, trusting("acs.example")); h.clientErr != nil {
			t.Errorf("client: %v", h.clientErr)
		}
	}
	close(stop)
	wg.Wait()
}
