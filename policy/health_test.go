package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// world is a gateway in short: ACSs that answer or do not, probed every five
// seconds one after the other, and a clock.
type world struct {
	t      *testing.T
	h      *Health
	p      *Policy
	now    time.Time
	dead   map[string]bool
	probes map[string]bool
	moves  []string // where a session that belongs to north went, each time that it changed
}

func newWorld(t *testing.T, change func(*Config)) *world {
	c := pair(change)
	w := &world{t: t, h: NewHealth(c.ACS, noon), p: mustCompile(t, c), now: noon, dead: map[string]bool{}, probes: map[string]bool{}}
	for _, a := range c.ACS {
		w.probes[a.Name] = a.Probe.Type != ProbeOff
	}
	w.note()
	return w
}

// run lets time pass in steps of a second. North is probed in the first second
// of each five, south in the second, lab in the third.
func (w *world) run(seconds int) {
	for range seconds {
		w.now = w.now.Add(time.Second)
		at := int(w.now.Sub(noon)/time.Second) % 5
		for i, acs := range []string{"north", "south", "lab"} {
			if at == i+1 && w.probes[acs] {
				w.h.Observe(acs, Observation{OK: !w.dead[acs], Source: Probe, Reason: "connection refused"}, w.now)
			}
		}
		w.h.Tick(w.now)
		w.note()
	}
}

// session carries a session as the proxy does, and returns the ACS that took it.
func (w *world) session(in Input) string {
	d := w.h.Route(w.p, in, w.now)
	for _, acs := range []string{d.ACS, d.Fallback} {
		if acs == "" {
			continue
		}
		w.h.Observe(acs, Observation{OK: !w.dead[acs], Source: Session, Reason: "connection refused"}, w.now)
		if !w.dead[acs] {
			return acs
		}
	}
	return ""
}

func (w *world) note() {
	acs := w.p.Decide(Input{}, w.h.Snapshot()).ACS
	if n := len(w.moves); n == 0 || w.moves[n-1] != acs {
		w.moves = append(w.moves, acs)
	}
}

func (w *world) wantMoves(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.moves); diff != "" {
		w.t.Errorf("where sessions went, in turn (-want +got):\n%s", diff)
	}
}

func (w *world) wantState(acs string, want State, away bool) {
	w.t.Helper()
	s, ok := w.h.Snapshot().Status(acs)
	if !ok || s.State != want || s.Away != away {
		w.t.Errorf("%s: %v, away %v; want %v, away %v", acs, s.State, s.Away, want, away)
	}
}

func TestHealth_FailoverAndReturn(t *testing.T) {
	w := newWorld(t, nil)
	w.run(20)
	w.dead["north"] = true
	w.run(60)
	w.wantState("north", Down, true)
	w.dead["north"] = false
	w.run(60)
	w.wantState("north", Up, false)
	w.wantMoves("north", "south", "north")
}

func TestHealth_ManualReturn(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ACS[0].Failover.Return = ReturnManual })
	w.dead["north"] = true
	w.run(30)
	if err := w.h.Return("north", w.now); err == nil || !strings.Contains(err.Error(), `"north" is down since`) {
		t.Errorf("return to an ACS that is down: %v", err)
	}
	w.dead["north"] = false
	w.run(600)
	w.wantState("north", Up, true)
	d := w.p.Decide(Input{}, w.h.Snapshot())
	if want := `rule "all"; north is up since 2026-11-21 12:03:46 UTC and waits to be told to return, backup south`; d.Reason != want {
		t.Errorf("reason %q, want %q", d.Reason, want)
	}
	if err := w.h.Return("north", w.now); err != nil {
		t.Error(err)
	}
	if s, _ := w.h.Snapshot().Status("north"); !s.Moved.Equal(w.now) {
		t.Errorf("moved at %v, want %v", s.Moved, w.now)
	}
	w.run(5)
	w.wantMoves("north", "south", "north")
	for acs, want := range map[string]string{
		"north": `return: the sessions of "north" are not at its backup`,
		"nroth": `return: "nroth" is not the name of an ACS, did you mean "north"? (there is north, south, lab)`,
	} {
		if err := w.h.Return(acs, w.now); err == nil || err.Error() != want {
			t.Errorf("return: %v, want %s", err, want)
		}
	}
}

