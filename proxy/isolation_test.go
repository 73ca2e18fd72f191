package proxy

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/tlsconf"
)

// twoListeners adds a plain listener beside the one with TLS.
func twoListeners(c *Config, _ *Deps) {
	plain := ListenConfig{Name: "plain", Address: "127.0.0.1:0"}
	plain.SetDefaults()
	c.Listen = append(c.Listen, plain)
}

// TestC54_CookieOfAnotherTransport: what is overheard on plain HTTP opens no
// TLS session, and what was begun with TLS does not go on in the clear.
func TestC54_CookieOfAnotherTransport(t *testing.T) {
	acs := newACS(t, nil)
	s := withTLS(t, tlsconf.ListenerConfig{})
	g := newGate(t, []*fakeACS{acs}, s.option, twoListeners)
	plain, err := g.Addr("plain")
	if err != nil {
		t.Fatal(err)
	}
	overTLS := g.dialTLS(s.client("")).ask(post(inform("1")))
	inClear := dialCPE(t, plain).ask(post(inform("2")))
	dialCPE(t, plain).ask(post("", "Cookie: "+overTLS.cookie(t)))
	g.dialTLS(s.client("")).ask(post("", "Cookie: "+inClear.cookie(t)))
	for i, r := range acs.requests() {
		if r.conn != i+1 {
			t.Errorf("request %d went on with the session of connection %d", i+1, r.conn)
		}
	}
}

// TestC54_UnreadableWithCertificate: what cannot be held against the client
// certificate is not passed, for an ACS might read a device in it.
func TestC54_UnreadableWithCertificate(t *testing.T) {
	acs := newACS(t, nil)
	s := withTLS(t, tlsconf.ListenerConfig{ClientAuth: "required"})
	g := newGate(t, []*fakeACS{acs}, s.option)
	hidden := strings.Replace(inform("2"), "<soap", "<<soap", 1)
	statusOf(t, g.dialTLS(s.client("1")).ask(post(hidden)), 400)
	p := g.dialTLS(s.client("1"))
	statusOf(t, p.ask(post(inform("1"))), 200)
	statusOf(t, p.ask(post(hidden)), 400)
	if n := len(acs.requests()); n != 1 {
		t.Errorf("%d requests reached the ACS", n)
	}
	g.stop()
	g.settled()
}

// TestC54_IfGiven: without a certificate there is nothing to hold it against.
func TestC54_IfGiven(t *testing.T) {
	s := withTLS(t, tlsconf.ListenerConfig{ClientAuth: "if_given"})
	g := newGate(t, []*fakeACS{newACS(t, nil)}, s.option)
	statusOf(t, g.dialTLS(s.client("")).ask(post("no XML")), 204)
}

// TestU8_OneSessionPerDevice: of Informs of one device at the same moment, one
// session stays.
func TestU8_OneSessionPerDevice(t *testing.T) {
	const at = 12
	var together sync.WaitGroup
	together.Add(at)
	g := newGate(t, []*fakeACS{newACS(t, nil)}, func(_ *Config, d *Deps) {
		route := d.Route
		d.Route = func(in RouteInput) Route {
			together.Done()
			together.Wait()
			return route(in)
		}
	})
	var cpes sync.WaitGroup
	for range at {
		p := g.dial()
		cpes.Go(func() { _, _ = p.tryAsk(post(inform("1"))) })
	}
	cpes.Wait()
	eventually(t, "one session is left", func() bool { return g.SessionCount("") == 1 })
}

// TestC10_RepliesKeepTheirFields: the next exchange of a session does not write
// into the reply that another connection is being sent.
func TestC10_RepliesKeepTheirFields(t *testing.T) {
	n := 0
	acs := newACS(t, func(r seen) string {
		n++
		return xml200([]byte("<x>"+strings.Repeat(fmt.Sprint(n%10), 10)+"</x>"), "X-Serial: "+strings.Repeat(fmt.Sprint(n%10), 10))
	})
	g := newGate(t, []*fakeACS{acs})
	first := g.dial().ask(post(inform("1")))
	cookie := "Cookie: " + first.cookie(t)
	var cpes sync.WaitGroup
	for range 2 {
		p := g.dial()
		cpes.Go(func() {
			for range 100 {
				a, err := p.tryAsk(post("<x>", cookie))
				if err != nil || a.status != 200 {
					t.Errorf("%v %s", err, a.raw)
					return
				}
				if want := "<x>" + a.fields.Get("X-Serial") + "</x>"; a.body != want {
					t.Errorf("fields of %s with the body %s", want, a.body)
				}
			}
		})
	}
	cpes.Wait()
}

// TestStopMeetsNewConnections: a connection that comes as the server stops, or
// that keeps back its PROXY header, does not hold it up.
func TestStopMeetsNewConnections(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil)}, func(c *Config, _ *Deps) { c.Listen[0].ProxyProtocol = []string{"127.0.0.1"} })
	g.dial() // silent
	eventually(t, "accepted", func() bool { return g.counter("acsgate_connections_total") == 1 })
	done := make(chan struct{})
	go func() { g.stop(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("still waiting for the header of a connection")
	}
}

// TestReloadOfListeners goes by name, whatever their order, and refuses others
// before anything has changed.
func TestReloadOfListeners(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil)}, twoListeners)
	for name, tc := range map[string]struct {
		change func(*Config)
		taken  bool
	}{
		"fewer": {func(c *Config) { c.Listen = c.Listen[:1] }, false},
		"moved": {func(c *Config) { c.Listen[1].Address = "127.0.0.2:0" }, false},
		"swapped": {func(c *Config) {
			c.Listen[1].MaxConnections = 77
			c.Listen = []ListenConfig{c.Listen[1], c.Listen[0]}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := g.cfg
			cfg.Listen = append([]ListenConfig(nil), cfg.Listen...)
			tc.change(&cfg)
			if err := g.Reload(cfg); (err == nil) != tc.taken {
				t.Error(err)
			}
		})
	}
	if set := g.listeners[1].settings.Load(); set.cfg.Name != "plain" || set.cfg.MaxConnections != 77 {
		t.Errorf("listener plain has the settings %+v", set.cfg)
	}
}

// TestC52_NobodyIsNotOneDevice: Informs without a serial number are of different
// CPEs for all we know, and do not end each other's sessions.
func TestC52_NobodyIsNotOneDevice(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil)})
	for range 3 {
		statusOf(t, g.dial().ask(post(inform(""))), 200)
	}
	if n := g.SessionCount(""); n != 3 {
		t.Errorf("%d sessions of 3", n)
	}
}

// TestRefusalsAreLoggedSparingly: a CPE with another's certificate comes again
// and again, and must not fill the disk.
func TestRefusalsAreLoggedSparingly(t *testing.T) {
	core, lines := observer.New(zap.WarnLevel)
	s := withTLS(t, tlsconf.ListenerConfig{ClientAuth: "required"})
	g := newGate(t, []*fakeACS{newACS(t, nil)}, s.option, func(_ *Config, d *Deps) { d.Log = zap.New(core) })
	const times = 12
	for range times {
		statusOf(t, g.dialTLS(s.client("2")).ask(post(inform("1"))), 400)
	}
	if n := lines.FilterMessage("session refused").Len(); n == 0 || n > times/2 {
		t.Errorf("%d lines of %d refusals", n, times)
	}
}
