package policy

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// manyRules are n rules of all kinds that the benchmark's device does not
// match, and one for the rest.
func manyRules(n int) Config {
	c := Config{ACS: []ACSConfig{{Name: "north", Backup: "south"}, {Name: "south", Backup: "north"}}}
	for i := range n - 1 {
		m := MatchConfig{}
		switch i % 5 {
		case 0:
			for j := range 10 {
				m.OUI = append(m.OUI, fmt.Sprintf("A%02d%03d", i, j))
			}
		case 1:
			m.ProductClass = []string{fmt.Sprintf("VR%d*", i), "*-X", "FB7?90"}
		case 2:
			m.Serial = []string{fmt.Sprintf("SN%03d000-SN%03d999", i, i), fmt.Sprintf("ZZ%d*", i)}
		case 3:
			m.Source = []string{fmt.Sprintf("192.0.%d.0/24", i), "2001:db8::/32"}
		case 4:
			m.OUI, m.Percent = []string{"00D0*"}, new(0.001)
		}
		c.Routes = append(c.Routes, RouteConfig{Name: fmt.Sprint("rule-", i), ACS: "south", Match: m})
	}
	c.Routes = append(c.Routes, RouteConfig{Name: "rest", ACS: "north"})
	return c
}

var benchInput = Input{
	Known:           true,
	Device:          cwmp.DeviceID{Manufacturer: "Acme", OUI: "00D09E", ProductClass: "HG532e", SerialNumber: "SN98765432100"},
	SoftwareVersion: "V1.2.3", Source: netip.MustParseAddr("10.1.2.3"), Listener: "tls", Path: "/acs",
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		c := manyRules(n)
		p, h := mustCompile(b, c), NewHealth(c.ACS, noon)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { decide(b, p, h.Snapshot()) })
		b.Run(fmt.Sprintf("rules=%d,down", n), func(b *testing.B) { decide(b, p, h.Snapshot().With("north", Down)) })
	}
}

func decide(b *testing.B, p *Policy, s *Snapshot) {
	if d := p.Decide(benchInput, s); d.Rule != "rest" {
		b.Fatalf("decision %+v, want the last rule", d)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(benchInput, s)
	}
}

func BenchmarkObserve(b *testing.B) {
	c := manyRules(1)
	h := NewHealth(c.ACS, noon)
	o := Observation{OK: true, Source: Session, Took: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		h.Observe("north", o, noon)
	}
}

// TestDecide_Allocations: routing must not add to the work of the collector.
func TestDecide_Allocations(t *testing.T) {
	c := manyRules(100)
	p, h := mustCompile(t, c), NewHealth(c.ACS, noon)
	down := h.Snapshot().With("north", Down)
	if n := testing.AllocsPerRun(100, func() { p.Decide(benchInput, h.Snapshot()) }); n > 0 {
		t.Errorf("%v allocations for a decision, want none", n)
	}
	if n := testing.AllocsPerRun(100, func() { p.Decide(benchInput, down) }); n > 3 {
		t.Errorf("%v allocations for a decision with an ACS down, want three at most", n)
	}
}