// TestHealth_ManualReturnWhenTheBackupFails: waiting to be told is no reason to
// stay with an ACS that is down while the home is up.
func TestHealth_ManualReturnWhenTheBackupFails(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ACS[0].Failover.Return = ReturnManual })
	w.dead["north"] = true
	w.run(30)
	w.dead["north"] = false
	w.run(100)
	w.dead["south"] = true
	w.run(30)
	w.wantState("north", Up, false)
	w.wantMoves("north", "south", "north")
}

func TestHealth_ReturnCutsTheHoldShort(t *testing.T) {
	w := newWorld(t, nil)
	w.dead["north"] = true
	w.run(30)
	w.dead["north"] = false
	w.run(6)
	w.wantState("north", Recovering, true)
	if err := w.h.Return("north", w.now); err != nil {
		t.Fatal(err)
	}
	w.wantState("north", Recovering, false)
	w.run(60)
	w.wantMoves("north", "south", "north")
}

// TestHealth_TheGatewayLosesItsNetwork: all ACSs fail together and come back one
// by one, whatever the order; no session is moved by that.
func TestHealth_TheGatewayLosesItsNetwork(t *testing.T) {
	acss := []string{"north", "south", "lab"}
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4))
			w := newWorld(t, nil)
			w.run(10 + r.IntN(5))
			for _, acs := range acss {
				w.dead[acs] = true
			}
			w.run(1 + r.IntN(120))
			for _, i := range r.Perm(3) {
				w.dead[acss[i]] = false
				w.run(r.IntN(3)) // as the probes come
			}
			w.run(100)
			w.wantMoves("north")
			w.wantState("north", Up, false)
			w.wantState("south", Up, false)
		})
	}
}

// TestHealth_NetworkLostAfterFailover: sessions stay where they are, at the
// backup of an ACS that is really down.
func TestHealth_NetworkLostAfterFailover(t *testing.T) {
	w := newWorld(t, nil)
	w.dead["north"] = true
	w.run(60)
	w.dead["south"], w.dead["lab"] = true, true
	w.run(60)
	if !w.h.Snapshot().AllDown() {
		t.Fatal("not every ACS is down")
	}
	if d := w.p.Decide(Input{}, w.h.Snapshot()); d.Reason != `rule "all"; every ACS looks down: keep south` {
		t.Errorf("reason %q", d.Reason)
	}
	w.dead["south"], w.dead["lab"] = false, false
	w.run(60)
	w.dead["north"] = false
	w.run(60)
	w.wantMoves("north", "south", "north")
}

// TestHealth_BothFailInTurn: north dies, then its backup; north comes back first.
func TestHealth_BothFailInTurn(t *testing.T) {
	w := newWorld(t, nil)
	w.dead["north"] = true
	w.run(60)
	w.dead["south"] = true
	w.run(60)
	w.dead["north"] = false
	w.run(60)
	w.wantState("north", Up, false)
	w.wantState("south", Down, false)
	w.wantMoves("north", "south", "north")
}

// TestHealth_BackupInDoubtIsStillServed: the backup has failed lately, so there
// is no failover yet, but no session is lost.
func TestHealth_BackupInDoubtIsStillServed(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ACS[1].Probe.Type = ProbeOff })
	w.dead["south"] = true
	w.h.Observe("south", Observation{Source: Session, Reason: "no answer in time"}, w.now)
	w.dead["south"] = false
	w.dead["north"] = true
	w.run(20)
	w.wantState("north", Down, false)
	w.wantState("south", Suspect, false)
	if acs := w.session(Input{}); acs != "south" {
		t.Errorf("session taken by %q, want south", acs)
	}
	w.run(5) // that session cleared the doubt
	w.wantState("south", Up, false)
	w.wantState("north", Down, true)
}

// TestHealth_BackupStumbles: the backup fails once while the home dies. That
// delays the failover by as many probes as make an ACS down, and loses nothing.
func TestHealth_BackupStumbles(t *testing.T) {
	w := newWorld(t, nil)
	w.dead["north"] = true
	w.run(8) // north has failed twice
	w.h.Observe("south", Observation{Source: Probe, Reason: "no answer in time"}, w.now)
	w.run(5)
	w.wantState("north", Down, false)
	for range 9 {
		if acs := w.session(Input{}); acs != "south" {
			t.Errorf("session taken by %q, want south", acs)
		}
		w.run(1)
	}
	w.wantState("north", Down, true)
	w.wantState("south", Up, false)
}

