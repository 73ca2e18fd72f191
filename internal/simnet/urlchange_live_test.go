package simnet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// TestPingPong: between two ACSs that both insist, a CPE never comes to rest.
func TestPingPong(t *testing.T) {
	p := newPair(t, ACSConfig{Script: InsistingOn(oldURL)}, ACSConfig{Script: InsistingOn(newURL)})
	c := p.cpe(t, generic(), nil)
	if held, err := live(t, c); err != nil || len(held) != 1 {
		t.Fatalf("with one ACS: %d sessions, %v", len(held), err)
	}
	other := newPair(t, ACSConfig{Script: InsistingOn(newURL)}, ACSConfig{Script: InsistingOn(oldURL)})
	held, err := other.cpe(t, generic(), nil).Live(t.Context(), Life{Sessions: 6, Wait: NoWait})
	if !errors.Is(err, ErrRestless) || len(held) != 6 {
		t.Fatalf("%d sessions, %v", len(held), err)
	}
	for i, h := range held {
		if want := []string{oldURL, newURL}[i%2]; h.URL != want {
			t.Errorf("session %d is with %q", i, h.URL)
		}
	}
}

// TestOnBootstrap: an ACS provisions the CPE that comes to it, once.
func TestOnBootstrap(t *testing.T) {
	p := newPair(t, ACSConfig{Script: Asking(WriteURL(newURL))}, ACSConfig{Script: OnBootstrap(SetValue("{root}DeviceInfo.ProvisioningCode", "x"))})
	c := p.cpe(t, icwmp(), nil)
	held, err := live(t, c, cwmp.EventPeriodic)
	if err != nil || len(held) != 2 || !slices.Equal(held[1].Result.RPCs, []string{"SetParameterValues"}) {
		t.Fatalf("%+v, %v", held, err)
	}
	if r := mustSucceed(t, c); r.RPCs != nil {
		t.Errorf("provisioned again: %q", r.RPCs)
	}
}

func TestOnce(t *testing.T) {
	script := Once(Reboot(""))
	a, b := generic().Device, icwmp().Device
	if len(script(a, nil)) != 1 || len(script(b, nil)) != 1 || len(script(a, nil)) != 0 {
		t.Error("not once for each device")
	}
}

// TestUnreachableURL: a CPE goes on trying by the table, and arrives when the
// host appears; what it has to tell waits.
func TestUnreachableURL(t *testing.T) {
	p := newPair(t, ACSConfig{Script: Asking(WriteURL(newURL))}, ACSConfig{})
	p.names.Remove("new.example:7547")
	waits := 0
	held, err := p.cpe(t, generic(), nil).Live(t.Context(), Life{
		Retries: -1, Random: func() float64 { return 1 },
		Wait: func(context.Context, time.Duration) error {
			if waits++; waits == 12 {
				p.names.Set("new.example", p.new.Addr())
			}
			return nil
		},
	})
	if err != nil || len(held) != 14 {
		t.Fatalf("%d sessions, %v", len(held), err)
	}
	for i, want := range []int{0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 5120, 5120, 0} {
		if got := held[i].Wait; got != time.Duration(want)*time.Second {
			t.Errorf("wait %d is %v, want %d s", i, got, want)
		}
	}
	x := p.new.Exchanges()[0]
	if x.Message.RetryCount != 12 || eventList(x.Message.Events) != cwmp.EventBootstrap {
		t.Errorf("arrives with RetryCount %d, %s", x.Message.RetryCount, eventList(x.Message.Events))
	}
	if Reason(held[3].Err) != "no such host" {
		t.Errorf("failed: %v", held[3].Err)
	}
}

