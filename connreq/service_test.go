package connreq

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestS36_CopiesLeaveInTimeAndStopAtTheInform(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		began := time.Now()
		p, err := w.s.Begin(cpe(1), "api")
		if err != nil {
			t.Fatal(err)
		}
		w.wantSent(1) // before Begin returns
		if !isClosed(p.Sent()) || isClosed(p.Done()) || p.Err() != nil {
			t.Error("sent, but not seen so")
		}
		after(499 * time.Millisecond)
		w.wantSent(1)
		after(time.Millisecond)
		w.wantSent(2)
		after(time.Second - time.Millisecond)
		w.wantSent(2)
		after(time.Millisecond)
		w.wantSent(3)
		all := w.packets()
		if all[0].payload != all[1].payload || all[1].payload != all[2].payload || all[0].to != w.targets[cpe(1).Key()].Remote {
			t.Errorf("copies differ: %v", all)
		}
		w.count("acsgate_connection_requests_in_flight", 1)
		after(time.Second)
		w.inform(1, six)
		r := want(t, p, true, UDP, "", "no ConnectionRequestURL")
		if r.Took != time.Since(began) || r.Attempts[0].Sent != 3 || !r.Sent || r.Joined || r.Origin != "api" || !r.At.Equal(began) {
			t.Errorf("%+v", r)
		}
		after(time.Minute)
		w.wantSent(3)
		if last, ok := w.s.Last(cpe(1)); !ok || last.Took != r.Took {
			t.Errorf("last result %+v, %v", last, ok)
		}
		if len(w.finished) != 1 || w.finished[0].Transport != UDP {
			t.Errorf("finished %+v", w.finished)
		}
		w.count("acsgate_connection_requests_total", 1, "transport", UDP, "result", "woken")
		w.count("acsgate_connection_request_datagrams_total", 3, "result", "sent")
		w.count("acsgate_connection_requests_in_flight", 0)
	})
}

func TestS36_NoCopyAfterTheInform(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		p := w.begin(1)
		after(700 * time.Millisecond)
		w.inform(1, six)
		after(time.Minute)
		want(t, p, true, UDP, "", "no ConnectionRequestURL")
		w.wantSent(2)
	})
}

func TestS37_OnlyASessionIsASuccess(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.s.NoteInform(cpe(1), []string{six}, w.now()) // long before
		p := w.begin(1)
		w.s.NoteInform(cpe(1), []string{six}, w.now().Add(-time.Second)) // late news
		w.s.NoteInform(cpe(2), []string{six}, w.now())                   // of another
		after(29 * time.Second)
		if isClosed(p.Done()) {
			t.Fatal("ended early")
		}
		after(time.Second)
		r := want(t, p, false, "", "no session within 30s", "no ConnectionRequestURL")
		if !r.Sent || !strings.Contains(r.Reason(), "next periodic Inform") || p.Err() != nil {
			t.Errorf("%+v: %s, %v", r, r.Reason(), p.Err())
		}
		w.count("acsgate_connection_requests_total", 1, "transport", noTransport, "result", "silent")
	})
}

func TestS37_AnotherSessionCountsButIsMarked(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		p := w.begin(1)
		after(3 * time.Second)
		w.inform(1, cwmp.EventPeriodic, cwmp.EventValueChange)
		want(t, p, true, "", "2 PERIODIC, 4 VALUE CHANGE", "no ConnectionRequestURL")
		w.count("acsgate_connection_requests_total", 1, "transport", noTransport, "result", "came")
		if d := w.s.devices.known[cpe(1).Key()]; d.worked != "" || d.seconds || d.silent != 0 {
			t.Errorf("something was learned of it: %+v", d.record)
		}
	})
}

func TestS37_HTTPFollowsUDP(t *testing.T) {
	inWorld(t, func(w *world) { w.http.reason = "" }, func(t *testing.T, w *world) {
		p := w.begin(1)
		after(10*time.Second - time.Millisecond)
		if w.http.times() != 0 {
			t.Fatal("HTTP too early")
		}
		after(2 * time.Millisecond)
		if w.http.times() != 1 {
			t.Fatal("no HTTP after a third of the timeout")
		}
		after(4 * time.Second)
		w.inform(1, six)
		r := want(t, p, true, HTTP, "no session within 10s", "")
		if r.Attempts[0].Sent != 3 || r.Attempts[1].Sent != 1 {
			t.Errorf("%+v", r)
		}
		after(time.Minute)
		p = w.begin(1) // what worked comes first
		if w.http.times() != 2 {
			t.Error("HTTP worked, but is not asked first")
		}
		after(time.Second)
		w.inform(1, six)
		want(t, p, true, HTTP, "")
		w.wantSent(3)
	})
}

func TestUDPFollowsHTTPThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		takes  time.Duration
		udpAt  time.Duration
		reason string
	}{
		"refused at once":   {errors.New("connection refused"), 0, 0, "connection refused"},
		"refused later":     {errors.New("busy"), 3 * time.Second, 3 * time.Second, "busy"},
		"no answer":         {nil, time.Hour, 10500 * time.Millisecond, "not answered in time"},
		"answered, no show": {nil, time.Second, 11 * time.Second, "no session within 11s"},
	} {
		inWorld(t, func(w *world) {
			w.http.reason, w.http.err, w.http.takes = "", c.err, c.takes
			w.change(1, func(t *Target) { t.URL, t.Source = "http://198.51.0.1:7547/", t.Remote.Addr() })
		}, func(t *testing.T, w *world) {
			p := w.begin(1)
			if c.udpAt > 0 {
				after(c.udpAt - time.Millisecond)
				w.wantSent(0)
				after(2 * time.Millisecond)
			}
			w.wantSent(1)
			after(time.Second)
			w.inform(1, six)
			if r := p.Result(); r.Transport != UDP || len(r.Attempts) != 2 || !strings.Contains(r.Attempts[0].Reason, c.reason) {
				t.Errorf("%s: %+v", name, r)
			}
		})
	}
}

func TestS37_NothingWorks(t *testing.T) {
	inWorld(t, func(w *world) {
		w.http.reason, w.http.err = "", errors.New("connection refused")
		w.change(1, func(t *Target) { t.Stale = true })
	}, func(t *testing.T, w *world) {
		p := w.begin(1)
		after(30 * time.Second)
		want(t, p, false, "", "the binding is stale", "connection refused")

		w.change(1, func(t *Target) { t.Remote, t.NoBinding = netip.AddrPort{}, "no STUN packet was seen" })
		p = w.begin(1)
		r := want(t, p, false, "", "no STUN packet was seen", "connection refused")
		if r.Sent || p.Err() == nil || !strings.Contains(p.Err().Error(), "udp: no STUN packet was seen; http: connection refused; next chance") {
			t.Errorf("%+v, %v", r, p.Err())
		}
		w.count("acsgate_connection_requests_total", 1, "transport", noTransport, "result", "unreachable")
	})
}

func TestSocketThatFails(t *testing.T) {
	inWorld(t, func(w *world) { w.sendErr = errors.New("network is unreachable") }, func(t *testing.T, w *world) {
		p := w.begin(1)
		want(t, p, false, "", "network is unreachable", "no ConnectionRequestURL")
		w.count("acsgate_connection_request_datagrams_total", 1, "result", "failed")
		// Nothing left, so the next one need not wait.
		w.mu.Lock()
		w.sendErr = nil
		w.mu.Unlock()
		if p = w.begin(1); p.Err() != nil || isClosed(p.Done()) {
			t.Error("a request that never left holds up the next")
		}
	})
}

func TestC84_OneRequestUnderWayServesAll(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		first := w.begin(1)
		after(time.Second)
		second, err := w.s.Begin(cpe(1), "acs north")
		if err != nil {
			t.Fatal(err)
		}
		after(2 * time.Second)
		w.inform(1, six)
		if r := first.Result(); r.Joined || r.Took != 3*time.Second {
			t.Errorf("%+v", r)
		}
		if r := second.Result(); !r.Joined || r.Took != 2*time.Second || r.Origin != "acs north" || !r.OK {
			t.Errorf("%+v", r)
		}
		w.wantSent(3)
		w.count("acsgate_connection_requests_coalesced_total", 1, "how", "joined")
	})
}

func TestS36_ASecondWakeIsDelayedNotLost(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		first := w.begin(1)
		after(400 * time.Millisecond)
		w.inform(1, six)
		want(t, first, true, UDP, "", "no ConnectionRequestURL")
		before := w.last()
		after(5 * time.Second)
		second := w.begin(1)
		if !isClosed(second.Sent()) || isClosed(second.Done()) || second.Err() != nil {
			t.Fatal("an ACS must not wait for the interval, and the device has not come yet")
		}
		third := w.begin(1)
		after(24 * time.Second)
		w.wantSent(1)
		after(time.Second)
		w.wantSent(2) // 30 s after the first
		if now := w.last(); now.TS <= before.TS || now.ID == before.ID || now.CN == before.CN {
			t.Errorf("%+v after %+v", now, before)
		}
		after(400 * time.Millisecond)
		w.inform(1, six)
		if r := want(t, second, true, UDP, "", "no ConnectionRequestURL"); r.Took < 25*time.Second {
			t.Errorf("%+v", r)
		}
		want(t, third, true, UDP, "", "no ConnectionRequestURL")
		w.count("acsgate_connection_requests_coalesced_total", 1, "how", "queued")
	})
}

func TestS36_NothingLeavesIfTheDeviceComesMeanwhile(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.begin(1)
		after(400 * time.Millisecond)
		w.inform(1, six)
		after(time.Second)
		p := w.begin(1)
		after(time.Second)
		w.inform(1, cwmp.EventPeriodic)
		if r := want(t, p, true, ""); r.Sent {
			t.Errorf("%+v", r)
		}
		after(time.Minute)
		w.wantSent(1)
	})
}