// TestHealth_SessionsFailThoughProbesSucceed: something accepts connections in
// the ACS's place, but no session is answered. The sessions decide, and each
// return that fails makes the next one wait longer.
func TestHealth_SessionsFailThoughProbesSucceed(t *testing.T) {
	w := newWorld(t, nil)
	for range 1000 {
		w.run(1)
		d := w.h.Route(w.p, Input{}, w.now)
		w.h.Observe(d.ACS, Observation{OK: d.ACS != "north", Source: Session, Reason: "no answer in time"}, w.now)
	}
	s, _ := w.h.Snapshot().Status("north")
	if !s.Away || s.Counts.Outages < 3 || s.Counts.SessionFailed > 6*s.Counts.Outages {
		t.Errorf("north: %+v", s)
	}
	if s.Counts.Outages > 6 {
		t.Errorf("%d outages in 1000 seconds: the hold does not grow", s.Counts.Outages)
	}
}

// TestHealth_WithoutProbes: sessions alone take an ACS down, and one session in
// each interval finds out whether it is back.
func TestHealth_WithoutProbes(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		for i := range c.ACS {
			c.ACS[i].Probe.Type = ProbeOff
		}
	})
	serve := func(seconds int) (taken map[string]int, tried int) {
		taken = map[string]int{}
		for range seconds * 20 { // sessions
			w.now = w.now.Add(50 * time.Millisecond)
			d := w.h.Route(w.p, Input{}, w.now)
			if d.ACS == "north" && w.dead["north"] {
				tried++
			}
			acs := d.ACS
			for _, acs = range []string{d.ACS, d.Fallback} {
				w.h.Observe(acs, Observation{OK: !w.dead[acs], Source: Session, Reason: "connection refused"}, w.now)
				if !w.dead[acs] {
					break
				}
			}
			taken[acs]++
			w.h.Tick(w.now)
			w.note()
		}
		return taken, tried
	}

	if taken, _ := serve(10); taken["north"] != 200 {
		t.Fatalf("all up: %v", taken)
	}
	w.dead["north"] = true
	taken, _ := serve(10)
	if taken["south"] != 200 {
		t.Errorf("north dead: %v; not one session may be lost", taken)
	}
	w.wantState("north", Down, true)
	if taken, tried := serve(60); taken["south"] != 1200 || tried != 12 {
		t.Errorf("north dead: %v taken, north tried %d times in a minute, want 12", taken, tried)
	}
	w.dead["north"] = false
	serve(60)
	w.wantState("north", Up, false)
	w.wantMoves("north", "south", "north")
}

// TestHealth_ReturnIsLimited: a thousand devices come back at five a second at
// most, each stays once it is home, and in the end all are.
func TestHealth_ReturnIsLimited(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ACS[0].Failover.ReturnPerSecond = 5 })
	w.dead["north"] = true
	w.run(30)
	w.dead["north"] = false
	w.run(60)
	w.wantState("north", Up, false)

	r := rand.New(rand.NewPCG(1, 5))
	current := make([]string, 1000)
	for i := range current {
		current[i] = "south"
	}
	home, window := 0, []time.Time(nil)
	for range 600 * 10 { // ten sessions a second, of random devices
		w.now = w.now.Add(100 * time.Millisecond)
		i := r.IntN(len(current))
		d := w.h.Route(w.p, Input{Known: true, Current: current[i]}, w.now)
		if d.Return || d.Trial {
			t.Fatalf("settled decision still asks: %+v", d)
		}
		if current[i] == "north" && d.ACS != "north" {
			t.Fatalf("a device that was home went away again: %+v", d)
		}
		if current[i] == "south" && d.ACS == "north" {
			home++
			if d.Fallback != "south" || d.Reason != `rule "all"; returns to north` {
				t.Fatalf("decision %+v", d)
			}
			window = append(window, w.now)
		}
		current[i] = d.ACS
	}
	for i := 6; i < len(window); i++ {
		if window[i].Sub(window[i-6]) < time.Second {
			t.Fatalf("seven devices returned within %v", window[i].Sub(window[i-6]))
		}
	}
	if home < 990 {
		t.Errorf("%d of 1000 devices are home after ten minutes", home)
	}
}