// TestRetryWait: the ranges of protocol notes 1.8, and the CPE's own settings.
func TestRetryWait(t *testing.T) {
	c, err := NewCPE(CPEConfig{URL: oldURL, Parameters: []Parameter{
		{Name: "Device.ManagementServer.CWMPRetryMinimumWaitInterval"}, {Name: "Device.ManagementServer.CWMPRetryIntervalMultiplier"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		retries             int
		minimum, multiplier string
		low, high           time.Duration
	}{
		{0, "", "", 0, 0},
		{1, "", "", 5 * time.Second, 10 * time.Second},
		{10, "", "", 2560 * time.Second, 5120 * time.Second},
		{11, "", "", 2560 * time.Second, 5120 * time.Second},
		{2, "60", "1000", time.Minute, time.Minute},
		{2, "10", "3000", 30 * time.Second, 90 * time.Second},
		{1, "0", "x", 5 * time.Second, 10 * time.Second},
		{10, "65535", "65535", maxRetryWait, maxRetryWait},
	}
	for _, tt := range tests {
		c.retries = tt.retries
		c.Tree().Put("Device.ManagementServer.CWMPRetryMinimumWaitInterval", tt.minimum)
		c.Tree().Put("Device.ManagementServer.CWMPRetryIntervalMultiplier", tt.multiplier)
		if low, high := c.RetryWait(0), c.RetryWait(1); low != tt.low || high != tt.high {
			t.Errorf("%+v: %v to %v", tt, low, high)
		}
	}
}

// TestLiveEnds: with the context, with the retries, and told of each session.
func TestLiveEnds(t *testing.T) {
	p := newPair(t, ACSConfig{}, ACSConfig{})
	p.names.Remove("old.example")
	told := 0
	held, err := p.cpe(t, generic(), nil).Live(t.Context(), Life{Wait: NoWait, Retries: 2, Done: func(Held) { told++ }})
	if err == nil || len(held) != 3 || told != 3 || held[2].Wait != 0 {
		t.Errorf("%d sessions, told of %d: %v", len(held), told, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	held, err = p.cpe(t, generic(), nil).Live(ctx, Life{Wait: func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}})
	if !errors.Is(err, context.Canceled) || len(held) != 1 {
		t.Errorf("%d sessions, %v", len(held), err)
	}
	if held, err = p.cpe(t, generic(), nil).Live(ctx, Life{}); !errors.Is(err, context.Canceled) || len(held) != 1 {
		t.Errorf("%d sessions, %v", len(held), err)
	}
	var all []Held
	for range maxHeld + 5 {
		all = keepHeld(all, Held{Retry: len(all)})
	}
	if len(all) != maxHeld {
		t.Errorf("keeps %d sessions", len(all))
	}
}

// TestLiveFollowsUp: the sessions that a Download leaves to hold.
func TestLiveFollowsUp(t *testing.T) {
	a := startACS(t, ACSConfig{Script: Once(Download("http://files.example/f"))})
	held, err := live(t, newTestCPE(t, a, generic(), nil), cwmp.EventBoot)
	if err != nil || len(held) != 2 || !slices.Equal(held[1].Result.Sent, []string{"Inform", "TransferComplete"}) {
		t.Errorf("%+v, %v", held, err)
	}
}

func TestNames(t *testing.T) {
	var n Names
	n.Set("a.example", "127.0.0.1:1")
	n.Set("a.example:443", "127.0.0.1:2")
	for address, want := range map[string]string{
		"a.example:80": "127.0.0.1:1", "a.example:443": "127.0.0.1:2", "127.0.0.1:9": "127.0.0.1:9", "[::1]:9": "[::1]:9", "b.example:80": "", "nothing": "",
	} {
		if got, err := n.Resolve(address); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
	n.Remove("a.example")
	if _, err := n.Resolve("a.example:80"); Reason(fmt.Errorf("dial: %w", err)) != "no such host" {
		t.Errorf("%v", err)
	}
	if Reason(&net.DNSError{Err: "server failure"}) == "no such host" {
		t.Error("a failing resolver passes for an unknown name")
	}
}

// TestResolvedTLS: the certificate is held against the URL's host, whatever
// address it was found at.
func TestResolvedTLS(t *testing.T) {
	ca := tlstest.Must(tlstest.NewCA("simnet test"))
	leaf := tlstest.Must(ca.Issue(tlstest.Spec{Names: []string{"acs.example"}}))
	var names Names
	a := startACS(t, ACSConfig{TLS: &tls.Config{Certificates: []tls.Certificate{leaf.TLS()}, MinVersion: tls.VersionTLS12}})
	names.Set("acs.example", a.Addr())
	names.Set("other.example", a.Addr())
	for url, good := range map[string]bool{"https://acs.example/": true, "https://other.example/": false} {
		_, err := newTestCPE(t, a, generic(), func(c *CPEConfig) {
			c.URL, c.Resolve, c.TLS = url, names.Resolve, &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
		}).Session(t.Context())
		if (err == nil) != good || !good && Reason(err) != "tls handshake" {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestFleetMoves: CPEs of a fleet follow their URL by name too.
func TestFleetMoves(t *testing.T) {
	p := newPair(t, ACSConfig{Script: Asking(WriteURL(newURL))}, ACSConfig{})
	f, err := NewFleet(FleetConfig{URL: oldURL, N: 10, Sessions: 2, Resolve: p.names.Resolve})
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Run(t.Context()); s.Failed != 0 || p.new.Stats().Completed != 10 || p.old.Stats().Completed != 10 {
		t.Errorf("%+v; old %d, new %d sessions", s, p.old.Stats().Completed, p.new.Stats().Completed)
	}
}
