package simnet

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// TestC24_EmptyPosts: all five forms, as they go over the wire.
func TestC24_EmptyPosts(t *testing.T) {
	fields := func(head string) (names []string) {
		for line := range strings.Lines(head) {
			if name := lineName(line); slices.Contains([]string{"content-length", "content-type", "soapaction"}, name) {
				names = append(names, name)
			}
		}
		return names
	}
	for form, want := range map[EmptyForm][]string{
		EmptyBare:       nil,
		EmptyLength:     {"content-length"},
		EmptyType:       {"content-type", "content-length"},
		EmptyAction:     {"soapaction", "content-length"},
		EmptyTypeAction: {"content-type", "soapaction", "content-length"},
	} {
		a := startACS(t, ACSConfig{Script: testScript})
		m := sagemcom().WithEmptyPost(form)
		mustSucceed(t, newTestCPE(t, a, m, nil))
		seen := a.Exchanges()
		if got := fields(seen[1].Head); !slices.Equal(got, want) {
			t.Errorf("form %d: %q, want %q", form, got, want)
		}
		if got := fields(seen[0].Head); len(got) != 3 {
			t.Errorf("form %d changes the Inform: %q", form, seen[0].Head)
		}
	}
}

// TestC20_ChunkedWithExpect: bodies are chunked and wait for "100 Continue";
// FreeACS takes them as empty.
func TestC20_ChunkedWithExpect(t *testing.T) {
	a := startACS(t, ACSConfig{Script: testScript})
	mustSucceed(t, newTestCPE(t, a, known(t, "avs"), nil))
	for _, x := range a.Exchanges() {
		if hasBody := len(x.Body) > 0; x.Chunked != hasBody || x.Expect != hasBody || hasBody == x.Fields.Has("Content-Length") {
			t.Errorf("request %d: %q", x.N, x.Head)
		}
	}
	free := startACS(t, ACSConfig{Mode: FreeACS})
	if _, err := newTestCPE(t, free, known(t, "avs"), nil).Session(t.Context()); err == nil {
		t.Error("FreeACS reads a chunked Inform")
	}
}

