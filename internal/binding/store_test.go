package binding

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/boltstore"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// populate makes bindings of all sorts.
func populate(f *fixture) {
	f.claims(0, v, home, homeB, "192.168.1.1")
	f.sees(1, userV, homeA, second)
	f.sees(31, userV, homeA, second)
	f.sees(32, userV, evil)
	f.claims(0, w, "2001:db8::7", "", "2001:db8::7")
	f.SetUser(w, "cpe57689")
	f.sees(2, "cpe57689", "[2001:db8::7]:1024", signed)
	f.sees(99, "cpe57689", "[2001:db8::7]:1025", signed, announced)
	f.claims(0, x, "198.51.100.9", "", "")
	f.sees(3, "", "198.51.100.9:9")
	for i := range 2500 { // more than one batch
		id := cwmp.DeviceID{OUI: "00AA01", SerialNumber: strconv.Itoa(i)}
		f.claims(0, id, "198.51.100.10", "", "")
		f.sees(4, "00AA01-"+id.SerialNumber, "198.51.100.10:"+strconv.Itoa(1+i))
	}
}

func (f *fixture) reload() *fixture {
	f.t.Helper()
	other := newFixture(f.t, f.cfg, f.store)
	if err := other.Load(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return other
}

// stop runs the table for as long as it takes to stop.
func (f *fixture) stop() {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	cancel()
	if err := f.Run(ctx); err != nil {
		f.t.Fatal(err)
	}
}

func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acsgate.db")
	s, err := boltstore.Open(boltstore.Config{Path: path}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, Config{}, s)
	populate(f)
	f.stop()
	want := f.all()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if f.store, err = boltstore.Open(boltstore.Config{Path: path}, time.Now); err != nil {
		t.Fatal(err)
	}
	defer f.store.Close()
	other := f.reload()
	if d := diff(want, other.all()); d != "" || len(want) != 2503 {
		t.Errorf("%d bindings (-want +got):\n%s", len(want), d)
	}
	other.check()
	if n := other.dirty(); n != 0 {
		t.Errorf("%d devices have changed by being loaded", n)
	}
	// Names and claims are known too.
	if id, ok := other.ByUser([]byte("cpe57689")); !ok || id != w {
		t.Errorf("%v, %v", id, ok)
	}
	other.sees(121, userV, homeB)
	other.want(v, homeB, Reported)
	other.wantMetric("acsgate_bindings_damaged_total", "", 0)
}

// counting is a store that counts what is written, and can fail.
type counting struct {
	store.Store
	mu     sync.Mutex
	writes int
	err    error
}

func (c *counting) PutMany(ctx context.Context, writes []store.Write) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.writes += len(writes)
	return c.Store.PutMany(ctx, writes)
}

func (c *counting) take() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, c.writes = c.writes, 0
	return n
}

func (c *counting) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// running gives a table that runs in a bubble, on its clock.
func running(t *testing.T, test func(f *fixture, c *counting, elapsed func() int)) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := &counting{Store: memstore.New(time.Now)}
		f := newFixture(t, Config{}, c)
		f.now = time.Now
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		test(f, c, func() int { return int(began.Sub(epoch)/time.Second) + int(time.Since(began)/time.Second) })
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestWriteBehind(t *testing.T) {
	running(t, func(f *fixture, c *counting, now func() int) {
		f.claims(now(), v, home, "", "")
		f.claims(now(), w, "198.51.100.9", "", "") // never seen: not worth an entry
		f.sees(now(), userV, homeA)
		time.Sleep(1500 * time.Millisecond)
		if n := c.take(); n != 1 {
			t.Errorf("%d writes for a new binding, want 1", n)
		}
		// Killed now, the gateway would know it again.
		other := f.reload()
		other.want(v, homeA, SameIP)

		for range 60 { // half an hour of keep-alives
			time.Sleep(30 * time.Second)
			f.sees(now(), userV, homeA)
			f.claims(now(), v, home, "", "")
		}
		if n := c.take(); n < 2 || n > 4 {
			t.Errorf("%d writes for keep-alives of half an hour, want one each 10 minutes", n)
		}
		f.sees(now(), userV, homeB, announced)
		time.Sleep(1500 * time.Millisecond)
		if n := c.take(); n != 1 {
			t.Errorf("%d writes for a change, want 1", n)
		}
		for second := range 60 { // a forger makes none
			f.sees(now(), userV, "203.0.113.66:"+strconv.Itoa(1+second))
			time.Sleep(time.Second)
		}
		if n := c.take(); n > 1 {
			t.Errorf("%d writes for a forger", n)
		}
		f.sees(now(), userV, homeB)
	})
}

