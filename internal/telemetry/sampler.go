package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// SamplerConfig says how often is measured and how much is kept.
type SamplerConfig struct {
	Step time.Duration // between two moments, 5 s by default, at least 1 s
	Keep time.Duration // 1 h by default
}

// What a Sampler holds is bounded, whatever the registry has. A line of an hour
// takes 6 KiB; 50 ACSs make some 500 lines.
const (
	maxLines   = 1000
	maxMetrics = 10_000 // whose last counts are remembered
)

// smooth is the time over which quantiles and shares are taken: within one step
// there are too few events for them.
const smooth = time.Minute

// Sampler measures the gateway by its own metrics and keeps the measurements in
// memory, for charts that need no Prometheus. Its methods may be called
// concurrently.
type Sampler struct {
	cfg          SamplerConfig
	keep, window int // in moments
	gatherer     prometheus.Gatherer
	now          func() time.Time
	of           map[string][]int // measures by metric

	mu      sync.Mutex
	taken   int         // moments since the start
	times   []time.Time // the last ones, in a ring as all values are
	groups  []map[string]*group
	lines   int
	metrics int
	left    int // lines and metrics that found no room at the last moment
}

// NewSampler returns a Sampler of the metrics that gatherer gathers.
func NewSampler(cfg SamplerConfig, gatherer prometheus.Gatherer, now func() time.Time) *Sampler {
	if cfg.Step == 0 {
		cfg.Step = 5 * time.Second
	}
	if cfg.Keep == 0 {
		cfg.Keep = time.Hour
	}
	cfg.Step = max(cfg.Step, time.Second)
	s := &Sampler{cfg: cfg, gatherer: gatherer, now: now, of: measuresOf()}
	s.keep, s.window = max(2, int(cfg.Keep/cfg.Step)), max(1, int(smooth/cfg.Step))
	s.times, s.groups = make([]time.Time, s.keep), make([]map[string]*group, len(measures))
	for i := range s.groups {
		s.groups[i] = map[string]*group{}
	}
	return s
}

// Gathering takes no more than one part in thrift of the time: a gateway that
// counts a million of something for each gathering is measured less often, but
// each minute at the least.
const (
	thrift  = 100
	longest = time.Minute
)

// Run measures at once and then at each step until ctx ends. It returns nil.
func (s *Sampler) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.cfg.Step)
	defer ticker.Stop()
	for skip := time.Duration(0); ; skip-- {
		if skip <= 0 {
			began := s.now()
			s.sample()
			skip = min(s.now().Sub(began)*thrift, longest-1)/s.cfg.Step + 1
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sample measures once.
func (s *Sampler) sample() {
	// What a collector cannot tell is missing from the families; /metrics says why.
	families, _ := s.gatherer.Gather()
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = 0
	for _, f := range families {
		for _, i := range s.of[f.GetName()] {
			for _, metric := range f.GetMetric() {
				s.take(i, metric)
			}
		}
	}
	var elapsed time.Duration
	if s.taken > 0 {
		elapsed = now.Sub(s.times[(s.taken-1)%s.keep])
	}
	for i := range measures {
		for key, g := range s.groups[i] {
			if s.conclude(&measures[i], g, elapsed); s.taken-g.seen >= s.keep {
				s.metrics -= len(g.last)
				delete(s.groups[i], key)
			}
		}
	}
	s.times[s.taken%s.keep] = now
	s.taken++
}

// take adds one metric to its group.
func (s *Sampler) take(measure int, metric *dto.Metric) {
	m := &measures[measure]
	by := make([]string, len(m.by))
	for i, name := range m.by {
		by[i] = labelOf(metric, name)
	}
	var all []string
	for _, l := range metric.GetLabel() {
		all = append(all, l.GetValue())
	}
	g, of := s.groups[measure][key(by)], key(all)
	if g == nil {
		g = &group{by: by, last: map[string][]float64{}}
	}
	if _, known := g.last[of]; !known {
		if s.metrics >= maxMetrics {
			s.left++
			return
		}
		s.metrics++
	}
	s.groups[measure][key(by)] = g
	g.seen = s.taken
	counts := m.counts(metric, g)
	if m.kind == level {
		g.last[of], g.grown = nil, sum(g.grown, counts)
		return
	}
	g.grow(of, counts, s.taken == 0)
}

// conclude writes the values of a group at this moment. Lines begin when something
// happens, and end when nothing has for as long as is kept.
func (s *Sampler) conclude(m *measure, g *group, elapsed time.Duration) {
	defer func() { g.grown = nil }()
	if g.happened(m) {
		if g.active = s.taken; g.lines == nil {
			g.begin(m, s.taken, s.keep, s.window)
			if s.lines+len(g.lines) > maxLines {
				g.lines = nil
				s.left++
			}
			s.lines += len(g.lines)
		}
	}
	if g.lines == nil {
		return
	}
	if s.taken-g.active >= s.keep {
		s.lines -= len(g.lines)
		g.lines = nil
		return
	}
	for i, v := range g.values(m, s.taken, elapsed) {
		g.lines[i].values[s.taken%s.keep] = v
	}
}
