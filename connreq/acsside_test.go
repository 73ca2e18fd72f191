package connreq

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// acsWorld is an ACS-facing side on real sockets, and all around it.
type acsWorld struct {
	t      *testing.T
	cfg    Config
	side   *acsSide
	tokens *Tokens
	token  string // of device1
	stun   *net.UDPConn
	cpe    *net.UDPConn // where device1's binding leads
	m      *prometheus.Registry

	mu       sync.Mutex
	target   Target
	now      time.Time
	begin    func() begun
	origins  []string
	exchange func(ctx context.Context, t Target, authorization string) (cpeAnswer, error)
	noted    [][2]int64
	outbound int // whatever went toward a CPE
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func addrOf(conn *net.UDPConn) netip.AddrPort { return conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// newACSWorld starts a side with the relay by name, the endpoint by path, and the
// interface of genieacs-stunrelay.
func newACSWorld(t *testing.T, change func(*acsWorld)) *acsWorld {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("relay secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &acsWorld{
		t: t, stun: listenUDP(t), cpe: listenUDP(t), m: prometheus.NewRegistry(),
		tokens: NewTokens([]byte("0123456789abcdef")), now: time.Unix(1795229054, 0),
		cfg: Config{
			URLBase: "http://gw.example.net:7550/cr", Listen: "127.0.0.1:0", ACSNetworks: []string{"127.0.0.1"},
			Relay:     &RelayConfig{Listen: "127.0.0.1:0", Host: "*.udp.example.net"},
			STUNRelay: &STUNRelayConfig{Username: "genie", PasswordFile: password},
			UDP:       UDPConfig{Copies: []time.Duration{0, time.Millisecond, 2 * time.Millisecond}},
		},
	}
	w.cfg.SetDefaults()
	w.token = w.tokens.Of(device1)
	w.target = Target{
		Device: device1, Local: addrOf(w.stun), Remote: addrOf(w.cpe),
		URL: "http://10.0.0.1:7547/tr069?id=1", Logins: []Login{{"other", "login"}, {"cruser", "crpass"}},
	}
	w.begin = func() begun {
		sent := make(chan struct{})
		close(sent)
		return begun{Sent: sent, Err: func() error { return nil }}
	}
	if change != nil {
		change(w)
	}
	side, err := newACSSide(&w.cfg, w.deps())
	if err != nil {
		t.Fatal(err)
	}
	w.side = side
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- side.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *acsWorld) deps() acsDeps {
	return acsDeps{
		Target: func(id cwmp.DeviceID) (Target, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.target, id.Key() == device1.Key()
		},
		SendUDP: func(local, to netip.AddrPort, payload []byte) error {
			w.mu.Lock()
			w.outbound++
			w.mu.Unlock()
			if local != addrOf(w.stun) {
				w.t.Errorf("sent from %v, not the STUN socket", local)
			}
			_, err := w.stun.WriteToUDPAddrPort(payload, to)
			return err
		},
		ByToken: func(token string) (cwmp.DeviceID, bool) { return device1, w.tokens.Is(token, device1) },
		ByBinding: func(remote netip.AddrPort) (cwmp.DeviceID, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return device1, remote == w.target.Remote
		},
		Begin: func(_ cwmp.DeviceID, origin string) (begun, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outbound++
			w.origins = append(w.origins, origin)
			return w.begin(), nil
		},
		Exchange: func(ctx context.Context, t Target, authorization string) (cpeAnswer, error) {
			w.mu.Lock()
			w.outbound++
			fn := w.exchange
			w.mu.Unlock()
			return fn(ctx, t, authorization)
		},
		NoteRelayed: func(_ cwmp.DeviceID, ts int64, n uint32) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.noted = append(w.noted, [2]int64{ts, int64(n)})
		},
		Store: memstore.New(time.Now), Metrics: w.m, Log: zap.NewNop(),
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
	}
}

func (w *acsWorld) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *acsWorld) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outbound
}

// client is an ACS at a loopback address: every name leads to the endpoint.
func (w *acsWorld) client(ip string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, w.side.endpoint.listener.Addr().String())
	}}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// shownURL is what the ACS knows as the device's ConnectionRequestURL.
func (w *acsWorld) shownURL() string {
	shown, ok := ShownURL(&w.cfg, w.token, w.target.URL)
	if !ok {
		w.t.Fatal("no URL is shown")
	}
	return shown
}

// Names of the counters.
const (
	countConnections = "acsgate_connection_request_acs_connections_refused_total"
	countRequests    = "acsgate_connection_request_acs_requests_total"
	countDatagrams   = "acsgate_connection_request_relay_datagrams_total"
	countStunRelays  = "acsgate_connection_request_stun_relay_requests_total"
)

func counted(t *testing.T, g prometheus.Gatherer, name, label string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// count waits until a counter with this label value is want.
func (w *acsWorld) count(name, label string, want float64) {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		got := counted(w.t, w.m, name, label)
		if got == want {
			return
		}
		if got > want || time.Now().After(deadline) {
			w.t.Fatalf("%s of %q is %v, want %v", name, label, got, want)
		}
	}
}
