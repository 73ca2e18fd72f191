package binding

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// crowd makes packets that are at odds with each other: of few devices, from few
// addresses, some with the name of another, of several or of none.
type crowd struct {
	*rand.Rand
	now int
}

func (c *crowd) device() cwmp.DeviceID {
	return cwmp.DeviceID{OUI: "00AA01", ProductClass: "Box", SerialNumber: fmt.Sprint(c.IntN(40))}
}

func (c *crowd) address() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(c.IntN(20))}), uint16(c.IntN(4)))
}

func (c *crowd) user() string {
	switch c.IntN(8) {
	case 0:
		return ""
	case 1:
		return "shared"
	case 2:
		return "learned" + fmt.Sprint(c.IntN(40))
	}
	return "00AA01-Box-" + fmt.Sprint(c.IntN(50))
}

func (c *crowd) sightings() []Sighting {
	out := make([]Sighting, c.IntN(3*abreast))
	for i := range out {
		s := &out[i]
		*s = Sighting{
			Local: netip.MustParseAddrPort(ours), Source: c.address(), Username: []byte(c.user()),
			Change: c.IntN(8) == 0, Verified: c.IntN(16) == 0, At: at(c.now),
		}
		switch c.IntN(32) {
		case 0:
			s.Local = netip.MustParseAddrPort(ours2)
		case 1:
			s.At = time.Time{}
		case 2:
			s.Source = netip.AddrPort{}
		}
		c.now += c.IntN(30) / 15
	}
	return out
}

// between does to a table what may happen from one batch to the next.
func (c *crowd) between() func(*fixture) {
	id, source, user := c.device(), c.address(), c.user()
	c.now += []int{0, 5, 30, 400}[c.IntN(4)]
	now := c.now
	if c.IntN(3) == 0 {
		return func(f *fixture) { f.SetUser(id, user) }
	}
	return func(f *fixture) {
		f.NoteClaim(Claim{Device: id, Source: source.Addr(), Reported: source, At: at(now)})
	}
}

// TestABatchIsItsPacketsOneByOne compares two tables with the same history, of
// which one is told of packets in batches.
func TestABatchIsItsPacketsOneByOne(t *testing.T) {
	for round := range uint64(8) {
		c := &crowd{Rand: rand.New(rand.NewPCG(2, round))}
		together, single := newTable(t), newTable(t)
		single.seed = together.seed
		for range 100 {
			event, packets := c.between(), c.sightings()
			event(together)
			together.NoteSightings(packets)
			event(single)
			for i := range packets {
				single.NoteSighting(&packets[i])
			}
		}
		compareTables(t, together, single)
		if round == 0 && (together.Len() < 20 || together.metric("acsgate_bindings_unattributed_total", "") == 0) {
			t.Error("the packets are all alike: the test shows nothing")
		}
	}
}

func compareTables(t *testing.T, got, want *fixture) {
	t.Helper()
	got.check()
	if d := diff(want.all(), got.all()); d != "" {
		t.Errorf("bindings differ: %s", d)
	}
	if len(got.refs) != len(want.refs) {
		t.Fatalf("%d devices, want %d", len(got.refs), len(want.refs))
	}
	for n := range uint32(len(got.refs)) {
		gotState, wantState := got.state(n), want.state(n)
		if !bytes.Equal(got.pack(&gotState), want.pack(&wantState)) || got.urgent.has(n) != want.urgent.has(n) || got.quiet.has(n) != want.quiet.has(n) {
			t.Errorf("device %d is %+v, want %+v", n, gotState, wantState)
		}
	}
	for _, name := range []string{
		"acsgate_bindings_unattributed_total", "acsgate_bindings_refused_total", "acsgate_bindings_changes_total",
		"acsgate_bindings_candidates_total",
	} {
		label := ""
		if name == "acsgate_bindings_refused_total" {
			label = string(refusedSource)
		}
		if g, w := got.metric(name, label), want.metric(name, label); g != w {
			t.Errorf("%s is %v, want %v", name, g, w)
		}
	}
}

// TestExpect_ChangesNothing: what it finds is a guess, also where nothing is known.
func TestExpect_ChangesNothing(t *testing.T) {
	f := newTable(t)
	f.NoteSightings(nil)
	two := make([]Sighting, 2)
	for i := range two {
		two[i] = Sighting{Local: netip.MustParseAddrPort(ours), Source: netip.MustParseAddrPort(homeA), Username: []byte(userV), At: at(0)}
	}
	f.NoteSightings(two)
	f.wantMetric("acsgate_bindings_unattributed_total", "", 2)
	f.claims(1, v, home, "", "")
	f.want(v, homeA, SameIP)
	f.check()
}

func TestBatchesDoNotAllocate(t *testing.T) {
	f := newTable(t)
	packets := make([]Sighting, 2*abreast+1)
	for i := range packets {
		id := cwmp.DeviceID{OUI: "00AA01", ProductClass: "Box", SerialNumber: fmt.Sprint(i)}
		f.claims(0, id, randomSource(uint32(i)).Addr().String(), "", "")
		packets[i] = Sighting{
			Local: netip.MustParseAddrPort(ours), Source: randomSource(uint32(i)), Username: []byte("00AA01-Box-" + fmt.Sprint(i)),
		}
	}
	now := 0
	note := func() {
		now += 30
		for i := range packets {
			packets[i].At = at(now)
		}
		f.NoteSightings(packets)
	}
	for range 3 {
		note()
	}
	if n := testing.AllocsPerRun(100, note); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if f.Len() != len(packets) {
		t.Errorf("%d bindings, want %d", f.Len(), len(packets))
	}
}
