package policy

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func explainPolicy(t *testing.T) *Policy {
	return mustCompile(t, Config{
		ACS: []ACSConfig{
			{Name: "north", Backup: "south", Failover: FailoverConfig{ReturnPerSecond: 5}},
			{Name: "south", Backup: "north", Probe: ProbeConfig{Type: ProbeOff}},
		},
		Routes: []RouteConfig{
			{Name: "fair", ACS: "south", Match: MatchConfig{OUI: []string{"00D09F"}}},
			{Name: "many", ACS: "south", Match: MatchConfig{Serial: []string{"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"}}},
			{Name: "wave", ACS: "south", Match: MatchConfig{OUI: []string{"00D0*"}, Percent: new(5.0)}},
			{Name: "lan", ACS: "north", Match: MatchConfig{Source: []string{"10.0.0.0/8"}, Percent: new(100.0)}, Assigned: true},
			{ACS: "north"},
		},
	})
}

func explained(t *testing.T, p *Policy, in Input, s *Snapshot) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteExplanation(&b, in, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteExplanation(t *testing.T) {
	p := explainPolicy(t)
	h := NewHealth([]ACSConfig{{Name: "north", Backup: "south"}, {Name: "south", Backup: "north"}}, noon)
	device := Input{
		Known:           true,
		Device:          cwmp.DeviceID{Manufacturer: "Acme\x1b[31m", OUI: "00d09e", ProductClass: "HG532e", SerialNumber: "SN2001"},
		SoftwareVersion: "V1.2", Source: netip.MustParseAddr("::ffff:10.1.2.3"), Listener: "tls", Path: "/acs?x", Assigned: "south", Current: "south",
	}
	moved := Input{Known: true, Device: device.Device, Listener: "tls", Moved: "south", MovedBy: "swap"}
	moved.Device.Manufacturer = ""
	gone := moved
	gone.Moved = "west"
	for _, test := range []struct {
		name string
		in   Input
		s    *Snapshot
		want string
	}{
		{"a device", device, h.Snapshot(), `
device 00D09E-HG532e-SN2001, manufacturer "Acme\x1b[31m", software V1.2, from 10.1.2.3, listener tls, path /acs, assigned to south, last at south

rule      fair       no match  oui "00D09E" is not "00D09F"
rule      many       no match  serial "SN2001" is none of "A1", "A2", "A3", "A4", "A5", "A6" and 2 more
rule      wave       no match  percent 5, the device stands at 11.298
rule      lan        match     source "10.1.2.3", percent 100, the device stands at 2.527
rule      routes[4]  not reached
acs       south      up        south is up since 2026-11-21 12:03:05 UTC
acs       north      up        north is up since 2026-11-21 12:03:05 UTC
decision  south      first     rule "lan", assigned to south
decision  north      fallback  for an Inform of which no answer byte came back
`},
		{"what if the ACS were down", device, h.Snapshot().With("south", Down), `
device 00D09E-HG532e-SN2001, manufacturer "Acme\x1b[31m", software V1.2, from 10.1.2.3, listener tls, path /acs, assigned to south, last at south

rule      fair       no match  oui "00D09E" is not "00D09F"
rule      many       no match  serial "SN2001" is none of "A1", "A2", "A3", "A4", "A5", "A6" and 2 more
rule      wave       no match  percent 5, the device stands at 11.298
rule      lan        match     source "10.1.2.3", percent 100, the device stands at 2.527
rule      routes[4]  not reached
acs       south      down        south is taken to be down, its sessions go to north
acs       north      up          north is up since 2026-11-21 12:03:05 UTC
decision  north      first       rule "lan", assigned to south; south is taken to be down, backup north
decision  south      if allowed  one session each interval tries whether it is back
`},
		{"moved by a campaign", moved, nil, `
device 00D09E-HG532e-SN2001, listener tls, moved to south

rule      fair       no match  oui "00D09E" is not "00D09F"
rule      many       no match  serial "SN2001" is none of "A1", "A2", "A3", "A4", "A5", "A6" and 2 more
rule      wave       no match  percent 5, the device stands at 11.298
rule      lan        no match  source "" is not "10.0.0.0/8"
rule      routes[4]  match     takes every session
campaign  swap       match     moved the device to south, whatever the rules say
acs       south      up        nothing is known of it
acs       north      up        nothing is known of it
decision  south      first     campaign "swap" moved it to south
decision  north      fallback  for an Inform of which no answer byte came back
`},
		{"moved to an ACS that is gone", gone, nil, `
device 00D09E-HG532e-SN2001, listener tls, moved to west

rule      fair       no match  oui "00D09E" is not "00D09F"
rule      many       no match  serial "SN2001" is none of "A1", "A2", "A3", "A4", "A5", "A6" and 2 more
rule      wave       no match  percent 5, the device stands at 11.298
rule      lan        no match  source "" is not "10.0.0.0/8"
rule      routes[4]  match     takes every session
campaign  swap       no match  moved the device to west, which is gone
acs       north      up        nothing is known of it
acs       south      up        nothing is known of it
decision  north      first     rule "routes[4]"; campaign "swap" moved it to west, which is gone
decision  south      fallback  for an Inform of which no answer byte came back
`},
		{"no Inform, nothing known", Input{Listener: "tls"}, nil, `
a session without a readable Inform, listener tls

rule      fair       no match  asks for the device, but no Inform was read
rule      many       no match  asks for the device, but no Inform was read
rule      wave       no match  asks for the device, but no Inform was read
rule      lan        no match  asks for the device, but no Inform was read
rule      routes[4]  match     takes every session
acs       north      up        nothing is known of it
acs       south      up        nothing is known of it
decision  north      first     rule "routes[4]"
decision  south      fallback  for an Inform of which no answer byte came back
`},
		{"a device that returns", Input{Known: true, Current: "south"}, nil, `
device -, last at south

rule      fair       no match    oui "" is not "00D09F"
rule      many       no match    serial "" is none of "A1", "A2", "A3", "A4", "A5", "A6" and 2 more
rule      wave       no match    oui "" is not "00D0*"
rule      lan        no match    source "" is not "10.0.0.0/8"
rule      routes[4]  match       takes every session
acs       north      up          nothing is known of it
acs       south      up          nothing is known of it
decision  south      first       rule "routes[4]"; north takes 5 devices a second back, until then backup south
decision  north      if allowed  as return_per_second allows
decision  north      fallback    for an Inform of which no answer byte came back
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), explained(t, p, test.in, test.s)); diff != "" {
				t.Errorf("explanation (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExplain_Reasons: the reason of a failure is told while it matters.
func TestExplain_Reasons(t *testing.T) {
	w := newWorld(t, nil)
	w.dead["north"] = true
	w.run(30)
	got := explained(t, w.p, Input{}, w.h.Snapshot())
	want := "acs       north     down      north is down since 2026-11-21 12:03:16 UTC (probe: connection refused), its sessions go to south\n"
	if !strings.Contains(got, want) {
		t.Errorf("want %q in\n%s", want, got)
	}
	w.dead["north"] = false
	w.run(60)
	if got := explained(t, w.p, Input{}, w.h.Snapshot()); strings.Contains(got, "refused") {
		t.Errorf("an old failure is still told of:\n%s", got)
	}
}

// brokenPipe fails after n bytes.
type brokenPipe struct{ n int }

var errPipe = errors.New("broken pipe")

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.n -= len(p); b.n < 0 {
		return 0, errPipe
	}
	return len(p), nil
}

func TestWriteExplanation_ReportsTheWriter(t *testing.T) {
	p := explainPolicy(t)
	for _, n := range []int{0, 100} {
		if err := p.WriteExplanation(&brokenPipe{n}, Input{}, nil); !errors.Is(err, errPipe) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}