func TestHealth_SettleGrantsByTheState(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ACS[0].Failover.ReturnPerSecond = 1; c.ACS[0].Probe.Type = ProbeOff })
	plain := Decision{ACS: "north", Home: "north", Rule: "r", Reason: "x"}
	if got := w.h.Settle(plain, w.now); got != plain {
		t.Errorf("a plain decision became %+v", got)
	}
	asks := Decision{ACS: "south", Home: "north", Return: true, Reason: "x"}
	if got := w.h.Settle(asks, w.now); got.ACS != "north" || got.Fallback != "south" || got.Return {
		t.Errorf("first to return: %+v", got)
	}
	if got := w.h.Settle(asks, w.now.Add(999*time.Millisecond)); got.ACS != "south" || got.Return {
		t.Errorf("second to return, too soon: %+v", got)
	}
	if got := w.h.Settle(asks, w.now.Add(time.Second)); got.ACS != "north" {
		t.Errorf("second to return: %+v", got)
	}
	for range 3 {
		w.now = w.now.Add(5 * time.Second)
		w.h.Observe("north", Observation{Source: Session, Reason: "x"}, w.now)
	}
	if got := w.h.Settle(asks, w.now.Add(time.Minute)); got.ACS != "south" {
		t.Errorf("return to an ACS that went down meanwhile: %+v", got)
	}
	for range 3 {
		w.now = w.now.Add(5 * time.Second)
		w.h.Observe("south", Observation{Source: Session, Reason: "x"}, w.now)
	}
	tries := Decision{ACS: "south", Home: "north", Trial: true, Reason: "x"}
	if got := w.h.Settle(tries, w.now.Add(time.Minute)); got.ACS != "north" || got.Fallback != "" {
		t.Errorf("trial while the backup is down too: %+v", got)
	}
	w.h.SetConfig([]ACSConfig{{Name: "lab", Backup: "south"}, {Name: "south"}}, w.now)
	unlimited := Decision{ACS: "south", Home: "lab", Return: true}
	for range 3 {
		if got := w.h.Settle(unlimited, w.now); got.ACS != "lab" {
			t.Errorf("return after a reload took the limit away: %+v", got)
		}
	}
	gone := Decision{ACS: "south", Home: "gone", Trial: true}
	if got := w.h.Settle(gone, w.now); got.ACS != "south" || got.Trial {
		t.Errorf("trial of an ACS that is gone: %+v", got)
	}
}

func TestHealth_SetConfigKeepsState(t *testing.T) {
	w := newWorld(t, nil)
	w.dead["north"] = true
	w.run(30)
	before, _ := w.h.Snapshot().Status("north")

	w.h.SetConfig([]ACSConfig{{Name: "north", Backup: "west"}, {Name: "west"}}, w.now)
	after, _ := w.h.Snapshot().Status("north")
	if after.State != Down || after.Since != before.Since || after.Counts != before.Counts || !after.Away || after.Backup != "west" {
		t.Errorf("after the reload %+v, before %+v", after, before)
	}
	if s, ok := w.h.Snapshot().Status("west"); !ok || s.State != Up || s.Since != w.now {
		t.Errorf("the new ACS: %+v", s)
	}
	if _, ok := w.h.Snapshot().Status("south"); ok {
		t.Error("the old ACS is still there")
	}
	if w.h.Observe("south", Observation{Source: Session}, w.now) {
		t.Error("a session that ends late changes an ACS that is gone")
	}

	w.h.SetConfig([]ACSConfig{{Name: "north"}}, w.now)
	w.wantState("north", Down, false) // nowhere to be away
	w.h.SetConfig([]ACSConfig{{Name: "north", Backup: "west"}, {Name: "west"}}, w.now)
	w.wantState("north", Down, true)
}

func TestHealth_SnapshotsAreImmutable(t *testing.T) {
	w := newWorld(t, nil)
	s := w.h.Snapshot()
	before := s.States()
	w.dead["north"] = true
	w.run(60)
	if diff := cmp.Diff(before, s.States()); diff != "" {
		t.Errorf("an old snapshot changed:\n%s", diff)
	}
	s.States()[0].State = Down
	if got, _ := s.Status("north"); got.State != Up {
		t.Error("States gives access to the snapshot itself")
	}
	changes := w.h.Snapshot().Changes(s)
	if len(changes) != 1 || changes[0].ACS != "north" || changes[0].State != Down || !changes[0].Away || changes[0].Reason != "probe: connection refused" {
		t.Errorf("changes: %+v", changes)
	}
	if got := w.h.Snapshot().Changes(w.h.Snapshot()); got != nil {
		t.Errorf("changes since itself: %+v", got)
	}
}

