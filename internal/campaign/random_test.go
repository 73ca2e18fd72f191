package campaign

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// cpe is what a device really is, whatever the gateway believes.
type cpe struct {
	url       string // north or south
	bootstrap bool   // its URL has changed since its last session
	last      string // ACS of its last session
	there     int    // how often it went to south
	back      int    // how often it came back
	begun     bool   // a Begin was acknowledged
}

type world struct {
	*fixture
	random *rand.Rand
	cpes   []cpe
	rough  bool // faults, lost notes and sessions
}

// TestRandom: over any order of sessions, commands and crashes each device is on
// one ACS, is moved at most once by a campaign and back at most once, is never
// moved without a record, and is at its end where the campaign says.
func TestRandom(t *testing.T) {
	runs := 80
	if testing.Short() {
		runs = 30
	}
	seed := rand.Uint64()
	if s := os.Getenv("CAMPAIGN_TEST_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
		runs = 1
	}
	for i := range uint64(runs) {
		if !t.Run(strconv.FormatUint(seed+i, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomRun(t, rand.New(rand.NewPCG(seed+i, 0))) })
		}) {
			return
		}
	}
}

func randomRun(t *testing.T, random *rand.Rand) {
	const n = 6
	w := &world{fixture: newFixture(t, n), random: random, cpes: make([]cpe, n), rough: true}
	for i := range w.cpes {
		w.cpes[i] = cpe{url: "north", last: "north"}
	}
	if random.IntN(2) == 0 {
		w.wake = func(context.Context, cwmp.DeviceID) error { return nil }
	}
	w.start()
	defer func() { w.stop() }()
	d := drain("x")
	d.Mode = []Mode{Route, Rewrite, RouteThenRewrite}[random.IntN(3)]
	d.RatePerSecond = 3
	d.Wake = w.wake != nil
	if random.IntN(2) == 0 {
		d.Canary = 40
	}
	d.Criteria.OnFailure = []string{policy.OnFailureHalt, policy.OnFailureRollBack}[random.IntN(2)]
	d.ArriveWithin = time.Minute
	w.launch(d)
	for range 120 {
		w.any()
		w.check()
	}
	w.settle()
}

// any does one thing at random.
func (w *world) any() {
	ctx := w.t.Context()
	commands := []func(context.Context, string) error{w.Pause, w.Resume, w.Resume, w.Resume, w.Cancel, w.RollBack}
	switch p := w.random.IntN(100); {
	case p < 65:
		w.hold(w.random.IntN(len(w.cpes)))
	case p < 85:
		pass(time.Duration(w.random.IntN(3000)) * time.Millisecond)
	case p < 87:
		pass(2 * time.Minute)
	case p < 93:
		w.fuse.set(w.random.IntN(4), w.random.IntN(2) == 0)
		w.hold(w.random.IntN(len(w.cpes)))
		pass(time.Duration(w.random.IntN(1500)) * time.Millisecond)
		w.kill()
		w.start()
	case p < 98:
		_ = commands[w.random.IntN(4)](ctx, "x")
	default:
		_ = commands[w.random.IntN(len(commands))](ctx, "x")
	}
}

// hold has a device hold a session.
func (w *world) hold(i int) {
	c := &w.cpes[i]
	id := numbered(i)
	acs, by, ok := w.Placement(id)
	if !ok {
		acs = c.url // the rules go by the URL
	} else if acs != "south" || by != "x" {
		w.t.Fatalf("device %d is placed on %q by %q", i, acs, by)
	}
	var events []string
	if c.bootstrap {
		events = []string{cwmp.EventBootstrap}
	}
	if w.rough && w.random.IntN(10) == 0 {
		return // the ACS does not answer
	}
	w.moved(i, acs)
	c.bootstrap = false
	w.NoteInform(id, acs, events)
	if w.random.IntN(3) > 0 {
		synctest.Wait()
	}
	if task, ok := w.Due(id); ok {
		w.perform(i, task)
	}
	if w.random.IntN(2) == 0 {
		synctest.Wait()
	}
	good := !w.rough || w.random.IntN(6) > 0
	faults := 0
	if w.rough && w.random.IntN(10) == 0 {
		faults = 1
	}
	w.NoteSession(SessionEnd{Device: id, ACS: acs, Complete: good, Faults: faults})
	synctest.Wait()
}