func TestS36_WhatWasInVainIsNotRepeatedAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.http.reason, w.http.err = "", errors.New("login refused")
		w.change(1, func(t *Target) { t.Remote, t.NoBinding = t.Local, "" }) // own socket
	}, func(t *testing.T, w *world) {
		first := w.begin(1)
		want(t, first, false, "", "own socket", "login refused")
		after(time.Second)
		again := w.begin(1)
		if r := want(t, again, false, "", "own socket", "login refused"); !r.Joined || again.Err() == nil {
			t.Errorf("%+v", r)
		}
		if w.http.times() != 1 {
			t.Error("the CPE was asked again (quirk C-82)")
		}
		after(30 * time.Second)
		w.begin(1)
		if w.http.times() != 2 {
			t.Error("the CPE was not asked again")
		}
	})
}

func TestErrors(t *testing.T) {
	inWorld(t, func(w *world) { w.cfg.Max = 2; w.know(2); w.know(3) }, func(t *testing.T, w *world) {
		if _, err := w.s.Begin(cpe(9), "test"); !errors.Is(err, ErrUnknownDevice) {
			t.Errorf("unknown device: %v", err)
		}
		w.begin(1)
		p := w.begin(2)
		if _, err := w.s.Begin(cpe(3), "test"); !errors.Is(err, ErrBusy) {
			t.Errorf("third of two: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := w.s.Request(ctx, cpe(1), "test"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("request whose caller is in a hurry: %v", err)
		}
		w.end()
		want(t, p, false, "", "the gateway stops", "no ConnectionRequestURL")
		if _, err := w.s.Begin(cpe(3), "test"); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
		w.s.NoteInform(cpe(1), []string{six, cwmp.EventBoot}, w.now())
		w.s.NoteRelayed(cpe(1), w.now().Unix(), 7)
		for _, reason := range []string{"unknown", "busy", "stopped"} {
			w.count("acsgate_connection_requests_refused_total", 1, "reason", reason)
		}
	})
}

func TestStopEndsExchanges(t *testing.T) {
	inWorld(t, func(w *world) {
		w.http.reason, w.http.takes = "", time.Hour
		w.change(1, func(t *Target) { t.Remote = t.Local })
	}, func(t *testing.T, w *world) {
		p := w.begin(1)
		w.end()
		want(t, p, false, "", "own socket", "the gateway stops")
	})
}

func TestCloseEndsWhatNeverRan(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		s, err := New(Config{}, Deps{
			Target: w.s.deps.Target, SendUDP: w.send, Store: w.store, Log: w.s.log, Now: w.now, Metrics: w.registry(),
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Begin(cpe(1), "test")
		if err != nil {
			t.Fatal(err)
		}
		w.wantSent(0) // its number is not safe yet
		s.Close()
		if r := p.Result(); r.OK || p.Err() == nil {
			t.Errorf("%+v", r)
		}
	})
}

func TestHTTPThatIsCrowdedLeavesTheRestToUDP(t *testing.T) {
	inWorld(t, func(w *world) {
		w.cfg.HTTP.Concurrent = 1
		w.http.reason, w.http.takes = "", 25*time.Second
		for n := range 3 {
			w.know(n + 1)
			w.change(n+1, func(t *Target) { t.URL, t.Source = "http://"+t.Remote.Addr().String()+"/", t.Remote.Addr() })
		}
	}, func(t *testing.T, w *world) {
		first, second, third := w.begin(1), w.begin(2), w.begin(3)
		w.wantSent(0)
		after(10 * time.Second)
		w.wantSent(2) // those that nobody could ask
		after(time.Second)
		w.inform(2, six)
		want(t, second, true, UDP, "too many HTTP exchanges", "")
		after(time.Minute)
		want(t, first, false, "", "not answered in time", "no session")
		want(t, third, false, "", "too many HTTP exchanges", "no session")
		if n := w.http.times(); n != 1 {
			t.Errorf("%d exchanges", n)
		}
	})
}

func TestSkewDoesNotConfuseTimers(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		p := w.begin(1)
		w.mu.Lock()
		w.skew = -time.Hour
		w.mu.Unlock()
		after(time.Second)
		w.mu.Lock()
		w.skew = 0
		w.mu.Unlock()
		after(30 * time.Second)
		synctest.Wait()
		if isClosed(p.Done()) {
			want(t, p, false, "", "no session", "no ConnectionRequestURL")
		}
	})
}

// TestQueue_ASlowStoreDelaysNobodyElse: a device is looked up again when its turn
// has come, which may read the store. The copies of others leave in time.
func TestQueue_ASlowStoreDelaysNobodyElse(t *testing.T) {
	inWorld(t, func(w *world) { w.know(2) }, func(t *testing.T, w *world) {
		w.begin(1)
		w.inform(1, six)
		w.begin(1) // waits for MinInterval
		after(29600 * time.Millisecond)
		w.mu.Lock()
		w.slow = cpe(1).Key()
		w.mu.Unlock()
		w.begin(2)
		before := len(w.packets())
		after(600 * time.Millisecond) // the second copy was due at 0.5 s
		w.wantSent(before + 1)
		after(slowLookup)
		w.wantSent(before + 3) // the third, and the first of device 1
	})
}
