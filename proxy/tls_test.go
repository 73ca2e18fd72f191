package proxy

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/internal/tlsconf"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// secured is what a TLS listener under test is made of.
type secured struct {
	server, clients *tlstest.CA
	option          option
}

// withTLS gives the listener TLS with an RSA certificate for acs.example.
func withTLS(t *testing.T, cfg tlsconf.ListenerConfig) secured {
	t.Helper()
	dir := t.TempDir()
	s := secured{server: tlstest.Must(tlstest.NewCA("server CA")), clients: tlstest.Must(tlstest.NewCA("client CA"))}
	leaf := tlstest.Must(s.server.Issue(tlstest.Spec{Names: []string{"acs.example"}, RSA: true}))
	certFile, keyFile, err := leaf.WriteFiles(dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.ClientAuth != "" {
		cfg.ClientCAFile = tlstest.Must(s.clients.WriteFile(dir, "clients"))
	}
	cfg.SetDefaults()
	m, err := tlsconf.New(tlsconf.Config{DefaultName: "acs.example", Certificates: []tlsconf.CertConfig{{CertFile: certFile, KeyFile: keyFile}}},
		tlsconf.Deps{Store: memstore.New(time.Now), Log: zaptest.NewLogger(t), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.option = func(c *Config, d *Deps) {
		c.Listen[0].TLS = &cfg
		d.ListenTLS, d.VerifyDevice = m.Listener, m.VerifyDevice
		d.HandshakeReason, d.ClientCert = tlsconf.HandshakeReason, tlsconf.ClientCertHeaders
	}
	return s
}

func (s secured) client(serial string) *tls.Config {
	c := &tls.Config{RootCAs: s.server.Pool(), ServerName: "acs.example"}
	if serial != "" {
		leaf := tlstest.Must(s.clients.Issue(tlstest.Spec{CommonName: "00D09E-HG1-" + serial, Client: true}))
		c.Certificates = []tls.Certificate{leaf.TLS()}
	}
	return c
}

func (g *gate) dialTLS(c *tls.Config) *phone {
	g.t.Helper()
	nc, err := tls.Dial("tcp", g.addr, c)
	if err != nil {
		g.t.Fatal(err)
	}
	p := &phone{t: g.t, nc: nc, br: bufio.NewReader(nc)}
	g.t.Cleanup(p.hangUp)
	return p
}

// TestSessionOverTLS of both profiles, down to TLS 1.0 with RSA key exchange.
func TestC70_C71_SessionOverTLS(t *testing.T) {
	for name, tc := range map[string]struct {
		profile string
		client  func(*tls.Config)
		version string
	}{
		"modern":       {"modern", func(*tls.Config) {}, "TLS 1.3"},
		"no SNI":       {"modern", func(c *tls.Config) { c.ServerName = ""; c.InsecureSkipVerify = true }, "TLS 1.3"},
		"unknown name": {"modern", func(c *tls.Config) { c.ServerName = "other.example"; c.InsecureSkipVerify = true }, "TLS 1.3"},
		"old": {"legacy-cpe", func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
			c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		}, "TLS 1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			acs := newACS(t, nil)
			s := withTLS(t, tlsconf.ListenerConfig{Profile: tc.profile})
			g := newGate(t, []*fakeACS{acs}, s.option, func(c *Config, _ *Deps) { c.Upstreams[0].AnnounceProto = true })
			c := s.client("")
			tc.client(c)
			p := g.dialTLS(c)
			statusOf(t, p.ask(post(inform("1"))), 200)
			statusOf(t, p.ask(post("")), 204)
			if p.nc.(*tls.Conn).ConnectionState().NegotiatedProtocol == "h2" {
				t.Error("quirk C-76: HTTP/2 was agreed on")
			}
			if g.outcomes(1); g.ended[0].TLS != tc.version {
				t.Errorf("session over %q, want %q", g.ended[0].TLS, tc.version)
			}
			if raw := acs.requests()[0].raw; !strings.Contains(raw, "proto=https") {
				t.Errorf("the ACS was not told of https:\n%s", raw)
			}
		})
	}
}

// TestC36_HTTPOnTLSPort is answered in HTTP.
func TestC36_HTTPOnTLSPort(t *testing.T) {
	s := withTLS(t, tlsconf.ListenerConfig{})
	g := newGate(t, []*fakeACS{newACS(t, nil)}, s.option)
	a := g.dial().ask(post(inform("1")))
	if statusOf(t, a, 400); !strings.Contains(a.body, "https") {
		t.Errorf("body %q", a.body)
	}
	if n := g.counter("acsgate_tls_handshake_failures_total", "reason", "http_on_tls_port"); n != 1 {
		t.Errorf("counted %v times", n)
	}
}

// TestC77_HandshakeFailuresAreCounted with their reason.
func TestC77_HandshakeFailuresAreCounted(t *testing.T) {
	s := withTLS(t, tlsconf.ListenerConfig{})
	g := newGate(t, []*fakeACS{newACS(t, nil)}, s.option)
	if _, err := tls.Dial("tcp", g.addr, &tls.Config{MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10, InsecureSkipVerify: true}); err == nil {
		t.Fatal("TLS 1.0 was accepted on a modern listener")
	}
	eventually(t, "counted", func() bool {
		return g.counter("acsgate_tls_handshake_failures_total", "listener", "cpe", "reason", "old_version") == 1
	})
}

// TestC54_C75_MutualTLS: the certificate must be the device's, the ACS is told
// of it, and no one else goes on with its session.
func TestC54_C75_MutualTLS(t *testing.T) {
	acs := newACS(t, nil)
	s := withTLS(t, tlsconf.ListenerConfig{ClientAuth: "required"})
	g := newGate(t, []*fakeACS{acs}, s.option)

	owner := g.dialTLS(s.client("1"))
	a := owner.ask(post(inform("1"), "Client-Cert: :forged:"))
	statusOf(t, a, 200)
	want := ":" + base64.StdEncoding.EncodeToString(owner.nc.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw)[:4]
	if raw := acs.requests()[0].raw; strings.Contains(raw, "forged") || strings.Count(raw, "Client-Cert: :") != 1 {
		t.Errorf("ACS got (want Client-Cert %s...)\n%s", want, raw)
	}
	statusOf(t, g.dialTLS(s.client("2")).ask(post(inform("1"))), 400) // another's identity
	thief := g.dialTLS(s.client("2"))
	statusOf(t, thief.ask(post("", "Cookie: "+a.cookie(t))), 204) // its own, anonymous one
	if r := acs.requests(); r[len(r)-1].conn == 1 {
		t.Error("the session went on with another certificate")
	}
	statusOf(t, owner.ask(post("")), 204)
	if n := g.counter("acsgate_bad_requests_total", "reason", "client_certificate"); n != 1 {
		t.Errorf("%v refusals counted", n)
	}
}

// TestProxyProtocol: a trusted balancer says who the client is, nobody else.
func TestProxyProtocol(t *testing.T) {
	for _, tc := range []struct {
		trusted []string
		header  string
		client  string
		status  int
	}{
		{[]string{"127.0.0.0/8"}, "PROXY TCP4 198.51.100.7 10.0.0.1 40000 7547\r\n", "198.51.100.7", 200},
		{[]string{"127.0.0.1"}, "PROXY TCP6 2001:db8::7 2001:db8::1 40000 7547\r\n", "2001:db8::7", 200},
		{[]string{"127.0.0.0/8"}, "", "127.0.0.1", 200},
		{[]string{"10.0.0.0/8"}, "PROXY TCP4 198.51.100.7 10.0.0.1 40000 7547\r\n", "", 400},
		{nil, "PROXY TCP4 198.51.100.7 10.0.0.1 40000 7547\r\n", "", 400},
	} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Listen[0].ProxyProtocol = tc.trusted })
		statusOf(t, g.dial().ask(tc.header+post(inform("1"))), tc.status)
		if tc.status == 200 && acs.requests()[0].head.Fields.Get("X-Real-IP") != tc.client {
			t.Errorf("%v %q: client %q", tc.trusted, tc.header, acs.requests()[0].head.Fields.Get("X-Real-IP"))
		}
	}
}

