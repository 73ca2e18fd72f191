package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/bytesize"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/internal/tlsconf"
)

// closed tells whether the gateway has closed the ACS's n-th connection, which
// ends the goroutine that serves it.
func (a *fakeACS) closed(n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.conns) >= n && errors.Is(a.conns[n-1].SetDeadline(time.Time{}), net.ErrClosed)
}

// accepted returns how many connections the ACS has had.
func (a *fakeACS) accepted() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.conns)
}

// TestU1_OneConnectionASession: every make at once, by a connection for each
// POST where it lives through that, and each session has one connection of a
// strict ACS to itself.
func TestU1_OneConnectionASession(t *testing.T) {
	t.Parallel()
	a := simACS(t, simnet.ACSConfig{Mode: simnet.Strict, Script: simnet.Asking(simnet.GetValues("{root}DeviceInfo.UpTime"))})
	g := newGate(t, nil, inFrontOf(a.URL()))
	makes := simnet.Makes()
	for i := range makes {
		if !makes[i].NoReconnect && makes[i].Cookies != simnet.CookiesNone {
			makes[i].Connection = simnet.PerPost
		}
	}
	fleet, err := simnet.NewFleet(simnet.FleetConfig{URL: "http://" + g.addr + "/", N: 3 * len(makes), Makes: makes})
	if err != nil {
		t.Fatal(err)
	}
	if sum := fleet.Run(t.Context()); sum.Failed != 0 {
		t.Errorf("%d failed: %v", sum.Failed, sum.Examples)
	}
	connOf, deviceOf := map[cwmp.Key]int{}, map[int]cwmp.Key{}
	for _, x := range a.Exchanges() {
		key := x.Device.Key()
		if key == (cwmp.Key{}) {
			continue // an empty POST for a challenge
		}
		if c, ok := connOf[key]; ok && c != x.Conn {
			t.Errorf("%v spoke on connections %d and %d", key, c, x.Conn)
		}
		if d, ok := deviceOf[x.Conn]; ok && d != key {
			t.Errorf("connection %d had %v and %v", x.Conn, d, key)
		}
		connOf[key], deviceOf[x.Conn] = x.Conn, key
	}
	if len(connOf) != 3*len(makes) {
		t.Errorf("the ACS saw %d devices", len(connOf))
	}
	if p := a.Problems(); len(p) > 0 {
		t.Errorf("the ACS complains: %q", p)
	}
}

// TestU2_ConnectionOutlivesTheCPEs: it is kept while the CPE is away, longer
// than an ACS keeps the session, and closed at the session's end.
func TestU2_ConnectionOutlivesTheCPEs(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	if g.cfg.Session.Idle <= 30*time.Second {
		t.Errorf("sessions are kept for %v by default", g.cfg.Session.Idle)
	}
	p := g.dial()
	cookie := p.ask(post(inform("1"))).cookie(t)
	p.hangUp()
	eventually(t, "the CPE's connection is gone", func() bool { return g.counter("acsgate_connections") == 0 })
	if acs.closed(1) {
		t.Error("the ACS's connection went with the CPE's")
	}
	statusOf(t, g.dial().ask(post("", "Cookie: "+cookie)), 204)
	eventually(t, "the ACS's connection is closed", func() bool { return acs.closed(1) })
	if acs.accepted() != 1 {
		t.Errorf("%d connections", acs.accepted())
	}
}

// TestU6_C39_SlowSender: while a CPE is still sending, the ACS sees nothing, not
// even a connection; then it gets the request whole. Others are not kept waiting.
func TestU6_C39_SlowSender(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	slow, raw := g.dial(), post(inform("slow"))
	for _, piece := range []string{raw[:9], raw[9:60], raw[60:300], raw[300 : len(raw)-1]} {
		slow.send(piece)
		p := g.dial()
		statusOf(t, p.ask(post(inform("1"))), 200)
		statusOf(t, p.ask(post("")), 204)
	}
	if n := acs.accepted(); n != 4 {
		t.Errorf("%d connections for the 4 sessions of others", n)
	}
	slow.send(raw[len(raw)-1:])
	statusOf(t, slow.hear(), 200)
	if r := acs.requests(); r[8].body != inform("slow") || r[8].conn != 5 {
		t.Errorf("the ACS got %+v", r[8])
	}
}

