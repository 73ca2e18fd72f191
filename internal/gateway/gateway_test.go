package gateway

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gateway with two ACSs behind it.
type world struct {
	t            *testing.T
	north, south *simnet.ACS
	file         string                    // of the configuration
	extra        string                    // sections of it
	tokens       string                    // of admin
	listen       string                    // where CPEs come to; "" for any port
	layout       func(extra string) string // replaces text's; nil for none
	*Gateway
	stop   func()
	killed bool // its store was closed under it, so that it cannot end well

	mu       sync.Mutex
	sessions []proxy.Summary
}

func startACS(t *testing.T, name string, script ...simnet.RPC) *simnet.ACS {
	t.Helper()
	if script == nil {
		script = []simnet.RPC{simnet.GetValues("{root}DeviceInfo.UpTime")}
	}
	return runACS(t, simnet.ACSConfig{Name: name, Mode: simnet.Strict, Script: simnet.Asking(script...)})
}

func runACS(t *testing.T, cfg simnet.ACSConfig) *simnet.ACS {
	t.Helper()
	a, err := simnet.NewACS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ACS %s: %v", cfg.Name, err)
		}
	})
	return a
}

// text is a configuration with north as the home of all but OUI 149182.
func (w *world) text(extra string) string {
	if w.layout != nil {
		return w.layout(extra)
	}
	return fmt.Sprintf(`data_dir: %q
listen: [{name: cpe, address: %q}]
acs:
  - {name: north, url: %q, backup: south, probe: {type: http, interval: 50ms, timeout: 40ms, fall: 3, rise: 2, hold: 100ms}}
  - {name: south, url: %q, probe: {type: cwmp, interval: 200ms, timeout: 200ms}}
routes:
  - {name: sagemcom, match: {oui: ["149182"]}, acs: south}
  - {name: default, acs: north}
admin: {address: "127.0.0.1:0", tokens: [%s]}
drain: {timeout: 2s}
%s`, filepath.Dir(w.file), cmp.Or(w.listen, "127.0.0.1:0"), w.north.URL(), w.south.URL(), w.tokens, extra)
}

func (w *world) parse(extra string) *config.Config {
	w.t.Helper()
	cfg, err := config.Parse(w.file, []byte(w.text(extra)))
	if err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, north: startACS(t, "north"), south: startACS(t, "south"), file: filepath.Join(t.TempDir(), "acsgate.yaml")}
	w.start()
	return w
}

func (w *world) start() {
	w.t.Helper()
	g, err := New(w.parse(w.extra), Options{Version: "test", LogTo: io.Discard, OnSession: w.note})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Gateway = g
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !w.killed {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.t.Cleanup(w.stop)
	w.eventually("it is ready", func() bool { return g.Ready() == nil })
}

func (w *world) note(s proxy.Summary) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions = append(w.sessions, s)
}

func (w *world) eventually(what string, cond func() bool) {
	w.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
	}
	w.t.Fatalf("never happened: %s", what)
}

// cpe makes a CPE of a make.
func (w *world) cpe(name string, number int) *simnet.CPE {
	w.t.Helper()
	m, ok := simnet.MakeNamed(name)
	if !ok {
		w.t.Fatalf("no make %q", name)
	}
	addr, err := w.Addr("cpe")
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := simnet.NewCPE(simnet.CPEConfig{URL: "http://" + addr + "/", Make: m, Device: m.DeviceNumber(number)})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// session holds a session and returns the ACS that had it.
func (w *world) session(c *simnet.CPE) string {
	w.t.Helper()
	w.mu.Lock()
	before := len(w.sessions)
	w.mu.Unlock()
	if _, err := c.Session(w.t.Context(), cwmp.EventPeriodic); err != nil {
		w.t.Fatal(err)
	}
	var acs string
	w.eventually("the session is noted", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.sessions) == before {
			return false
		}
		acs = w.sessions[len(w.sessions)-1].ACS
		return true
	})
	return acs
}

func TestRoutesByOUI(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]string{"easycwmp": "north", "sagemcom": "south"} {
		if got := w.session(w.cpe(name, 1)); got != want {
			t.Errorf("%s went to %s, want %s", name, got, want)
		}
	}
	for _, a := range []*simnet.ACS{w.north, w.south} {
		if p := a.Problems(); len(p) > 0 {
			t.Errorf("%s complains: %q", a.Name(), p)
		}
	}
}

