package connreq

import (
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// plug lets device n be a CPE that comes 100 ms after a request that it accepts.
func (w *world) plug(n int, strict *strictUDP) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := cpe(n)
	before, to := w.onSend, w.targets[id.Key()].Remote
	w.onSend = func(p packet) {
		if before != nil {
			before(p)
		}
		if p.to == to && strict.wakes(p.payload, p.at) {
			time.AfterFunc(100*time.Millisecond, func() { w.s.NoteInform(id, []string{six}, w.now()) })
		}
	}
}

// wake asks for device n and waits for the end.
func (w *world) wake(n int) Result {
	w.t.Helper()
	p := w.begin(n)
	for range 120 {
		if isClosed(p.Done()) {
			return p.Result()
		}
		after(time.Second)
	}
	w.t.Fatal("no end")
	return Result{}
}

func TestS31_S34_S36_StrictCPEsComeEachTime(t *testing.T) {
	for _, strict := range strictUDPs("cpe", "secret") {
		inWorld(t, nil, func(t *testing.T, w *world) {
			w.plug(1, strict)
			for range 5 {
				if r := w.wake(1); !r.OK || r.Transport != UDP {
					t.Fatalf("%s: %+v, for %s", strict.name, r, strict.ignored)
				}
				w.wake(1) // at once again: it must wait its turn
			}
			strict.boot()
			if r := w.wake(1); !r.OK {
				t.Fatalf("%s after a restart: %+v", strict.name, r)
			}
			if strict.ignored != "" && strict.ignored != "copy" {
				t.Errorf("%s ignored a datagram: %s", strict.name, strict.ignored)
			}
		})
	}
}

// The doubles must be able to refuse.
func TestStrictCPEsRefuse(t *testing.T) {
	good := fields{authority: "198.51.100.7:1024", ts: 1795000000, id: 5, un: "cpe", cn: "ABCDEFGHIJKLMNOP"}
	now := time.Unix(good.ts, 0)
	for name, change := range map[string]func(*fields) string{
		"wrong password": func(*fields) string { return "other" },
		"other user":     func(f *fields) string { f.un = "other"; return "secret" },
		"older ts":       func(f *fields) string { f.ts, f.id = f.ts-100, 9; return "secret" },
		"same again":     func(*fields) string { return "secret" },
	} {
		for _, c := range strictUDPs("cpe", "secret") {
			if !c.wakes(string(good.datagram("secret")), now) {
				t.Fatalf("%s refuses what is good: %s", c.name, c.ignored)
			}
			f := good
			if name == "wrong password" || name == "other user" {
				f.ts, f.id = f.ts+100, 6
			}
			password := change(&f)
			if c.wakes(string(f.datagram(password)), now.Add(time.Minute)) {
				t.Errorf("%s takes %s", c.name, name)
			}
		}
	}
}

func TestS33_DeviceThatCameFromFreeACS(t *testing.T) {
	for _, strict := range strictUDPs("cpe", "secret") {
		inWorld(t, nil, func(t *testing.T, w *world) {
			strict.lastTS = time.Now().UnixMilli() // FreeACS has spoken to it
			w.plug(1, strict)
			for range trialAfter {
				if r := w.wake(1); r.OK {
					t.Fatalf("%s is not deaf: %+v", strict.name, r)
				}
				after(time.Minute)
			}
			for range 3 {
				if r := w.wake(1); !r.OK || !isMillis(w.last().TS) {
					t.Fatalf("%s: %+v with ts %d", strict.name, r, w.last().TS)
				}
				after(time.Minute)
			}
			w.end()
			w.start() // it is remembered
			w.plug(1, strict)
			if r := w.wake(1); !r.OK || !isMillis(w.last().TS) {
				t.Fatalf("%s after our restart: %+v with ts %d", strict.name, r, w.last().TS)
			}
			after(time.Minute)
			strict.boot()
			w.inform(1, cwmp.EventBoot)
			for range 2 {
				if r := w.wake(1); !r.OK || isMillis(w.last().TS) {
					t.Fatalf("%s after its restart: %+v with ts %d", strict.name, r, w.last().TS)
				}
				after(time.Minute)
			}
		})
	}
}