func TestHealth_Counts(t *testing.T) {
	h := NewHealth([]ACSConfig{{Name: "a"}}, noon)
	for _, name := range []string{"probe ok", "probe ok", "probe fails", "session ok", "session 503", "session fails", "session fails", "session fails"} {
		h.Observe("a", events[name], noon)
	}
	if changed := h.Tick(noon); changed {
		t.Error("Tick tells of a change")
	}
	s, _ := h.Snapshot().Status("a")
	want := Counts{ProbeOK: 2, ProbeFailed: 1, SessionOK: 2, SessionFailed: 3, Overloaded: 1}
	if s.Counts != want {
		t.Errorf("counts %+v, want %+v", s.Counts, want)
	}
}

// TestHealth_TellsOfChanges: Observe and Tick tell of a change exactly when the
// snapshot shows one.
func TestHealth_TellsOfChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	h := NewHealth(pair(nil).ACS, noon)
	names := []string{"probe ok", "probe fails", "probe fails", "session ok", "session fails", "old failure"}
	now, told := noon, 0
	for range 5000 {
		now = now.Add(time.Duration(r.Int64N(int64(8 * time.Second))))
		before := h.Snapshot()
		var changed bool
		if r.IntN(5) == 0 {
			changed = h.Tick(now)
		} else {
			changed = h.Observe([]string{"north", "south", "lab"}[r.IntN(3)], events[names[r.IntN(len(names))]], now)
		}
		if shown := len(h.Snapshot().Changes(before)) > 0; shown != changed {
			t.Fatalf("changed %v, shown %v", changed, shown)
		}
		if changed {
			told++
		}
	}
	if told < 100 {
		t.Errorf("only %d changes: the test shows little", told)
	}
}

func TestSnapshot_With(t *testing.T) {
	h := NewHealth(pair(nil).ACS, noon)
	p := mustCompile(t, pair(nil))
	live := h.Snapshot()
	for _, test := range []struct {
		name string
		what *Snapshot
		want string
	}{
		{"north down", live.With("north", Down), "south"},
		{"both down", live.With("north", Down).With("south", Down), "north"},
		{"both down in the other order", live.With("south", Down).With("north", Down), "north"},
		{"south down", live.With("south", Down), "north"},
		{"north recovering", live.With("north", Recovering), "north"},
		{"an unknown ACS down", live.With("west", Down), "north"},
		{"north down and up again", live.With("north", Down).With("north", Up), "north"},
		{"none", (*Snapshot)(nil).With("north", Down), "north"},
	} {
		if d := p.Decide(Input{}, test.what); d.ACS != test.want {
			t.Errorf("%s: %+v, want %s", test.name, d, test.want)
		}
	}
	if d := p.Decide(Input{}, live); d.ACS != "north" || d.Reason != `rule "all"` {
		t.Errorf("asking what if changed the snapshot: %+v", d)
	}
	want := `rule "all"; north is taken to be down, backup south`
	if d := p.Decide(Input{}, live.With("north", Down)); d.Reason != want {
		t.Errorf("reason %q, want %q", d.Reason, want)
	}
}

func TestSnapshot_Nil(t *testing.T) {
	var s *Snapshot
	if s.States() != nil || s.AllDown() || s.Changes(nil) != nil {
		t.Error("a nil snapshot knows of ACSs")
	}
	if _, ok := s.Status("a"); ok {
		t.Error("a nil snapshot has a status")
	}
}

// TestHealth_Concurrent is for the race detector: everything at once.
func TestHealth_Concurrent(t *testing.T) {
	c := pair(func(c *Config) { c.ACS[0].Probe.Type = ProbeOff; c.ACS[0].Failover.ReturnPerSecond = 5 })
	p, h := mustCompile(t, c), NewHealth(c.ACS, noon)
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			r, now := rand.New(rand.NewPCG(g, 7)), noon
			for i := range 2000 {
				now = now.Add(time.Second)
				d := h.Route(p, Input{Known: true, Current: "south"}, now)
				checkDecision(t, p, Decision{ACS: d.ACS, Home: d.Home, Rule: d.Rule, Reason: d.Reason}, nil)
				h.Observe(d.ACS, Observation{OK: r.IntN(3) == 0, Source: Session}, now)
				switch i % 100 {
				case 0:
					h.Tick(now)
				case 1:
					h.SetConfig(c.ACS, now)
				case 2:
					_ = h.Return("north", now)
				case 3:
					_ = h.Snapshot().States()
				}
			}
		})
	}
	wg.Wait()
}
