package connreq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// killable is a store whose user can be killed: what it writes after that is lost.
type killable struct {
	store.Store
	mu     sync.Mutex
	killed bool
	err    error // of every write
	many   error // of PutMany
	onPut  func(key string)
}

var errKilled = errors.New("killed")

func (k *killable) fails() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.killed {
		return errKilled
	}
	return k.err
}

func (k *killable) failsMany() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.many
}

func (k *killable) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *killable) Put(ctx context.Context, key string, value []byte, o store.PutOptions) (uint64, error) {
	k.mu.Lock()
	hook := k.onPut
	k.mu.Unlock()
	if hook != nil {
		hook(key)
	}
	if err := k.fails(); err != nil {
		return 0, err
	}
	return k.Store.Put(ctx, key, value, o)
}

func (k *killable) PutMany(ctx context.Context, writes []store.Write) error {
	if err := cmp.Or(k.fails(), k.failsMany()); err != nil {
		return err
	}
	return k.Store.PutMany(ctx, writes)
}

func (k *killable) Delete(ctx context.Context, key string, expect uint64) error {
	if err := k.fails(); err != nil {
		return err
	}
	return k.Store.Delete(ctx, key, expect)
}

// fakeHTTP is an HTTP transport as slow and as good as a test wants.
type fakeHTTP struct {
	mu     sync.Mutex
	reason string // of Check
	err    error  // of Send
	takes  time.Duration
	asked  []time.Time
}

func (*fakeHTTP) Name() string { return HTTP }

func (f *fakeHTTP) Check(t *Target) (to, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return t.URL, f.reason
}

func (f *fakeHTTP) Send(ctx context.Context, j *Job) error {
	f.mu.Lock()
	f.asked = append(f.asked, time.Now())
	takes, err := f.takes, f.err
	f.mu.Unlock()
	j.CountSent()
	select {
	case <-time.After(takes):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeHTTP) times() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

const slowLookup = 2 * time.Second

// packet is a datagram that the service has sent.
type packet struct {
	at        time.Time
	local, to netip.AddrPort
	payload   string
}

// world is a service in a bubble of fake time, with all that it talks to.
type world struct {
	t     *testing.T
	s     *Service
	cfg   Config
	disk  store.Store // outlives the service
	store *killable
	http  *fakeHTTP
	m     *prometheus.Registry

	mu       sync.Mutex
	skew     time.Duration // of the clock
	targets  map[cwmp.Key]Target
	sent     []packet
	sendErr  error
	onSend   func(packet)
	slow     cwmp.Key // of a device that takes slowLookup to look up
	finished []Result

	stop  context.CancelFunc
	ended chan error
}

func cpe(n int) cwmp.DeviceID {
	return cwmp.DeviceID{OUI: "00D09E", ProductClass: "Box", SerialNumber: fmt.Sprintf("%06d", n)}
}

// inWorld runs a test in a world of its own.
func inWorld(t *testing.T, change func(*world), test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(1_795_000_000, 0))) // ts has ten digits since 2001
		w := &world{t: t, disk: memstore.New(time.Now), http: &fakeHTTP{reason: "no ConnectionRequestURL"}, targets: map[cwmp.Key]Target{}}
		w.know(1)
		if change != nil {
			change(w)
		}
		w.start()
		defer func() { // a test that fails must not leave the bubble with goroutines
			if w.stop != nil {
				w.end()
			}
		}()
		test(t, w)
	})
}

// know makes device n one that can be reached by UDP.
func (w *world) know(n int) {
	id := cpe(n)
	w.targets[id.Key()] = Target{
		Device: id, Local: netip.MustParseAddrPort("192.0.2.1:3478"),
		Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), 1024),
		Logins: []Login{{Username: "cpe", Password: "secret"}},
	}
}

func (w *world) change(n int, change func(*Target)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.targets[cpe(n).Key()]
	change(&t)
	w.targets[cpe(n).Key()] = t
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skew)
}