// TestProxyProtocolGarbage from a trusted balancer costs one connection.
func TestProxyProtocolGarbage(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil)}, func(c *Config, _ *Deps) { c.Listen[0].ProxyProtocol = []string{"127.0.0.0/8"} })
	p := g.dial()
	p.send("PROXY NONSENSE\r\n" + post(inform("1")))
	if !p.closed() {
		t.Error("connection stays open")
	}
}

// TestUpstreamTLS: an https ACS is verified by the configured root.
func TestUpstreamTLS(t *testing.T) {
	ca := tlstest.Must(tlstest.NewCA("acs CA"))
	leaf := tlstest.Must(ca.Issue(tlstest.Spec{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}))
	plain := newACS(t, nil)
	nl, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{leaf.TLS()}})
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	go relay(nl, plain.nl.Addr().String())
	root := tlstest.Must(ca.WriteFile(t.TempDir(), "root"))
	for _, tc := range []struct {
		root   string
		status int
	}{{root, 200}, {"", 503}} {
		g := newGate(t, []*fakeACS{plain}, func(c *Config, _ *Deps) {
			c.Upstreams[0].URL, c.Upstreams[0].RootCAFile = "https://"+nl.Addr().String(), tc.root
		})
		statusOf(t, g.dial().ask(post(inform("1"))), tc.status)
	}
}

// relay carries bytes between TLS clients and a plain server.
func relay(nl net.Listener, to string) {
	for {
		in, err := nl.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer out.Close()
			go func() { _, _ = io.Copy(out, in); out.Close() }() // ends with either side
			_, _ = io.Copy(in, out)
		}()
	}
}

// TestChallenge: a plain listener answers ACME's HTTP-01, and nothing else that
// is not POST.
func TestChallenge(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil)}, func(_ *Config, d *Deps) {
		d.Challenge = func(host, path string) (string, bool) {
			return "token.key", host == "acs.example" && path == "/.well-known/acme-challenge/token"
		}
	})
	p := g.dial()
	a := p.ask("GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: ACS.example:80\r\n\r\n")
	if statusOf(t, a, 200); a.body != "token.key" {
		t.Errorf("body %q", a.body)
	}
	statusOf(t, p.ask(post(inform("1"))), 200) // the connection goes on
	for _, raw := range []string{
		"GET /.well-known/acme-challenge/other HTTP/1.1\r\nHost: acs.example\r\n\r\n",
		"GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"HEAD /.well-known/acme-challenge/token HTTP/1.1\r\nHost: acs.example\r\n\r\n",
	} {
		q := g.dial()
		q.send(raw)
		if head, err := q.br.ReadString('\n'); err != nil || !strings.Contains(head, " 405 ") {
			t.Errorf("%q: %q, %v", raw, head, err)
		}
	}
}
