package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errStopped = errors.New("the disk is gone")

// fuse is a store that fails after some writes. The one that it fails with may
// have been done all the same, as the contract of stores has it.
type fuse struct {
	store.Store
	mu    sync.Mutex
	left  int // writes; negative never fails
	doubt bool
	count int
}

func (f *fuse) blown() (fail, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.left < 0 {
		return false, true
	}
	if f.left == 0 {
		done, f.doubt = f.doubt, false
		return true, done
	}
	f.left--
	return false, true
}

func (f *fuse) set(left int, doubt bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.doubt = left, doubt
}

func (f *fuse) Put(ctx context.Context, key string, value []byte, o store.PutOptions) (uint64, error) {
	fail, done := f.blown()
	var revision uint64
	var err error
	if done {
		revision, err = f.Store.Put(ctx, key, value, o)
	}
	if fail {
		return 0, errStopped
	}
	return revision, err
}

func (f *fuse) PutMany(ctx context.Context, writes []store.Write) error {
	fail, done := f.blown()
	var err error
	if done {
		err = f.Store.PutMany(ctx, writes)
	}
	if fail {
		return errStopped
	}
	return err
}

func (f *fuse) Get(ctx context.Context, key string) (store.Entry, error) {
	f.mu.Lock()
	gone := f.left == 0
	f.mu.Unlock()
	if gone {
		return store.Entry{}, errStopped
	}
	return f.Store.Get(ctx, key)
}

// fixture is a gateway whose engine can be killed and started again.
type fixture struct {
	t *testing.T
	*Engine
	disk    *memstore.Store
	fuse    *fuse
	cfg     Config
	devices []Candidate
	wake    func(context.Context, cwmp.DeviceID) error
	check   func(context.Context, string, []string) error
	changed func(Event)
	ahead   atomic.Int64 // nanoseconds, of the gateway's clock
	cancel  context.CancelFunc
	done    chan error
}

func numbered(i int) cwmp.DeviceID {
	return cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG532e", SerialNumber: fmt.Sprintf("SN%07d", i)}
}

// newFixture makes a gateway with n devices on north. It belongs into a bubble.
func newFixture(t *testing.T, n int) *fixture {
	t.Helper()
	f := &fixture{t: t, disk: memstore.New(time.Now)}
	for i := range n {
		f.devices = append(f.devices, Candidate{Device: numbered(i), Current: "north", Home: "north"})
	}
	return f
}

func (f *fixture) load() {
	f.t.Helper()
	f.fuse = &fuse{Store: f.disk, left: -1}
	e, err := New(f.cfg, Deps{
		Store: f.fuse, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: f.now,
		ACSs:    func() []string { return []string{"north", "south", "west"} },
		Devices: func() iter.Seq[Candidate] { return slices.Values(f.devices) },
		Wake:    f.wake, CheckTarget: f.check, Changed: f.changed,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	if err := e.Load(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	f.Engine = e
}

func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

// start loads and runs.
func (f *fixture) start() {
	f.t.Helper()
	f.load()
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel, f.done = cancel, make(chan error, 1)
	go func() { f.done <- f.Run(ctx) }()
	synctest.Wait()
}

// kill ends the gateway without its writing anything more.
func (f *fixture) kill() {
	f.fuse.set(0, false)
	f.stop()
}

func (f *fixture) stop() {
	f.cancel()
	if err := <-f.done; err != nil && !errors.Is(err, errStopped) {
		f.t.Errorf("the engine ended with %v", err)
	}
}

func (f *fixture) create(d Definition) View {
	f.t.Helper()
	v, err := f.Create(f.t.Context(), d)
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func (f *fixture) do(command func(context.Context, string) error, name string) {
	f.t.Helper()
	if err := command(f.t.Context(), name); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) launch(d Definition) {
	f.t.Helper()
	f.create(d)
	f.do(f.Start, d.Name)
}

func (f *fixture) view(name string) View {
	f.t.Helper()
	v, ok := f.Get(name)
	if !ok {
		f.t.Fatalf("there is no campaign %q", name)
	}
	return v
}

// session holds a session of a device at the ACS that it belongs to.
func (f *fixture) session(i int, events ...string) (acs string) {
	acs, _, ok := f.Placement(numbered(i))
	if !ok {
		acs = "north"
	}
	f.sessionAt(i, acs, true, 0, events...)
	return acs
}

func (f *fixture) sessionAt(i int, acs string, complete bool, faults int, events ...string) {
	f.NoteInform(numbered(i), acs, events)
	synctest.Wait()
	f.NoteSession(SessionEnd{Device: numbered(i), ACS: acs, Complete: complete, Faults: faults, Events: events})
	synctest.Wait()
}

// rewrite does the task of a device as a CPE does that has a URL.
func (f *fixture) rewrite(i int, had string, out policy.MoveOutcome) {
	f.t.Helper()
	id := numbered(i)
	task, ok := f.Due(id)
	if !ok {
		f.t.Fatalf("device %d has no task: %+v", i, f.member(i))
	}
	if err := f.Begin(f.t.Context(), id, task, Was{URL: had, Username: "user"}); err != nil {
		f.t.Fatal(err)
	}
	f.NoteRewrite(Rewritten{Device: id, Task: task, MoveOutcome: out})
	synctest.Wait()
}

func (f *fixture) member(i int) Member {
	f.t.Helper()
	_, m, ok := f.Of(numbered(i))
	if !ok {
		f.t.Fatalf("device %d is in no campaign", i)
	}
	return m
}

func (f *fixture) wantState(i int, want State) {
	f.t.Helper()
	if m := f.member(i); m.State != want || m.Reason == "" {
		f.t.Errorf("device %d is %v (%s), want %v", i, m.State, m.Reason, want)
	}
}

func (f *fixture) wantStatus(name string, want Status) View {
	f.t.Helper()
	v := f.view(name)
	if v.Status != want || v.Reason == "" {
		f.t.Fatalf("campaign is %s (%s), want %s; %+v %v", v.Status, v.Reason, want, v.Verdict, v.Counts.Map())
	}
	return v
}

func (f *fixture) wantPlace(i int, want string) {
	f.t.Helper()
	if acs, by, _ := f.Placement(numbered(i)); acs != want || (by == "") != (want == "") {
		f.t.Errorf("device %d is placed on %q by %q, want %q", i, acs, by, want)
	}
}

func drain(name string) Definition {
	return Definition{Name: name, Kind: Drain, From: []string{"north"}, To: "south", Mode: Route, RatePerSecond: 1000}
}

func byURL(name string) Definition {
	d := drain(name)
	d.Mode = Rewrite
	return d
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
