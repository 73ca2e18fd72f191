package binding

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is second 0 of every test.
var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func at(second int) time.Time { return epoch.Add(time.Duration(second) * time.Second) }

const (
	ours  = "192.0.2.1:3478"
	ours2 = "192.0.2.2:3478"
)

var (
	v = cwmp.DeviceID{OUI: "00AA01", ProductClass: "Box", SerialNumber: "V"} // the victim, where there is one
	w = cwmp.DeviceID{OUI: "00AA01", ProductClass: "Box", SerialNumber: "W"}
	x = cwmp.DeviceID{OUI: "00AA01", ProductClass: "Box", SerialNumber: "X"}
)

const (
	userV = "00AA01-Box-V"
	userW = "00AA01-Box-W"
)

type fixture struct {
	*Table
	t        testing.TB
	store    store.Store
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
	clock    time.Time
}

func newFixture(t testing.TB, cfg Config, s store.Store) *fixture {
	t.Helper()
	f := &fixture{t: t, store: s, registry: prometheus.NewRegistry(), clock: epoch}
	core, logs := observer.New(zapcore.DebugLevel)
	f.logs = logs
	var err error
	f.Table, err = New(cfg, Deps{Store: s, Log: zap.New(core), Metrics: f.registry, Now: func() time.Time { return f.clock }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newTable(t testing.TB) *fixture { return newFixture(t, Config{}, memstore.New(time.Now)) }

// flags of a packet.
const (
	announced = 1 << iota
	signed
	second // seen by our second address
)

// sees notes a packet.
func (f *fixture) sees(second_ int, user, source string, how ...int) {
	s := Sighting{Local: netip.MustParseAddrPort(ours), Source: netip.MustParseAddrPort(source), Username: []byte(user), At: at(second_)}
	for _, h := range how {
		switch h {
		case announced:
			s.Change = true
		case signed:
			s.Verified = true
		case second:
			s.Local = netip.MustParseAddrPort(ours2)
		}
	}
	f.NoteSighting(&s)
}

// claims notes a session; reported and own may be "".
func (f *fixture) claims(second int, id cwmp.DeviceID, source, reported, own string) {
	c := Claim{Device: id, At: at(second)}
	if source != "" {
		c.Source = netip.MustParseAddr(source)
	}
	if reported != "" {
		c.Reported = netip.MustParseAddrPort(reported)
	}
	if own != "" {
		c.Own = netip.MustParseAddr(own)
	}
	f.NoteClaim(c)
}

func (f *fixture) binding(id cwmp.DeviceID) Binding {
	f.t.Helper()
	b, ok := f.Lookup(id)
	if !ok {
		f.t.Fatalf("no binding of %v", id)
	}
	return b
}

// want checks where a device is bound, "" for nowhere.
func (f *fixture) want(id cwmp.DeviceID, remote string, ev Evidence) {
	f.t.Helper()
	b, ok := f.Lookup(id)
	if !ok {
		if remote != "" {
			f.t.Errorf("%v has no binding, want %v", id, remote)
		}
		return
	}
	if b.Remote.String() != remote || b.Evidence != ev {
		f.t.Errorf("%v is bound to %v on evidence %d, want %q on %d", id, b.Remote, b.Evidence, remote, ev)
	}
}

func (f *fixture) wantCandidate(id cwmp.DeviceID, candidate string) {
	f.t.Helper()
	b := f.binding(id)
	if got := b.Candidate; got.IsValid() != (candidate != "") || got.IsValid() && got.String() != candidate {
		f.t.Errorf("candidate of %v is %v, want %q", id, got, candidate)
	}
}

func (f *fixture) wantDevice(remote string, want cwmp.DeviceID) {
	f.t.Helper()
	id, ok := f.Device(netip.MustParseAddrPort(remote))
	if id != want || ok != (want != cwmp.DeviceID{}) {
		f.t.Errorf("at %v is %v, %v, want %v", remote, id, ok, want)
	}
}

func (f *fixture) metric(name, label string) float64 {
	f.t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			if family.GetName() == name && (label == "" || label == labelOf(m)) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	f.t.Fatalf("no metric %v %v", name, label)
	return 0
}

func labelOf(m *dto.Metric) string {
	if len(m.Label) == 0 {
		return ""
	}
	return m.Label[0].GetValue()
}

func (f *fixture) wantMetric(name, label string, want float64) {
	f.t.Helper()
	if got := f.metric(name, label); got != want {
		f.t.Errorf("%v %v is %v, want %v", name, label, got, want)
	}
}

// check compares the indexes and counters with what the records say.
func (f *fixture) check() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	ids, users, sources, remotes, reports, bound := 0, map[uint64]int{}, map[netip.Addr]int{}, map[netip.AddrPort]int{}, map[netip.AddrPort]int{}, 0
	for n := range f.refs {
		st := f.state(uint32(n))
		id := st.id()
		if number, ok := f.find(&id); !ok || number != uint32(n) {
			f.t.Errorf("%v is not found", id)
		}
		ids++
		var room [maxTemplates + 1]uint64
		for _, u := range f.users(room[:0], &st) {
			users[u]++
		}
		if st.source.IsValid() {
			sources[st.source]++
		}
		if st.bound() {
			remotes[st.remote]++
		}
		if st.wantsReport() {
			reports[st.reported]++
		}
		if st.remote.IsValid() {
			bound++
		}
	}
	for user, want := range users {
		if _, _, n := f.namesake(user); n != want {
			f.t.Errorf("%d devices with user %x, want %d", n, user, want)
		}
	}
	for source, want := range sources {
		if _, n := f.claimants(source); n != want {
			f.t.Errorf("%d devices at %v, want %d", n, source, want)
		}
	}
	for remote, n := range remotes {
		if number, count := f.holder(remote); n != 1 || count != 1 || f.state(number).remote != remote {
			f.t.Errorf("%d devices hold %v, %d found", n, remote, count)
		}
	}
	for addr, want := range reports {
		if _, n := f.reporter(addr); n != want {
			f.t.Errorf("%d devices report %v, want %d", n, addr, want)
		}
	}
	for name, pair := range map[string][2]int{
		"ids": {f.byID.count, ids}, "users": {f.byUser.count, len(users)}, "sources": {f.bySource.count, len(sources)},
		"remotes": {f.byRemote.count, len(remotes)}, "reports": {f.byReport.count, len(reports)}, "bound": {f.bound, bound},
	} {
		if pair[0] != pair[1] {
			f.t.Errorf("index of %v has %d entries, want %d", name, pair[0], pair[1])
		}
	}
}

// all returns the table's contents.
func (f *fixture) all() map[string]Binding {
	all := map[string]Binding{}
	for id, b := range f.All() {
		all[id.String()] = b
	}
	return all
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}))
}
