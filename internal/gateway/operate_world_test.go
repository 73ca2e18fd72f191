package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/simnet"
)

// operated is a gateway as operators have it: with a file, a console, tokens of all
// roles, and CPEs that can be woken.
type operated struct {
	*moveWorld
	dir   string
	setup operatedSetup
}

// operatedSetup says what is particular of an operated gateway.
type operatedSetup struct {
	northDoes []simnet.RPC // in each session, beside setting the Connection Request login
	northAsks simnet.ACSAuth
	acs       string   // more keys of north
	reach     string   // more keys of connection_request
	routes    string   // before the default
	scopes    []scoped // more tokens
	admin     string   // more keys of admin
	robot     string   // common name of the client certificate of an operator
	rest      string   // more of the configuration
}

// scoped is a token that sees some devices alone.
type scoped struct{ name, role, scope string }

// hashed is the hash of a token that nobody has.
var hashed = strings.Repeat("0a", 32)

// secretOf is the token of a name.
func secretOf(name string) string { return "the-secret-word-of-" + name }

func newOperated(t *testing.T, s operatedSetup) *operated {
	t.Helper()
	dir := t.TempDir()
	w := &operated{dir: dir, setup: s, moveWorld: &moveWorld{world: &world{
		t: t, file: filepath.Join(dir, "acsgate.yaml"), listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "tcp")),
	}}}
	set := func(name, value string) simnet.RPC { return simnet.SetValue("{root}ManagementServer."+name, value) }
	w.north = runACS(t, simnet.ACSConfig{Name: "north", Mode: simnet.Strict, Auth: s.northAsks, Script: simnet.Asking(append([]simnet.RPC{
		set("ConnectionRequestUsername", requestUser), set("ConnectionRequestPassword", requestPassword),
	}, s.northDoes...)...)})
	w.south = startACS(t, "south")
	stun := freePort(t, "udp")
	w.layout = func(string) string { return w.yaml(stun) }
	w.write(w.text(""))
	w.begins()
	w.api = w.as("root")
	return w
}

func (w *operated) yaml(stun int) string {
	acs := func(name, url, keys string) string {
		return fmt.Sprintf("  - {name: %s, url: %q, cpe_url: %q, probe: {type: http, interval: 100ms, timeout: 100ms, fall: 3, rise: 2, hold: 100ms}%s}\n",
			name, url, w.url(name), keys)
	}
	token := func(name, role string) string {
		return fmt.Sprintf("    - {name: %s, role: %s, token_file: %q}\n", name, role, w.word(name))
	}
	scopes := ""
	for _, s := range w.setup.scopes {
		scopes += fmt.Sprintf("    - {name: %s, role: %s, token_file: %q, %s}\n", s.name, s.role, w.word(s.name), s.scope)
	}
	if w.setup.robot != "" {
		scopes += fmt.Sprintf("    - {name: %s, role: operator, client_cert: %[1]s}\n", w.setup.robot)
	}
	return fmt.Sprintf("data_dir: %q\nlisten: [{name: cpe, address: %q}]\nacs:\n", w.dir, w.listen) +
		acs("north", w.north.URL(), w.setup.acs) + acs("south", w.south.URL(), "") +
		"routes:\n" + w.setup.routes + "  - {name: default, acs: north}\n" +
		"admin:\n  address: \"127.0.0.1:0\"\n" + w.setup.admin + "  tokens:\n" +
		fmt.Sprintf("    - {name: hashed, role: viewer, token_sha256: %s}\n", hashed) + token("root", "admin") + token("noc", "operator") + token("wall", "viewer") + scopes +
		"drain: {timeout: 2s}\ncampaigns: {rate_per_second: 1000}\ncredentials: {learn: true}\n" +
		fmt.Sprintf("stun: {listen: [\"127.0.0.1:%d\"]}\n", stun) +
		"connection_request: {timeout: 8s, min_interval: 1s" + w.setup.reach + "}\n" + w.setup.rest
}

