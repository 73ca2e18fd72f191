package tlsconf

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

const month = 30 * 24 * 3600 // seconds

// closedPort is a port where nobody answers.
const closedPort = 1

// acmeManager makes a manager that hurries.
func acmeManager(t *testing.T, cfg Config, s store.Store) (*Manager, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	m, err := New(cfg, Deps{Store: s, Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	m.pace = pace{poll: time.Hour, report: time.Hour, check: 50 * time.Millisecond, retry: []time.Duration{50 * time.Millisecond}}
	return m, logs
}

// plainListener is a plain CPE listener: it answers challenges and nothing
// else.
func plainListener(t *testing.T, m *Manager) (port int) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := m.Challenge(r.Host, r.URL.Path)
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return portOf(server.Listener)
}

// tlsListener is a CPE listener that shakes hands and says one byte.
func tlsListener(t *testing.T, settings *tls.Config) (port int) {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", settings)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = conn.Write([]byte{0})
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
	return portOf(ln)
}

func portOf(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// obtained waits until a name has another certificate than before.
func obtained(t *testing.T, m *Manager, before *certificate) *certificate {
	t.Helper()
	var got *certificate
	eventually(t, "a certificate by ACME", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		got = m.managed[0].current
		return got != nil && got != before && (before == nil || !got.tls.Leaf.Equal(before.tls.Leaf))
	})
	return got
}

func (p *pebble) config() *ACMEConfig {
	return &ACMEConfig{Names: []string{"Acs.example"}, Email: "noc@isp.example", Directory: p.directory, RootCAFile: p.rootFile}
}

// verifies shakes hands as a CPE that trusts Pebble alone.
func (p *pebble) verifies(t *testing.T, server *tls.Config) *tls.ConnectionState {
	t.Helper()
	h := shake(t, server, &tls.Config{RootCAs: p.pool(), ServerName: "acs.example"})
	if h.clientErr != nil {
		t.Fatalf("a client that trusts the CA: %v", h.clientErr)
	}
	return &h.client
}

func TestACME_HTTP01AndRestart(t *testing.T) {
	p := newPebble(t)
	backend := memstore.New(time.Now)
	m, logs := acmeManager(t, Config{ACME: p.config()}, backend)
	p.up(plainListener(t, m), closedPort, month)
	server := listenTLS(t, m, ListenerConfig{})
	stop := runManager(t, m)
	first := obtained(t, m, nil)
	p.verifies(t, server)
	stop()

	if n := logs.FilterLevelExact(zapcore.ErrorLevel).Len(); n != 0 {
		t.Errorf("%d errors: %v", n, logs.All())
	}
	key := storagePrefix + certmagic.StorageKeys.SitePrivateKey(m.acme.issuerKey, "acs.example")
	if entry, err := backend.Get(t.Context(), key); err != nil || !strings.Contains(string(entry.Value), "EC PRIVATE KEY") {
		t.Errorf("key in the store: %v", err)
	}
	if s := m.Status()[0]; s.State != StateOK || s.Source != "acme" || s.Name != "acs.example" || s.LastError != "" {
		t.Errorf("status %+v", s)
	}

	// The next process serves the same certificate before it runs, and orders
	// nothing when it does.
	orders := p.orders.Load()
	again, _ := acmeManager(t, Config{ACME: p.config()}, backend)
	server = listenTLS(t, again, ListenerConfig{})
	if !p.verifies(t, server).PeerCertificates[0].Equal(first.tls.Leaf) {
		t.Error("another certificate is served after the restart")
	}
	loaded := again.managed[0]
	stop = runManager(t, again)
	eventually(t, "several looks at the certificate", func() bool {
		again.mu.Lock()
		defer again.mu.Unlock()
		return again.managed[0] != loaded
	})
	time.Sleep(5 * again.pace.check)
	stop()
	if p.orders.Load() != orders || orders < 1 || orders > 2 { // a second one when TLS-ALPN-01 is tried first
		t.Errorf("%d orders, %d before the restart", p.orders.Load(), orders)
	}
	if n := p.accounts.Load(); n != 1 {
		t.Errorf("%d accounts", n)
	}
	left := 0
	_ = backend.Scan(t.Context(), challengePrefix, func(store.Entry) error { left++; return nil })
	if left > 0 || len(m.book.open) > 0 {
		t.Errorf("%d challenges left in the store, %d in memory", left, len(m.book.open))
	}
}

// TestACME_TLSALPN01AfterAnOutage starts while the CA is down: the static
// certificate is served until the CA is back.
func TestACME_TLSALPN01AfterAnOutage(t *testing.T) {
	p := newPebble(t)
	cfg := p.config()
	cfg.KeyType = "rsa2048"
	m, logs := acmeManager(t, Config{
		ACME:         cfg,
		DefaultName:  "static.example",
		Certificates: []CertConfig{certFiles(t, tlstest.Spec{Names: []string{"static.example"}, RSA: true})},
	}, memstore.New(time.Now))
	server := listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	port := tlsListener(t, server)
	stop := runManager(t, m)
	const failed = "certificate cannot be obtained: the CA must reach port 80 or 443 of the name at this gateway"
	eventually(t, "failed attempts", func() bool { return logs.FilterMessage(failed).Len() >= 2 })
	client := trusting("acs.example")
	client.InsecureSkipVerify = true
	if h := shake(t, server, client); h.clientErr != nil || h.client.PeerCertificates[0].Subject.CommonName != "static.example" {
		t.Errorf("while the CA is down: %v", h.clientErr)
	}
	if s := m.Status()[1]; s.State != StateMissing || s.LastError == "" {
		t.Errorf("status %+v", s)
	}

	p.up(closedPort, port, month)
	obtained(t, m, nil)
	state := p.verifies(t, server)
	if _, isRSA := state.PeerCertificates[0].PublicKey.(*rsa.PublicKey); !isRSA {
		t.Errorf("key is %T", state.PeerCertificates[0].PublicKey)
	}
	stop()
	if s := m.Status()[1]; s.State != StateOK || s.LastError != "" {
		t.Errorf("status %+v", s)
	}
}

func TestACME_RenewsShortLivedCertificate(t *testing.T) {
	p := newPebble(t)
	m, _ := acmeManager(t, Config{ACME: p.config()}, memstore.New(time.Now))
	p.up(plainListener(t, m), closedPort, 5)
	server := listenTLS(t, m, ListenerConfig{})
	stop := runManager(t, m)
	first := obtained(t, m, nil)
	second := obtained(t, m, first)
	if p.verifies(t, server).PeerCertificates[0].Equal(first.tls.Leaf) {
		t.Error("the old certificate is served after the renewal")
	}
	stop()
	if second.tls.Leaf.PublicKey.(*ecdsa.PublicKey).Equal(first.tls.Leaf.PublicKey) {
		t.Error("the renewed certificate has the old key")
	}
	if n := p.orders.Load(); n < 2 {
		t.Errorf("%d orders", n)
	}
	if n := p.accounts.Load(); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestC73_PreferredChain(t *testing.T) {
	for _, offered := range []bool{true, false} {
		p := newPebble(t)
		m, logs := acmeManager(t, Config{ACME: p.config()}, memstore.New(time.Now))
		p.up(plainListener(t, m), closedPort, month)
		cfg, want := p.config(), p.roots[0].Subject.CommonName
		cfg.PreferredChain = "No Such Root"
		if offered {
			want = p.roots[1].Subject.CommonName
			cfg.PreferredChain = want
		}
		if err := m.Reload(Config{ACME: cfg}); err != nil {
			t.Fatal(err)
		}
		stop := runManager(t, m)
		if got := obtained(t, m, nil).rootName(); got != want {
			t.Errorf("chain leads to %q, want %q", got, want)
		}
		stop()
		if told := logs.FilterMessageSnippet("preferred chain is not offered").Len() > 0; told == offered {
			t.Errorf("log %v", logs.All())
		}
	}
}

func TestC73_AnotherRootIsTold(t *testing.T) {
	m, logs := acmeManager(t, Config{ACME: &ACMEConfig{Names: []string{"acs.example"}}}, memstore.New(time.Now))
	w := &worker{m: m, setup: m.acme}
	pair := tlstest.Must(tlstest.Must(tlstest.NewCA("New Root")).Issue(acsRSA)).TLS()
	before, same, other := issued(t, acsRSA), issued(t, acsRSA), newCertificate(&pair, SourceACME)
	w.report(&order{name: "acs.example"}, nil, before, nil)
	w.report(&order{name: "acs.example"}, before, before, nil)
	w.report(&order{name: "acs.example"}, before, same, nil)
	if n := logs.FilterLevelExact(zapcore.WarnLevel).Len(); n != 0 || logs.Len() != 2 {
		t.Errorf("%d warnings in %d lines", n, logs.Len())
	}
	w.report(&order{name: "acs.example"}, same, other, nil)
	warnings := logs.FilterLevelExact(zapcore.WarnLevel).All()
	if len(warnings) != 1 || warnings[0].ContextMap()["old_root"] != "Test CA" || warnings[0].ContextMap()["root"] != "New Root" {
		t.Errorf("warnings %v", warnings)
	}
}

// TestACME_HealsWhatACrashLeft finds a key in the store that does not belong
// to the certificate, and a CA that does not know the account.
func TestACME_HealsWhatACrashLeft(t *testing.T) {
	p := newPebble(t)
	backend := memstore.New(time.Now)
	cfg := p.config()
	cfg.HTTPAddress = "127.0.0.1:0"
	m, _ := acmeManager(t, Config{ACME: cfg}, backend)
	p.up(portOf(m.http), closedPort, month)
	stop := runManager(t, m)
	first := obtained(t, m, nil)
	stop()
	key := certmagic.StorageKeys.SitePrivateKey(m.acme.issuerKey, "acs.example")
	stranger := tlstest.Must(tlstest.Must(testCA().Issue(tlstest.Spec{})).KeyPEM())
	if err := newStorage(backend).Store(t.Context(), key, stranger); err != nil {
		t.Fatal(err)
	}

	again, logs := acmeManager(t, Config{ACME: cfg}, backend)
	if _, err := again.acme.stored(t.Context(), "acs.example"); !errors.Is(err, errUnusable) {
		t.Fatalf("stored: %v", err)
	}
	p.up(portOf(again.http), closedPort, month)
	stop = runManager(t, again)
	if second := obtained(t, again, nil); second.tls.Leaf.Equal(first.tls.Leaf) {
		t.Error("the same certificate")
	}
	stop()
	if logs.FilterMessage("stored certificate is discarded, a new one is ordered").Len() != 1 {
		t.Errorf("log %v", logs.All())
	}
}

func TestHTTPAddress(t *testing.T) {
	cfg := Config{ACME: &ACMEConfig{Names: []string{"acs.example"}, HTTPAddress: "127.0.0.1:0", Directory: "https://127.0.0.1:1/dir"}}
	m, _ := acmeManager(t, cfg, memstore.New(time.Now))
	m.pace.retry = []time.Duration{time.Hour}
	addr := m.http.Addr().String()
	cfg.ACME.HTTPAddress = addr
	if _, err := New(cfg, Deps{Store: memstore.New(time.Now)}); err == nil || !strings.Contains(err.Error(), `tls.acme.http_address "`+addr+`" cannot be bound`) {
		t.Errorf("the same address again: %v", err)
	}
	stop := runManager(t, m)
	if err := m.book.Present(t.Context(), httpChallenge("acs.example", "token-1")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path, host string
		status             int
		body               string
	}{
		{"GET", challengePath + "token-1", "acs.example", 200, "token-1.thumb"},
		{"GET", challengePath + "token-1", "ACS.example:80", 200, "token-1.thumb"},
		{"GET", challengePath + "token-1", "other.example", 404, ""},
		{"GET", challengePath + "token-2", "acs.example", 404, ""},
		{"POST", challengePath + "token-1", "acs.example", 404, ""},
		{"GET", "/", "acs.example", 404, ""}, // quirk C-74: no redirect
	} {
		request, _ := http.NewRequest(tt.method, "http://"+addr+tt.path, nil)
		request.Host = tt.host
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != tt.status || string(body) != tt.body || response.Header.Get("Location") != "" {
			t.Errorf("%s %s %s: %d %q", tt.method, tt.host, tt.path, response.StatusCode, body)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	stop()
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("the address is still bound after Run")
	}
}

// TestACMEStoreThatFails keeps serving: the store only delays new orders.
func TestACMEStoreThatFails(t *testing.T) {
	backend := memstore.New(time.Now)
	_ = backend.Close()
	m, logs := acmeManager(t, Config{
		ACME:         &ACMEConfig{Names: []string{"acs.example"}, Directory: "https://127.0.0.1:1/dir"},
		Certificates: []CertConfig{certFiles(t, acsRSA)},
	}, backend)
	if logs.FilterMessage("stored certificate cannot be read").Len() != 1 {
		t.Errorf("log %v", logs.All())
	}
	stop := runManager(t, m)
	eventually(t, "an error", func() bool { return m.Status()[1].LastError != "" })
	served(t, m)
	stop()
	if errors.Is(m.managed[0].err, fs.ErrNotExist) {
		t.Errorf("error %v", m.managed[0].err)
	}
}
