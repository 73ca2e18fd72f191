package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// seen is one request as an ACS in these tests received it.
type seen struct {
	conn   int // ordinal of the connection, from 1
	raw    string
	head   httpwire.Request
	body   string
	device cwmp.DeviceID
	msg    cwmp.Message
}

// fakeACS is an ACS whose every answer is written by the test, byte by byte.
type fakeACS struct {
	nl     net.Listener
	answer func(seen) string // "" closes the connection without an answer
	forget bool              // requests are not logged

	mu    sync.Mutex
	conns []net.Conn
	log   []seen
	wg    sync.WaitGroup
}

// newACS starts an ACS. A nil answer is that of a plain ACS: InformResponse,
// then 204.
func newACS(t testing.TB, answer func(seen) string) *fakeACS {
	t.Helper()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &fakeACS{nl: nl, answer: answer}
	if answer == nil {
		a.answer = plainACS
	}
	a.wg.Go(a.accept)
	t.Cleanup(a.stop)
	return a
}

func (a *fakeACS) url() string { return "http://" + a.nl.Addr().String() }

func (a *fakeACS) accept() {
	for n := 1; ; n++ {
		nc, err := a.nl.Accept()
		if err != nil {
			return
		}
		a.mu.Lock()
		a.conns = append(a.conns, nc)
		a.mu.Unlock()
		a.wg.Go(func() { a.serve(nc, n) })
	}
}

func (a *fakeACS) serve(nc net.Conn, n int) {
	defer nc.Close()
	br := bufio.NewReader(nc)
	for {
		got := seen{conn: n}
		head, err := httpwire.ReadHead(br, 64<<10)
		if err != nil || httpwire.ParseRequest(head, &got.head) != nil {
			return
		}
		framing, err := got.head.Framing()
		if err != nil {
			return
		}
		body, err := httpwire.ReadBody(br, framing, 64<<20, nil, nil)
		if err != nil {
			return
		}
		got.raw, got.body = head, string(body)
		if msg, err := cwmp.Scan(body, cwmp.Options{}); err == nil {
			got.msg, got.device = msg, msg.Device
		}
		a.mu.Lock()
		if !a.forget {
			a.log = append(a.log, got)
		}
		a.mu.Unlock()
		answer := a.answer(got)
		if _, err := io.WriteString(nc, answer); err != nil || answer == "" {
			return
		}
	}
}

func (a *fakeACS) stop() {
	a.nl.Close()
	a.mu.Lock()
	for _, nc := range a.conns {
		nc.Close()
	}
	a.mu.Unlock()
	a.wg.Wait()
}

// requests returns what the ACS has received.
func (a *fakeACS) requests() []seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.log)
}

// dropConns closes the ACS's connections from its side.
func (a *fakeACS) dropConns() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, nc := range a.conns {
		nc.Close()
	}
}

func plainACS(r seen) string {
	switch r.msg.Method {
	case "Inform":
		return xml200(cwmp.InformResponse(r.msg.Dialect, r.msg.ID))
	}
	return "HTTP/1.1 204 No Content\r\n\r\n"
}

func xml200(body []byte, fields ...string) string {
	return ok200(string(body), append([]string{`Content-Type: text/xml; charset="utf-8"`}, fields...)...)
}

