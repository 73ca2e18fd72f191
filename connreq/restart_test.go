package connreq

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
)

var storePut store.PutOptions

// used is the highest ts of each device, and all of its ids.
type used struct {
	ts  map[int]int64
	ids map[int]map[uint32]bool
	n   int // packets that were looked at
}

// look checks all that has left since the last time.
func (u *used) look(t *testing.T, w *world, devices int) {
	t.Helper()
	for _, p := range w.packets()[u.n:] {
		u.n++
		d, err := ParseDatagram([]byte(p.payload))
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= devices; n++ {
			if w.targets[cpe(n).Key()].Remote != p.to {
				continue
			}
			if d.TS <= u.ts[n] || u.ids[n][d.ID] {
				t.Fatalf("device %d: ts %d and id %d after ts %d", n, d.TS, d.ID, u.ts[n])
			}
			if u.ids[n] == nil {
				u.ids[n] = map[uint32]bool{}
			}
			u.ts[n], u.ids[n][d.ID] = d.TS, true
		}
	}
}

// Whatever happens, no device sees a ts or an id that is not new.
func TestS32_S34_NumbersSurviveCrashesAndClocks(t *testing.T) {
	const devices = 8
	inWorld(t, func(w *world) {
		w.cfg.MinInterval = time.Millisecond
		w.cfg.UDP.Copies = []time.Duration{0}
		for n := range devices {
			w.know(n + 1)
		}
	}, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		u := used{ts: map[int]int64{}, ids: map[int]map[uint32]bool{}}
		for range 2000 {
			switch n := 1 + random.IntN(devices); random.IntN(20) {
			default:
				w.begin(n)
				w.inform(n, six)
			case 0:
				after(time.Duration(random.IntN(5000)) * time.Millisecond)
			case 1:
				w.kill()
				w.start()
			case 2:
				w.end()
				w.start()
			case 3: // the clock is set, mostly by little
				w.mu.Lock()
				w.skew = time.Duration(random.IntN(20)-10) * time.Second
				if random.IntN(20) == 0 {
					w.skew *= 1000
				}
				w.mu.Unlock()
			case 4:
				after(time.Minute)
			}
			after(time.Millisecond)
			u.look(t, w, devices)
		}
		if u.n < 500 {
			t.Errorf("only %d requests", u.n)
		}
	})
}

func TestCrashDoesNotRunAheadOfTime(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		for range 50 {
			w.kill()
			w.start()
			after(500 * time.Millisecond)
		}
		w.begin(1)
		if ahead := w.last().TS - time.Now().Unix(); ahead > 2*floorAhead+50 || ahead < 0 {
			t.Errorf("ts is %d seconds ahead", ahead)
		}
		after(2 * time.Minute)
		w.kill()
		w.start()
		w.know(2)
		w.begin(2)
		if ahead := w.last().TS - time.Now().Unix(); ahead > floorAhead+1 {
			t.Errorf("ts is %d seconds ahead after one crash", ahead)
		}
		after(time.Minute)
		w.end()
		w.start()
		w.know(3)
		w.begin(3)
		if ahead := w.last().TS - time.Now().Unix(); ahead != 0 {
			t.Errorf("ts is %d seconds ahead after a restart in order", ahead)
		}
	})
}

func TestS36_IntervalHoldsOverARestart(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.begin(1)
		after(10 * time.Second)
		w.end()
		w.start()
		p := w.begin(1)
		w.wantSent(3)
		if !isClosed(p.Sent()) {
			t.Error("kept waiting")
		}
		after(21 * time.Second)
		w.wantSent(5)
	})
}

func TestHistorySurvivesARestart(t *testing.T) {
	inWorld(t, func(w *world) { w.http.reason = "" }, func(t *testing.T, w *world) {
		w.begin(1)
		after(11 * time.Second)
		w.inform(1, six) // HTTP
		w.end()
		w.start()
		after(time.Minute)
		w.begin(1)
		if w.http.times() != 2 {
			t.Error("HTTP worked last, but UDP comes first")
		}
	})
}

func TestStoreThatFailsDelaysNobody(t *testing.T) {
	inWorld(t, func(w *world) { w.know(2) }, func(t *testing.T, w *world) {
		w.store.set(func() { w.store.err = errors.New("disk is full") })
		w.begin(1)
		w.wantSent(1) // below the floor, which is in the store
		after(time.Minute)
		w.begin(2)
		w.wantSent(4) // above it
		w.count("acsgate_connection_request_unsafe_total", 1)
		w.store.set(func() { w.store.err = nil })
		after(time.Minute)
		before := w.last().TS
		w.kill()
		w.start()
		w.begin(2)
		after(time.Minute)
		if now := w.last().TS; now <= before {
			t.Errorf("ts %d after %d", now, before)
		}
	})
}

func TestStoreThatCannotBeReadAtTheStart(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.end()
		if _, err := w.disk.Put(t.Context(), floorKey, []byte("soon"), storePut); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{}, Deps{
			Target: w.s.deps.Target, SendUDP: w.send, Store: w.disk, Log: w.s.log, Now: w.now, Metrics: w.registry(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err == nil {
			t.Error("a floor that makes no sense is taken")
		}
	})
}

func TestRecordThatMakesNoSenseTriesNothing(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		if _, err := w.disk.Put(t.Context(), recordPrefix+cpe(1).String(), []byte("?"), storePut); err != nil {
			t.Fatal(err)
		}
		for range 2 * trialAfter {
			w.wake(1)
			after(time.Minute)
		}
		if isMillis(w.last().TS) {
			t.Error("milliseconds are tried on a device of which nothing is known (quirk S-44)")
		}
		w.count("acsgate_connection_request_store_errors_total", 1)
	})
}

// The floor is lowered after the clock was stepped back, but never below what was
// used and is not in the store yet.
func TestS32_FloorThatIsLowered(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"records fail": func(w *world) {
			w.store.set(func() { w.store.many = errors.New("disk is full") })
		},
		"a request meanwhile": func(w *world) {
			w.store.set(func() {
				w.store.onPut = func(string) { _, _ = w.s.Begin(cpe(1), "test") }
			})
		},
	} {
		inWorld(t, nil, func(t *testing.T, w *world) {
			after(time.Minute)
			if name == "records fail" {
				spoil(w)
			}
			w.begin(1)
			w.inform(1, six)
			if name != "records fail" {
				after(3 * time.Second)
				spoil(w)
			}
			w.mu.Lock()
			w.skew = -time.Hour
			w.mu.Unlock()
			after(writeInterval + 100*time.Millisecond)
			w.kill()
			highest := w.last().TS
			sent := len(w.packets())
			w.start()
			w.begin(1)
			if len(w.packets()) == sent || w.last().TS <= highest {
				t.Errorf("%s: ts %d after %d", name, w.last().TS, highest)
			}
		})
	}
}
