package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// step is an event of a machine's life and the state after it.
type step struct {
	after time.Duration // since the step before
	event string        // see play
	want  State
}

var events = map[string]Observation{
	"probe ok":      {OK: true, Source: Probe},
	"probe fails":   {Source: Probe, Reason: "connection refused"},
	"session ok":    {OK: true, Source: Session},
	"session fails": {Source: Session, Reason: "no answer in time"},
	"session 503":   {OK: true, Source: Session, Overloaded: true},
	"old probe":     {Source: Probe, Reason: "no answer in time", Took: 2 * time.Second},
	"old failure":   {Source: Session, Reason: "no answer in time", Took: 29 * time.Second},
}

// play takes a machine through steps. An event is "tick" or one of events.
func play(t *testing.T, m *machine, now time.Time, steps []step) time.Time {
	t.Helper()
	for i, s := range steps {
		now = now.Add(s.after)
		if s.event == "tick" {
			m.tick(now)
		} else {
			o, ok := events[s.event]
			if !ok {
				t.Fatalf("no event %q", s.event)
			}
			m.observe(o, now)
		}
		if m.state != s.want {
			t.Fatalf("step %d, %q after %v: %v, want %v", i, s.event, s.after, m.state, s.want)
		}
	}
	return now
}

// TestMachine_Transitions holds every edge of the state machine. Fall 3, rise 2,
// interval 5s, hold 30s.
func TestMachine_Transitions(t *testing.T) {
	const i = 5 * time.Second
	down := []step{{i, "probe fails", Suspect}, {i, "probe fails", Suspect}, {i, "probe fails", Down}}
	then := func(first []step, more ...step) []step { return append(append([]step(nil), first...), more...) }
	recovering := then(down, step{i, "probe ok", Recovering})
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"up stays up", []step{{i, "probe ok", Up}, {i, "session ok", Up}, {i, "tick", Up}}},
		{"up to suspect to up", []step{{i, "probe fails", Suspect}, {i, "probe ok", Up}}},
		{"up to suspect by a session", []step{{i, "session fails", Suspect}, {i, "session ok", Up}}},
		{"suspect for an interval at least", []step{{i, "probe fails", Suspect}, {time.Second, "session ok", Suspect},
			{time.Second, "session ok", Suspect}, {3 * time.Second, "session ok", Up}}},
		{"suspect ends by the clock", []step{{i, "session fails", Suspect}, {time.Second, "session ok", Suspect}, {i, "tick", Up}}},
		{"suspect does not end without a success", []step{{i, "probe fails", Suspect}, {time.Hour, "tick", Suspect}}},
		{"suspect to down by probes", down},
		{"failures must be in a row", []step{{i, "probe fails", Suspect}, {i, "probe fails", Suspect}, {i, "probe ok", Up},
			{i, "probe fails", Suspect}, {i, "probe fails", Suspect}, {i, "probe fails", Down}}},
		{"suspect to down by sessions", []step{{i, "session fails", Suspect}, {i, "session fails", Suspect}, {i, "session fails", Down}}},
		{"probes and sessions count apart", []step{{i, "session fails", Suspect}, {i, "probe fails", Suspect}, {i, "session fails", Suspect},
			{i, "probe fails", Suspect}, {i, "session fails", Down}}},
		{"probes count beside a burst of sessions", []step{{i, "session fails", Suspect}, {0, "probe fails", Suspect}, {i, "probe fails", Suspect}, {i, "probe fails", Down}}},
		{"probes do not excuse sessions", []step{{i, "session fails", Suspect}, {i, "probe ok", Suspect}, {i, "session fails", Suspect},
			{i, "probe ok", Suspect}, {i, "session fails", Down}}},
		{"sessions excuse probes", []step{{i, "probe fails", Suspect}, {i, "probe fails", Suspect}, {0, "session ok", Suspect},
			{i, "probe fails", Suspect}, {i, "probe fails", Suspect}, {i, "probe fails", Down}}},
		{"failures of long ago are forgotten if probes succeed", []step{{i, "session fails", Suspect}, {i, "session fails", Suspect},
			{50 * time.Second, "probe ok", Up}, {i, "session fails", Suspect}, {i, "session fails", Suspect}}},
		{"failures of long ago count without probes", []step{{i, "session fails", Suspect}, {time.Hour, "session fails", Suspect}, {time.Hour, "session fails", Down}}},
		{"a burst is one failure", []step{{i, "session fails", Suspect}, {time.Millisecond, "session fails", Suspect}, {time.Millisecond, "session fails", Suspect},
			{time.Millisecond, "session fails", Suspect}, {2 * time.Second, "session fails", Suspect}, {time.Millisecond, "session fails", Suspect}, {2 * time.Second, "session fails", Down}}},
		{"503 is an answer", []step{{i, "session fails", Suspect}, {i, "session fails", Suspect}, {i, "session 503", Up}, {i, "session fails", Suspect}, {i, "session 503", Up}}},

		{"down stays down", then(down, step{i, "probe fails", Down}, step{time.Hour, "tick", Down}, step{i, "session fails", Down})},
		{"down to recovering", recovering},
		{"down to recovering by a session", then(down, step{i, "session ok", Recovering})},
		{"recovering until the hold is over", then(recovering, step{i, "probe ok", Recovering}, step{i, "probe ok", Recovering},
			step{14 * time.Second, "tick", Recovering}, step{time.Second, "tick", Up})},
		{"recovering ends by a success", then(recovering, step{i, "probe ok", Recovering}, step{20 * time.Second, "probe ok", Up})},
		{"recovering needs successes too", then(recovering, step{time.Hour, "tick", Recovering}, step{i, "probe ok", Up})},
		{"recovering to down", then(recovering, step{i, "probe fails", Down})},
		{"recovering to down by a session", then(recovering, step{i, "session fails", Down})},
		{"the hold begins anew", then(recovering, step{20 * time.Second, "probe fails", Down}, step{i, "probe ok", Recovering},
			step{i, "probe ok", Recovering}, step{19 * time.Second, "tick", Recovering}, step{time.Second, "tick", Up})},
		{"successes before a failure do not count", then(recovering, step{time.Minute, "probe fails", Down}, step{time.Minute, "probe ok", Recovering},
			step{time.Minute, "tick", Recovering}, step{0, "probe ok", Up})},
		{"after a long outage", then(down, step{time.Hour, "probe ok", Recovering}, step{i, "probe ok", Up})},
		{"up again as before", then(down, step{time.Hour, "probe ok", Recovering}, step{i, "probe ok", Up},
			step{i, "probe fails", Suspect}, step{i, "probe fails", Suspect}, step{i, "probe fails", Down})},

		{"timeouts of the outage come late", then(recovering, step{time.Second, "old failure", Recovering}, step{30 * time.Second, "probe ok", Up})},
		{"timeouts of the outage come late, after it", then(down, step{time.Minute, "probe ok", Recovering}, step{time.Second, "probe ok", Up},
			step{time.Second, "old failure", Up})},
		{"an answer since then disproves a failure", []step{{time.Minute, "session ok", Up}, {time.Second, "old failure", Up}, {30 * time.Second, "old failure", Suspect}}},
		{"an answer since then disproves a probe", []step{{time.Minute, "session ok", Up}, {time.Second, "old probe", Up}}},
		{"the run before an outage does not count after it", []step{{i, "session fails", Suspect}, {i, "session fails", Suspect}, {i, "session fails", Down},
			{i, "probe ok", Recovering}, {i, "probe ok", Recovering}, {20 * time.Second, "tick", Up}, {i, "session fails", Suspect}, {i, "session fails", Suspect}, {i, "session fails", Down}}},
		{"successes before a failure of a burst do not count", []step{{i, "session fails", Suspect}, {i, "session fails", Suspect}, {i, "session fails", Down},
			{time.Millisecond, "session ok", Recovering}, {time.Millisecond, "session fails", Recovering}, {time.Minute, "session ok", Recovering}, {i, "session ok", Up}}},
		{"a probe since then does not", []step{{time.Minute, "probe ok", Up}, {time.Second, "old failure", Suspect}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			play(t, newMachine(ACSConfig{Name: "a"}, noon), noon, test.steps)
		})
	}
}

