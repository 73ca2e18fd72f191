package gateway

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestPreflight: an answer in HTTP is enough, whatever it says; a certificate of
// another name is not.
func TestPreflight(t *testing.T) {
	t.Parallel()
	says := func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("the target is asked by %s", r.Method)
		}
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	}
	plain, secure := httptest.NewServer(http.HandlerFunc(says)), httptest.NewUnstartedServer(http.HandlerFunc(says))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	for target, problem := range map[string]string{
		plain.URL + "/cwmp": "", secure.URL + "/cwmp": "",
		strings.Replace(secure.URL, "127.0.0.1", "localhost", 1): "localhost",
		strings.Replace(plain.URL, "http:", "https:", 1):         "does not look like a TLS handshake",
		"http://name.invalid/":                                   "name is not found",
		"https://127.0.0.1:1/":                                   "refused",
	} {
		err := preflight(t.Context(), target)
		if got := errorText(err); problem == "" && err != nil || !strings.Contains(got, problem) {
			t.Errorf("%s: %s, want %q", target, got, problem)
		}
	}
}

// TestPreflight_Certificates are judged by their time as well.
func TestPreflight_Certificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	leaf := server.Certificate()
	for _, test := range []struct {
		host    string
		now     time.Time
		problem string
	}{
		{"example.com", leaf.NotBefore.Add(time.Hour), ""},
		{"example.org", leaf.NotBefore.Add(time.Hour), "example.org"},
		{"example.com", leaf.NotAfter.Add(time.Hour), "is valid from"},
		{"example.com", leaf.NotBefore.Add(-time.Hour), "is valid from"},
	} {
		err := checkLeaf([][]byte{leaf.Raw}, test.host, test.now)
		if got := errorText(err); test.problem == "" && err != nil || !strings.Contains(got, test.problem) {
			t.Errorf("%s at %v: %s", test.host, test.now, got)
		}
	}
	if checkLeaf(nil, "example.com", leaf.NotBefore) == nil || checkLeaf([][]byte{{1}}, "example.com", leaf.NotBefore) == nil {
		t.Error("no certificate is good enough")
	}
}