// TestC39_SlowSession: a CPE that needs many times the ACS's own request timeout
// for each message holds a whole session.
func TestC39_SlowSession(t *testing.T) {
	t.Parallel()
	m, _ := simnet.MakeNamed("easycwmp")
	m.Pace = 10 * time.Millisecond
	a := simACS(t, simnet.ACSConfig{Mode: simnet.Strict, RequestTimeout: 300 * time.Millisecond, Script: simnet.Asking(simnet.GetValues("{root}DeviceInfo."))})
	g := newGate(t, nil, inFrontOf(a.URL()))
	cpe, err := simnet.NewCPE(simnet.CPEConfig{URL: "http://" + g.addr + "/", Make: m})
	if err != nil {
		t.Fatal(err)
	}
	r, err := cpe.Session(t.Context(), cwmp.EventBoot)
	if err != nil {
		t.Fatalf("%v; ACS: %q", err, a.Problems())
	}
	if r.Legs[0].Took < 300*time.Millisecond {
		t.Fatalf("the Inform took %v: this CPE is too quick for the test", r.Legs[0].Took)
	}
}

// TestC39_TimeForABody: by default a line of 1 kB/s is waited for as long as any
// message takes, and one of 100 B/s for all but the largest.
func TestC39_TimeForABody(t *testing.T) {
	t.Parallel()
	var l LimitsConfig
	l.SetDefaults()
	for length, least := range map[int64]time.Duration{0: time.Minute, 60_000: 2 * time.Minute, 500_000: 500 * time.Second, 300 * 100: 5 * time.Minute, -1: 10 * time.Minute} {
		if got := l.bodyTime(length); got < least || got > maxBodyTime {
			t.Errorf("%v for %d bytes, want at least %v", got, length, least)
		}
	}
}

// TestU8_SecondConnectionOfADevice: a CPE that starts over while its Inform is
// still at the ACS has its old connection closed before the new Inform comes.
func TestU8_SecondConnectionOfADevice(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var story []string
	tell := func(s string) { mu.Lock(); story = append(story, s); mu.Unlock() }
	var acs *fakeACS
	acs = newACS(t, func(r seen) string {
		tell(fmt.Sprint(r.msg.Method, r.conn))
		if r.conn > 1 {
			return plainACS(r)
		}
		acs.mu.Lock()
		nc := acs.conns[0]
		acs.mu.Unlock()
		_, err := nc.Read(make([]byte, 1)) // what ends the connection
		tell(fmt.Sprint("end1 ", errors.Is(err, io.EOF)))
		return ""
	})
	g := newGate(t, []*fakeACS{acs})
	first := g.dial()
	first.send(post(inform("1")))
	eventually(t, "the Inform is at the ACS", func() bool { return len(acs.requests()) == 1 })
	second := g.dial()
	statusOf(t, second.ask(post(inform("1"))), 200)
	statusOf(t, second.ask(post("")), 204)
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"Inform1", "end1 true", "Inform2", "2"}; !slices.Equal(story, want) {
		t.Errorf("the ACS saw %q, want %q", story, want)
	}
	if got := g.outcomes(2); !slices.Equal(got, []string{Superseded, Complete}) {
		t.Errorf("outcomes %q", got)
	}
}

// TestU7_AuthIntKeepsEveryByte of a body that a digest answer covers, dirt and
// all.
func TestU7_AuthIntKeepsEveryByte(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	for i, body := range []string{"\r\n" + inform("1") + "\x00\r\n", "\r\n"} {
		p.ask(post(body, `Authorization: Digest username="u", nonce="n", qop="auth-int", response="0"`))
		if r := acs.requests(); len(r) != i+1 || r[i].body != body {
			t.Errorf("%q: the ACS got %d requests", body, len(r))
		}
	}
}

// TestC09_SlowACS: scaled to a tenth, an ACS that needs 2 s of 2.9 s for each
// answer, the second half of it for the body, is waited for; so is a late body.
func TestC09_SlowACS(t *testing.T) {
	t.Parallel()
	acs := newACS(t, func(r seen) string { time.Sleep(2 * time.Second); return plainACS(r) })
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].ResponseTimeout = 2900 * time.Millisecond })
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post("")), 204)
}

