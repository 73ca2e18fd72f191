package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/bytesize"
)

// TestBadInput: each is answered plainly or closed, counted under its reason,
// and never reaches an ACS; the next CPE is served as if nothing had been.
func TestBadInput(t *testing.T) {
	bomb := gzipped(t, strings.Repeat("x", 1<<20))
	deep := "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">" + strings.Repeat("<a>", 100_000)
	for name, tc := range map[string]struct {
		raw, reason string
		status      int // 0: closed without an answer
	}{
		"garbage":           {"\x00\x01\x02garbage\r\n\r\n", "malformed", 400},
		"not HTTP":          {"EHLO mail\r\n\r\n", "malformed", 400},
		"HTTP/2":            {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version", 400},
		"huge head":         {"POST / HTTP/1.1\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "head_too_large", 400},
		"many fields":       {"POST / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 200) + "\r\n", "head_too_large", 400},
		"both lengths":      {"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "both_lengths", 400},
		"two lengths":       {"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "length", 400},
		"negative length":   {"POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc", "length", 400},
		"huge length":       {"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\nabc", "body_too_large", 400},
		"huge chunks":       {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", "body_too_large", 400},
		"bad chunk":         {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "chunk", 400},
		"gzip chunked":      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "transfer_encoding", 400},
		"not gzip":          {post("plain", "Content-Encoding: gzip"), "content_encoding", 415},
		"unknown encoding":  {post("plain", "Content-Encoding: br"), "content_encoding", 415},
		"gzip bomb":         {post(bomb, "Content-Encoding: gzip"), "body_too_large", 400},
		"DTD":               {post(`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`), "xml_dtd", 400},
		"deep XML":          {post(deep), "xml_depth", 400},
		"GET":               {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "method", 405},
		"CONNECT":           {"CONNECT evil:25 HTTP/1.1\r\n\r\n", "malformed", 400},
		"asterisk":          {"OPTIONS * HTTP/1.1\r\n\r\n", "malformed", 400},
		"header injection":  {"POST / HTTP/1.1\r\nX: a\rInjected: b\r\n\r\n", "malformed", 400},
		"slow head":         {"POST / HTTP/1.1\r\nHo", "too_slow", 408},
		"slow body":         {"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nabc", "too_slow", 408},
		"TLS on plain port": {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "tls_on_plain_port", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acs := newACS(t, nil)
			g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) {
				c.Limits.HeaderTimeout = 300 * time.Millisecond
				c.Limits.BodyBytes = 512 * bytesize.KB
			})
			p := g.dial()
			go func() { _, _ = io.WriteString(p.nc, tc.raw) }() // the gateway may close while it is sent
			if tc.status == 0 {
				b := make([]byte, 7)
				if _, err := io.ReadFull(p.nc, b); err != nil || b[0] != 0x15 {
					t.Errorf("% x, %v: not a TLS alert", b, err)
				}
			} else {
				a, err := p.tryHear()
				if err != nil || a.status != tc.status {
					t.Errorf("status %d, %v, want %d", a.status, err, tc.status)
				}
				if err == nil && !a.fields.Token("Connection", "close") {
					t.Error("no Connection: close")
				}
			}
			if n := g.counter("acsgate_bad_requests_total", "reason", tc.reason); n != 1 {
				t.Errorf("reason %q counted %v times", tc.reason, n)
			}
			if len(acs.requests()) != 0 {
				t.Errorf("the ACS got %s", acs.requests()[0].raw)
			}
			statusOf(t, g.dial().ask(post(inform("1"))), 200)
		})
	}
}

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestC52_PassedThrough: what merely is no CWMP goes to the default route.
func TestC52_PassedThrough(t *testing.T) {
	for name, body := range map[string]string{
		"text":           "hello",
		"binary":         "\xff\xfe\x00\x01garbage\x02",
		"other XML":      "<html><body/></html>",
		"cut off":        inform("1")[:200],
		"no device":      strings.ReplaceAll(inform("1"), "DeviceId", "Other"),
		"mere ampersand": "<a>b & c</a>",
	} {
		t.Run(name, func(t *testing.T) {
			acs := newACS(t, func(seen) string { return ok200("<fine/>") })
			g := newGate(t, []*fakeACS{acs})
			statusOf(t, g.dial().ask(post(body)), 200)
			if r := acs.requests(); len(r) != 1 || r[0].body != body {
				t.Errorf("ACS got %+v", r)
			}
		})
	}
}

// TestHalfClosed: a CPE that shuts its sending side still gets its answer.
func TestHalfClosed(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	p.send(post(inform("1")))
	if err := p.nc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	statusOf(t, p.hear(), 200)
}

// TestBodyMemory: large bodies share a budget; small ones are not affected, and
// all of it is given back.
func TestBodyMemory(t *testing.T) {
	acs := newACS(t, func(seen) string { return ok200("<fine/>") })
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Limits.BodyMemory = bytesize.MB })
	large := strings.Repeat("x", 900<<10)
	holder := g.dial()
	holder.send(post(large)[:800<<10])
	eventually(t, "the budget is taken", func() bool { return g.Server.memory.used.Load() > 512<<10 })
	refused := g.dial()
	go func() { _, _ = io.WriteString(refused.nc, post(large)) }() // may be cut off
	if a, err := refused.tryHear(); err == nil && a.status != 503 {
		t.Errorf("status %d", a.status)
	}
	statusOf(t, g.dial().ask(post(inform("1"))), 200)
	holder.send(post(large)[800<<10:])
	statusOf(t, holder.hear(), 200)
	eventually(t, "the budget is given back", func() bool { return g.Server.memory.used.Load() == 0 })
}

