package tlsconf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// clientOf plays crypto/tls as the client.
func clientOf(cfg *tls.Config) func(net.Conn) (tls.ConnectionState, error) {
	return func(conn net.Conn) (tls.ConnectionState, error) {
		tc := tls.Client(conn, cfg)
		if err := tc.Handshake(); err != nil {
			return tls.ConnectionState{}, err
		}
		_, err := tc.Read(make([]byte, 1))
		return tc.ConnectionState(), err
	}
}

// sends writes raw bytes and then waits for the server to hang up.
func sends(data []byte) func(net.Conn) (tls.ConnectionState, error) {
	return func(conn net.Conn) (tls.ConnectionState, error) {
		if _, err := conn.Write(data); err != nil {
			return tls.ConnectionState{}, err
		}
		_, err := io.Copy(io.Discard, conn)
		return tls.ConnectionState{}, err
	}
}

func with(change func(*tls.Config)) func(net.Conn) (tls.ConnectionState, error) {
	cfg := trusting("acs.example")
	change(cfg)
	return clientOf(cfg)
}

func TestC77_HandshakeReasons(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	ecdsaOnly, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, tlstest.Spec{Names: []string{"acs.example"}})}})
	modern := listenTLS(t, m, ListenerConfig{})
	legacy := listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	mutual := listenTLS(t, m, ListenerConfig{ClientAuth: ClientAuthRequired, ClientCAFile: caFile(t)})
	stranger := tlstest.Must(tlstest.NewCA("Stranger"))
	strangers := tlstest.Must(stranger.Issue(tlstest.Spec{CommonName: "cpe", Client: true})).TLS()
	expired := tlstest.Must(testCA().Issue(tlstest.Spec{CommonName: "cpe", Client: true, NotAfter: time.Now().Add(-time.Hour)})).TLS()
	notClient := tlstest.Must(testCA().Issue(tlstest.Spec{CommonName: "cpe"})).TLS()

	tests := []struct {
		name   string
		server *tls.Config
		client func(net.Conn) (tls.ConnectionState, error)
		want   string
	}{
		{"good", modern, with(func(*tls.Config) {}), ""},
		{"rsa kx on modern", modern, with(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		}), ReasonNoSharedCipher},
		{"rsa only, no such certificate", listenTLS(t, ecdsaOnly, ListenerConfig{Profile: ProfileLegacy}), with(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS10, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
			c.MinVersion = tls.VersionTLS10
		}), ReasonNoSharedCipher},
		{"old version", modern, with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), ReasonOldVersion},
		{"ssl 3", legacy, sends(oldHello{version: versionSSL3, suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}.bytes()), ReasonOldVersion},
		{"sha1 signatures on modern", modern, sends(oldHello{
			version: tls.VersionTLS12, suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, signatures: []byte{2, 1},
		}.bytes()), ReasonNoSharedSignature},
		{"no signatures on modern", modern, sends(oldHello{
			version: tls.VersionTLS12, suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		}.bytes()), ReasonNoSharedSignature},
		{"unknown authority", modern, with(func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }), ReasonClientRejected},
		{"wrong name", modern, with(func(c *tls.Config) { c.ServerName = "other.example" }), ReasonClientRejected},
		{"server expired", modern, with(func(c *tls.Config) { c.Time = func() time.Time { return time.Now().Add(9999 * time.Hour) } }), ReasonClientRejected},
		{"wrong name, tls 1.0", legacy, with(func(c *tls.Config) {
			c.ServerName, c.MinVersion, c.MaxVersion = "other.example", tls.VersionTLS10, tls.VersionTLS10
		}), ReasonClientRejected},
		{"no client certificate", mutual, with(func(*tls.Config) {}), ReasonNoClientCert},
		{"no client certificate, tls 1.2", mutual, with(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), ReasonNoClientCert},
		{"stranger's client certificate", mutual, with(func(c *tls.Config) { presents(c, strangers) }), ReasonBadClientCert},
		{"expired client certificate", mutual, with(func(c *tls.Config) { presents(c, expired) }), ReasonBadClientCert},
		{"server certificate as client's", mutual, with(func(c *tls.Config) { presents(c, notClient) }), ReasonBadClientCert},
		{"http", modern, sends([]byte("POST / HTTP/1.1\r\nHost: acs\r\n\r\n")), ReasonNotTLS},
		{"garbage", modern, sends([]byte("\x00\x01\x02\x03\x04\x05\x06\x07")), ReasonNotTLS},
		{"broken hello", modern, sends([]byte{22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3}), ReasonMalformed},
		{"no hello but a finished", modern, sends([]byte{22, 3, 1, 0, 4, 20, 0, 0, 0}), ReasonMalformed},
		{"alert instead of a hello", modern, sends([]byte{21, 3, 1, 0, 2, 2, 40}), ReasonClientAlert},
		{"hangs up", modern, func(net.Conn) (tls.ConnectionState, error) { return tls.ConnectionState{}, nil }, ReasonEOF},
		{"hangs up in the hello", modern, func(c net.Conn) (tls.ConnectionState, error) {
			_, err := c.Write([]byte{22, 3, 1, 0, 200, 1})
			return tls.ConnectionState{}, err
		}, ReasonEOF},
		{"resets", modern, func(c net.Conn) (tls.ConnectionState, error) {
			_, _ = c.Write([]byte{22, 3})
			return tls.ConnectionState{}, c.(*net.TCPConn).SetLinger(0)
		}, ReasonReset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := shakeWith(t.Context(), t, tt.server, tt.client)
			if got := HandshakeReason(h.serverErr); got != tt.want {
				t.Errorf("reason %q for %v, want %q", got, h.serverErr, tt.want)
			}
		})
	}
}