func TestMachine_FallAndRiseOfOne(t *testing.T) {
	m := newMachine(ACSConfig{Name: "a", Probe: ProbeConfig{Fall: 1, Rise: 1, Hold: 10 * time.Second}}, noon)
	play(t, m, noon, []step{
		{time.Second, "probe fails", Down},
		{time.Second, "probe ok", Recovering},
		{9 * time.Second, "tick", Up},
		{time.Second, "session fails", Down},
		{time.Hour, "session ok", Up},
	})
}

// outage takes a machine down and up again, and returns how long it was held.
func outage(t *testing.T, m *machine, now time.Time) (time.Duration, time.Time) {
	t.Helper()
	for m.state != Down {
		now = now.Add(m.config.Probe.Interval)
		m.observe(events["probe fails"], now)
	}
	went := now
	for m.state != Up {
		now = now.Add(time.Second)
		m.observe(events["probe ok"], now)
		if now.Sub(went) > 24*time.Hour {
			t.Fatal("never comes back")
		}
	}
	return now.Sub(went), now
}

// TestMachine_HoldDoubles: an ACS that is Down again soon after it came back is
// held longer each time, up to a bound; one that has been steady is not.
func TestMachine_HoldDoubles(t *testing.T) {
	m, now := newMachine(ACSConfig{Name: "a"}, noon), noon
	var held time.Duration
	for i, want := range []string{"30s", "1m0s", "2m0s", "4m0s", "8m0s", "16m0s", "16m0s"} {
		if held, now = outage(t, m, now); held.String() != want {
			t.Errorf("outage %d: held for %v, want %s", i, held, want)
		}
	}
	if m.counts.Outages != 7 {
		t.Errorf("%d outages, want 7", m.counts.Outages)
	}
	held, _ = outage(t, m, now.Add(300*time.Second))
	if held != 30*time.Second || m.flaps != 0 {
		t.Errorf("after five minutes up: held for %v with %d flaps, want 30s", held, m.flaps)
	}
}

