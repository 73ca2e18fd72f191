package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

func stateOf(certs ...*x509.Certificate) tls.ConnectionState {
	return tls.ConnectionState{PeerCertificates: certs}
}

func TestC75_VerifyDevice(t *testing.T) {
	box := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG 8245", SerialNumber: "SN/1"}
	bare := cwmp.DeviceID{OUI: "00D09E", SerialNumber: "SN1"}
	tests := []struct {
		name     string
		template string
		cert     tlstest.Spec
		device   cwmp.DeviceID
		want     string // part of the error, "" for none
	}{
		{"common name", "", tlstest.Spec{CommonName: "00D09E-HG 8245-SN/1"}, box, ""},
		{"percent-encoded", "", tlstest.Spec{CommonName: "00D09E-HG%208245-SN%2F1"}, box, ""},
		{"without product class", "", tlstest.Spec{CommonName: "00D09E-SN/1"}, box, ""},
		{"no product class at all", "", tlstest.Spec{CommonName: "00D09E-SN1"}, bare, ""},
		{"other case", "", tlstest.Spec{CommonName: "00d09e-sn1"}, bare, ""},
		{"dns", "{serial}.cpe.isp.example", tlstest.Spec{Names: []string{"x.example", "SN1.cpe.isp.example"}}, bare, ""},
		{"uri", "urn:cpe:{oui}:{serial}", tlstest.Spec{URIs: []string{"urn:cpe:00D09E:SN1"}}, bare, ""},
		{"uri, percent-encoded", "urn:cpe:{serial}", tlstest.Spec{URIs: []string{"urn:cpe:SN%2F1"}}, box, ""},
		{"email", "{serial}@isp.example", tlstest.Spec{Emails: []string{"SN1@isp.example"}}, bare, ""},
		{"second alternative", "{serial}.a.example | {serial}.b.example", tlstest.Spec{Names: []string{"sn1.b.example"}}, bare, ""},

		{"another serial", "", tlstest.Spec{CommonName: "00D09E-SN2"}, bare, `is for "00D09E-SN2", expected "00D09E-SN1"`},
		{"another oui", "", tlstest.Spec{CommonName: "00D09F-SN1"}, bare, `is for "00D09F-SN1"`},
		{"serial within another", "", tlstest.Spec{CommonName: "00D09E-SN11"}, bare, "expected"},
		{"nobody", "", tlstest.Spec{}, bare, "is for nobody"},
		{"encoded expectation is told", "{serial}", tlstest.Spec{CommonName: "x"}, box, `expected "SN/1" or "SN%2F1"`},
		{"kelvin sign is no k", "{serial}", tlstest.Spec{CommonName: "\u212A1"}, cwmp.DeviceID{SerialNumber: "K1"}, "expected"},
		{"empty serial", "", tlstest.Spec{CommonName: "00D09E-"}, cwmp.DeviceID{OUI: "00D09E"}, "lacks a part"},
		{"empty oui", "", tlstest.Spec{CommonName: "-SN1"}, cwmp.DeviceID{SerialNumber: "SN1"}, "lacks a part"},
		{"bad template", "{oui}", tlstest.Spec{CommonName: "00D09E"}, bare, "does not contain {serial}"},
	}
	m, _ := newTestManager(t, Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cert.Client = true
			leaf := tlstest.Must(testCA().Issue(tt.cert))
			l := ListenerConfig{ClientAuth: ClientAuthRequired, ClientIdentity: tt.template}
			err := m.VerifyDevice(l, stateOf(leaf.Cert), tt.device)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestC54_WhoNeedsACertificate(t *testing.T) {
	m, _ := newTestManager(t, Config{})
	device := cwmp.DeviceID{OUI: "00D09E", SerialNumber: "SN1"}
	others := tlstest.Must(testCA().Issue(tlstest.Spec{CommonName: "00D09E-SN2", Client: true})).Cert
	for _, tt := range []struct {
		auth  string
		state tls.ConnectionState
		ok    bool
	}{
		{ClientAuthOff, stateOf(), true},
		{ClientAuthOff, stateOf(others), true},
		{ClientAuthIfGiven, stateOf(), true},
		{ClientAuthIfGiven, stateOf(others), false},
		{ClientAuthRequired, stateOf(), false},
		{ClientAuthRequired, stateOf(others), false},
	} {
		err := m.VerifyDevice(ListenerConfig{ClientAuth: tt.auth}, tt.state, device)
		if (err == nil) != tt.ok {
			t.Errorf("%s with %d certificates: %v", tt.auth, len(tt.state.PeerCertificates), err)
		}
	}
}

func TestC75_ErrorsAboutHugeCertificatesStayShort(t *testing.T) {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("x", 10_000)}}
	for range 1000 {
		cert.DNSNames = append(cert.DNSNames, strings.Repeat("y", 1000))
	}
	m, _ := newTestManager(t, Config{})
	err := m.VerifyDevice(ListenerConfig{ClientAuth: ClientAuthRequired}, stateOf(cert), cwmp.DeviceID{OUI: "00D09E", SerialNumber: "1"})
	if err == nil || len(err.Error()) > 700 || !strings.Contains(err.Error(), "997 more") {
		t.Errorf("error of %d bytes: %.200v", len(err.Error()), err)
	}
}

