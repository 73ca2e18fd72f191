package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/config"
)

// issued is a certificate with its key and who issued it.
type issued struct {
	*x509.Certificate
	key    *ecdsa.PrivateKey
	issuer *issued // nil for one that has signed itself
}

// issue makes a certificate. Authorities live for ten years around now, servers for
// two hours.
func (by *issued) issue(t *testing.T, name string, change func(*x509.Certificate)) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	change(c)
	made := &issued{key: key, issuer: by}
	parent, parentKey := c, key
	if by != nil {
		parent, parentKey = by.Certificate, by.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err == nil {
		made.Certificate, err = x509.ParseCertificate(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func authority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	c.NotBefore, c.NotAfter = time.Now().AddDate(-5, 0, 0), time.Now().AddDate(5, 0, 0)
}

func loopback(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }

// pool trusts the certificate alone.
func (by *issued) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(by.Certificate)
	return p
}

func (by *issued) writeFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: by.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve answers by https as the certificate, and sends these others with it.
func (by *issued) serve(t *testing.T, others ...*issued) *httptest.Server {
	t.Helper()
	pair := tls.Certificate{Certificate: [][]byte{by.Raw}, PrivateKey: by.key}
	for _, c := range others {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("the target is asked by %s", r.Method)
		}
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// holds compares an error with a part of it; "" stands for none.
func holds(t *testing.T, what string, err error, problem string) {
	t.Helper()
	if got := errorText(err); problem == "" && err != nil || !strings.Contains(got, problem) {
		t.Errorf("%s: %s, want %q", what, got, problem)
	}
}

// TestPreflight: an answer in HTTP is enough, whatever it says.
func TestPreflight(t *testing.T) {
	t.Parallel()
	root := (*issued)(nil).issue(t, "Root", authority)
	secure := root.issue(t, "127.0.0.1", loopback).serve(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for target, problem := range map[string]string{
		plain.URL + "/cwmp": "", secure.URL + "/cwmp": "",
		strings.Replace(secure.URL, "127.0.0.1", "localhost", 1): "localhost",
		strings.Replace(plain.URL, "http:", "https:", 1):         "does not look like a TLS handshake",
		"http://name.invalid/":                                   "name is not found",
		"https://127.0.0.1:1/":                                   "refused",
	} {
		holds(t, target, preflight(t.Context(), target, root.pool()), problem)
	}
}

// TestPreflight_Chain: the certificate must lead to a root that CPEs know by what
// the server sends with it, since few CPEs look for what is missing.
func TestPreflight_Chain(t *testing.T) {
	t.Parallel()
	var none *issued
	root, other := none.issue(t, "Root", authority), none.issue(t, "Other Root", authority)
	middle := root.issue(t, "Middle", authority)
	lower := middle.issue(t, "Lower", authority)
	old := root.issue(t, "Old", func(c *x509.Certificate) {
		authority(c)
		c.NotAfter = time.Now().Add(-time.Hour)
	})
	leaf := lower.issue(t, "acs", loopback)
	self := none.issue(t, "acs", loopback)
	named := root.issue(t, "acs.isp.example", func(c *x509.Certificate) { c.DNSNames = []string{"acs.isp.example"} })
	expired := root.issue(t, "acs", func(c *x509.Certificate) {
		loopback(c)
		c.NotAfter = time.Now().Add(-time.Minute)
	})
	early := root.issue(t, "acs", func(c *x509.Certificate) {
		loopback(c)
		c.NotBefore = time.Now().Add(time.Minute)
	})
	client := root.issue(t, "acs", func(c *x509.Certificate) {
		loopback(c)
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	for name, test := range map[string]struct {
		leaf    *issued
		sends   []*issued
		roots   *x509.CertPool
		problem string
	}{
		"whole":                    {leaf, []*issued{lower, middle}, root.pool(), ""},
		"whole, and the root":      {leaf, []*issued{lower, middle, root}, root.pool(), ""},
		"an intermediate is known": {leaf, []*issued{lower}, middle.pool(), ""},
		"from the root itself":     {root.issue(t, "acs", loopback), nil, root.pool(), ""},
		"the CN is the host":       {root.issue(t, "127.0.0.1", func(*x509.Certificate) {}), nil, root.pool(), ""},
		"without intermediates":    {leaf, nil, root.pool(), `certificate of "CN=acs" is issued by "CN=Lower", whose certificate the server does not send`},
		"without the upper one":    {leaf, []*issued{lower}, root.pool(), `certificate of "CN=Lower" is issued by "CN=Middle", whose certificate the server does not send`},
		"without the lower one":    {leaf, []*issued{middle}, root.pool(), `is issued by "CN=Lower", whose certificate the server does not send`},
		"another root":             {leaf, []*issued{lower, middle, root}, other.pool(), `leads to the root "CN=Root", which is not`},
		"the system's roots":       {leaf, []*issued{lower, middle, root}, nil, "cpe_root_ca_file"},
		"self-signed":              {self, nil, root.pool(), "self-signed"},
		"self-signed and known":    {self, nil, self.pool(), ""},
		"another name":             {named, nil, root.pool(), "127.0.0.1"},
		"expired":                  {expired, nil, root.pool(), "is valid from"},
		"not valid yet":            {early, nil, root.pool(), "is valid from"},
		"an expired intermediate":  {old.issue(t, "acs", loopback), []*issued{old}, root.pool(), `"CN=Old" is valid from`},
		"a client's certificate":   {client, nil, root.pool(), "usage"},
	} {
		server := test.leaf.serve(t, test.sends...)
		holds(t, name, preflight(t.Context(), server.URL, test.roots), test.problem)
	}
	if checkChain(nil, "127.0.0.1", root.pool(), time.Now()) == nil {
		t.Error("no certificate is good enough")
	}
}

// TestPreflight_CPERoots: cpe_root_ca_file has the roots that CPEs know, and is read
// again by a reload. Without it they are the system's.
func TestPreflight_CPERoots(t *testing.T) {
	t.Parallel()
	var none *issued
	root, other := none.issue(t, "Root", authority), none.issue(t, "Other Root", authority)
	target := root.issue(t, "acs", loopback).serve(t).URL
	right, wrong := root.writeFile(t), other.writeFile(t)
	text := func(key string) string { return ", cpe_url: \"" + target + "\"" + key }
	w := newWorld(t)
	reload := func(key string) {
		t.Helper()
		cfg, err := config.Parse(w.file, []byte(strings.Replace(w.text(""), ", probe: {type: cwmp", text(key)+", probe: {type: cwmp", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Reload(cfg); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, "no cpe_url", w.checkTarget(t.Context(), "south"), "has no cpe_url")
	reload("")
	holds(t, "the system's roots", w.checkTarget(t.Context(), "south"), `acs "south": cpe_url "`+target+`": certificate of "CN=acs"`)
	reload(", cpe_root_ca_file: " + right)
	holds(t, "the right root", w.checkTarget(t.Context(), "south"), "")
	reload(", cpe_root_ca_file: " + wrong)
	holds(t, "another root", w.checkTarget(t.Context(), "south"), "CN=Root")
	again, err := os.ReadFile(right)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wrong, again, 0o600); err != nil {
		t.Fatal(err)
	}
	reload(", cpe_root_ca_file: " + wrong)
	holds(t, "the file has changed", w.checkTarget(t.Context(), "south"), "")
}