// TestFailoverAndReturn: the first Inform after the outage is already served by
// the backup, and no session fails before or after the probes have noticed.
func TestFailoverAndReturn(t *testing.T) {
	w := newWorld(t)
	c := w.cpe("easycwmp", 1)
	if got := w.session(c); got != "north" {
		t.Fatalf("first session at %s", got)
	}
	w.north.SetDown(true)
	if got := w.session(c); got != "south" {
		t.Errorf("session at once after the outage at %s", got)
	}
	w.eventually("north is down", func() bool { return w.metric(`acsgate_acs_state{acs="north",state="down"} 1`) })
	if got := w.session(c); got != "south" {
		t.Errorf("session during the outage at %s", got)
	}
	w.north.SetDown(false)
	w.eventually("north is up", func() bool { return w.metric(`acsgate_acs_state{acs="north",state="up"} 1`) })
	if got := w.session(c); got != "north" {
		t.Errorf("session after the outage at %s", got)
	}
}

// metric tells whether /metrics has a line.
func (w *world) metric(line string) bool {
	return strings.Contains(w.get("/metrics"), line+"\n")
}

func (w *world) get(path string) string {
	w.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + w.AdminAddr() + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(body)
}

// TestReload: new rules for the next session, without a restart; what needs one
// is refused by name, and nothing of such a configuration applies.
func TestReload(t *testing.T) {
	w := newWorld(t)
	c := w.cpe("easycwmp", 1)
	if got := w.session(c); got != "north" {
		t.Fatalf("before the reload at %s", got)
	}
	text := strings.Replace(w.text(""), `oui: ["149182"]`, `oui: ["FFFFFF"]`, 1)
	cfg, err := config.Parse(w.file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if got := w.session(c); got != "south" {
		t.Errorf("after the reload at %s", got)
	}
	moved := strings.Replace(w.text(""), `address: "127.0.0.1:0"}]`, `address: "127.0.0.1:1"}]`, 1)
	if cfg, err = config.Parse(w.file, []byte(moved)); err != nil {
		t.Fatal(err)
	}
	if err := w.Reload(cfg); err == nil || !strings.Contains(err.Error(), "listen[0].address") {
		t.Errorf("a moved listener: %v", err)
	}
	if got := w.session(c); got != "south" {
		t.Errorf("after the refused reload at %s", got)
	}
}

// TestRestartRemembers: what the registry knew is there after a restart.
func TestRestartRemembers(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.session(w.cpe("easycwmp", i+1))
	}
	w.stop()
	w.start()
	if n := w.devices.Len(); n != 5 {
		t.Errorf("%d devices after the restart, want 5", n)
	}
}

// TestAssignedDevice: a recorded assignment is honoured where a rule says so.
func TestAssignedDevice(t *testing.T) {
	w := newWorld(t)
	text := strings.Replace(w.text(""), "- {name: default, acs: north}", "- {name: default, assigned: true, acs: north}", 1)
	cfg, err := config.Parse(w.file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	c := w.cpe("easycwmp", 1)
	w.session(c)
	m, _ := simnet.MakeNamed("easycwmp")
	if err := w.devices.Assign(t.Context(), m.DeviceNumber(1), "south", "test", nil); err != nil {
		t.Fatal(err)
	}
	if got := w.session(c); got != "south" {
		t.Errorf("assigned device at %s", got)
	}
	if got := w.session(w.cpe("easycwmp", 2)); got != "north" {
		t.Errorf("other device at %s", got)
	}
}

// TestDrainTurnsReadinessOff while the last session finishes.
func TestHealthEndpoints(t *testing.T) {
	w := newWorld(t)
	if got := w.get("/readyz"); !strings.Contains(got, "ready") {
		t.Errorf("/readyz says %q", got)
	}
	w.north.SetDown(true)
	w.south.SetDown(true)
	w.eventually("not ready", func() bool { return strings.Contains(w.get("/readyz"), "every ACS is down") })
	if got := w.get("/healthz"); strings.Contains(got, "down") {
		t.Errorf("/healthz says %q: a restart mends no ACS", got)
	}
}

// TestNewUndoesWhatItMade: when the last socket is taken, the store is released.
func TestNewUndoesWhatItMade(t *testing.T) {
	w := newWorld(t)
	addr, err := w.Addr("cpe")
	if err != nil {
		t.Fatal(err)
	}
	other := &world{t: t, north: w.north, south: w.south, file: filepath.Join(t.TempDir(), "acsgate.yaml")}
	cfg := other.parse("")
	cfg.Listen[0].Address = addr
	for range 2 {
		_, err := New(cfg, Options{LogTo: io.Discard})
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Fatalf("%v", err)
		}
	}
}
