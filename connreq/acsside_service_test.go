package connreq

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// newACSService is a whole service with an endpoint and a relay, on real sockets.
// sent gets what goes to the CPE.
func newACSService(t *testing.T, change func(*Config)) (w *acsWorld, s *Service, sent chan string) {
	t.Helper()
	sent = make(chan string, 100)
	w = &acsWorld{t: t, tokens: NewTokens([]byte("0123456789abcdef")), m: prometheus.NewRegistry()}
	w.token = w.tokens.Of(device1)
	w.cfg = Config{
		URLBase: "http://gw.example.net:7550", Listen: "127.0.0.1:0", ACSNetworks: []string{"127.0.0.1"},
		Relay: &RelayConfig{Listen: "127.0.0.1:0", Host: "*.udp.example.net"},
		UDP:   UDPConfig{Copies: []time.Duration{0}},
	}
	if change != nil {
		change(&w.cfg)
	}
	w.target = Target{
		Device: device1, Local: netip.MustParseAddrPort("127.0.0.1:3478"), Remote: netip.MustParseAddrPort("198.51.100.7:1024"),
		URL: "http://10.0.0.1:7547/", Logins: []Login{{"cruser", "crpass"}},
	}
	s, err := New(w.cfg, Deps{
		Target: func(id cwmp.DeviceID) (Target, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.target, id.Key() == device1.Key()
		},
		SendUDP: func(_, _ netip.AddrPort, payload []byte) error { sent <- string(payload); return nil },
		ByToken: func(token string) (cwmp.DeviceID, bool) { return device1, w.tokens.Is(token, device1) },
		Store:   memstore.New(time.Now), Metrics: w.m, Log: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.side = s.acs
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w, s, sent
}

func TestC61_EndToEndThroughTheService(t *testing.T) {
	for _, answer := range []string{AnswerSent, AnswerSession} {
		w, s, sent := newACSService(t, func(c *Config) { c.Answer = answer })
		status := make(chan int, 1)
		acs := w.client("127.0.0.1")
		go func() {
			code, _ := wake(t, acs, w.shownURL(), "cruser", "crpass", genieAnswer)
			status <- code
		}()
		d, err := ParseDatagram([]byte(<-sent))
		if err != nil || !strings.EqualFold(sign("crpass", d.Signed()), d.Sig) {
			t.Errorf("the CPE got %+v: %v", d, err)
		}
		if answer == AnswerSession {
			s.NoteInform(device1, []string{cwmp.EventConnectionRequest}, time.Now())
		}
		if code := <-status; code != http.StatusOK {
			t.Errorf("answer %s: status %d", answer, code)
		}
	}
}

func TestEndToEnd_NoBindingIs503(t *testing.T) {
	w, _, sent := newACSService(t, func(c *Config) { c.HTTP.Disabled = true })
	w.mu.Lock()
	w.target.Remote = netip.AddrPort{}
	w.mu.Unlock()
	if status, header := wake(t, w.client("127.0.0.1"), w.shownURL(), "cruser", "crpass", genieAnswer); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("status %d", status)
	}
	if len(sent) != 0 {
		t.Error("something went out")
	}
}

func TestS32_OwnRequestsComeAfterThoseOfTheACS(t *testing.T) {
	w, s, sent := newACSService(t, nil)
	ts := time.Now().Add(time.Hour).Unix() // the ACS's clock is fast
	w.sendFrom("127.0.0.1", udpRequest(w.token+".udp.example.net:7551", ts, 5, "cruser", "crpass"))
	<-sent
	w.count(countDatagrams, outcomeSent, 1)
	if _, err := s.Begin(device1, "api"); err != nil {
		t.Fatal(err)
	}
	d, err := ParseDatagram([]byte(<-sent))
	if err != nil || d.TS <= ts || d.ID == 5 {
		t.Errorf("ts %d after the ACS's %d, id %d: %v", d.TS, ts, d.ID, err)
	}
}

func TestService_ClosesTheACSsSocketsWithoutRun(t *testing.T) {
	deps := Deps{
		Target:  func(cwmp.DeviceID) (Target, bool) { return Target{}, false },
		SendUDP: func(_, _ netip.AddrPort, _ []byte) error { return nil },
		ByToken: func(string) (cwmp.DeviceID, bool) { return cwmp.DeviceID{}, false },
		Store:   memstore.New(time.Now), Log: zap.NewNop(), Now: time.Now,
	}
	cfg := Config{
		URLBase: "http://gw.example.net:7550", Listen: "127.0.0.1:0", ACSNetworks: []string{"127.0.0.1"},
		Relay: &RelayConfig{Listen: "127.0.0.1:0", Ports: "20000-20009"},
	}
	deps.Metrics = prometheus.NewRegistry()
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	if s.Port(device1) == 0 {
		t.Error("the device has no port")
	}
	cfg.Listen = s.acs.endpoint.listener.Addr().String()
	cfg.Relay.Listen = s.acs.relay.conn.LocalAddr().String()
	deps.Metrics = prometheus.NewRegistry()
	if _, err := New(cfg, deps); err == nil {
		t.Error("one address was bound twice")
	}
	s.Close()
	deps.Metrics = prometheus.NewRegistry()
	again, err := New(cfg, deps)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	again.Close()
}

func TestC83_EndToEndThroughTheService(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		w, _, sent := newACSService(t, func(c *Config) {
			c.URLBase = "http://*.cr.example.net:7550"
			if allowed {
				c.HTTP.AllowNetworks = []string{"127.0.0.1"}
			}
		})
		cpe := httptest.NewServer(&strictCPE{challenge: `Digest realm="CPE" qop="auth" nonce="cpenonce" algorithm="MD5"`, uri: "/tr069?id=1", status: http.StatusOK})
		t.Cleanup(cpe.Close)
		w.mu.Lock()
		w.target.URL, w.target.Logins = cpe.URL+"/tr069?id=1", nil
		w.mu.Unlock()
		want := http.StatusServiceUnavailable // quirk C-85: the CPE's URL is one that must not be asked
		if allowed {
			want = http.StatusOK
		}
		if status, _ := wake(t, w.client("127.0.0.1"), w.shownURL(), "cruser", "crpass", genieAnswer); status != want {
			t.Errorf("allowed %v: status %d, want %d", allowed, status, want)
		}
		if len(sent) != 0 {
			t.Error("a datagram was sent")
		}
	}
}
