package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// TestRestart: what was learned is there after a restart, and in the store none
// of it can be read.
func TestRestart(t *testing.T) {
	dir, s := t.TempDir(), newStore(t)
	v := mustOpen(t, Config{}, dir, depsFor(t, s))
	v.Learn(device("1"), full)
	v.Learn(device("2"), Set{ConnectionRequest: Login{"only", "this"}})
	if mustGet(t, v, device("1")) != full {
		t.Error("not known before it is stored")
	}
	mustFlush(t, v)
	if err := s.Scan(t.Context(), "", func(e store.Entry) error {
		for _, field := range full.fields() {
			if bytes.Contains(e.Value, []byte(*field)) {
				t.Errorf("%q can be read in %q", *field, e.Key)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, Config{}, dir, depsFor(t, s))
	if err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mustGet(t, again, device("1")) != full || mustGet(t, again, device("2")).ConnectionRequest.Password != "this" || mustGet(t, again, device("3")) != (Set{}) {
		t.Error("not what was learned")
	}
	if got, ok := again.STUNPassword([]byte("stunuser")); !ok || string(got) != "stunpassword" {
		t.Errorf("STUN password %q %v", got, ok)
	}
	if again.index.size() != 1 {
		t.Errorf("%d devices in memory, want only the one with a STUN login", again.index.size())
	}
	if users := maps.Collect(again.Users()); len(users) != 1 || users[cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG1", SerialNumber: "1"}] != "stunuser" {
		t.Errorf("users %v", users)
	}
}

// TestLearn_MergesAndWritesOnlyChanges: fields that are not given stay, and what
// is known already is not written.
func TestLearn_MergesAndWritesOnlyChanges(t *testing.T) {
	s := newStore(t)
	v := mustOpen(t, Config{}, t.TempDir(), depsFor(t, s))
	step := func(learn Set, want Set, writes int64) {
		t.Helper()
		before := s.writes.Load()
		v.Learn(device("1"), learn)
		mustFlush(t, v)
		if got := mustGet(t, v, device("1")); got != want {
			t.Errorf("after %v: %v", learn, got)
		}
		if n := s.writes.Load() - before; n != writes {
			t.Errorf("after %v: %d writes, want %d", learn, n, writes)
		}
	}
	step(full, full, 1)
	step(full, full, 0)
	step(Set{}, full, 0)
	step(Set{STUN: Login{Username: "stunuser"}}, full, 0)
	changed := full
	changed.ConnectionRequest.Password = "other"
	step(Set{ConnectionRequest: Login{Password: "other"}}, changed, 1)
	changed.STUN.Username = "renamed"
	step(Set{STUN: Login{Username: "renamed"}}, changed, 1)
	if _, ok := v.STUNPassword([]byte("stunuser")); ok {
		t.Error("the former STUN user is still known")
	}
	if got, _ := v.STUNPassword([]byte("renamed")); string(got) != "stunpassword" {
		t.Errorf("the new STUN user has the password %q", got)
	}
}

// TestLearn_Bounds: what is too long, nobody's or too much is counted.
func TestLearn_Bounds(t *testing.T) {
	v := mustOpen(t, Config{}, t.TempDir(), depsFor(t, newStore(t)))
	v.queue.max, v.index.max = 2, 1
	v.Learn(device(""), full)
	v.Learn(device("1"), Set{STUN: Login{Password: Secret(strings.Repeat("x", maxField+1))}})
	v.Learn(device(strings.Repeat("%", 200)), full)
	for i := range 4 {
		v.Learn(device(fmt.Sprint(i)), Set{STUN: Login{fmt.Sprint("u", i), "p"}})
	}
	for reason, want := range map[string]float64{droppedID: 1, droppedSize: 2, droppedQueue: 2, droppedIndex: 1} {
		if got := dropped(v, reason); got != want {
			t.Errorf("%s: %v, want %v", reason, got, want)
		}
	}
	if v.queue.size() != 2 || v.index.size() != 1 {
		t.Errorf("%d waiting, %d in memory", v.queue.size(), v.index.size())
	}
}

// TestTampering: a record that was changed, or that is another device's, is an
// error that names the device and nothing else, and is replaced by what is learned.
func TestTampering(t *testing.T) {
	dir, s := t.TempDir(), newStore(t)
	v := mustOpen(t, Config{}, dir, depsFor(t, s))
	v.Learn(device("1"), full)
	v.Learn(device("2"), Set{STUN: Login{"u2", "p2"}})
	mustFlush(t, v)
	one, two := recordPrefix+device("1").String(), recordPrefix+device("2").String()
	entry, err := s.Get(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entry.Value {
		bad := bytes.Clone(entry.Value)
		bad[i] ^= 1
		if _, err := v.open(one, bad); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
		if _, err := v.open(one, entry.Value[:i]); err == nil {
			t.Fatalf("may be cut at %d", i)
		}
	}
	if _, err := s.Put(t.Context(), two, entry.Value, store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = v.Get(t.Context(), device("2"))
	if !errors.Is(err, errSealed) || !strings.Contains(err.Error(), device("2").String()) || strings.Contains(err.Error(), "crpassword") {
		t.Errorf("another device's record: %v", err)
	}
	again := mustOpen(t, Config{}, dir, depsFor(t, s))
	if err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := again.STUNPassword([]byte("u2")); ok || testutil.ToFloat64(again.metrics.damaged) != 1 {
		t.Error("a damaged record was loaded, or not counted")
	}
	v.Learn(device("2"), Set{STUN: Login{"u3", "p3"}})
	mustFlush(t, v)
	if got := mustGet(t, v, device("2")); got != (Set{STUN: Login{"u3", "p3"}}) {
		t.Errorf("not replaced: %v", got)
	}
}

func TestForget(t *testing.T) {
	s := newStore(t)
	v := mustOpen(t, Config{}, t.TempDir(), depsFor(t, s))
	v.Learn(device("1"), full)
	mustFlush(t, v)
	v.Forget(device("1"))
	if _, ok := v.STUNPassword([]byte("stunuser")); ok || mustGet(t, v, device("1")) != (Set{}) {
		t.Error("still known")
	}
	v.Learn(device("1"), Set{STUN: Login{Username: "new"}})
	if got := mustGet(t, v, device("1")); got != (Set{STUN: Login{Username: "new"}}) {
		t.Errorf("learned anew: %v", got)
	}
	mustFlush(t, v)
	if got := mustGet(t, v, device("1")); got != (Set{STUN: Login{Username: "new"}}) {
		t.Errorf("stored anew: %v", got)
	}
	v.Forget(device("1"))
	mustFlush(t, v)
	if _, err := s.Get(t.Context(), recordPrefix+device("1").String()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the record is still there: %v", err)
	}
}

// TestRun: it stores about once a second and at the end, keeps what a failing
// store does not take, and says so.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		v := mustOpen(t, Config{}, "", depsFor(t, s))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		wait := func(d time.Duration, want int64) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := s.writes.Load(); got != want {
				t.Errorf("%d writes, want %d", got, want)
			}
		}
		v.Learn(device("1"), full)
		wait(1100*time.Millisecond, 1)
		s.broken.Store(true)
		v.Learn(device("1"), Set{STUN: Login{Password: "second"}})
		wait(10*time.Second, 1)
		v.Learn(device("1"), Set{STUN: Login{Username: "third"}})
		if got := mustGet(t, v, device("1")).STUN; got != (Login{"third", "second"}) {
			t.Errorf("while the store fails: %v", got)
		}
		s.broken.Store(false)
		wait(time.Minute, 2)
		v.Learn(device("2"), full)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		wait(0, 3)
		if got := mustGet(t, v, device("1")).STUN; got != (Login{"third", "second"}) {
			t.Errorf("stored: %v", got)
		}
		if v.queue.size() != 0 || testutil.ToFloat64(v.metrics.flushErrors) == 0 {
			t.Errorf("%d wait, %v errors", v.queue.size(), testutil.ToFloat64(v.metrics.flushErrors))
		}
	})
}