// TestC09_SlowBody: an answer that has begun in time may take as long again.
func TestC09_SlowBody(t *testing.T) {
	t.Parallel()
	a := simACS(t, simnet.ACSConfig{Misbehave: func(*simnet.Exchange) simnet.Misbehaviour {
		return simnet.Misbehaviour{Delay: 1200 * time.Millisecond, Piece: 200, PieceDelay: 300 * time.Millisecond}
	}})
	g := newGate(t, nil, inFrontOf(a.URL()), func(c *Config, _ *Deps) { c.Upstreams[0].ResponseTimeout = 2 * time.Second })
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	g.mu.Lock()
	defer g.mu.Unlock()
	if took := g.results[0].Took; took < 2*time.Second {
		t.Errorf("the answer took %v: it is too quick for the test", took)
	}
}

// TestC09_Budget: with the defaults, nothing that happens before a CPE gets its
// answer takes 30 s from when it asked: not a backup, not a wait for the turn.
func TestC09_Budget(t *testing.T) {
	t.Parallel()
	var up UpstreamConfig
	up.SetDefaults()
	asked := time.Unix(1_000_000, 0)
	r := &request{at: asked}
	for _, tc := range []struct{ waited, timeout, want time.Duration }{
		{0, up.ResponseTimeout, 29 * time.Second},
		{20 * time.Second, up.ResponseTimeout, 29 * time.Second}, // (*generation)(nil).turnPatience is 20 s
		{20 * time.Second, 5 * time.Second, 25 * time.Second},
		{0, time.Minute, time.Minute}, // who configures more knows such CPEs
		{20 * time.Second, time.Minute, time.Minute},
	} {
		if got := r.deadline(asked.Add(tc.waited), tc.timeout).Sub(asked); got != tc.want {
			t.Errorf("after %v with a timeout of %v: until %v, want %v", tc.waited, tc.timeout, got, tc.want)
		}
	}
	g := &generation{}
	if longest := g.turnPatience() + reconnectPause + supersedePause; longest >= cpePatience || up.ConnectTimeout+up.InformTimeout > 20*time.Second {
		t.Errorf("waits of %v; %v to connect, %v for an Inform with a backup", longest, up.ConnectTimeout, up.InformTimeout)
	}
}

// TestC14_Storm: of four hundred Informs at once an ACS gets as many as its
// bucket holds, the others a 503 at different times; sessions that run are
// finished (quirk C-13).
func TestC14_Storm(t *testing.T) {
	t.Parallel()
	const storm, burst = 400, 25
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, quietly, func(c *Config, _ *Deps) {
		c.Upstreams[0].Limits = UpstreamLimits{NewPerSecond: 0.001, Burst: burst}
	})
	phones := make([]*phone, storm)
	for i := range phones {
		phones[i] = g.dial()
	}
	for i, p := range phones {
		p.send(post(inform(fmt.Sprint(i))))
	}
	var running []*phone
	after := map[string]int{}
	for _, p := range phones {
		a := p.hear()
		if a.status == 200 {
			running = append(running, p)
			continue
		}
		statusOf(t, a, 503)
		if !a.fields.Token("Connection", "close") {
			t.Error("a refusal without Connection: close")
		}
		after[a.fields.Get("Retry-After")]++
	}
	if len(running) != burst || len(acs.requests()) != burst {
		t.Errorf("%d sessions, %d requests at the ACS, want %d", len(running), len(acs.requests()), burst)
	}
	if len(after) < 30 { // of 61 possible seconds
		t.Errorf("%d refusals spread over %d seconds", storm-burst, len(after))
	}
	for _, p := range running {
		statusOf(t, p.ask(post("")), 204)
	}
	if n := g.counter("acsgate_sessions_not_admitted_total", "acs", "a", "limit", "new_per_second"); n != storm-burst {
		t.Errorf("%v refusals counted", n)
	}
}