func ok200(body string, fields ...string) string {
	head := "HTTP/1.1 200 OK\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

func challenge(nonce string) string {
	return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"" + nonce + "\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n"
}

// gate is a proxy under test.
type gate struct {
	*Server
	t       *testing.T
	addr    string
	cfg     Config
	metrics *prometheus.Registry
	stop    func()

	mu      sync.Mutex
	ended   []Summary
	started []Inform
	results []Result
}

// option changes what a proxy under test is made of.
type option func(*Config, *Deps)

// newGate starts a proxy in front of ACSs named "a", "b", ... in order; the
// first is where everything is routed unless an option says otherwise.
func newGate(t *testing.T, acs []*fakeACS, options ...option) *gate {
	t.Helper()
	g := &gate{t: t, metrics: prometheus.NewRegistry()}
	cfg := Config{Listen: []ListenConfig{{Name: "cpe", Address: "127.0.0.1:0"}}, DrainTimeout: 100 * time.Millisecond}
	for i, a := range acs {
		up := UpstreamConfig{Name: string(rune('a' + i)), URL: a.url()}
		up.SetDefaults()
		cfg.Upstreams = append(cfg.Upstreams, up)
	}
	cfg.Listen[0].SetDefaults()
	cfg.Session.SetDefaults()
	cfg.Limits.SetDefaults()
	deps := Deps{
		Route:   func(RouteInput) Route { return Route{ACS: "a", Home: "a", Rule: "all", Reason: "test"} },
		Started: func(i Inform) { g.mu.Lock(); g.started = append(g.started, i); g.mu.Unlock() },
		Ended:   func(s Summary) { g.mu.Lock(); g.ended = append(g.ended, s); g.mu.Unlock() },
		Result:  func(r Result) { g.mu.Lock(); g.results = append(g.results, r); g.mu.Unlock() },
		Metrics: g.metrics, Log: zaptest.NewLogger(t),
	}
	for _, o := range options {
		o(&cfg, &deps)
	}
	g.cfg = cfg
	var err error
	if g.Server, err = New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	if g.addr, err = g.Addr(cfg.Listen[0].Name); err != nil {
		t.Fatal(err)
	}
	g.run()
	return g
}

func (g *gate) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			g.t.Errorf("Run: %v", err)
		}
	})
	g.t.Cleanup(g.stop)
}

// outcomes waits until n sessions have ended and returns how.
func (g *gate) outcomes(n int) []string {
	g.t.Helper()
	var out []string
	eventually(g.t, fmt.Sprintf("%d sessions ended", n), func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		out = nil
		for i := range g.ended {
			out = append(out, g.ended[i].Outcome)
		}
		return len(out) >= n
	})
	return out
}