func TestC77_ReasonsOfTheServersOwn(t *testing.T) {
	m, _ := newTestManager(t, Config{ACME: &ACMEConfig{Names: []string{"acs.example"}}})
	h := shake(t, listenTLS(t, m, ListenerConfig{}), trusting("acs.example"))
	if got := HandshakeReason(h.serverErr); got != ReasonNoCertificate {
		t.Errorf("reason %q for %v", got, h.serverErr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	h = shakeWith(ctx, t, listenTLS(t, m, ListenerConfig{}), sends(nil))
	if got := HandshakeReason(h.serverErr); got != ReasonTimeout {
		t.Errorf("reason %q for %v", got, h.serverErr)
	}
	for err, want := range map[error]string{
		nil:                          "",
		syscall.EPIPE:                ReasonReset,
		fmt.Errorf("x: %w", io.EOF):  ReasonEOF,
		net.ErrClosed:                ReasonClosed,
		context.Canceled:             ReasonClosed,
		context.DeadlineExceeded:     ReasonTimeout,
		errors.New("tls: something"): ReasonOther,
		&tls.CertificateVerificationError{Err: io.ErrNoProgress}: ReasonBadClientCert,
	} {
		if got := HandshakeReason(err); got != want {
			t.Errorf("%v: reason %q, want %q", err, got, want)
		}
	}
}

// openssl runs s_client against a listener and returns the server's side and
// what s_client printed.
func openssl(t *testing.T, server *tls.Config, args ...string) (handshakes, string) {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: package openssl")
	}
	var output []byte
	h := shakeWith(t.Context(), t, server, func(conn net.Conn) (tls.ConnectionState, error) {
		relay, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer relay.Close()
		toServer, toClient := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(toClient)
			inner, err := relay.Accept()
			if err != nil {
				close(toServer)
				return
			}
			defer inner.Close()
			go func() {
				defer close(toServer)
				_, _ = io.Copy(conn, inner)
			}()
			_, _ = io.Copy(inner, conn)
			_ = inner.(*net.TCPConn).CloseWrite()
			<-toServer
		}()
		args := append([]string{"s_client", "-connect", relay.Addr().String()}, args...)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Stdin = strings.NewReader("Q\n")
		output, _ = cmd.CombinedOutput()
		_ = relay.Close()
		<-toServer
		_ = conn.SetReadDeadline(time.Now())
		<-toClient
		return tls.ConnectionState{}, nil
	})
	return h, string(output)
}

func TestC71_OpenSSLClients(t *testing.T) {
	m, _ := newTestManager(t, Config{
		DefaultName: "acs.example",
		Certificates: []CertConfig{
			certFiles(t, acsRSA),
			certFiles(t, tlstest.Spec{CommonName: "address.example", RSA: true, IPs: []net.IP{net.ParseIP("192.0.2.1")}}),
		},
	})
	modern := listenTLS(t, m, ListenerConfig{})
	legacy := listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	tests := []struct {
		name    string
		server  *tls.Config
		args    string
		reason  string
		version uint16
		suite   uint16
		subject string
	}{
		{"tls 1.0, rsa kx, no sni", legacy, "-tls1 -cipher AES128-SHA:@SECLEVEL=0 -noservername",
			"", tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA, "acs.example"},
		{"tls 1.1, rsa kx", legacy, "-tls1_1 -cipher AES256-SHA:@SECLEVEL=0 -servername acs.example",
			"", tls.VersionTLS11, tls.TLS_RSA_WITH_AES_256_CBC_SHA, "acs.example"},
		{"tls 1.2, sha1 signatures", legacy, "-tls1_2 -cipher ECDHE-RSA-AES128-SHA:AES128-SHA:@SECLEVEL=0 -sigalgs RSA+SHA1",
			"", tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA, "acs.example"},
		{"address in sni", legacy, "-servername 192.0.2.1", "", tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, "address.example"},
		{"unknown name", modern, "-servername other.example", "", tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, "acs.example"},
		{"tls 1.0 on modern", modern, "-tls1 -cipher AES128-SHA:@SECLEVEL=0", ReasonOldVersion, 0, 0, ""},
		{"rsa kx on modern", modern, "-tls1_2 -cipher AES128-SHA:@SECLEVEL=0", ReasonNoSharedCipher, 0, 0, ""},
		{"refuses the certificate", modern, "-tls1_2 -verify_return_error -verify 3", ReasonClientRejected, 0, 0, ""},
		{"refuses it in tls 1.3", modern, "-tls1_3 -verify_return_error -verify 3", ReasonClientAlert, 0, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, output := openssl(t, tt.server, strings.Fields(tt.args)...)
			if got := HandshakeReason(h.serverErr); got != tt.reason {
				t.Fatalf("reason %q for %v, want %q; openssl said:\n%s", got, h.serverErr, tt.reason, output)
			}
			if tt.reason != "" {
				return
			}
			if h.server.Version != tt.version || tt.version < tls.VersionTLS13 && h.server.CipherSuite != tt.suite {
				t.Errorf("%s with %s", tls.VersionName(h.server.Version), tls.CipherSuiteName(h.server.CipherSuite))
			}
			if !strings.Contains(output, "subject=CN = "+tt.subject) && !strings.Contains(output, "subject=CN="+tt.subject) {
				t.Errorf("not served %s; openssl said:\n%s", tt.subject, output)
			}
		})
	}
}
