package connreq

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// post is a request of genieacs-stunrelay's client.
func (w *acsWorld) post(ip, query, body string, login func(*http.Request)) (int, map[string]string) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://gw.example.net:7550"+stunRelayPath+query, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if login != nil {
		login(r)
	}
	resp, err := w.client(ip).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var answer map[string]string
	if err := json.Unmarshal(raw, &answer); err != nil {
		w.t.Fatalf("answer %q: %v", raw, err)
	}
	return resp.StatusCode, answer
}

// stunRelayBody is the JSON that the client of genieacs-stunrelay sends.
func stunRelayBody(t *testing.T, host string, port uint16, message []byte) string {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"target_host": host, "target_port": port, "udp_message_string": string(message)})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func basicLogin(r *http.Request)  { r.SetBasicAuth("genie", "relay secret") }
func bearerLogin(r *http.Request) { r.Header.Set("Authorization", "bearer relay secret") }

func TestS38_STUNRelayWakes(t *testing.T) {
	tests := []struct {
		name, query string
		login       func(*http.Request)
		shown       bool
	}{
		{"Basic", "", basicLogin, false},
		{"Bearer", "", bearerLogin, false},
		{"in the URL, for the client sends no login", "?access_token=relay%20secret", nil, false},
		{"the address that ACSs are shown", "", basicLogin, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newACSWorld(t, nil)
			at := addrOf(w.cpe)
			host, port := at.Addr().String(), at.Port()
			if tt.shown {
				host, port = w.token+".udp.example.net", 7551
			}
			request := udpRequest(fmt.Sprintf("%s:%d", host, port), 1795229054, 7, "cruser", "crpass")
			status, answer := w.post("127.0.0.1", tt.query, stunRelayBody(t, host, port, request), tt.login)
			if status != http.StatusOK || answer["status"] != "sent_no_reply" || !strings.Contains(answer["message"], "3 times") {
				t.Errorf("status %d, %v", status, answer)
			}
			for range 3 {
				if got := w.receive(); got != string(udpRequest(at.String(), 1795229054, 7, "cruser", "crpass")) {
					t.Errorf("CPE got %q", got)
				}
			}
			w.count(countStunRelays, outcomeSent, 1)
		})
	}
}

func TestS38_STUNRelayRefuses(t *testing.T) {
	tests := []struct {
		name   string
		login  func(*http.Request)
		body   func(w *acsWorld) string
		status int
		want   string
	}{
		{"no login", nil, nil, 401, outcomeDenied},
		{"wrong user", func(r *http.Request) { r.SetBasicAuth("x", "relay secret") }, nil, 401, outcomeDenied},
		{"wrong password", func(r *http.Request) { r.SetBasicAuth("genie", "x") }, nil, 401, outcomeDenied},
		{"wrong bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, nil, 401, outcomeDenied},
		{"no JSON", basicLogin, func(*acsWorld) string { return "x" }, 422, string(RefusedForm)},
		{"missing key", basicLogin, func(*acsWorld) string { return `{"target_host":"a"}` }, 422, string(RefusedForm)},
		{"oversized", basicLogin, func(*acsWorld) string {
			return stunRelayBody(t, "127.0.0.1", 9, []byte(strings.Repeat("x", maxStunRelayBody)))
		}, 422, string(RefusedForm)},
		{"no Connection Request", basicLogin, func(w *acsWorld) string {
			return stunRelayBody(t, "127.0.0.1", addrOf(w.cpe).Port(), []byte(strings.Repeat("x", 100)))
		}, 422, string(RefusedForm)},
		{"an address that is no binding", basicLogin, func(*acsWorld) string {
			return stunRelayBody(t, "198.51.100.7", 53, []byte(genieDatagram))
		}, 404, string(refusedDevice)},
		{"a name", basicLogin, func(*acsWorld) string {
			return stunRelayBody(t, "localhost", 53, []byte(genieDatagram))
		}, 404, string(refusedDevice)},
		{"no usable binding", basicLogin, func(w *acsWorld) string {
			remote := w.target.Remote
			w.mu.Lock()
			w.target.Local = netip.AddrPort{}
			w.mu.Unlock()
			return stunRelayBody(t, remote.Addr().String(), remote.Port(), []byte(genieDatagram))
		}, 503, string(refusedBinding)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newACSWorld(t, nil)
			body := stunRelayBody(t, "127.0.0.1", addrOf(w.cpe).Port(), []byte(genieDatagram))
			if tt.body != nil {
				body = tt.body(w)
			}
			if status, answer := w.post("127.0.0.1", "", body, tt.login); status != tt.status || answer["detail"] == "" {
				t.Errorf("status %d, %v; want %d", status, answer, tt.status)
			}
			w.count(countStunRelays, tt.want, 1)
			if w.sent() != 0 {
				t.Error("something went out")
			}
		})
	}
}

func TestSTUNRelay_Limits(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) { w.cfg.ACSNetworks = []string{"127.0.0.0/8"} })
	body := stunRelayBody(t, "127.0.0.1", addrOf(w.cpe).Port(), []byte(genieDatagram))
	for range failureBurst {
		w.post("127.0.0.3", "", body, nil)
	}
	if status, _ := w.post("127.0.0.3", "", body, basicLogin); status != http.StatusTooManyRequests {
		t.Errorf("after too many failures: %d", status)
	}
	for range relayCopies {
		if status, _ := w.post("127.0.0.1", "", body, basicLogin); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if status, _ := w.post("127.0.0.1", "", body, basicLogin); status != http.StatusTooManyRequests {
		t.Errorf("a replay: %d", status)
	}
	w.count(countStunRelays, string(refusedCopies), 1)
}

func TestSTUNRelay_OffUnlessConfigured(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) { w.cfg.STUNRelay = nil })
	if status, _ := get(t, w.client("127.0.0.1"), "http://gw.example.net:7550"+stunRelayPath, ""); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
}

func TestReadPassword(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{"secret": "secret", "secret\r\n": "secret", " a b \n": " a b ", "": "", "\n": "", "a\nb": "", strings.Repeat("x", 2000): ""} {
		name := filepath.Join(dir, "password")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readPassword(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %q, %v", content, got, err)
		}
	}
	if _, err := readPassword(filepath.Join(dir, "missing")); err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("missing file: %v", err)
	}
}
