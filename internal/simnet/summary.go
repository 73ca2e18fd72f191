package simnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Summary is what a fleet has to say at its end.
type Summary struct {
	Devices     int                    `json:"devices"`
	Sessions    int                    `json:"sessions"` // that ended, without those tried again
	Succeeded   int                    `json:"succeeded"`
	Failed      int                    `json:"failed"`
	Retried     int                    `json:"retried"`     // failures that were tried again
	Interrupted int                    `json:"interrupted"` // by the end of the run
	Reasons     map[string]int         `json:"reasons"`     // of Failed and Retried, by Reason
	Examples    map[string]string      `json:"examples"`    // the first error of each reason
	Makes       map[string]MakeSummary `json:"makes"`
	Peak        int                    `json:"peak"` // sessions at once
	Posts       int                    `json:"posts"`
	Connections int                    `json:"connections"`
	RPCs        int                    `json:"rpcs"`
	Took        time.Duration          `json:"took_ns"`
	Session     Quantiles              `json:"session"`  // of successful sessions
	Exchange    Quantiles              `json:"exchange"` // of all POSTs with a reply
}

// MakeSummary counts the sessions of one make.
type MakeSummary struct {
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
}

// tally gathers a summary.
type tally struct {
	makes              []string
	sessions, exchange histogram
	peak               peak

	mu  sync.Mutex
	sum Summary
}

func newTally(makes []Make) *tally {
	t := &tally{sum: Summary{Reasons: map[string]int{}, Examples: map[string]string{}, Makes: map[string]MakeSummary{}}}
	for i := range makes {
		t.makes = append(t.makes, makes[i].Name)
	}
	return t
}

func (t *tally) begin(running int) { t.peak.note(running) }

// end counts a session; make is the index of its make.
func (t *tally) end(i int, o *Outcome) {
	rpcs, posts, connections := len(o.Result.RPCs), 0, o.Result.Connections
	for j := range o.Result.Legs {
		if o.Result.Legs[j].Status != 0 {
			posts++
			t.exchange.add(o.Result.Legs[j].Took)
		}
	}
	if o.Err == nil {
		t.sessions.add(o.Result.Took)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Posts += posts
	t.sum.Connections += connections
	t.sum.RPCs += rpcs
	t.count(t.makes[i], o)
}

func (t *tally) count(name string, o *Outcome) {
	of := t.sum.Makes[name]
	switch {
	case o.Err == nil:
		t.sum.Succeeded++
		of.Succeeded++
	case errors.Is(o.Err, context.Canceled):
		t.sum.Interrupted++
	case o.Retry:
		t.sum.Retried++
		t.reason(o.Err)
	default:
		t.sum.Failed++
		of.Failed++
		t.reason(o.Err)
	}
	t.sum.Makes[name] = of
}

func (t *tally) reason(err error) {
	reason := Reason(err)
	t.sum.Reasons[reason]++
	if _, ok := t.sum.Examples[reason]; !ok {
		t.sum.Examples[reason] = err.Error()
	}
}

func (t *tally) summary(devices int, took time.Duration) Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sum
	s.Devices, s.Took, s.Peak = devices, took, int(t.peak.highest.Load())
	s.Sessions = s.Succeeded + s.Failed
	s.Reasons, s.Examples, s.Makes = maps.Clone(s.Reasons), maps.Clone(s.Examples), maps.Clone(s.Makes)
	s.Session, s.Exchange = t.sessions.quantiles(), t.exchange.quantiles()
	return s
}

// String is the summary in a few lines for people.
func (s Summary) String() string {
	var b strings.Builder
	seconds := max(s.Took.Seconds(), 1e-9)
	fmt.Fprintf(&b, "%d of %d sessions succeeded (%d devices, %.1f s, %.0f sessions/s, %d at once)\n",
		s.Succeeded, s.Sessions, s.Devices, s.Took.Seconds(), float64(s.Succeeded)/seconds, s.Peak)
	fmt.Fprintf(&b, "  session   %s\n  exchange  %s\n", s.Session, s.Exchange)
	fmt.Fprintf(&b, "  %d posts over %d connections, %d RPCs answered\n", s.Posts, s.Connections, s.RPCs)
	if s.Interrupted > 0 {
		fmt.Fprintf(&b, "  %d interrupted by the end of the run\n", s.Interrupted)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Makes)) {
		if of := s.Makes[name]; of.Failed > 0 {
			fmt.Fprintf(&b, "  %-14s %d of %d failed\n", name, of.Failed, of.Failed+of.Succeeded)
		}
	}
	reasons := slices.SortedFunc(maps.Keys(s.Reasons), func(x, y string) int { return cmp.Compare(s.Reasons[y], s.Reasons[x]) })
	for _, reason := range reasons {
		fmt.Fprintf(&b, "  %d x %s, such as: %s\n", s.Reasons[reason], reason, s.Examples[reason])
	}
	return b.String()
}

// String shows the quantiles in milliseconds.
func (q Quantiles) String() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
	return "p50 " + ms(q.P50) + "  p90 " + ms(q.P90) + "  p99 " + ms(q.P99) + "  max " + ms(q.Max)
}
