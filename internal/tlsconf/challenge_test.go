package tlsconf

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/acsgate/acsgate/internal/store/memstore"
)

func httpChallenge(name, token string) acme.Challenge {
	return acme.Challenge{
		Type: acme.ChallengeTypeHTTP01, Token: token, KeyAuthorization: token + ".thumb",
		Identifier: acme.Identifier{Type: "dns", Value: name},
	}
}

func alpnChallenge(name string) acme.Challenge {
	c := httpChallenge(name, "token")
	c.Type = acme.ChallengeTypeTLSALPN01
	return c
}

func TestChallengeAnswersOrdersUnderWay(t *testing.T) {
	ctx := t.Context()
	cfg := Config{ACME: &ACMEConfig{Names: []string{"acs.example"}}}
	backend := memstore.New(time.Now)
	m, _ := acmeManager(t, cfg, backend)
	neighbour, _ := acmeManager(t, cfg, backend)
	without, _ := acmeManager(t, Config{}, backend)
	c := httpChallenge("acs.example", "tok_en-1")
	if err := m.book.Present(ctx, c); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		m          *Manager
		host, path string
		ok         bool
	}{
		"good":              {m, "acs.example", challengePath + "tok_en-1", true},
		"port":              {m, "ACS.EXAMPLE:7547", challengePath + "tok_en-1", true},
		"dot":               {m, "acs.example.", challengePath + "tok_en-1", true},
		"shared store":      {neighbour, "acs.example", challengePath + "tok_en-1", true},
		"without acme":      {without, "acs.example", challengePath + "tok_en-1", false},
		"other host":        {m, "evil.example", challengePath + "tok_en-1", false},
		"no host":           {m, "", challengePath + "tok_en-1", false},
		"other token":       {m, "acs.example", challengePath + "tok_en-2", false},
		"no token":          {m, "acs.example", challengePath, false},
		"below":             {m, "acs.example", challengePath + "tok_en-1/x", false},
		"another path":      {m, "acs.example", "/cwmp", false},
		"not base64url":     {m, "acs.example", challengePath + "../tok_en-1", false},
		"long":              {m, "acs.example", challengePath + strings.Repeat("a", maxToken+1), false},
		"alpn by the front": {m, "acs.example", challengePath + "alpn", false},
	} {
		t.Run(name, func(t *testing.T) {
			body, ok := tt.m.Challenge(tt.host, tt.path)
			if ok != tt.ok || ok && body != "tok_en-1.thumb" {
				t.Errorf("%q, %v", body, ok)
			}
		})
	}
	if err := m.book.CleanUp(ctx, c); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Manager{m, neighbour} {
		if _, ok := m.Challenge("acs.example", challengePath+"tok_en-1"); ok {
			t.Error("answered after the order")
		}
	}
}

func TestTLSALPNChallengeDoesNotDisturbCPEs(t *testing.T) {
	ctx := t.Context()
	cfg := Config{ACME: &ACMEConfig{Names: []string{"acs.example"}}, Certificates: []CertConfig{certFiles(t, acsRSA)}}
	backend := memstore.New(time.Now)
	m, _ := acmeManager(t, cfg, backend)
	neighbour, _ := acmeManager(t, cfg, backend)
	if err := m.book.Present(ctx, alpnChallenge("acs.example")); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		m         *Manager
		listener  ListenerConfig
		sni       string
		protos    []string
		challenge bool
	}{
		"validation":              {m, ListenerConfig{}, "acs.example", []string{"acme-tls/1"}, true},
		"validation, other case":  {m, ListenerConfig{}, "ACS.example", []string{"acme-tls/1"}, true},
		"by another process":      {neighbour, ListenerConfig{}, "acs.example", []string{"acme-tls/1"}, true},
		"where clients must sign": {m, ListenerConfig{ClientAuth: ClientAuthRequired, ClientCAFile: caFile(t)}, "acs.example", []string{"acme-tls/1"}, true},
		"another name":            {m, ListenerConfig{}, "other.example", []string{"acme-tls/1"}, false},
		"a CPE":                   {m, ListenerConfig{}, "acs.example", nil, false},
		"a browser":               {m, ListenerConfig{}, "acs.example", []string{"h2", "http/1.1"}, false},
		"both":                    {m, ListenerConfig{}, "acs.example", []string{"acme-tls/1", "http/1.1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := shake(t, listenTLS(t, tt.m, tt.listener), &tls.Config{ServerName: tt.sni, NextProtos: tt.protos, InsecureSkipVerify: true})
			if h.clientErr != nil {
				t.Fatal(h.clientErr)
			}
			if got := h.client.NegotiatedProtocol == "acme-tls/1"; got != tt.challenge {
				t.Errorf("negotiated %q", h.client.NegotiatedProtocol)
			}
			if got := h.client.PeerCertificates[0].Issuer.CommonName != "Test CA"; got != tt.challenge {
				t.Errorf("served a certificate of %q", h.client.PeerCertificates[0].Issuer.CommonName)
			}
		})
	}
}

func TestChallengeReadersAreBounded(t *testing.T) {
	m, _ := acmeManager(t, Config{ACME: &ACMEConfig{Names: []string{"acs.example"}}}, memstore.New(time.Now))
	if err := m.book.Present(t.Context(), httpChallenge("acs.example", "mine")); err != nil {
		t.Fatal(err)
	}
	delete(m.book.open, "http/mine") // as if another process had presented it
	for range challengeReaders {
		m.book.readers <- struct{}{}
	}
	if _, ok := m.Challenge("acs.example", challengePath+"mine"); ok {
		t.Error("one more reader than allowed")
	}
	<-m.book.readers
	if _, ok := m.Challenge("acs.example", challengePath+"mine"); !ok {
		t.Error("not answered")
	}
}