func (w *world) moved(i int, acs string) {
	c := &w.cpes[i]
	if acs == c.last {
		return
	}
	c.last = acs
	if acs == "south" {
		c.there++
	} else {
		c.back++
	}
	if c.there > 1 || c.back > 1 {
		w.t.Fatalf("device %d went to south %d times and back %d times: %+v", i, c.there, c.back, w.member(i))
	}
}

// perform does a task as policy.URLMove does, and a CPE that may fail.
func (w *world) perform(i int, task Task) {
	c := &w.cpes[i]
	to := "south"
	if task.Undo {
		if to = "north"; task.URL != "north" {
			w.t.Fatalf("device %d is to go back to %q", i, task.URL)
		}
	}
	note := func(r policy.MoveResult) {
		w.NoteRewrite(Rewritten{numbered(i), task, policy.MoveOutcome{Result: r, URL: c.url, Detail: string(r)}})
	}
	chance := 99
	if w.rough {
		chance = w.random.IntN(20)
	}
	switch {
	case chance == 0:
		note(policy.MoveNotTried)
		return
	case c.url == to:
		note(policy.MoveAlready)
		return
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	if w.Begin(ctx, numbered(i), task, Was{URL: c.url}) != nil {
		return
	}
	c.begun = true
	if m := w.member(i); !task.Undo && (m.State != Setting || m.OldURL != "north") {
		w.t.Fatalf("begun without a record: %+v", m)
	}
	switch chance {
	case 1:
		note(policy.MoveFault)
		return
	case 2:
		note(policy.MoveUnknown) // and the CPE has not set it
		return
	}
	c.url, c.bootstrap = to, true
	switch chance {
	case 3:
		note(policy.MoveUnknown)
	case 4: // the gateway never hears of it
	default:
		note(policy.MoveSet)
	}
}

// check looks at what must hold at every moment.
func (w *world) check() {
	w.t.Helper()
	v := w.view("x")
	total := 0
	for _, n := range v.Counts {
		total += n
	}
	if total != len(w.cpes) || v.Total != total {
		w.t.Fatalf("%d members: %v", total, v.Counts.Map())
	}
	for i := range w.cpes {
		c, m := &w.cpes[i], w.member(i)
		if m.Reason == "" || m.At.IsZero() {
			w.t.Fatalf("device %d without a reason: %+v", i, m)
		}
		if c.begun && m.OldURL != "north" {
			w.t.Fatalf("device %d: its old URL is lost: %+v", i, m)
		}
		if c.url == "south" && m.OldURL == "" {
			w.t.Fatalf("device %d has another URL without a record: %+v", i, m)
		}
	}
}

// settle lets everything end, without faults, and rolls all back.
func (w *world) settle() {
	w.rough = false
	_ = w.Resume(w.t.Context(), "x")
	w.rounds(8)
	if w.view("x").Status != RolledBack {
		_ = w.RollBack(w.t.Context(), "x")
		w.rounds(20)
	}
	w.check()
	v := w.view("x")
	if v.Status != RolledBack {
		w.t.Fatalf("campaign is %s: %v", v.Status, v.Counts.Map())
	}
	for i := range w.cpes {
		c, m := &w.cpes[i], w.member(i)
		acs, _, _ := w.Placement(numbered(i))
		switch {
		case m.State == Failed:
			// Of some nobody knows whether their URL is back: the rules say, by the URL.
			if c.url == "south" && acs != "south" && !strings.Contains(m.Reason, "attempts") {
				w.t.Errorf("device %d has the URL of %s and is placed on %q: %+v", i, c.url, acs, m)
			}
		case c.url != "north" || acs != "" || c.last != "north":
			w.t.Errorf("device %d is not back: %+v %+v, placed on %q", i, *c, m, acs)
		}
	}
}

func (w *world) rounds(n int) {
	for range n {
		pass(4 * time.Second)
		for i := range w.cpes {
			w.hold(i)
		}
	}
}