// TestMachine_FlickerIsNotReported: every other exchange fails, a hundred a
// second; the state changes once in an interval at most.
func TestMachine_FlickerIsNotReported(t *testing.T) {
	m, now, changes := newMachine(ACSConfig{Name: "a"}, noon), noon, 0
	for i := range 6000 {
		now = now.Add(10 * time.Millisecond)
		before := m.state
		m.observe(events[[]string{"session ok", "session fails"}[i%2]], now)
		if m.state != before {
			changes++
		}
	}
	if changes > 24 {
		t.Errorf("%d changes in a minute", changes)
	}
	if m.state == Down {
		t.Error("down, though every other session is answered")
	}
}

// TestMachine_Invariants drives a machine with random events: whatever happens,
// it goes along the edges that its comment draws, and respects the hold.
func TestMachine_Invariants(t *testing.T) {
	edges := map[[2]State]bool{
		{Up, Suspect}: true, {Up, Down}: true, {Suspect, Up}: true, {Suspect, Down}: true,
		{Down, Recovering}: true, {Recovering, Down}: true, {Recovering, Up}: true,
	}
	names := []string{"tick", "probe ok", "probe fails", "session ok", "session fails", "session 503", "old failure"}
	seen := map[[2]State]int{}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := newMachine(ACSConfig{Name: "a", Probe: ProbeConfig{Fall: 1 + r.IntN(3), Rise: 1 + r.IntN(3), Hold: time.Duration(1+r.IntN(30)) * time.Second}}, noon)
		now, lucky := noon, r.IntN(len(names))
		for range 500 {
			now = now.Add(time.Duration(r.Int64N(int64(6 * time.Second))))
			name := names[r.IntN(len(names))]
			if r.IntN(2) == 0 {
				name = names[lucky] // runs, else nothing would ever be in a row
			}
			if r.IntN(20) == 0 {
				lucky = r.IntN(len(names))
			}
			before, held, risen := m.state, m.held, m.risen
			if name == "tick" {
				m.tick(now)
			} else {
				m.observe(events[name], now)
			}
			if m.state == before {
				continue
			}
			edge := [2]State{before, m.state}
			seen[edge]++
			// Recovering may last no time at all: with a rise of one.
			if !edges[edge] && edge != [2]State{Down, Up} {
				t.Fatalf("seed %d: %v to %v by %q", seed, before, m.state, name)
			}
			if m.state == Up && before != Suspect && now.Sub(held) < m.config.Probe.Hold {
				t.Fatalf("seed %d: up %v after it went down, hold is %v", seed, now.Sub(held), m.config.Probe.Hold)
			}
			if m.since != now || m.state == Up && before == Suspect && m.risen != risen {
				t.Fatalf("seed %d: %v to %v at %v: since %v, risen %v", seed, before, m.state, now, m.since, m.risen)
			}
		}
	}
	for edge := range edges {
		if seen[edge] == 0 {
			t.Errorf("the test never saw %v to %v", edge[0], edge[1])
		}
	}
}

