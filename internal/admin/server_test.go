package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server on a port of the system's choice until the test ends.
func start(t *testing.T, d Deps) *Server {
	t.Helper()
	s, stop := startStop(t, d)
	t.Cleanup(stop)
	return s
}

// startStop is start for tests that end the server themselves.
func startStop(t *testing.T, d Deps) (s *Server, stop func()) {
	t.Helper()
	if d.Registry == nil {
		d.Registry = prometheus.NewRegistry()
	}
	if d.Log == nil {
		d.Log = zap.NewNop()
	}
	s, err := New(Config{Address: "127.0.0.1:0"}, d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// fetch sends one request over a connection of its own.
func fetch(t *testing.T, s *Server, method, path, accept string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func ok() error { return nil }

func TestHealth_SaysStateAndReasons(t *testing.T) {
	down := func() error {
		return errors.Join(errors.New(`no ACS is up`), errors.New("draining"))
	}
	tests := []struct {
		name        string
		ready, live func() error
		path        string
		status      int
		text        string
	}{
		{"ready", ok, down, PathReady, 200, "ready\n"},
		{"live", down, ok, PathLive, 200, "live\n"},
		{"not ready", down, ok, PathReady, 503, "not ready\nno ACS is up\ndraining\n"},
		{"not live", ok, down, PathLive, 503, "not live\nno ACS is up\ndraining\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, Deps{Ready: test.ready, Live: test.live})
			response, text := fetch(t, s, "GET", test.path, "")
			if response.StatusCode != test.status || text != test.text {
				t.Errorf("answer %d %q, want %d %q", response.StatusCode, text, test.status, test.text)
			}
			response, text = fetch(t, s, "GET", test.path, "text/html, application/json;q=0.9")
			var got report
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%v in %q", err, text)
			}
			lines := strings.Split(strings.TrimSpace(test.text), "\n")
			if response.StatusCode != test.status || got.Status != lines[0] || !slices.Equal(got.Reasons, lines[1:]) {
				t.Errorf("JSON answer %d %+v, want %d %q", response.StatusCode, got, test.status, lines)
			}
			if ct := response.Header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("Content-Type %q", ct)
			}
			if cc := response.Header.Get("Cache-Control"); cc != "no-store" {
				t.Errorf("Cache-Control %q", cc)
			}
		})
	}
}

func TestHealth_EmptyReasonsAreAnEmptyList(t *testing.T) {
	s := start(t, Deps{Ready: ok, Live: ok})
	if _, text := fetch(t, s, "GET", PathReady, "application/json"); text != `{"status":"ready","reasons":[]}`+"\n" {
		t.Errorf("answer %q", text)
	}
}

func TestMetrics_ServesTheRegistryPassedIn(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "acsgate_test_total", Help: "For this test."})
	registry.MustRegister(counter)
	counter.Add(3)
	s := start(t, Deps{Registry: registry, Ready: ok, Live: ok})
	response, text := fetch(t, s, "GET", PathMetrics, "")
	if response.StatusCode != 200 || !strings.Contains(text, "\nacsgate_test_total 3\n") {
		t.Errorf("answer %d %q", response.StatusCode, text)
	}
	if strings.Contains(text, "go_goroutines") {
		t.Error("metrics of another registry are served")
	}
}

func TestServer_RefusesOtherMethodsAndPaths(t *testing.T) {
	s := start(t, Deps{Ready: ok, Live: ok})
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200},
		{"HEAD", PathReady, 200},
		{"POST", PathReady, 405},
		{"DELETE", PathMetrics, 405},
		{"GET", "/nothing", 404},
		{"GET", PathReady + "/x", 404},
	} {
		if response, _ := fetch(t, s, test.method, test.path, ""); response.StatusCode != test.status {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, response.StatusCode, test.status)
		}
	}
}

func TestServer_RefusesLargeHeaders(t *testing.T) {
	s := start(t, Deps{Ready: ok, Live: ok})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", strings.Repeat("x", 4*maxHeaderBytes))
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestServer_EndsWithIdleAndHalfOpenClients(t *testing.T) {
	s, stop := startStop(t, Deps{Ready: ok, Live: ok})
	var conns []net.Conn
	for _, head := range []string{"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /rea"} {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	stop()
	for i, conn := range conns {
		// Not a timeout: the server has closed its end.
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

func TestNew_WarnsUnlessLoopback(t *testing.T) {
	for address, warnings := range map[string]int{"127.0.0.1:0": 0, "0.0.0.0:0": 1} {
		core, logs := observer.New(zapcore.WarnLevel)
		s, err := New(Config{Address: address}, Deps{Registry: prometheus.NewRegistry(), Log: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if logs.Len() != warnings {
			t.Errorf("%s: %d warnings, want %d", address, logs.Len(), warnings)
		}
	}
}

func TestNew_NamesTheKeyWhenTheAddressIsTaken(t *testing.T) {
	s := start(t, Deps{Ready: ok, Live: ok})
	_, err := New(Config{Address: s.Addr().String()}, Deps{Registry: prometheus.NewRegistry(), Log: zap.NewNop()})
	if err == nil || !strings.HasPrefix(err.Error(), "admin.address: ") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v", err)
	}
}

func TestRun_FailsWhenTheListenerDoes(t *testing.T) {
	s, err := New(Config{Address: "127.0.0.1:0"}, Deps{Registry: prometheus.NewRegistry(), Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run of a closed listener: %v", err)
	}
}