// TestC13_RunningSessionsAreNotRefused by a storm, by new limits or by a gateway
// that drains, though the CPE comes by a new connection for each POST.
func TestC13_RunningSessionsAreNotRefused(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.DrainTimeout = 10 * time.Second })
	cookie := "Cookie: " + g.dial().ask(post(inform("1"))).cookie(t)
	strict := g.cfg
	strict.Upstreams = slices.Clone(strict.Upstreams)
	strict.Upstreams[0].Limits = UpstreamLimits{Sessions: 1, NewPerSecond: 0.001, Burst: 1}
	strict.Session.MaxSessions, strict.Limits.BodyMemory = 1, bytesize.Size(1)
	if err := g.Reload(strict); err != nil {
		t.Fatal(err)
	}
	statusOf(t, g.dial().ask(post(inform("2"))), 503)
	tc := string(cwmp.TransferComplete(cwmp.DefaultDialect, "2", cwmp.TransferCompleteData{}))
	statusOf(t, g.dial().ask(post(tc, cookie)), 204)
	var stopped sync.WaitGroup
	stopped.Go(g.stop)
	eventually(t, "it drains", g.Draining)
	statusOf(t, g.dial().ask(post(tc, cookie)), 204)
	statusOf(t, g.dial().ask(post("", cookie)), 204)
	stopped.Wait()
}

// TestC74_PlainListenerStays: beside a TLS listener a plain one serves CPEs whose
// clock is wrong; it never sends them to https, and the session is marked.
func TestC74_PlainListenerStays(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	s := withTLS(t, tlsconf.ListenerConfig{})
	g := newGate(t, []*fakeACS{acs}, s.option, func(c *Config, _ *Deps) {
		c.Listen = append(c.Listen, ListenConfig{Name: "plain", Address: "127.0.0.1:0"})
	})
	addr, err := g.Addr("plain")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*phone{dialCPE(t, addr), g.dialTLS(s.client(""))} {
		statusOf(t, p.ask(post(inform("1"))), 200)
		statusOf(t, p.ask(post("")), 204)
	}
	statusOf(t, dialCPE(t, addr).ask("GET / HTTP/1.1\r\nHost: acs.example\r\n\r\n"), 405) // not even a GET
	g.outcomes(2)
	if g.ended[0].TLS != "" || g.ended[0].Listener != "plain" || g.ended[1].TLS == "" || g.ended[1].Listener != "cpe" {
		t.Errorf("summaries %+v", g.ended)
	}
}

// TestC10_WaitersAreBounded: of many connections that press into one busy
// session at once, a few wait; the others are told to come later, and no answer
// is mixed up.
func TestC10_WaitersAreBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	acs := newACS(t, func(r seen) string {
		if r.msg.Method == "Inform" {
			return plainACS(r)
		}
		<-release
		return ok200("<echo>" + r.body + "</echo>")
	})
	g := newGate(t, []*fakeACS{acs})
	cookie := g.dial().ask(post(inform("1"))).cookie(t)
	phones := make([]*phone, 8)
	for i := range phones {
		phones[i] = g.dial()
		phones[i].send(post(fmt.Sprintf("<n%d/>", i), "Cookie: "+cookie))
	}
	eventually(t, "all but three are refused", func() bool {
		return g.counter("acsgate_bad_requests_total", "reason", "session_busy") == 8-1-maxWaiters
	})
	free()
	served := 0
	for i, p := range phones {
		a := p.hear()
		if a.status == 200 {
			served++
			if !strings.Contains(a.body, fmt.Sprintf("<n%d/>", i)) {
				t.Errorf("connection %d got %q", i, a.body)
			}
		}
	}
	if served != 1+maxWaiters {
		t.Errorf("%d were served", served)
	}
}

// TestC20_ContinueOnlyWhenWaited: a CPE that waits is told to go on by the
// gateway, one that has sent its body is not; the ACS never hears of it.
func TestC20_ContinueOnlyWhenWaited(t *testing.T) {
	t.Parallel()
	acs := newACS(t, func(r seen) string {
		if r.head.Fields.Has("Expect") || r.head.Fields.Has("Transfer-Encoding") {
			return "" // an ACS that knows neither
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	head := fmt.Sprintf("POST /cwmp HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(inform("1")))
	a := p.ask(head)
	if statusOf(t, a, 100); a.raw != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Errorf("interim answer %q", a.raw)
	}
	statusOf(t, p.ask(inform("1")), 200)
	statusOf(t, p.ask(post("", "Expect: 100-continue")), 204)
	statusOf(t, g.dial().ask(head+inform("1")), 200)
	for _, r := range acs.requests() {
		if !bytes.Contains([]byte(r.raw), []byte("Content-Length: ")) {
			t.Errorf("the ACS got %s", r.raw)
		}
	}
}
