package binding

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// randomSource returns an address outside all others of the tests.
func randomSource(n uint32) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, byte(n >> 16), byte(n >> 8), byte(n)}), uint16(1024+n%60000))
}

func TestKeepAlivesDoNotAllocate(t *testing.T) {
	f := newTable(t)
	told := f.telling()
	f.claims(0, v, home, "", "")
	f.claims(0, x, "198.51.100.9", "", "")
	tests := map[string]*Sighting{
		"named":    {Local: netip.MustParseAddrPort(ours), Source: netip.MustParseAddrPort(homeA), Username: []byte(userV), At: at(0)},
		"nameless": {Local: netip.MustParseAddrPort(ours), Source: netip.MustParseAddrPort("198.51.100.9:9"), At: at(0)},
		"foreign":  {Local: netip.MustParseAddrPort(ours), Source: netip.MustParseAddrPort(evil), Username: []byte(userV), At: at(0)},
		"unknown":  {Local: netip.MustParseAddrPort(ours), Source: netip.MustParseAddrPort(evil), Username: []byte("whoever"), At: at(0)},
	}
	for _, name := range []string{"named", "nameless", "foreign", "unknown"} {
		s := tests[name]
		for range 3 {
			s.At = s.At.Add(30e9)
			f.NoteSighting(s)
		}
		if n := testing.AllocsPerRun(1000, func() { s.At = s.At.Add(30e9); f.NoteSighting(s) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	f.want(v, homeA, SameIP)
	f.want(x, "198.51.100.9:9", Alone)
	if len(*told) != 2 {
		t.Errorf("told %v, want the two new bindings", *told)
	}
}

func TestConcurrency(t *testing.T) {
	f := newTable(t)
	ids := make([]cwmp.DeviceID, 50)
	for i := range ids {
		ids[i] = cwmp.DeviceID{OUI: "00AA01", ProductClass: "Box", SerialNumber: strconv.Itoa(i)}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(worker)))
			s := Sighting{Local: netip.MustParseAddrPort(ours)}
			for i := range 5000 {
				id := ids[random.IntN(len(ids))]
				source := randomSource(uint32(random.IntN(60)))
				switch random.IntN(8) {
				case 0:
					f.NoteClaim(Claim{Device: id, Source: source.Addr(), Reported: randomSource(uint32(random.IntN(60))), At: at(i)})
				case 1:
					f.SetUser(id, "user"+strconv.Itoa(random.IntN(20)))
				case 2:
					if b, ok := f.Lookup(id); ok && !b.Remote.IsValid() {
						t.Error("binding without a remote")
					}
				case 3:
					f.Device(source)
					f.ByUser([]byte("user3"))
				default:
					s.Username = []byte("00AA01-Box-" + id.SerialNumber)
					if random.IntN(4) == 0 {
						s.Username = []byte("user" + strconv.Itoa(random.IntN(20)))
					}
					s.Source, s.At, s.Change, s.Verified = source, at(i), random.IntN(2) == 0, random.IntN(20) == 0
					f.NoteSighting(&s)
				}
			}
		})
	}
	group.Go(func() {
		for range 50 {
			if len(f.all()) > len(ids) || f.Len() > len(ids) {
				t.Error("more bindings than devices")
			}
			if _, err := f.registry.Gather(); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	f.check()
	if d := diff(f.all(), f.reload().all()); d != "" {
		t.Errorf("not all is stored (-memory +store):\n%s", d)
	}
}

func TestMetrics(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.claims(0, w, home, "", "")
	f.claims(0, x, "198.51.100.9", "", "")
	f.sees(0, userV, homeA)
	f.sees(30, userV, homeA)
	f.sees(31, userV, homeB, announced)
	f.sees(31, userV, evil)
	f.sees(32, userV, evil)
	f.sees(0, userW, evil)
	f.sees(200, "", "198.51.100.9:9")
	f.clock = at(300)
	f.wantMetric("acsgate_bindings", "fresh", 1)
	f.wantMetric("acsgate_bindings", "stale", 1)
	f.wantMetric("acsgate_bindings", "uncorroborated", 1)
	f.wantMetric("acsgate_bindings_changes_total", "", 1)
	f.wantMetric("acsgate_bindings_dirty", "", 3)
	f.stop()
	f.wantMetric("acsgate_bindings_dirty", "", 0)
	f.wantMetric("acsgate_bindings_flushed_total", "", 3)
}

// live returns the bytes of the heap that are in use.
func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fill makes n bindings, with two names from templates and one that was learned.
func fill(t *Table, n int, v6 bool) {
	s := Sighting{Local: netip.MustParseAddrPort(ours), At: epoch}
	for i := range n {
		serial := fmt.Sprintf("%012d", i)
		id := cwmp.DeviceID{OUI: "00AA01", ProductClass: "HomeBox7", SerialNumber: serial}
		user := "stun-" + serial + "-xyz" // 21 bytes
		s.Source, s.Username = randomSource(uint32(i)), []byte(user)
		if v6 {
			a := s.Source.Addr().As4()
			s.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, a[1], a[2], a[3]}), s.Source.Port())
		}
		t.NoteClaim(Claim{Device: id, Source: s.Source.Addr(), Reported: s.Source, At: epoch})
		t.SetUser(id, user)
		t.NoteSighting(&s)
	}
}

func newBare(tb testing.TB) *Table {
	t, err := New(Config{}, Deps{Store: memstore.New(func() time.Time { return epoch }), Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: func() time.Time { return epoch }})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func TestAMillionBindingsIn250MB(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("a million bindings take too long with -short or the race detector, which counts in other bytes")
	}
	const million, most = 1_000_000, 250 << 20
	for _, v6 := range []bool{false, true} {
		n := million
		if v6 {
			n /= 4
		}
		before := live()
		table := newBare(t)
		fill(table, n, v6)
		taken := int64(live()) - int64(before)
		if table.Len() != n {
			t.Errorf("%d bindings", table.Len())
		}
		t.Logf("IPv6 %v: %d bindings in %d MB, %d of it records", v6, n, taken>>20, table.arena.used>>20)
		if taken > most*int64(n)/million {
			t.Errorf("%d bytes for %d bindings, want at most %d for a million", taken, n, most)
		}
		runtime.KeepAlive(table)
	}
}

func BenchmarkNoteSightings(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		table := newBare(b)
		fill(table, n, false)
		sightings := make([]Sighting, 1<<16)
		for i := range sightings {
			number := rand.IntN(n)
			sightings[i] = Sighting{
				Local: netip.MustParseAddrPort(ours), Source: randomSource(uint32(number)),
				Username: fmt.Appendf(nil, "stun-%012d-xyz", number), At: epoch,
			}
		}
		for _, together := range []int{1, 4, abreast} {
			b.Run(fmt.Sprintf("bindings=%d/together=%d", n, together), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					table.NoteSightings(sightings[i : i+together])
					i = (i + together) & (1<<16 - 1)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*together), "ns/packet")
			})
		}
	}
}

func BenchmarkCensus(b *testing.B) {
	table := newBare(b)
	fill(table, 1_000_000, false)
	for b.Loop() {
		if _, err := table.Count(b.Context(), table.now()); err != nil {
			b.Fatal(err)
		}
	}
}
