package campaign

import (
	"context"
	"iter"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/boltstore"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

func fleet(n int) iter.Seq[Candidate] {
	return func(yield func(Candidate) bool) {
		for i := range n {
			if !yield(Candidate{Device: numbered(i), Current: "north", Home: "north"}) {
				return
			}
		}
	}
}

func openBolt(t testing.TB, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(boltstore.Config{Path: path}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func heap() int {
	runtime.GC()
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapInuse)
}

// TestMillion: a campaign over a million devices, each with an old URL of its own,
// keeps its state in at most 200 MB.
func TestMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute: left out with -short")
	}
	const n = 1_000_000
	path := filepath.Join(t.TempDir(), "acsgate.db")
	s := openBolt(t, path)
	fill(t, newEngine(t, s, n))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	before := heap()
	began := time.Now()
	s = openBolt(t, path)
	defer s.Close()
	e := newEngine(t, s, n)
	if err := e.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	used := heap() - before
	t.Logf("loaded in %v, %d MB", took, used>>20)
	if used > 200<<20 || used < 50<<20 {
		t.Errorf("a million devices take %d MB", used>>20)
	}
	v, _ := e.Get("m")
	if v.Counts[Set] != n {
		t.Errorf("%v", v.Counts.Map())
	}
	if acs, _, ok := e.Placement(numbered(n - 1)); !ok || acs != "south" {
		t.Error("the last device is not placed")
	}
	runtime.KeepAlive(e)
}

func newEngine(t testing.TB, s store.Store, n int) *Engine {
	t.Helper()
	e, err := New(Config{}, Deps{
		Store: s, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now,
		ACSs: func() []string { return []string{"north", "south"} }, Devices: func() iter.Seq[Candidate] { return fleet(n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// fill makes the campaign and brings all members to where they take the most
// memory.
func fill(t *testing.T, e *Engine) {
	t.Helper()
	began := time.Now()
	if _, err := e.Create(t.Context(), byURL("m")); err != nil {
		t.Fatal(err)
	}
	t.Logf("created in %v", time.Since(began))
	began = time.Now()
	if err := rewriteAll(e); err != nil {
		t.Fatal(err)
	}
	t.Logf("changed all in %v", time.Since(began))
}

func rewriteAll(e *Engine) error {
	ctx := context.Background()
	if err := e.Start(ctx, "m"); err != nil {
		return err
	}
	c := e.byName["m"]
	var from uint32
	for int(from) < len(c.members) {
		changes := e.collect(c, &from, 10_000, time.Now(), (*campaign).claims, func(m member) (member, string, bool) {
			m.state, m.flags = Set, placed|changed
			m.url = c.texts.number("http://acs.north.example:7547/cwmp/" + c.ids.id(m.id).SerialNumber)
			m.user = c.texts.number(c.ids.id(m.id).String())
			return m, "its URL is set: the CPE has set its URL", true
		})
		if err := e.save(ctx, changes); err != nil {
			return err
		}
	}
	return nil
}

// TestPlacementDoesNotAllocate: it is read at each session.
func TestPlacementDoesNotAllocate(t *testing.T) {
	f := newFixture(t, 100)
	f.load()
	f.create(drain("a"))
	f.do(f.Start, "a")
	known, unknown := numbered(3), numbered(1000)
	if n := testing.AllocsPerRun(100, func() {
		f.Placement(known)
		f.Placement(unknown)
		f.Due(known)
		f.NoteInform(known, "north", []string{cwmp.EventPeriodic})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPlacement(b *testing.B) {
	e := newEngine(b, memstore.New(time.Now), 100_000)
	if _, err := e.Create(b.Context(), drain("a")); err != nil {
		b.Fatal(err)
	}
	id := numbered(5)
	for b.Loop() {
		e.Placement(id)
	}
}