func TestS44_DeviceThatKnowsSecondsIsNeverPoisoned(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.begin(1)
		w.inform(1, six)
		after(time.Minute)
		for range 2 * trialAfter {
			w.wake(1)
			after(time.Minute)
			w.inform(1, cwmp.EventBoot)
		}
		w.end()
		w.start()
		for range 2 * trialAfter {
			w.wake(1)
			after(time.Minute)
		}
		for _, p := range w.packets() {
			if d, err := ParseDatagram([]byte(p.payload)); err != nil || isMillis(d.TS) {
				t.Fatalf("%s, %v", p.payload, err)
			}
		}
	})
}

func TestS44_MillisecondsAreTriedOnce(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		for range 10 {
			w.wake(1)
			after(time.Minute)
		}
		tried := map[int64]bool{}
		for _, p := range w.packets() {
			if d, err := ParseDatagram([]byte(p.payload)); err == nil && isMillis(d.TS) {
				tried[d.TS] = true
			}
		}
		if len(tried) != 1 {
			t.Errorf("%d requests in milliseconds", len(tried))
		}
	})
}

// A device is not in memory when it restarts, yet its unit is reset.
func TestS33_BootOfADeviceThatIsNotInMemory(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.end()
		r := record{millis: true, last: time.Now().Unix() - 1000}
		if _, err := w.disk.Put(t.Context(), recordPrefix+cpe(1).String(), r.encode(), storePut); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.inform(1, cwmp.EventBootstrap)
		after(time.Minute)
		w.begin(1)
		if isMillis(w.last().TS) {
			t.Error("still in milliseconds")
		}
	})
}

func TestS33_UnitIsLearnedOfAnACSThatIsRelayed(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.s.NoteRelayed(cpe(1), time.Now().UnixMilli(), 77)
		after(time.Second)
		w.inform(1, six)
		after(time.Minute)
		w.begin(1)
		if !isMillis(w.last().TS) {
			t.Error("an ACS woke it with milliseconds, but it is asked in seconds")
		}
	})
}

// TestS44_WhatGoesByAnotherRelay: our requests come after it, and a ts of a clock
// that is wrong does not go.
func TestS44_WhatGoesByAnotherRelay(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		request := func(ts int64) []byte {
			return fields{authority: "198.51.0.1:1024", ts: ts, id: 9, un: "cpe", cn: "0123456789abcdef"}.datagram("secret")
		}
		ahead := time.Now().Unix() + 60
		for _, refused := range [][]byte{request(ahead + 2*relayedAhead), []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")} {
			if w.s.AdmitRelayed(cpe(1), refused) {
				t.Errorf("%q may go", refused)
			}
		}
		if !w.s.AdmitRelayed(cpe(1), request(ahead)) {
			t.Error("a good request may not go")
		}
		after(time.Second)
		w.begin(1)
		if d := w.last(); d.TS != ahead+1 || d.ID == 9 {
			t.Errorf("ours has ts %d and id %d, that of the ACS had %d and 9", d.TS, d.ID, ahead)
		}
	})
}

func TestS32_RequestsOfAnACSAreGoneAfter(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		now := time.Now().Unix()
		ahead := now + 7200
		w.s.NoteRelayed(cpe(1), ahead, requestID(ahead+1))
		w.begin(1)
		d := w.last()
		if d.TS != ahead+2 || d.ID == requestID(ahead+1) {
			t.Errorf("ts %d, id %d after the ACS's %d", d.TS, d.ID, ahead)
		}
		w.kill() // such a number is in the store before it is used
		w.start()
		after(time.Hour)
		w.begin(1)
		if got := w.last().TS; got <= d.TS {
			t.Errorf("ts %d after %d and a crash", got, d.TS)
		}

		w.know(2)
		w.s.NoteRelayed(cpe(2), now+2*relayedAhead, 5)
		w.begin(2)
		if got := w.last().TS; got > time.Now().Unix()+floorAhead {
			t.Errorf("ts %d follows a clock that is wrong", got)
		}
		w.count("acsgate_connection_request_notes_dropped_total", 1, "note", "relayed")
	})
}
