package proxy

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestLiveSessions(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil), newACS(t, nil)}, func(_ *Config, d *Deps) {
		d.Route = func(in RouteInput) Route {
			if in.Device.SerialNumber == "2" {
				return Route{ACS: "b", Rule: "second", Reason: "its serial"}
			}
			return Route{ACS: "a", Rule: "all", Reason: "test"}
		}
	})
	for _, serial := range []string{"1", "2", "3"} {
		g.dial().ask(post(inform(serial)))
	}
	all := g.Sessions(10, nil)
	if len(all) != 3 || g.SessionCount("") != 3 || g.SessionCount("a") != 2 || g.SessionCount("b") != 1 || g.SessionCount("c") != 0 {
		t.Fatalf("%+v", all)
	}
	for i, serial := range []string{"3", "2", "1"} { // newest first
		if all[i].Device != device(serial) {
			t.Errorf("%d is %v", i, all[i].Device)
		}
	}
	second := all[1]
	second.Remote, second.Started, second.LastUse = all[0].Remote, all[0].Started, all[0].LastUse
	want := LiveSession{
		Device: device("2"), Known: true, ACS: "b", Rule: "second", Reason: "its serial", Listener: "cpe",
		Remote: all[0].Remote, Started: all[0].Started, LastUse: all[0].LastUse, Exchanges: 1, LastRPC: "Inform",
	}
	if second != want || all[1].Started.IsZero() || all[1].LastUse.Before(all[1].Started) || !all[1].Remote.IsValid() {
		t.Errorf("%+v, want %+v", second, want)
	}
	some := g.Sessions(1, func(l *LiveSession) bool { return l.ACS == "a" })
	if len(some) != 1 || some[0].Device != device("3") || len(g.Sessions(0, nil)) != 0 {
		t.Errorf("%+v", some)
	}
}

// TestNewestOfMany: a page of many sessions holds the newest.
func TestNewestOfMany(t *testing.T) {
	s := &Server{table: newTable()}
	began := time.Unix(1795229054, 0)
	for i := range 1000 {
		sess := &session{id: fmt.Sprint(i), started: began.Add(time.Duration(i) * time.Second)}
		sess.live.is.Started, sess.live.is.Exchanges = sess.started, i
		s.table.add(sess, 1000)
		sess.over.Store(i%10 == 9)
	}
	page := s.Sessions(20, func(l *LiveSession) bool { return l.Exchanges%2 == 0 })
	if len(page) != 20 {
		t.Fatal(len(page))
	}
	for i := range page {
		if want := 998 - 2*i; page[i].Exchanges != want {
			t.Errorf("place %d has session %d, want %d", i, page[i].Exchanges, want)
		}
	}
}

// TestLookingAtSessionsThatRun, for the race detector.
func TestLookingAtSessionsThatRun(t *testing.T) {
	g := newGate(t, []*fakeACS{newACS(t, nil), newACS(t, nil)}, func(_ *Config, d *Deps) {
		d.Route = func(in RouteInput) Route { return Route{ACS: "a", Reason: "test"} }
	})
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				g.Sessions(5, func(l *LiveSession) bool { return l.Known })
				g.SessionCount("a")
			}
		}
	})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 10 {
				p := g.dial()
				p.ask(post("")) // adopted by the Inform
				p.ask(post(inform(fmt.Sprint(n, i), cwmp.EventBoot)))
				p.ask(post(""))
				p.hangUp()
			}
		})
	}
	wg.Wait()
	close(done)
	looking.Wait()
}

func BenchmarkSessions(b *testing.B) {
	s := &Server{table: newTable()}
	began := time.Unix(1795229054, 0)
	for i := range 100_000 {
		sess := &session{id: fmt.Sprint(i), started: began.Add(time.Duration(i) * time.Millisecond)}
		sess.live.is.Started = sess.started
		s.table.add(sess, 1<<20)
	}
	for b.Loop() {
		s.Sessions(100, nil)
	}
}
