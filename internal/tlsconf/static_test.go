package tlsconf

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// served returns the serial number of the certificate that a client meets.
func served(t *testing.T, m *Manager) string {
	t.Helper()
	h := shake(t, listenTLS(t, m, ListenerConfig{}), trusting("acs.example"))
	if h.clientErr != nil {
		t.Fatal(h.clientErr)
	}
	return h.client.PeerCertificates[0].SerialNumber.String()
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func countLevel(logs *observer.ObservedLogs, level zapcore.Level) int {
	return logs.FilterLevelExact(level).Len()
}

func TestStaticCertificateFollowsItsFiles(t *testing.T) {
	files := certFiles(t, acsRSA)
	m, logs := newTestManager(t, Config{Certificates: []CertConfig{files}})
	server := listenTLS(t, m, ListenerConfig{})
	before := served(t, m)

	next := tlstest.Must(testCA().Issue(tlstest.Spec{Names: []string{"acs.example"}}))
	write(t, files.CertFile, next.CertPEM()) // the key comes later
	m.refreshFiles()
	if got := served(t, m); got != before {
		t.Error("a half-written pair replaced the certificate")
	}
	if m.Status()[0].LastError == "" {
		t.Error("status does not tell of the half-written pair")
	}
	write(t, files.KeyFile, tlstest.Must(next.KeyPEM()))
	m.refreshFiles()
	if got := served(t, m); got != next.Cert.SerialNumber.String() {
		t.Errorf("serves %s after the files changed", got)
	}
	if n := countLevel(logs, zapcore.ErrorLevel); n != 0 {
		t.Errorf("%d errors for files that were being replaced", n)
	}
	if s := m.Status()[0]; s.LastError != "" || s.Key != "ecdsa" {
		t.Errorf("status %+v", s)
	}
	if h := shake(t, server, trusting("acs.example")); h.client.PeerCertificates[0].SerialNumber.Cmp(next.Cert.SerialNumber) != 0 {
		t.Error("a listener that was there before serves the old certificate")
	}
}

func TestBrokenFilesKeepTheCertificateAndLogOnce(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, files CertConfig){
		"cut off":   func(t *testing.T, f CertConfig) { write(t, f.CertFile, []byte("-----BEGIN CERTIFICATE-----\nMIIB")) },
		"garbage":   func(t *testing.T, f CertConfig) { write(t, f.KeyFile, []byte("garbage")) },
		"empty":     func(t *testing.T, f CertConfig) { write(t, f.CertFile, nil) },
		"gone":      func(t *testing.T, f CertConfig) { _ = os.Remove(f.CertFile) },
		"key gone":  func(t *testing.T, f CertConfig) { _ = os.Remove(f.KeyFile) },
		"directory": func(t *testing.T, f CertConfig) { _ = os.Remove(f.KeyFile); _ = os.Mkdir(f.KeyFile, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			files := certFiles(t, acsRSA)
			m, logs := newTestManager(t, Config{Certificates: []CertConfig{files}})
			before := served(t, m)
			damage(t, files)
			for range 5 {
				m.refreshFiles()
			}
			if got := served(t, m); got != before {
				t.Error("the old certificate is gone")
			}
			if n := countLevel(logs, zapcore.ErrorLevel); n != 1 {
				t.Errorf("%d errors logged, want 1", n)
			}
			if m.Status()[0].LastError == "" {
				t.Error("status has no error")
			}
			if err := m.Reload(Config{Certificates: []CertConfig{files}}); err == nil || !strings.Contains(err.Error(), files.CertFile) {
				t.Errorf("reload: %v", err)
			}
			if got := served(t, m); got != before {
				t.Error("a failed reload took the old certificate away")
			}
		})
	}
}

func TestNewReportsEveryBadCertificate(t *testing.T) {
	good, other := certFiles(t, acsRSA), certFiles(t, tlstest.Spec{Names: []string{"other.example"}})
	_, err := New(Config{Certificates: []CertConfig{
		good,
		{CertFile: good.CertFile, KeyFile: other.KeyFile},
		{CertFile: filepath.Join(t.TempDir(), "none.crt"), KeyFile: good.KeyFile},
	}}, Deps{})
	if err == nil || strings.Count(err.Error(), "certificate \"") != 2 {
		t.Fatalf("error %v", err)
	}
}

func TestReloadChangesCertificatesAndDefault(t *testing.T) {
	one, two := certFiles(t, acsRSA), certFiles(t, tlstest.Spec{Names: []string{"two.example"}})
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{one}})
	server := listenTLS(t, m, ListenerConfig{})
	if err := m.Reload(Config{Certificates: []CertConfig{one, two}, DefaultName: "two.example"}); err != nil {
		t.Fatal(err)
	}
	client := trusting("other.example")
	client.InsecureSkipVerify = true
	if h := shake(t, server, client); h.client.PeerCertificates[0].Subject.CommonName != "two.example" {
		t.Error("the new default is not served")
	}
	err := m.Reload(Config{ACME: &ACMEConfig{Names: []string{"acs.example"}, HTTPAddress: "127.0.0.1:0"}})
	if err == nil || err.Error() != "needs a restart: tls.acme.http_address" {
		t.Errorf("reload with another address: %v", err)
	}
}

func TestClientAuthoritiesFollowTheirFile(t *testing.T) {
	m, logs := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	file := caFile(t)
	server := listenTLS(t, m, ListenerConfig{ClientAuth: ClientAuthRequired, ClientCAFile: file})
	client := trusting("acs.example")
	presents(client, tlstest.Must(testCA().Issue(tlstest.Spec{CommonName: "cpe", Client: true})).TLS())
	client.ClientSessionCache = tls.NewLRUClientSessionCache(4)

	if h := shake(t, server, client); h.serverErr != nil {
		t.Fatal(h.serverErr)
	}
	write(t, file, []byte("half"))
	m.refreshFiles()
	m.refreshFiles()
	m.refreshFiles()
	if h := shake(t, server, client); h.serverErr != nil {
		t.Fatalf("after a broken file: %v", h.serverErr)
	}
	if n := countLevel(logs, zapcore.ErrorLevel); n != 1 {
		t.Errorf("%d errors logged, want 1", n)
	}
	write(t, file, tlstest.Must(tlstest.NewCA("Another CA")).PEM())
	m.refreshFiles()
	if h := shake(t, server, client); HandshakeReason(h.serverErr) != ReasonBadClientCert {
		t.Errorf("a certificate of the old authority: %v, resumed %v", h.serverErr, h.server.DidResume)
	}
}

func TestRunFollowsFiles(t *testing.T) {
	files := certFiles(t, acsRSA)
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{files}})
	m.pace.poll = time.Millisecond
	stop := runManager(t, m)
	next := tlstest.Must(testCA().Issue(tlstest.Spec{Names: []string{"acs.example"}}))
	write(t, files.KeyFile, tlstest.Must(next.KeyPEM()))
	write(t, files.CertFile, next.CertPEM())
	eventually(t, "the new certificate", func() bool {
		return m.selection.Load().all[0].tls.Leaf.Equal(next.Cert)
	})
	stop()
}