// TestC37_LargeInform of 3 MB.
func TestC37_LargeInform(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	big := strings.Replace(inform("1"), "<Manufacturer>Maker", "<Manufacturer>Maker</Manufacturer><!--"+strings.Repeat("x", 3<<20)+"--><Manufacturer>", 1)
	big = strings.Replace(big, "--><Manufacturer></Manufacturer>", "-->", 1)
	statusOf(t, g.dial().ask(post(big)), 200)
	if r := acs.requests()[0]; r.body != big {
		t.Error("the body was changed")
	}
}

// TestC13_C14_Admission: beyond a limit new sessions get a 503 to come back
// later, at different times; a session that runs is never refused.
func TestC13_C14_Admission(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Upstreams[0].Limits.Sessions = 1 })
	running := g.dial()
	statusOf(t, running.ask(post(inform("0"))), 200)
	after := map[int]bool{}
	for i := range 30 {
		p := g.dial()
		a := p.ask(post(inform(fmt.Sprint(i + 1))))
		statusOf(t, a, 503)
		if !a.fields.Token("Connection", "close") {
			t.Error("no Connection: close")
		}
		seconds, err := strconv.Atoi(a.fields.Get("Retry-After"))
		if err != nil || seconds < 30 || seconds > 90 {
			t.Errorf("Retry-After %q", a.fields.Get("Retry-After"))
		}
		after[seconds] = true
	}
	if len(after) < 5 {
		t.Errorf("30 refusals with %d different Retry-After", len(after))
	}
	statusOf(t, running.ask(post("")), 204)
	statusOf(t, g.dial().ask(post(inform("1"))), 200)
	if n := g.counter("acsgate_sessions_not_admitted_total", "acs", "a", "limit", "sessions"); n != 30 {
		t.Errorf("%v refusals counted", n)
	}
}

// TestC14_RateLimit bounds how many sessions begin in a second.
func TestC14_RateLimit(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) {
		c.Upstreams[0].Limits.NewPerSecond, c.Upstreams[0].Limits.Burst = 0.001, 3
	})
	admitted := 0
	for i := range 10 {
		if g.dial().ask(post(inform(fmt.Sprint(i)))).status == 200 {
			admitted++
		}
	}
	if admitted != 3 {
		t.Errorf("%d sessions admitted, the burst is 3", admitted)
	}
}

// TestConnectionsPerSource: beyond the limit 503 on plain HTTP.
func TestConnectionsPerSource(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Limits.ConnectionsPerSource = 2 })
	one, two := g.dial(), g.dial()
	statusOf(t, one.ask(post(inform("1"))), 200)
	statusOf(t, two.ask(post(inform("2"))), 200)
	third := g.dial()
	a := third.hear()
	if statusOf(t, a, 503); !a.fields.Has("Retry-After") {
		t.Error("no Retry-After")
	}
	one.hangUp()
	eventually(t, "a connection is free", func() bool {
		a, err := dialCPE(t, g.addr).tryAsk(post(inform("3")))
		return err == nil && a.status == 200
	})
}

