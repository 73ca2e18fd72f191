package tlsconf

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, pebbleLeaks()...)
}

// testCA issues what the tests present.
var testCA = sync.OnceValue(func() *tlstest.CA { return tlstest.Must(tlstest.NewCA("Test CA")) })

// certFiles writes a certificate and returns its configuration.
func certFiles(t *testing.T, spec tlstest.Spec) CertConfig {
	t.Helper()
	certFile, keyFile, err := tlstest.Must(testCA().Issue(spec)).WriteFiles(t.TempDir(), "server")
	if err != nil {
		t.Fatal(err)
	}
	return CertConfig{CertFile: certFile, KeyFile: keyFile}
}

// caFile writes the authority of client certificates.
func caFile(t *testing.T) string {
	t.Helper()
	return tlstest.Must(testCA().WriteFile(t.TempDir(), "clients"))
}

// newTestManager makes a manager whose log is observed. Nothing runs.
func newTestManager(t *testing.T, cfg Config) (*Manager, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	m, err := New(cfg, Deps{Store: memstore.New(time.Now), Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	return m, logs
}

// listenTLS returns the settings of a listener.
func listenTLS(t *testing.T, m *Manager, cfg ListenerConfig) *tls.Config {
	t.Helper()
	cfg.SetDefaults()
	settings, err := m.Listener(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// handshakes is what both ends of a handshake made of it.
type handshakes struct {
	server, client       tls.ConnectionState
	serverErr, clientErr error
}

// shake performs one handshake over loopback, and exchanges a byte so that
// session tickets arrive.
func shake(t *testing.T, server, client *tls.Config) handshakes {
	t.Helper()
	return shakeWith(context.Background(), t, server, func(conn net.Conn) (tls.ConnectionState, error) {
		tc := tls.Client(conn, client)
		if err := tc.Handshake(); err != nil {
			return tls.ConnectionState{}, err
		}
		_, err := tc.Read(make([]byte, 1))
		return tc.ConnectionState(), err
	})
}

// shakeWith lets any client talk to a TLS server.
func shakeWith(ctx context.Context, t *testing.T, server *tls.Config, client func(net.Conn) (tls.ConnectionState, error)) handshakes {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var h handshakes
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			h.clientErr = err
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		h.client, h.clientErr = client(conn)
	}()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	tc := tls.Server(conn, server)
	if h.serverErr = tc.HandshakeContext(ctx); h.serverErr == nil {
		h.server = tc.ConnectionState()
		_, _ = tc.Write([]byte{0})
	} else {
		_ = conn.Close()
	}
	<-done
	return h
}

// trusting returns a client's settings that trust the test CA.
func trusting(name string) *tls.Config {
	return &tls.Config{RootCAs: testCA().Pool(), ServerName: name}
}

// presents makes a client present a certificate whatever the server accepts,
// as CPEs do.
func presents(client *tls.Config, cert tls.Certificate) {
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
}

// runManager runs a manager until stop is called, which checks that it leaves
// nothing behind.
func runManager(t *testing.T, m *Manager) (stop func()) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		goleak.VerifyNone(t, append(pebbleLeaks(), before)...)
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