func TestC75_MutualTLSOverTheWire(t *testing.T) {
	m, _ := newTestManager(t, Config{Certificates: []CertConfig{certFiles(t, acsRSA)}})
	device := cwmp.DeviceID{OUI: "00D09E", SerialNumber: "SN1"}
	cpe := tlstest.Must(testCA().Issue(tlstest.Spec{CommonName: "00D09E-SN1", Client: true, RSA: true})).TLS()
	for _, auth := range []string{ClientAuthOff, ClientAuthIfGiven, ClientAuthRequired} {
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
			l := ListenerConfig{Profile: ProfileLegacy, ClientAuth: auth}
			if auth != ClientAuthOff {
				l.ClientCAFile = caFile(t)
			}
			client := trusting("acs.example")
			client.MinVersion, client.MaxVersion = version, version
			presents(client, cpe)
			client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			server := listenTLS(t, m, l)
			for _, resumed := range []bool{false, true} {
				h := shake(t, server, client)
				if h.serverErr != nil || h.server.DidResume != resumed {
					t.Fatalf("%s, %s: %v, resumed %v", auth, tls.VersionName(version), h.serverErr, h.server.DidResume)
				}
				if got := len(h.server.PeerCertificates) > 0; got != (auth != ClientAuthOff) {
					t.Errorf("%s, %s: certificate seen %v", auth, tls.VersionName(version), got)
				}
				if err := m.VerifyDevice(l, h.server, device); err != nil {
					t.Errorf("%s, %s: %v", auth, tls.VersionName(version), err)
				}
			}
		}
	}
}

func TestClientCertHeaders(t *testing.T) {
	leaf := tlstest.Must(testCA().Issue(tlstest.Spec{CommonName: "cpe", Client: true})).Cert
	one, two := &x509.Certificate{Raw: []byte{0xfb, 0xff}}, &x509.Certificate{Raw: []byte("second")}
	for _, tt := range []struct {
		name        string
		state       tls.ConnectionState
		cert, chain string
	}{
		{"none", stateOf(), "", ""},
		{"real", stateOf(leaf), ":" + base64.StdEncoding.EncodeToString(leaf.Raw) + ":", ""},
		{"standard alphabet, padded", stateOf(one), ":+/8=:", ""},
		{"chain", stateOf(leaf, one, two), ":" + base64.StdEncoding.EncodeToString(leaf.Raw) + ":", ":+/8=:, :c2Vjb25k:"},
	} {
		if cert, chain := ClientCertHeaders(tt.state); cert != tt.cert || chain != tt.chain {
			t.Errorf("%s: %s and %s", tt.name, cert, chain)
		}
	}
}

// FuzzIdentity holds the parser against the obvious way to fill in a template.
func FuzzIdentity(f *testing.F) {
	f.Add(defaultIdentity, "00D09E", "HG", "SN1")
	f.Add("urn:{oui}:{serial}", "00D09E", "", "S N")
	f.Add("{serial", "a", "b", "c")
	f.Add("}{serial}", "a", "b", "c")
	f.Add("{serial}{serial}|x{serial}", "{oui}", "", "{serial}")
	f.Fuzz(func(t *testing.T, template, oui, class, serial string) {
		parsed, err := parseIdentity(template)
		if err != nil {
			return
		}
		id := cwmp.DeviceID{OUI: oui, ProductClass: class, SerialNumber: serial}
		for i, text := range strings.Split(template, "|") {
			text = strings.TrimSpace(text)
			got := parsed[i].expand(id)
			lacks := oui == "" && strings.Contains(text, "{oui}") || class == "" && strings.Contains(text, "{product_class}") || serial == ""
			if lacks {
				if got != nil {
					t.Fatalf("%q expands to %q for a device that lacks a part", text, got)
				}
				continue
			}
			fill := strings.NewReplacer("{oui}", oui, "{product_class}", class, "{serial}", serial)
			if want := fill.Replace(text); got[0] != want {
				t.Fatalf("%q expands to %q, want %q", text, got[0], want)
			}
		}
	})
}