func (p *phone) tryAsk(raw string) (answered, error) {
	if _, err := io.WriteString(p.nc, raw); err != nil {
		return answered{}, err
	}
	return p.tryHear()
}

// TestMaxSessions bounds the table.
func TestMaxSessions(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Session.MaxSessions = 2 })
	for i, want := range []int{200, 200, 503} {
		statusOf(t, g.dial().ask(post(inform(fmt.Sprint(i)))), want)
	}
}

// TestIdleSessionsEnd and give their place back.
func TestIdleSessionsEnd(t *testing.T) {
	acs := newACS(t, func(r seen) string {
		if r.device.SerialNumber == "2" {
			return challenge("n")
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Session.Idle = 100 * time.Millisecond })
	g.dial().ask(post(inform("1")))
	g.outcomes(1)
	g.dial().ask(post(inform("2")))
	if got := g.outcomes(2); got[0] != Idle || got[1] != Unauthorized {
		t.Errorf("outcomes %q", got)
	}
	if n := g.counter("acsgate_sessions", "acs", "a"); n != 0 {
		t.Errorf("%v sessions counted as running", n)
	}
}

// TestDrain: new sessions 503, the running one finishes, then nothing is left.
func TestDrain(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.DrainTimeout = 10 * time.Second })
	p := g.dial()
	cookie := p.ask(post(inform("1"))).cookie(t)
	p.hangUp()
	var stopped sync.WaitGroup
	stopped.Go(g.stop)
	eventually(t, "it drains", g.Draining)
	statusOf(t, g.dial().ask(post(inform("2"))), 503)
	statusOf(t, g.dial().ask(post("", "Cookie: "+cookie)), 204) // on a new connection
	stopped.Wait()
	if got := g.outcomes(1); got[0] != Complete {
		t.Errorf("outcome %q", got[0])
	}
}

// TestStopEndsWhatHangs: a session that does not finish is ended by force.
func TestStopEndsWhatHangs(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	acs := newACS(t, func(r seen) string {
		if r.body == "" {
			<-release
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	p.ask(post(inform("1")))
	p.send(post(""))
	eventually(t, "the ACS is asked", func() bool { return len(acs.requests()) == 2 })
	g.stop()
	if got := g.outcomes(1); got[0] != Stopped {
		t.Errorf("outcome %q", got[0])
	}
}

// TestReload: sessions that run keep their ACS, new ones get the new one.
func TestReload(t *testing.T) {
	old, fresh := newACS(t, nil), newACS(t, nil)
	g := newGate(t, []*fakeACS{old})
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	cfg := g.cfg
	cfg.Upstreams = append([]UpstreamConfig(nil), cfg.Upstreams...)
	cfg.Upstreams[0].URL = fresh.url()
	if err := g.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	statusOf(t, p.ask(post("")), 204)
	statusOf(t, g.dial().ask(post(inform("2"))), 200)
	if len(old.requests()) != 2 || len(fresh.requests()) != 1 {
		t.Errorf("%d requests at the old URL, %d at the new", len(old.requests()), len(fresh.requests()))
	}
	cfg.Upstreams[0].URL = "ftp://nonsense"
	if err := g.Reload(cfg); err == nil {
		t.Error("a broken configuration was taken")
	}
	statusOf(t, g.dial().ask(post(inform("3"))), 200)
}

// TestPanicIsOneConnections: a fault in the gateway costs one connection.
func TestPanicIsOneConnections(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(_ *Config, d *Deps) {
		route := d.Route
		d.Route = func(in RouteInput) Route {
			if in.Device.SerialNumber == "bad" {
				panic("made by the test")
			}
			return route(in)
		}
	})
	p := g.dial()
	p.send(post(inform("bad")))
	if !p.closed() {
		t.Error("connection stays open")
	}
	statusOf(t, g.dial().ask(post(inform("1"))), 200)
	if n := g.counter("acsgate_panics_total"); n != 1 {
		t.Errorf("%v panics counted", n)
	}
}