func (w *world) send(local, to netip.AddrPort, payload []byte) error {
	w.mu.Lock()
	p := packet{time.Now(), local, to, string(payload)}
	err, hook := w.sendErr, w.onSend
	if err == nil {
		w.sent = append(w.sent, p)
	}
	w.mu.Unlock()
	if err == nil && hook != nil {
		hook(p)
	}
	return err
}

// start runs a service on the world's store.
func (w *world) start() {
	w.t.Helper()
	w.store = &killable{Store: w.disk}
	w.m = prometheus.NewRegistry()
	s, err := New(w.cfg, Deps{
		Target: func(id cwmp.DeviceID) (Target, bool) {
			w.mu.Lock()
			t, ok := w.targets[id.Key()]
			slow := w.slow == id.Key()
			w.mu.Unlock()
			if slow {
				time.Sleep(slowLookup)
			}
			return t, ok
		},
		SendUDP: w.send, Store: w.store, Metrics: w.m, Log: zap.NewNop(), Now: w.now,
		Finished: func(r Result) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.finished = append(w.finished, r)
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, way := range s.ways {
		if way.Name() == HTTP {
			way.Transport = w.http
		}
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	w.s, w.ended = s, make(chan error, 1)
	go func() { w.ended <- s.Run(ctx) }()
	synctest.Wait()
}

// end stops the service in order.
func (w *world) end() {
	w.t.Helper()
	w.stop()
	if err := <-w.ended; err != nil && !errors.Is(err, errKilled) {
		w.t.Error(err)
	}
	w.stop = nil
}

// kill drops the service: nothing that it has not written yet is ever written.
func (w *world) kill() {
	w.store.set(func() { w.store.killed = true })
	w.end()
}

func (w *world) begin(n int) *Pending {
	w.t.Helper()
	p, err := w.s.Begin(cpe(n), "test")
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
	return p
}

// inform lets device n come.
func (w *world) inform(n int, events ...string) {
	w.s.NoteInform(cpe(n), events, w.now())
	synctest.Wait()
}

const six = cwmp.EventConnectionRequest

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) packets() []packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]packet(nil), w.sent...)
}

// wantSent checks how many datagrams have left so far.
func (w *world) wantSent(n int) {
	w.t.Helper()
	if got := len(w.packets()); got != n {
		w.t.Fatalf("%d datagrams have left, want %d", got, n)
	}
}

// last returns the datagram that was sent last, as a CPE reads it.
func (w *world) last() Datagram {
	w.t.Helper()
	all := w.packets()
	d, err := ParseDatagram([]byte(all[len(all)-1].payload))
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// want checks how a request ended; how is a part of what became of each transport.
func want(t *testing.T, p *Pending, ok bool, transport string, how ...string) Result {
	t.Helper()
	if !isClosed(p.Done()) || !isClosed(p.Sent()) {
		t.Fatal("the request has not ended")
	}
	r := p.Result()
	if r.OK != ok || r.Transport != transport || len(r.Attempts) != len(how) {
		t.Fatalf("%+v; want %v by %q and %d attempts", r, ok, transport, len(how))
	}
	for i, part := range how {
		if reason := r.Attempts[i].Reason; !strings.Contains(reason, part) || part == "" && reason != "" {
			t.Errorf("attempt %d: %q, want %q", i, reason, part)
		}
	}
	return r
}

// count checks a counter.
func (w *world) count(name string, want float64, labels ...string) {
	w.t.Helper()
	families, err := w.m.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	got := 0.0
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			matches := 0
			for i := 0; i < len(labels); i += 2 {
				for _, l := range metric.GetLabel() {
					if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
						matches++
					}
				}
			}
			if f.GetName() == name && matches == len(labels)/2 {
				got += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	if got != want {
		w.t.Errorf("%s%v is %v, want %v", name, labels, got, want)
	}
}

// registry returns a new one.
func (*world) registry() *prometheus.Registry { return prometheus.NewRegistry() }

func TestMetricsAreLintFree(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		problems, err := testutil.GatherAndLint(w.m)
		if err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}