func TestTheLastKeepAliveIsStoredAtTheEnd(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.sees(1, userV, homeA)
	f.stop()
	f.sees(31, userV, homeA)
	f.stop()
	if b := f.reload().binding(v); b.LastSeen != at(31) || b.KeepAlive != 30*time.Second {
		t.Errorf("%+v", b)
	}
}

func TestAFailingStoreIsTriedAgain(t *testing.T) {
	running(t, func(f *fixture, c *counting, now func() int) {
		c.fail(errors.New("disk is full"))
		f.claims(now(), v, home, "", "")
		f.sees(now(), userV, homeA)
		time.Sleep(5 * time.Minute)
		if n := f.logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
			t.Errorf("%d error lines, want 1", n)
		}
		if n := f.metric("acsgate_bindings_flush_errors_total", ""); n < 5 || n > 20 {
			t.Errorf("%v attempts", n)
		}
		c.fail(nil)
		time.Sleep(maxBackOff + time.Second)
		if n := c.take(); n != 1 || f.dirty() != 0 {
			t.Errorf("%d writes, %d dirty", n, f.dirty())
		}
		f.reload().want(v, homeA, SameIP)
	})
}

func TestStopReportsWhatIsNotStored(t *testing.T) {
	c := &counting{Store: memstore.New(time.Now), err: errors.New("disk is full")}
	f := newFixture(t, Config{}, c)
	f.claims(0, v, home, "", "")
	f.sees(1, userV, homeA)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Run(ctx); !errors.Is(err, c.err) {
		t.Errorf("error %v", err)
	}
}

func TestLoadLeavesOutWhatMakesNoSense(t *testing.T) {
	f := newTable(t)
	populate(f)
	f.stop()
	for key, value := range map[string]string{
		prefix + "00AA01-1": "", prefix + "00AA01-2": "\xffwhat", prefix + "00AA01-3": "\x01short", prefix + "no id": "\x01",
	} {
		if _, err := f.store.Put(t.Context(), key, []byte(value), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	other := f.reload()
	if other.Len() != 2500 {
		t.Errorf("%d bindings, want 2500", other.Len())
	}
	other.wantMetric("acsgate_bindings_damaged_total", "", 4)
	if n := other.logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("%d error lines, want 1", n)
	}
	other.check()

	f.cfg.Max = 10
	if other = f.reload(); other.Len() != 10 {
		t.Errorf("%d bindings, want 10", other.Len())
	}
}

func TestWhatWasNotedBeforeLoadIsNewer(t *testing.T) {
	f := newTable(t)
	populate(f)
	f.stop()
	other := newFixture(t, Config{}, f.store)
	other.claims(200, v, home, "", "")
	other.sees(201, userV, homeC)
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.want(v, homeC, SameIP)
	other.check()
}

func FuzzDecode(f *testing.F) {
	locals := []netip.AddrPort{{}, netip.MustParseAddrPort(ours)}
	table := newTable(f)
	populate(table)
	for n := range uint32(5) {
		st := table.state(n)
		f.Add(encode(nil, &st, table.locals))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		st, local, candLocal, err := decode(value)
		if err != nil {
			return
		}
		// What is read can be kept, and is read again as it was.
		if local.IsValid() {
			st.local, locals[1] = 1, local
		}
		numbered := append(locals[:2:2], candLocal)
		if candLocal.IsValid() {
			st.candLocal = 2
		}
		again, local2, candLocal2, err := decode(encode(nil, &st, numbered))
		if err != nil || local2 != local || candLocal2 != candLocal {
			t.Fatalf("%v, %v %v, %v %v", err, local, local2, candLocal, candLocal2)
		}
		again.local, again.candLocal = st.local, st.candLocal
		if string(again.append(nil)) != string(st.append(nil)) {
			t.Fatalf("%+v\n%+v", st, again)
		}
		var memory state
		st.oui, st.class, st.serial = []byte("a"), []byte("b"), []byte("c")
		r := reader{rest: st.append(st.appendIdentity(nil))}
		r.identity(&memory)
		r.state(&memory)
		if r.short || memory.id() != (cwmp.DeviceID{OUI: "a", ProductClass: "b", SerialNumber: "c"}) || string(memory.append(nil)) != string(st.append(nil)) {
			t.Fatalf("%+v\n%+v", st, memory)
		}
	})
}
