package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// desk is a book with its store and clock.
type desk struct {
	t     *testing.T
	store *failing
	now   time.Time
	*Book
}

// failing is a store that fails while it is told so.
type failing struct {
	store.Store
	broken atomic.Bool
}

var errBroken = errors.New("disk is full")

func (f *failing) PutMany(ctx context.Context, w []store.Write) error {
	if f.broken.Load() {
		return errBroken
	}
	return f.Store.PutMany(ctx, w)
}

func (f *failing) Get(ctx context.Context, key string) (store.Entry, error) {
	if f.broken.Load() {
		return store.Entry{}, errBroken
	}
	return f.Store.Get(ctx, key)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, store: &failing{Store: memstore.New(time.Now)}, now: noon}
	d.open()
	return d
}

// open begins with what the store has.
func (d *desk) open() {
	d.t.Helper()
	b, err := New(Deps{
		Store: d.store, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: func() time.Time { return d.now }, PasswordKey: []byte("key"),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	if err := b.Load(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.Book = b
}

func rule(t *testing.T, change func(*Config)) *Rule {
	t.Helper()
	c := Config{Enabled: true}
	c.SetDefaults()
	if change != nil {
		change(&c)
	}
	r, err := NewRule(c, []string{"203.0.113.10:3478"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// at is a session of device n behind a NAT.
func at(n int, events ...string) *Input {
	return &Input{
		SelectorInput: policy.SelectorInput{
			Device:          cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: fmt.Sprintf("SN%d", n)},
			SoftwareVersion: "1", Source: netip.MustParseAddr("100.64.0.1"),
		},
		Root: policy.RootDevice, ConnectionRequestURL: "http://192.168.1.2:7547/", Events: events,
	}
}

var (
	set = policy.STUNOutcome{
		Result: policy.STUNDone, Notified: true, Detail: "set",
		Former: map[string]string{"E": "0", "S": "vendor", "P": "3478"}, Set: map[string]string{"E": "1", "S": "ours"},
	}
	asked  = policy.STUNOutcome{Result: policy.STUNUnknown, Former: set.Former, Set: set.Set}
	undone = policy.STUNOutcome{Result: policy.STUNDone}
)

// do carries a task out that must be due, and returns it.
func (d *desk) do(r *Rule, in *Input, o policy.STUNOutcome) *Task {
	d.t.Helper()
	task, why := d.Due(r, in)
	if task == nil {
		d.t.Fatalf("nothing is due: %s", why)
	}
	if _, err := task.Program(); err != nil {
		d.t.Fatal(err)
	}
	d.Note(task, asked)
	d.Ended(task, o)
	return task
}

func (d *desk) idle(r *Rule, in *Input, when string) {
	d.t.Helper()
	if task, why := d.Due(r, in); task != nil || why == "" {
		d.t.Errorf("%s, something is due: %+v, %q", when, task, why)
	}
}

func TestS41_Due(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		in     func(*Input)
		want   bool
	}{
		{"behind a NAT", nil, nil, true},
		{"behind none", nil, func(in *Input) { in.ConnectionRequestURL = "http://100.64.0.1/" }, false},
		{"always", func(c *Config) { c.Always = true }, func(in *Input) { in.ConnectionRequestURL = "http://100.64.0.1/" }, true},
		{"not enabled", func(c *Config) { c.Enabled = false }, nil, false},
		{"another manufacturer", func(c *Config) { c.Match.OUI = []string{"149182"} }, nil, false},
		{"matches", func(c *Config) { c.Match.OUI, c.Match.Source = []string{"00d09e"}, []string{"100.64.0.0/10"} }, nil, true},
		{"elsewhere", func(c *Config) { c.Match.Source = []string{"10.0.0.0/8"} }, nil, false},
		{"none of them", func(c *Config) { c.Match.Percent = new(float64) }, nil, false},
		{"no root", nil, func(in *Input) { in.Root = "" }, false},
		{"nobody", nil, func(in *Input) { in.Device.SerialNumber = "" }, false},
	} {
		d, in := newDesk(t), at(1)
		if test.in != nil {
			test.in(in)
		}
		task, why := d.Due(rule(t, test.change), in)
		if (task != nil) != test.want || why == "" {
			t.Errorf("%s: %+v, %q", test.name, task, why)
		}
		if task == nil {
			continue
		}
		s := task.Settings
		if task.Undo || s.Server != "203.0.113.10" || s.Port != 3478 || *s.Username != "00D09E-SN1" || s.MinKeepAlive != 30 || !s.Enable || !s.Notify {
			t.Errorf("%s: %+v", test.name, task)
		}
	}
}

func TestS41_NothingIsKeptOfWhatWasNotTried(t *testing.T) {
	d, r := newDesk(t), rule(t, nil)
	task, _ := d.Due(r, at(1))
	d.Ended(task, policy.STUNOutcome{Result: policy.STUNNotTried})
	if _, known, _ := d.Lookup(t.Context(), at(1).Device); known {
		t.Error("it is")
	}
	d.do(r, at(1), set)
}

// TestS41_FormerIsNotWhatItWasGiven: undoing after several attempts gives back what
// was there before the first of them, but for what somebody else has set since.
func TestS41_FormerIsNotWhatItWasGiven(t *testing.T) {
	d := newDesk(t)
	d.do(rule(t, nil), at(1), set)
	again := policy.STUNOutcome{
		Result: policy.STUNDone, Former: map[string]string{"E": "1", "S": "an ACS's", "P": "3478"},
		Set: map[string]string{"E": "1", "S": "another", "P": "3479"},
	}
	d.do(rule(t, func(c *Config) { c.Server = "another" }), at(1), again)
	got, _, err := d.Lookup(t.Context(), at(1).Device)
	if err != nil {
		t.Fatal(err)
	}
	want := Record{
		Root: policy.RootDevice, Ours: true, Notified: true, Set: got.Set, Last: policy.STUNOutcome{Result: policy.STUNDone},
		Former: map[string]string{"E": "0", "S": "an ACS's", "P": "3478"}, Given: map[string]string{"E": "1", "S": "another", "P": "3479"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !maps.Equal(set.Former, asked.Former) || set.Former["S"] != "vendor" {
		t.Errorf("the outcome was changed: %v", set.Former)
	}
}

// TestS41_AttemptIsKnownAtOnce, though nothing is heard of it any more.
func TestS41_AttemptIsKnownAtOnce(t *testing.T) {
	d, r := newDesk(t), rule(t, nil)
	task, _ := d.Due(r, at(1))
	d.Note(task, asked)
	d.idle(r, at(1), "at once")
	if err := d.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.open()
	d.idle(r, at(1), "after a crash")
	off := rule(t, func(c *Config) { c.Enabled = false })
	if task, why := d.Due(off, at(1)); task == nil || !task.Undo {
		t.Errorf("what may have been set is not undone: %s", why)
	}
}

// TestS41_NeverInALoop: whatever an operator, a CPE and crashes do, a device is
// asked a bounded number of times.
func TestS41_NeverInALoop(t *testing.T) {
	results := []policy.STUNOutcome{
		set, undone, asked, {Result: policy.STUNAlready}, {Result: policy.STUNPending, Set: set.Set, Former: set.Former},
		{Result: policy.STUNFault}, {Result: policy.STUNIgnored}, {Result: policy.STUNNotKept, Set: set.Set, Former: set.Former}, {Result: policy.STUNUnsupported},
	}
	on, off := rule(t, nil), rule(t, func(c *Config) { c.Enabled = false })
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		d, r := newDesk(t), on
		runs := map[bool]int{}
		for range 2000 {
			d.now = d.now.Add(time.Duration(random.IntN(12*60)) * time.Minute)
			switch random.IntN(10) {
			case 0:
				r = on
			case 1:
				r = off
			case 2:
				if err := d.flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				d.open()
			}
			in := at(1)
			if random.IntN(3) == 0 {
				in.Events = []string{cwmp.EventBootstrap}
			}
			task, _ := d.Due(r, in)
			if task == nil {
				continue
			}
			if task.Undo == (r == on) {
				t.Fatalf("seed %d: undo %v", seed, task.Undo)
			}
			runs[task.Undo]++
			d.Ended(task, results[random.IntN(len(results))])
		}
		if runs[false] < 1 || runs[false] > policy.MaxSTUNRuns || runs[true] > policy.MaxSTUNRuns {
			t.Errorf("seed %d: %v", seed, runs)
		}
	}
}

func TestS41_UndoIsNotTriedForEver(t *testing.T) {
	d, on, off := newDesk(t), rule(t, nil), rule(t, func(c *Config) { c.Enabled = false })
	d.do(on, at(1), set)
	for range policy.MaxSTUNRuns {
		d.do(off, at(1), policy.STUNOutcome{Result: policy.STUNFault})
		d.idle(off, at(1), "at once after a fault")
		d.now = d.now.Add(48 * time.Hour)
	}
	d.idle(off, at(1), "after the last attempt")
	raised := rule(t, func(c *Config) { c.Enabled, c.Generation = false, 1 })
	d.do(raised, at(1), undone)
	d.idle(raised, at(1), "once it is undone")
}

// TestS41_ToAndFro: an operator may change their mind, as often as a device may be
// asked.
func TestS41_ToAndFro(t *testing.T) {
	d, on, off := newDesk(t), rule(t, nil), rule(t, func(c *Config) { c.Enabled = false })
	for range policy.MaxSTUNRuns {
		if task := d.do(on, at(1), set); task.Undo {
			t.Fatal("set is undo")
		}
		d.now = d.now.Add(48 * time.Hour)
		d.idle(on, at(1), "once it is set")
		if task := d.do(off, at(1), undone); !task.Undo {
			t.Fatal("undo is set")
		}
		d.now = d.now.Add(48 * time.Hour)
		d.idle(off, at(1), "once it is undone")
	}
	d.idle(on, at(1), "at last")
}

func TestS41_WhatWasNotSetIsNotUndone(t *testing.T) {
	d, off := newDesk(t), rule(t, func(c *Config) { c.Enabled = false })
	d.do(rule(t, nil), at(1), set)
	for n, o := range []policy.STUNOutcome{{Result: policy.STUNFault}, {Result: policy.STUNUnsupported}, {Result: policy.STUNAlready}, {Result: policy.STUNIgnored}} {
		task, why := d.Due(rule(t, nil), at(10+n))
		if task == nil {
			t.Fatal(why)
		}
		d.Ended(task, o)
		d.idle(off, at(10+n), string(o.Result))
	}
}

// TestS41_OutFromBehindTheNAT a CPE keeps what it has, and is given other settings as
// all are.
func TestS41_OutFromBehindTheNAT(t *testing.T) {
	d, in := newDesk(t), at(1)
	d.do(rule(t, nil), in, set)
	in.ConnectionRequestURL = "http://100.64.0.1/"
	d.idle(rule(t, nil), in, "behind no NAT any more")
	if task := d.do(rule(t, func(c *Config) { c.Port = 3479 }), in, set); task.Undo || task.Settings.Port != 3479 {
		t.Errorf("%+v", task)
	}
}

// TestLookup_FindsWhatIsBeingWritten.
func TestLookup_FindsWhatIsBeingWritten(t *testing.T) {
	d := newDesk(t)
	d.do(rule(t, nil), at(1), set)
	d.writing, d.waiting = d.waiting, map[cwmp.Key]change{}
	if r, known, err := d.Lookup(t.Context(), at(1).Device); !known || err != nil || !r.Ours {
		t.Errorf("%+v, %v, %v", r, known, err)
	}
}

func TestBook_IsWhatItWasAfterARestart(t *testing.T) {
	d, on := newDesk(t), rule(t, nil)
	for n := range 2500 { // more than one write
		d.do(on, at(n), set)
	}
	if err := d.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if devices, waiting := d.sizes(); devices != 2500 || waiting != 0 {
		t.Errorf("%d devices, %d waiting", devices, waiting)
	}
	before, _, err := d.Lookup(t.Context(), at(7).Device)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.Put(t.Context(), prefix+"00D09E-HG-damaged", []byte(`{"version":9}`), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	d.open()
	after, known, err := d.Lookup(t.Context(), at(7).Device)
	if err != nil || !known {
		t.Fatal(known, err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if n := testutil.ToFloat64(d.metrics.damaged); n != 1 {
		t.Errorf("%v damaged", n)
	}
	for n := range 2500 {
		d.idle(on, at(n), "after a restart")
	}
}

// TestBook_NothingIsBegunThatCannotBeKept while the store fails or is behind.
func TestBook_NothingIsBegunThatCannotBeKept(t *testing.T) {
	d, on, off := newDesk(t), rule(t, nil), rule(t, func(c *Config) { c.Enabled = false })
	d.do(on, at(1), set)
	if err := d.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.store.broken.Store(true)
	d.idle(off, at(1), "while its record cannot be read")
	d.do(on, at(2), set)
	if err := d.flush(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("flush: %v", err)
	}
	d.do(off, at(2), undone) // whose record is at hand
	for n := range maxWaiting {
		d.waiting[cwmp.Key{SerialNumber: fmt.Sprint(n)}] = change{key: "x"}
	}
	d.idle(on, at(3), "while the store is behind")
	if n := testutil.ToFloat64(d.metrics.refused.WithLabelValues(refusedQueue)); n != 1 {
		t.Errorf("%v refused", n)
	}
}

func TestRun_StoresWithinASecondAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, on := newDesk(t), rule(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		stored := func(n int) bool {
			_, err := d.store.Store.Get(t.Context(), prefix+at(n).Device.String())
			return err == nil
		}
		d.store.broken.Store(true)
		d.do(on, at(1), set)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		d.store.broken.Store(false)
		time.Sleep(maxBackOff)
		synctest.Wait()
		if !stored(1) {
			t.Error("not stored once the store works again")
		}
		d.do(on, at(2), set)
		time.Sleep(flushInterval + time.Millisecond)
		synctest.Wait()
		if !stored(2) {
			t.Error("not stored after a second")
		}
		d.do(on, at(3), set)
		cancel()
		if err := <-done; err != nil || !stored(3) {
			t.Errorf("at the end: %v, %v", err, stored(3))
		}
	})
}

func TestRun_SaysWhatIsLeft(t *testing.T) {
	d := newDesk(t)
	d.do(rule(t, nil), at(1), set)
	d.store.broken.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Run(ctx); !errors.Is(err, errBroken) {
		t.Errorf("Run: %v", err)
	}
}

func TestPassword(t *testing.T) {
	a, b := at(1).Device, at(2).Device
	first := password([]byte("key"), &a, 0)
	if len(first) != 32 || first != password([]byte("key"), &a, 0) {
		t.Errorf("%d characters, or not the same twice", len(first))
	}
	for name, other := range map[string]string{
		"device": password([]byte("key"), &b, 0), "key": password([]byte("other"), &a, 0), "generation": password([]byte("key"), &a, 1),
	} {
		if other == first {
			t.Errorf("another %s, the same password", name)
		}
	}
}

// FuzzDecode: what the store may hold makes a record that is written as it was read,
// or an error.
func FuzzDecode(f *testing.F) {
	r := Record{}.afterSet(set, policy.STUNSettings{Enable: true}, policy.RootDevice, "1", noon)
	value, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add([]byte(`{"version":1,"set":{"at":"x"}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := decode(value)
		if err != nil {
			return
		}
		_ = newEntry(&r)
		again, err := r.encode()
		if err != nil {
			return // a year that JSON cannot write
		}
		twice, err := decode(again)
		if err != nil {
			t.Fatalf("%s becomes %s: %v", value, again, err)
		}
		third, err := twice.encode()
		if err != nil || string(third) != string(again) {
			t.Errorf("%s becomes %s: %v", again, third, err)
		}
	})
}

// BenchmarkDue is what each session pays.
func BenchmarkDue(b *testing.B) {
	store := memstore.New(time.Now)
	book, err := New(Deps{Store: store, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now, PasswordKey: []byte("key")})
	if err != nil {
		b.Fatal(err)
	}
	var c Config
	c.SetDefaults()
	listen := []string{"203.0.113.10:3478"}
	off, err := NewRule(c, listen)
	if err != nil {
		b.Fatal(err)
	}
	c.Enabled = true
	on, err := NewRule(c, listen)
	if err != nil {
		b.Fatal(err)
	}
	in := at(1)
	task, _ := book.Due(on, in)
	book.Ended(task, set)
	for name, r := range map[string]*Rule{"off": off, "settled": on} {
		in := at(1)
		if name == "off" {
			in = at(2)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if task, _ := book.Due(r, in); task != nil {
					b.Fatal(task)
				}
			}
		})
	}
}
