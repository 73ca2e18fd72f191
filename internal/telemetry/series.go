package telemetry

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"
)

// Series are measurements over time, all of the same moments.
type Series struct {
	Begin time.Time     // of the first moment; zero where there is none
	Step  time.Duration // between two moments, roughly
	Times []int64       // Unix seconds, ascending unless the clock was set back
	Lines []Line
	Left  int // groups of lines and metrics that found no room; 0 but for hundreds of ACSs
}

// Line is one of Series.
type Line struct {
	Name   string            // such as sessions_per_second
	Labels map[string]string // such as acs, outcome; not to be changed
	Unit   string            // 1/s, s, share (0 to 1), or what is counted
	Values []*float64        // one for each of Times; nil where nothing is known
}

// line is a Line with room for all that is kept; NaN where nothing is known.
type line struct {
	labels map[string]string
	values []float64
}

// Series returns the measurements of moments later than since, to the second, so
// that who asks again with the last moment gets what is new. The zero time is for
// all that is kept. Lines stand in a fixed order. It may be called concurrently.
func (s *Sampler) Series(since time.Time) Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	series := Series{Step: s.cfg.Step, Left: s.left}
	first := s.taken - min(s.taken, s.keep)
	for first < s.taken && s.times[first%s.keep].Unix() <= since.Unix() && !since.IsZero() {
		first++
	}
	for i := first; i < s.taken; i++ {
		series.Times = append(series.Times, s.times[i%s.keep].Unix())
	}
	if first < s.taken {
		series.Begin = s.times[first%s.keep]
	}
	for i, m := range measures {
		for _, g := range s.sorted(i) {
			for _, l := range g.lines {
				series.Lines = append(series.Lines, Line{m.name, l.labels, m.unit, s.known(l, first)})
			}
		}
	}
	return series
}

// known copies the values of a line from a moment on.
func (s *Sampler) known(l *line, first int) []*float64 {
	values := make([]float64, s.taken-first)
	known := make([]*float64, len(values))
	for i := range values {
		if values[i] = l.values[(first+i)%s.keep]; !math.IsNaN(values[i]) {
			known[i] = &values[i]
		}
	}
	return known
}

// sorted returns the groups of a measure that have lines, by their labels.
func (s *Sampler) sorted(measure int) []*group {
	var keys []string
	for key, g := range s.groups[measure] {
		if g.lines != nil {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	groups := make([]*group, len(keys))
	for i, key := range keys {
		groups[i] = s.groups[measure][key]
	}
	return groups
}

// key joins the values of labels; no label can hold the byte between them.
func key(values []string) string { return strings.Join(values, "\xff") }

// fill sets all values.
func (l *line) fill(v float64) {
	for i := range l.values {
		l.values[i] = v
	}
}

// withLabel returns labels and one more.
func withLabel(by, values []string, more [2]string) map[string]string {
	labels := make(map[string]string, len(by)+1)
	for i, name := range by {
		labels[name] = values[i]
	}
	if more[0] != "" {
		labels[more[0]] = more[1]
	}
	return labels
}

// sum adds b to a, which grows as long as b.
func sum(a, b []float64) []float64 {
	a = append(a, make([]float64, max(0, len(b)-len(a)))...)
	for i, v := range b {
		a[i] += v
	}
	return slices.Clip(a)
}
