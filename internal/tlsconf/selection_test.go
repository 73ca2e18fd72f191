package tlsconf

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// issued makes a certificate as the selection holds it.
func issued(t *testing.T, spec tlstest.Spec) *certificate {
	t.Helper()
	pair := tlstest.Must(testCA().Issue(spec)).TLS()
	return newCertificate(&pair, SourceStatic)
}

// hello is what a client of TLS 1.2 offers.
func hello(serverName string, suites ...uint16) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName:        serverName,
		CipherSuites:      suites,
		SupportedVersions: []uint16{tls.VersionTLS12},
		SupportedCurves:   []tls.CurveID{tls.CurveP256},
		SupportedPoints:   []uint8{0},
		SignatureSchemes:  []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.ECDSAWithP256AndSHA256},
	}
}

func TestC70_Selection(t *testing.T) {
	both := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	rsaOnly, ecdsaOnly := both[:1], both[1:]
	now := time.Now()

	first := issued(t, tlstest.Spec{Names: []string{"first.example"}, RSA: true})
	acs := issued(t, tlstest.Spec{Names: []string{"ACS.example"}})
	acsRSA := issued(t, tlstest.Spec{Names: []string{"acs.example"}, RSA: true})
	old := issued(t, tlstest.Spec{Names: []string{"renewed.example"}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-time.Hour)})
	renewed := issued(t, tlstest.Spec{Names: []string{"renewed.example"}})
	wild := issued(t, tlstest.Spec{Names: []string{"*.isp.example"}})
	addr := issued(t, tlstest.Spec{CommonName: "address", IPs: []net.IP{net.ParseIP("192.0.2.1"), net.ParseIP("2001:db8::1")}})
	cn := issued(t, tlstest.Spec{CommonName: "cn.example"})
	all := []*certificate{first, acs, acsRSA, old, renewed, wild, addr, cn}

	tests := []struct {
		name, defaultName, sni string
		suites                 []uint16
		preferRSA              bool
		want                   *certificate
	}{
		{name: "exact", sni: "acs.example", suites: both, want: acs},
		{name: "exact, other case", sni: "aCS.Example", suites: both, want: acs},
		{name: "rsa preferred", sni: "acs.example", suites: both, preferRSA: true, want: acsRSA},
		{name: "rsa preferred, client cannot", sni: "acs.example", suites: ecdsaOnly, preferRSA: true, want: acs},
		{name: "ecdsa preferred, client cannot", sni: "acs.example", suites: rsaOnly, want: acsRSA},
		{name: "valid before expired", sni: "renewed.example", suites: both, want: renewed},
		{name: "wildcard", sni: "acs.isp.example", suites: both, want: wild},
		{name: "wildcard is one label", sni: "a.b.isp.example", suites: both, want: acs},
		{name: "common name", sni: "cn.example", suites: both, want: cn},
		{name: "no sni, no default", suites: both, preferRSA: true, want: first},
		{name: "no sni", defaultName: "renewed.example", suites: both, want: renewed},
		{name: "unknown name", defaultName: "renewed.example", sni: "other.example", suites: both, want: renewed},
		{name: "default by wildcard", defaultName: "x.isp.example", sni: "other.example", suites: both, want: wild},
		{name: "default that the client cannot use", defaultName: "renewed.example", sni: "other.example", suites: rsaOnly, want: first},
		{name: "known name that the client cannot use", defaultName: "acs.example", sni: "cn.example", suites: rsaOnly, want: acsRSA},
		{name: "address in sni", defaultName: "acs.example", sni: "192.0.2.1", suites: both, want: addr},
		{name: "ipv6 in sni", defaultName: "acs.example", sni: "[2001:db8:0::1]", suites: both, want: addr},
		{name: "unknown address in sni", defaultName: "acs.example", sni: "192.0.2.2", suites: both, want: acs},
		{name: "nothing in common", sni: "cn.example", suites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}, want: cn},
		{name: "nothing in common, no sni", defaultName: "acs.example", suites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}, want: acs},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newSelection(all, tt.defaultName).choose(hello(tt.sni, tt.suites...), tt.preferRSA, now)
			if got != tt.want {
				t.Errorf("serves %v, rsa %v; want %v, rsa %v", got.names, got.rsa, tt.want.names, tt.want.rsa)
			}
		})
	}
	if got := newSelection(nil, "acs.example").choose(hello("acs.example", both...), true, now); got != nil {
		t.Errorf("serves %v of none", got.names)
	}
}

func TestC70_DefaultCertificateOverTheWire(t *testing.T) {
	m, _ := newTestManager(t, Config{
		DefaultName: "acs.example",
		Certificates: []CertConfig{
			certFiles(t, tlstest.Spec{Names: []string{"other.example"}, RSA: true}),
			certFiles(t, acsRSA),
		},
	})
	server := listenTLS(t, m, ListenerConfig{Profile: ProfileLegacy})
	for _, sni := range []string{"", "192.0.2.1", "unknown.example", "acs.example"} {
		client := &tls.Config{ServerName: sni, InsecureSkipVerify: true}
		h := shake(t, server, client)
		if h.clientErr != nil {
			t.Fatalf("SNI %q: %v", sni, h.clientErr)
		}
		if got := h.client.PeerCertificates[0].Subject.CommonName; got != "acs.example" {
			t.Errorf("SNI %q: served %s", sni, got)
		}
	}
}

func TestC72_NamesOfCertificate(t *testing.T) {
	c := issued(t, tlstest.Spec{
		CommonName: "ACS.example", Names: []string{"acs.example", "*.isp.example", "cwmp.example"},
		IPs: []net.IP{net.ParseIP("192.0.2.1")},
	})
	if got := strings.Join(c.names, " "); got != "acs.example *.isp.example cwmp.example" {
		t.Errorf("names %s", got)
	}
	for name, want := range map[string]bool{
		"acs.example": true, "x.isp.example": true, "isp.example": false, "x.y.isp.example": false, "cwmp.example": true, "example": false,
	} {
		if c.covers(name) != want {
			t.Errorf("covers %q: %v", name, !want)
		}
	}
	bare := issued(t, tlstest.Spec{CommonName: "A device, Inc.", IPs: []net.IP{net.ParseIP("192.0.2.1")}})
	if len(bare.names) != 0 || bare.name() != "192.0.2.1" {
		t.Errorf("names %v, name %q", bare.names, bare.name())
	}
}
