package telemetry

import (
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// group is the metrics that one measure sums up: its lines and what they are made of.
type group struct {
	by     []string             // values of the measure's labels
	last   map[string][]float64 // counts when they were last read, by all labels
	grown  []float64            // since the moment before
	window [][]float64          // growth at the last moments, in a ring
	upper  []float64            // bounds of the histogram's buckets
	lines  []*line              // none until something has happened
	seen   int                  // moment at which the metric was last there
	active int                  // moment at which something last happened
}

// counts reads a metric as a vector that a counter's rules hold for: it grows, or
// has begun again if its last element shrinks.
func (m *measure) counts(metric *dto.Metric, g *group) []float64 {
	switch m.kind {
	case level:
		return []float64{metric.GetGauge().GetValue()}
	case quantiles:
		h := metric.GetHistogram()
		counts := make([]float64, 0, len(h.GetBucket())+1)
		g.upper = g.upper[:0]
		for _, b := range h.GetBucket() {
			if !math.IsInf(b.GetUpperBound(), 1) {
				counts, g.upper = append(counts, float64(b.GetCumulativeCount())), append(g.upper, b.GetUpperBound())
			}
		}
		return append(counts, float64(h.GetSampleCount()))
	case share:
		counts, good := m.judge(labelOf(metric, m.result))
		n := metric.GetCounter().GetValue()
		return []float64{n * one(counts && good), n * one(counts)}
	default:
		return []float64{metric.GetCounter().GetValue()}
	}
}

// grow takes the counts of one metric. What was not there before has begun at
// zero, unless nothing was read before.
func (g *group) grow(of string, now []float64, first bool) {
	last, known := g.last[of]
	g.last[of] = now
	if first && !known {
		return
	}
	end := len(now) - 1
	if len(last) != len(now) || now[end] < last[end] {
		g.grown = sum(g.grown, now)
		return
	}
	growth := make([]float64, len(now))
	for i := range now {
		growth[i] = now[i] - last[i]
	}
	g.grown = sum(g.grown, growth)
}

// happened says whether the moment is worth a line.
func (g *group) happened(m *measure) bool {
	return len(g.grown) > 0 && (m.kind == level || g.grown[len(g.grown)-1] > 0)
}

// values are those of the lines at moment n, which came so long after the one before.
func (g *group) values(m *measure, n int, elapsed time.Duration) []float64 {
	switch m.kind {
	case level:
		if len(g.grown) == 0 {
			return []float64{math.NaN()}
		}
		return g.grown
	case rate:
		if elapsed <= 0 {
			return []float64{math.NaN()}
		}
		return []float64{at(g.grown, 0) / elapsed.Seconds()}
	}
	g.window[n%len(g.window)] = g.grown
	var within []float64
	for _, grown := range g.window {
		within = sum(within, grown)
	}
	if m.kind == share {
		return []float64{at(within, 0) / at(within, 1)} // 0/0 is NaN: nothing is known
	}
	values := make([]float64, len(shares))
	for i, s := range shares {
		values[i] = quantile(s.q, g.upper, within)
	}
	return values
}

// begin makes the lines. What is counted was zero at all moments but the very
// first, before which nothing is known.
func (g *group) begin(m *measure, n, keep, window int) {
	g.lines = make([]*line, 1)
	if m.kind == quantiles {
		g.lines = make([]*line, len(shares))
	}
	for i := range g.lines {
		l := &line{withLabel(m.by, g.by, m.also), make([]float64, keep)}
		if m.kind == quantiles {
			l.labels["quantile"] = shares[i].label
		}
		if l.fill(math.NaN()); m.kind == rate {
			l.fill(0)
			if n < keep {
				l.values[0] = math.NaN()
			}
		}
		g.lines[i] = l
	}
	if g.window = nil; m.kind == quantiles || m.kind == share {
		g.window = make([][]float64, window)
	}
}

func labelOf(metric *dto.Metric, name string) string {
	for _, l := range metric.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func at(vector []float64, i int) float64 {
	if i < len(vector) {
		return vector[i]
	}
	return 0
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