func TestRun_TellsWhatIsLost(t *testing.T) {
	s := newStore(t)
	v := mustOpen(t, Config{}, "", depsFor(t, s))
	v.Learn(device("1"), full)
	s.broken.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Run(ctx); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "1 devices") {
		t.Errorf("%v", err)
	}
}

func TestFlush_ManyDevices(t *testing.T) {
	s := newStore(t)
	v := mustOpen(t, Config{}, "", depsFor(t, s))
	const devices = 2*store.MaxWrites + 7
	for i := range devices {
		v.Learn(device(fmt.Sprint(i)), Set{STUN: Login{fmt.Sprint("u", i), Secret(fmt.Sprint("p", i))}})
	}
	mustFlush(t, v)
	if n := s.writes.Load(); n != devices {
		t.Errorf("%d writes", n)
	}
	for i := range devices {
		if got := mustGet(t, v, device(fmt.Sprint(i))).STUN; got != (Login{fmt.Sprint("u", i), Secret(fmt.Sprint("p", i))}) {
			t.Fatalf("device %d: %v", i, got)
		}
	}
}

// TestConcurrent is for the race detector, and no value may get lost.
func TestConcurrent(t *testing.T) {
	s := newStore(t)
	deps := depsFor(t, s)
	deps.OnSTUNUser = func(cwmp.DeviceID, string) {}
	v := mustOpen(t, Config{Logins: []LoginConfig{{STUNUsername: "x{serial}", STUNPasswordFile: passwordFile(t, "p")}}}, "", deps)
	ctx, cancel := context.WithCancel(t.Context())
	var running, working sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			mustFlush(t, v)
		}
	})
	for w := range 4 {
		working.Go(func() {
			id := device(fmt.Sprint(w))
			for i := range 200 {
				want := Set{Login{fmt.Sprint(i), "p"}, Login{"shared", Secret(fmt.Sprint(w))}}
				v.Learn(id, want)
				if got := mustGet(t, v, id); got != want {
					t.Errorf("%v, want %v", got, want)
				}
				v.STUNPassword([]byte("shared"))
				for range v.Users() {
					break
				}
			}
		})
	}
	working.Wait()
	cancel()
	running.Wait()
}
