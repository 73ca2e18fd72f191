package admin

import (
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// writeCA writes a CA's certificate and returns its path.
func writeCA(t *testing.T, ca *tlstest.CA) string {
	t.Helper()
	path, err := ca.WriteFile(t.TempDir(), "ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func issue(t *testing.T, ca *tlstest.CA, spec tlstest.Spec) (certFile, keyFile string) {
	t.Helper()
	leaf, err := ca.Issue(spec)
	if err != nil {
		t.Fatal(err)
	}
	if certFile, keyFile, err = leaf.WriteFiles(t.TempDir(), "leaf"); err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile
}

func TestTLS_ClientCertificatesStandInForTokens(t *testing.T) {
	ca, clients, strangers := tlstest.Must(tlstest.NewCA("servers")), tlstest.Must(tlstest.NewCA("clients")), tlstest.Must(tlstest.NewCA("strangers"))
	caFile, clientCA := writeCA(t, ca), writeCA(t, clients)
	certFile, keyFile := issue(t, ca, tlstest.Spec{Names: []string{"localhost"}})
	_, s := startFake(t, func(c *Config) {
		c.TLS = TLSConfig{CertFile: certFile, KeyFile: keyFile, ClientCAFile: clientCA}
		c.Tokens = append(c.Tokens,
			TokenConfig{Name: "by name", Role: RoleOperator, ClientCert: "robot"},
			TokenConfig{Name: "by mail", Role: RoleViewer, ClientCert: "noc@example.net", ScopeConfig: ScopeConfig{OUI: []string{"AABBCC"}}},
			TokenConfig{Name: "by uri", Role: RoleAdmin, ClientCert: "spiffe://example.net/noc"})
	})
	address := strings.Replace(s.Addr().String(), "127.0.0.1", "localhost", 1)
	t.Setenv(TokenVariable, "")
	client := func(from *tlstest.CA, spec tlstest.Spec) *Client {
		t.Helper()
		spec.Client = true
		cert, key := issue(t, from, spec)
		return &Client{Address: address, CAFile: caFile, CertFile: cert, KeyFile: key}
	}
	for name, c := range map[string]*Client{
		"by name": client(clients, tlstest.Spec{CommonName: "robot"}),
		"by mail": client(clients, tlstest.Spec{CommonName: "x", Emails: []string{"noc@example.net"}}),
		"by uri":  client(clients, tlstest.Spec{CommonName: "x", URIs: []string{"spiffe://example.net/noc"}}),
	} {
		if who, err := c.Whoami(t.Context()); err != nil || who.Name != name {
			t.Errorf("%s: %+v %v", name, who, err)
		}
	}
	if who, err := client(clients, tlstest.Spec{CommonName: "Robot"}).Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a certificate that is not named: %+v %v", who, err)
	}
	if _, err := client(strangers, tlstest.Spec{CommonName: "robot"}).Whoami(t.Context()); err == nil {
		t.Error("a certificate of a stranger is taken")
	}
	// A token is as good as before, and goes before the certificate.
	c := client(clients, tlstest.Spec{CommonName: "robot"})
	c.TokenFile = writeToken(t, viewerToken)
	if who, err := c.Whoami(t.Context()); err != nil || who.Name != "wall" {
		t.Errorf("%+v %v", who, err)
	}
	c.TokenFile = writeToken(t, viewerToken+"x")
	if _, err := c.Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong token beside a certificate: %v", err)
	}
	if err := (&Client{Address: address, CAFile: caFile}).Probe(t.Context(), PathReady); err != nil {
		t.Errorf("health: %v", err)
	}
	if err := (&Client{Address: "https://" + address}).Probe(t.Context(), PathReady); err == nil {
		t.Error("a CA that the system does not know is trusted")
	}
}

// TestTLS_HTTP2ReadsEvents: streams have their deadlines in HTTP/2 too.
func TestTLS_HTTP2ReadsEvents(t *testing.T) {
	ca := tlstest.Must(tlstest.NewCA("servers"))
	certFile, keyFile := issue(t, ca, tlstest.Spec{Names: []string{"localhost"}})
	f, s := startFake(t, func(c *Config) { c.TLS = TLSConfig{CertFile: certFile, KeyFile: keyFile} })
	publishAll(f)
	_, port, _ := strings.Cut(s.Addr().String(), ":")
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost:"+port+PathAPI+"events?kinds=session", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + adminToken}, "Last-Event-Id": {"1"}, "Accept-Encoding": {"identity"}}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	end, seen := errors.New("the end"), 0
	err = readEvents(response.Body, func(e StreamEvent) error {
		if seen++; strings.Contains(string(e.JSON), "the end") {
			return end
		}
		return nil
	})
	if !errors.Is(err, end) || seen < len(fakeDevices()) || response.ProtoMajor != 2 || response.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%d events over %s: %v", seen, response.Proto, err)
	}
}

func TestKeyPair_IsReadAgain(t *testing.T) {
	ca := tlstest.Must(tlstest.NewCA("ca"))
	certFile, keyFile := issue(t, ca, tlstest.Spec{Names: []string{"one"}})
	core, logs := observer.New(zapcore.ErrorLevel)
	p := &keyPair{certFile: certFile, keyFile: keyFile, log: zap.New(core)}
	if err := p.read(); err != nil {
		t.Fatal(err)
	}
	name := func() string {
		t.Helper()
		c, err := p.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	at := time.Now()
	replace := func(cert, key []byte) {
		t.Helper()
		at = at.Add(time.Hour)
		for path, data := range map[string][]byte{keyFile: key, certFile: cert} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(certFile, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if got := name(); got != "one" {
		t.Errorf("%q", got)
	}
	replace([]byte("nonsense"), []byte("nonsense"))
	if got := name(); got != "one" || name() != "one" || logs.Len() != 1 {
		t.Errorf("%q, %d lines", got, logs.Len())
	}
	leaf := tlstest.Must(ca.Issue(tlstest.Spec{Names: []string{"two"}}))
	replace(leaf.CertPEM(), tlstest.Must(leaf.KeyPEM()))
	if got := name(); got != "two" {
		t.Errorf("%q", got)
	}
}