// TestC20_FinalReplyInsteadOfContinue: a refusal spares the body.
func TestC20_FinalReplyInsteadOfContinue(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		n, _ := conn.Read(buf)
		_, _ = conn.Write([]byte("HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"))
		got <- string(buf[:n])
	}()
	c, err := NewCPE(CPEConfig{URL: "http://" + listener.Addr().String(), Make: avs()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Session(t.Context())
	if status, ok := err.(*StatusError); !ok || status.Status != 503 || status.RetryAfter != 9*time.Second {
		t.Errorf("error %v", err)
	}
	if head := <-got; !strings.HasSuffix(head, "\r\n\r\n") || strings.Contains(head, "Envelope") {
		t.Errorf("sent %q", head)
	}
}

// TestC32_Compression: bodies are compressed until the ACS says 415.
func TestC32_Compression(t *testing.T) {
	for _, encoding := range []string{"gzip", "deflate"} {
		m := icwmpGzip()
		m.Encoding = encoding
		a := startACS(t, ACSConfig{Script: testScript})
		mustSucceed(t, newTestCPE(t, a, m, nil))
		if x := a.Exchanges()[0]; !x.Encoded || x.Fields.Get("Content-Encoding") != encoding || x.Message.Method != "Inform" {
			t.Errorf("%s: %q", encoding, x.Head)
		}
		plain := startACS(t, ACSConfig{Script: testScript, NoCompression: true})
		c := newTestCPE(t, plain, m, nil)
		if r := mustSucceed(t, c); !slices.Equal(r.Statuses(), []int{415, 200, 200, 200, 204}) {
			t.Errorf("%s: statuses %v", encoding, r.Statuses())
		}
		if r := mustSucceed(t, c); r.Legs[0].Status != 200 {
			t.Errorf("%s: compressed again: %v", encoding, r.Statuses())
		}
	}
}

func TestC12_HTTP10(t *testing.T) {
	a := startACS(t, ACSConfig{Script: testScript})
	r := mustSucceed(t, newTestCPE(t, a, legacy(), nil))
	x := a.Exchanges()[0]
	if x.Minor != 0 || x.Fields.Has("Host") || !strings.Contains(x.Head, "content-length : ") || r.Connections != len(r.Legs) {
		t.Errorf("%d connections, head %q", r.Connections, x.Head)
	}
	if !strings.HasPrefix(string(x.Body), "\n\n<?xml") || !strings.HasSuffix(string(x.Body), "\x00") || x.Message.Device.OUI != "E09153" {
		t.Errorf("body %.20q, OUI %q", x.Body, x.Message.Device.OUI)
	}
}

func TestC35_AbsoluteTarget(t *testing.T) {
	m := generic()
	m.AbsoluteTarget = true
	a := startACS(t, ACSConfig{Path: "/cwmp"})
	mustSucceed(t, newTestCPE(t, a, m, nil))
	if x := a.Exchanges()[0]; x.Target != a.URL() {
		t.Errorf("target %q", x.Target)
	}
}

// TestC39_SlowSender: requests come in small pieces.
func TestC39_SlowSender(t *testing.T) {
	m := generic()
	m.Pace = 100 * time.Microsecond
	a := startACS(t, ACSConfig{Script: testScript})
	r := mustSucceed(t, newTestCPE(t, a, m, nil))
	x := a.Exchanges()[0]
	if least := time.Duration((len(x.Head)+len(x.Body))/paceBytes) * m.Pace; r.Legs[0].Took < least {
		t.Errorf("Inform took %v, less than %v", r.Legs[0].Took, least)
	}
}

func TestConnectionHeader(t *testing.T) {
	for connection, want := range map[Connection]string{KeepAlive: "keep-alive", PerPost: "keep-alive", PerPostClose: "close"} {
		m := sagemcom()
		m.Connection = connection
		a := startACS(t, ACSConfig{Script: testScript})
		r := mustSucceed(t, newTestCPE(t, a, m, nil))
		for _, x := range a.Exchanges() {
			if got := x.Fields.Get("Connection"); got != want || strings.Count(strings.ToLower(x.Head), "connection:") != 1 {
				t.Errorf("mode %d: %q", connection, x.Head)
			}
		}
		if perPost := r.Connections == len(r.Legs); perPost != (connection != KeepAlive) {
			t.Errorf("mode %d: %d connections", connection, r.Connections)
		}
	}
}

// TestTLSHabits: versions, ciphers and the name in the handshake.
func TestTLSHabits(t *testing.T) {
	ca := tlstest.Must(tlstest.NewCA("simnet test"))
	leaf := tlstest.Must(ca.Issue(tlstest.Spec{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Names: []string{"localhost"}, RSA: true}))
	states := make(chan tls.ConnectionState, 10)
	server := &tls.Config{
		Certificates: []tls.Certificate{leaf.TLS()}, MinVersion: tls.VersionTLS10,
		CipherSuites:     []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		VerifyConnection: func(s tls.ConnectionState) error { states <- s; return nil },
	}
	a := startACS(t, ACSConfig{TLS: server, Script: testScript})
	unwatched := server.Clone()
	unwatched.VerifyConnection = nil
	other := startACS(t, ACSConfig{TLS: unwatched})
	old := TLSHabits{Min: tls.VersionTLS10, Max: tls.VersionTLS10, Ciphers: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}
	tests := map[string]struct {
		habits  TLSHabits
		url     string
		version uint16
		sni     string
	}{
		"modern": {TLSHabits{}, strings.Replace(a.URL(), "127.0.0.1", "localhost", 1), tls.VersionTLS13, "localhost"},
		"no SNI": {TLSHabits{NoSNI: true}, strings.Replace(a.URL(), "127.0.0.1", "localhost", 1), tls.VersionTLS13, ""},
		"old":    {old, a.URL(), tls.VersionTLS10, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := generic()
			m.TLS = tt.habits
			mustSucceed(t, newTestCPE(t, a, m, func(c *CPEConfig) {
				c.URL, c.TLS = tt.url, &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
			}))
			if s := <-states; s.Version != tt.version || s.ServerName != tt.sni {
				t.Errorf("version %x, name %q", s.Version, s.ServerName)
			}
			foreign := tlstest.Must(tlstest.NewCA("another"))
			c := newTestCPE(t, other, m, func(c *CPEConfig) {
				c.TLS = &tls.Config{RootCAs: foreign.Pool(), MinVersion: tls.VersionTLS12}
			})
			if _, err := c.Session(t.Context()); Reason(err) != "tls handshake" {
				t.Errorf("a foreign certificate: %v", err)
			}
		})
	}
}