// counter returns the sum of a metric over the children with these labels.
func (g *gate) counter(name string, labels ...string) float64 {
	g.t.Helper()
	families, err := g.metrics.Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			have := map[string]string{}
			for _, l := range m.GetLabel() {
				have[l.GetName()] = l.GetValue()
			}
			fits := true
			for i := 0; i+1 < len(labels); i += 2 {
				fits = fits && have[labels[i]] == labels[i+1]
			}
			if fits {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}

// answered is a reply as a CPE in these tests received it.
type answered struct {
	raw    string
	status int
	reason string
	fields httpwire.Fields
	body   string
}

// cookie returns the one cookie of a reply, "" for none; two are an error.
func (a answered) cookie(t *testing.T) string {
	t.Helper()
	var found []string
	for _, f := range a.fields {
		if strings.EqualFold(f.Name, "Set-Cookie") {
			found = append(found, f.Value)
		}
	}
	switch len(found) {
	case 0:
		return ""
	case 1:
		pair, _, _ := strings.Cut(found[0], ";")
		return pair
	}
	t.Errorf("quirk C-06: %d cookies in one reply: %q", len(found), found)
	return ""
}

// phone is a CPE's connection, on which the test writes raw bytes.
type phone struct {
	t  *testing.T
	nc net.Conn
	br *bufio.Reader
}

func (g *gate) dial() *phone {
	g.t.Helper()
	return dialCPE(g.t, g.addr)
}

func dialCPE(t *testing.T, addr string) *phone {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{t: t, nc: nc, br: bufio.NewReader(nc)}
	t.Cleanup(p.hangUp)
	return p
}

func (p *phone) hangUp() { p.nc.Close() }

func (p *phone) send(raw string) {
	p.t.Helper()
	if _, err := io.WriteString(p.nc, raw); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// hear reads one reply and checks what every reply must keep to.
func (p *phone) hear() answered {
	p.t.Helper()
	a, err := p.tryHear()
	if err != nil {
		p.t.Fatalf("hear: %v", err)
	}
	return a
}

func (p *phone) tryHear() (answered, error) {
	if err := p.nc.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return answered{}, err
	}
	head, err := httpwire.ReadHead(p.br, 64<<10)
	if err != nil {
		return answered{}, err
	}
	var resp httpwire.Response
	if err := httpwire.ParseResponse(head, &resp); err != nil {
		return answered{}, err
	}
	a := answered{raw: head, status: resp.Status, reason: resp.Reason, fields: resp.Fields}
	framing, err := resp.Framing()
	if err != nil {
		return a, err
	}
	body, err := httpwire.ReadBody(p.br, framing, 64<<20, nil, nil)
	a.body = string(body)
	if err == nil {
		err = a.audit()
	}
	return a, err
}

// audit holds a reply against what the weakest CPEs need (quirks C-21 to C-23,
// C-26, C-29).
func (a answered) audit() error {
	switch {
	case a.status == 100:
		return nil
	case !slices.Contains([]int{200, 204, 302, 307, 400, 401, 405, 408, 415, 503}, a.status):
		return fmt.Errorf("quirk C-26: status %d", a.status)
	case a.reason == "":
		return errors.New("quirk C-22: no reason phrase")
	case a.fields.Has("Transfer-Encoding"):
		return errors.New("quirk C-21: chunked reply")
	case a.status != 204 && !a.fields.Has("Content-Length"):
		return errors.New("quirk C-21: no Content-Length")
	case a.status == 401 && !a.fields.Has("WWW-Authenticate"):
		return errors.New("quirk C-29: 401 without a challenge")
	case len(a.fields) > 64:
		return errors.New("quirk C-23: more than 64 header fields")
	}
	for _, f := range a.fields {
		if len(f.Name)+len(f.Value)+4 >= 1024 {
			return fmt.Errorf("quirk C-23: header line of %d bytes", len(f.Name)+len(f.Value)+4)
		}
	}
	return nil
}

// closed tells whether the gateway has closed the connection.
func (p *phone) closed() bool {
	if err := p.nc.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return true
	}
	_, err := p.br.ReadByte()
	return errors.Is(err, io.EOF) || err != nil && !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// ask sends a request and hears the answer.
func (p *phone) ask(raw string) answered {
	p.t.Helper()
	p.send(raw)
	return p.hear()
}

// post builds a POST with a body and extra header lines.
func post(body string, fields ...string) string {
	head := "POST /cwmp HTTP/1.1\r\nHost: acs.example\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// device makes one identity a serial.
func device(serial string) cwmp.DeviceID {
	return cwmp.DeviceID{Manufacturer: "Maker", OUI: "00D09E", ProductClass: "HG1", SerialNumber: serial}
}

func inform(serial string, events ...string) string { return informOf(device(serial), events...) }

func informOf(id cwmp.DeviceID, events ...string) string {
	if events == nil {
		events = []string{cwmp.EventPeriodic}
	}
	data := cwmp.InformData{Device: id, CurrentTime: time.Unix(1795229054, 0)}
	for _, e := range events {
		data.Events = append(data.Events, cwmp.Event{Code: e})
	}
	return string(cwmp.Inform(cwmp.DefaultDialect, "1", data))
}

// cookieLine is the Cookie header for a pair, nothing for "".
func cookieLine(pair string) []string {
	if pair == "" {
		return nil
	}
	return []string{"Cookie: " + pair}
}

func statusOf(t *testing.T, a answered, want int) {
	t.Helper()
	if a.status != want {
		t.Errorf("status %d, want %d: %s%s", a.status, want, a.raw, a.body)
	}
}

func testContext(b *testing.B) (context.Context, context.CancelFunc) {
	b.Helper()
	return context.WithCancel(context.Background())
}