func TestNewObservation(t *testing.T) {
	failed := func(reason string) Observation {
		return Observation{Source: Session, Reason: reason, Took: time.Second}
	}
	for _, test := range []struct {
		name   string
		status int
		err    error
		want   Observation
		counts bool
	}{
		{"answer", 200, nil, Observation{OK: true, Source: Session, Took: time.Second}, true},
		{"fault", 500, nil, Observation{OK: true, Source: Session, Took: time.Second}, true},
		{"challenge", 401, nil, Observation{OK: true, Source: Session, Took: time.Second}, true},
		{"overload", 503, nil, Observation{OK: true, Source: Session, Overloaded: true, Took: time.Second}, true},
		{"broken answer", 200, io.ErrUnexpectedEOF, Observation{OK: true, Source: Session, Took: time.Second}, true},
		{"refused", 0, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, failed("connection refused"), true},
		{"no route", 0, os.NewSyscallError("connect", syscall.EHOSTUNREACH), failed("unreachable"), true},
		{"deadline of the context", 0, fmt.Errorf("dial: %w", context.DeadlineExceeded), failed("no answer in time"), true},
		{"deadline of the connection", 0, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, failed("no answer in time"), true},
		{"timeout of TCP", 0, os.NewSyscallError("connect", syscall.ETIMEDOUT), failed("no answer in time"), true},
		{"closed", 0, io.EOF, failed("connection closed without an answer"), true},
		{"reset", 0, os.NewSyscallError("read", syscall.ECONNRESET), failed("connection closed without an answer"), true},
		{"something else", 0, errors.New("tls: bad\ncertificate"), failed(`"tls: bad\ncertificate"`), true},
		{"something long", 0, errors.New(strings.Repeat("ä", 500)), failed(strings.Repeat("ä", 60) + "..."), true},
		{"the CPE went away", 0, context.Canceled, Observation{}, false},
		{"no sockets of our own", 0, os.NewSyscallError("socket", syscall.EMFILE), Observation{}, false},
		{"no ports of our own", 0, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}, Observation{}, false},
		{"nothing", 0, nil, Observation{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, counts := NewObservation(Session, test.status, test.err, time.Second)
			if counts != test.counts || counts && got != test.want {
				t.Errorf("%+v, %v; want %+v, %v", got, counts, test.want, test.counts)
			}
		})
	}
	if o, counts := NewObservation(Probe, 0, nil, 0); !o.OK || !counts {
		t.Errorf("a TCP probe without error: %+v, %v", o, counts)
	}
}