// word writes the secret of a name into a file and returns its path.
func (w *operated) word(name string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name+".token")
	if err := os.WriteFile(path, []byte(secretOf(name)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// write makes a text the configuration file, which takes effect when it is read.
func (w *operated) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// begins starts a gateway that knows its file.
func (w *operated) begins() {
	w.t.Helper()
	g, err := New(w.parse(""), Options{Version: "test", ConfigFile: w.file, LogTo: io.Discard, OnSession: w.note})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Gateway = g
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.t.Cleanup(w.stop)
	w.eventually("it is ready", func() bool { return g.Ready() == nil })
}

// as is a client with the token of a name.
func (w *operated) as(name string) admin.Client {
	return admin.Client{Address: w.AdminAddr(), TokenFile: filepath.Join(w.dir, name+".token")}
}

// natted starts a CPE behind a NAT.
func (w *operated) natted(number int) *home {
	w.t.Helper()
	return (&natWorld{world: w.world}).home("standard", number)
}

// answered is the answer to a request.
type answered struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with the token of a name, "" for none, and headers in pairs.
func (w *operated) ask(name, method, path, body string, header ...string) answered {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.AdminAddr()+admin.PathAPI+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if name != "" {
		r.Header.Set("Authorization", "Bearer "+secretOf(name))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(data)}
}

// status holds that a request is answered with a status, and returns the body.
func (w *operated) status(status int, name, method, path, body string, header ...string) string {
	w.t.Helper()
	got := w.ask(name, method, path, body, header...)
	if got.status != status {
		w.t.Errorf("%s %s of %q: %d, want %d: %s", method, path, name, got.status, status, got.body)
	}
	return got.body
}

// get asks for a document.
func get[T any](w *operated, name, path string) (v T) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.status(http.StatusOK, name, http.MethodGet, path, "")), &v); err != nil {
		w.t.Errorf("%s: %v", path, err)
	}
	return v
}

// timeline returns the entries of a device, oldest first.
func (w *operated) timeline(name string, id cwmp.DeviceID) []admin.TimelineEntry {
	w.t.Helper()
	v := get[admin.Timeline](w, name, "devices/"+id.String()+"/timeline")
	slices.Reverse(v.Entries)
	return v.Entries
}

// dataOf reads the documents of a kind.
func dataOf[T any](t *testing.T, all []admin.TimelineEntry, kind journal.Kind) (found []T) {
	t.Helper()
	for _, e := range all {
		if e.Kind != kind {
			continue
		}
		var v T
		if err := json.Unmarshal(e.Data, &v); err != nil {
			t.Fatalf("%s: %v", e.Data, err)
		}
		found = append(found, v)
	}
	return found
}

// stream is a reader of events in a test.
type stream struct {
	w      *operated
	stop   func()
	mu     sync.Mutex
	events []admin.StreamEvent
}

// reads reads events with the token of a name until the test ends or stop is
// called. It returns when the gateway has a reader more.
func (w *operated) reads(name string, q admin.EventQuery) *stream {
	w.t.Helper()
	before := w.readers()
	ctx, cancel := context.WithCancel(context.Background())
	s, done, c := &stream{w: w}, make(chan struct{}), w.as(name)
	go func() {
		defer close(done)
		_ = c.Events(ctx, q, func(e admin.StreamEvent) error { // which ends with ctx
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
			return nil
		})
	}()
	s.stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(s.stop)
	w.eventually("the stream is open", func() bool { return w.readers() > before })
	return s
}

// readers is how many streams the gateway serves.
func (w *operated) readers() (n int) {
	w.t.Helper()
	_, text, ok := strings.Cut(w.get("/metrics"), "\nacsgate_admin_events_readers ")
	if !ok {
		w.t.Fatal("there is no metric of readers")
	}
	if _, err := fmt.Sscan(text, &n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// all are the events so far.
func (s *stream) all() []admin.StreamEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// has waits for an event of a kind whose document holds a text, and returns it.
func (s *stream) has(kind journal.Kind, text string) (found admin.StreamEvent) {
	s.w.t.Helper()
	s.w.eventually(fmt.Sprintf("an event %s with %q", kind, text), func() bool {
		for _, e := range s.all() {
			if e.Kind == kind && strings.Contains(string(e.JSON), text) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// number makes a CPE of a make that knows the gateway.
func (w *operated) number(name string, number int, change ...func(*simnet.CPEConfig)) *simnet.CPE {
	w.t.Helper()
	m, ok := simnet.MakeNamed(name)
	if !ok {
		w.t.Fatalf("no make %q", name)
	}
	cfg := simnet.CPEConfig{URL: w.url("north"), Make: m, Device: m.DeviceNumber(number)}
	for _, c := range change {
		c(&cfg)
	}
	c, err := simnet.NewCPE(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}
