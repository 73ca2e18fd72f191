package device

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPathEnv); path != "" {
		if err := assignUntilKilled(path); err != nil {
			fmt.Println("error:", err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

var errDisk = errors.New("disk is full")

// faulty is a store that goes wrong as the test wants.
type faulty struct {
	store.Store

	mu      sync.Mutex
	putMany func(ctx context.Context, writes []store.Write) error
	put     func(ctx context.Context, key string) error
}

// onPutMany has fn called before each PutMany, which fails if fn does.
func (f *faulty) onPutMany(fn func(ctx context.Context, writes []store.Write) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.putMany = fn
}

// onPut is onPutMany for Put.
func (f *faulty) onPut(fn func(ctx context.Context, key string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put = fn
}

func (f *faulty) PutMany(ctx context.Context, writes []store.Write) error {
	f.mu.Lock()
	before := f.putMany
	f.mu.Unlock()
	if before != nil {
		if err := before(ctx, writes); err != nil {
			return err
		}
	}
	return f.Store.PutMany(ctx, writes)
}

func (f *faulty) Put(ctx context.Context, key string, value []byte, opts store.PutOptions) (uint64, error) {
	f.mu.Lock()
	before := f.put
	f.mu.Unlock()
	if before != nil {
		if err := before(ctx, key); err != nil {
			return 0, err
		}
	}
	return f.Store.Put(ctx, key, value, opts)
}

// fixture is a registry with what surrounds it.
type fixture struct {
	*Registry
	store   *faulty
	logs    *observer.ObservedLogs
	metrics *prometheus.Registry
}

func newFixture(t testing.TB, cfg Config, s store.Store) *fixture {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	f := &fixture{store: &faulty{Store: s}, logs: logs, metrics: prometheus.NewRegistry()}
	var err error
	f.Registry, err = New(cfg, Deps{Store: f.store, Log: zap.New(core), Metrics: f.metrics, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// newMemory returns a registry on a store in memory.
func newMemory(t testing.TB) *fixture { return newFixture(t, Config{}, memstore.New(time.Now)) }

// reload returns another registry that has loaded what this one's store has.
func (f *fixture) reload(t testing.TB) *fixture {
	t.Helper()
	other := newFixture(t, f.cfg, f.store.Store)
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return other
}

func (f *fixture) flushAll(t testing.TB) {
	t.Helper()
	if err := f.flush(t.Context(), func(int) bool { return true }); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) mustLookup(t testing.TB, id cwmp.DeviceID) Record {
	t.Helper()
	rec, ok := f.Lookup(id)
	if !ok {
		t.Fatalf("%s is not known", id)
	}
	return rec
}

// metric returns the value of a counter or gauge; label is the value of its
// label, "" for a metric without one.
func (f *fixture) metric(t testing.TB, name, label string) float64 {
	t.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() != name || label != "" && m.GetLabel()[0].GetValue() != label {
				continue
			}
			if h := m.GetHistogram(); h != nil {
				return float64(h.GetSampleCount())
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s %s", name, label)
	return 0
}

func (f *fixture) wantMetric(t testing.TB, name, label string, want float64) {
	t.Helper()
	if got := f.metric(t, name, label); got != want {
		t.Errorf("%s{%s} is %v, want %v", name, label, got, want)
	}
}

// logged returns how many lines of the level have the phrase.
func (f *fixture) logged(level zapcore.Level, phrase string) (n int) {
	for _, line := range f.logs.All() {
		if line.Level == level && strings.Contains(line.Message, phrase) {
			n++
		}
	}
	return n
}

func numberedID(i int) cwmp.DeviceID {
	return cwmp.DeviceID{
		Manufacturer: "Example", OUI: "00D09E", ProductClass: fmt.Sprintf("HG%d", i%5), SerialNumber: fmt.Sprintf("SN%06d", i),
	}
}

func sighting(id cwmp.DeviceID) Sighting {
	return Sighting{
		ID: id, ACS: "north", Rule: "default", Listener: "cpe", Source: netip.MustParseAddrPort("192.0.2.1:40000"),
		Local:           netip.MustParseAddr("203.0.113.7"),
		SoftwareVersion: "1.0", ConnectionRequestURL: "http://192.0.2.1:7547/" + id.SerialNumber,
		UDPConnectionRequestAddress: "192.0.2.1:40001", Root: "Device.",
		Events: []string{cwmp.EventPeriodic}, At: time.Unix(1_800_000_000, 0),
	}
}
