package telemetry

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sampled is a Sampler of a registry of its own, on a clock that tests move.
type sampled struct {
	*Sampler
	t        *testing.T
	registry *prometheus.Registry
	now      time.Time
}

func newSampled(t *testing.T, cfg SamplerConfig) *sampled {
	s := &sampled{t: t, registry: prometheus.NewRegistry(), now: time.Unix(1_700_000_000, 0)}
	s.Sampler = NewSampler(cfg, s.registry, func() time.Time { return s.now })
	return s
}

func (s *sampled) counter(name string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: "h"}, labels)
	s.registry.MustRegister(c)
	return c
}

// step lets time pass and measures.
func (s *sampled) step() {
	s.now = s.now.Add(5 * time.Second)
	s.sample()
}

// line returns the values of a line as text, "-" for what is not known; "" if
// there is none.
func (s *sampled) line(name string, labels ...string) string {
	s.t.Helper()
	found := ""
	for _, l := range s.Series(time.Time{}).Lines {
		is := l.Name == name && len(l.Labels) == len(labels)/2
		for i := 0; i < len(labels) && is; i += 2 {
			is = l.Labels[labels[i]] == labels[i+1]
		}
		if !is {
			continue
		}
		if found != "" {
			s.t.Errorf("two lines %s %v", name, labels)
		}
		var words []string
		for _, v := range l.Values {
			if v == nil {
				words = append(words, "-")
			} else {
				words = append(words, fmt.Sprintf("%.4g", *v))
			}
		}
		found = strings.Join(words, " ")
	}
	return found
}

func (s *sampled) want(want, name string, labels ...string) {
	s.t.Helper()
	if got := s.line(name, labels...); got != want {
		s.t.Errorf("%s %v: %q, want %q", name, labels, got, want)
	}
}

func TestSampler_RatesBeginAtZeroWhenSomethingHappens(t *testing.T) {
	s := newSampled(t, SamplerConfig{})
	c := s.counter("acsgate_sessions_total", "acs", "outcome")
	c.WithLabelValues("north", "complete").Add(1000) // before the first moment
	s.step()
	s.step()
	s.want("", "sessions_per_second", "acs", "north", "outcome", "complete")
	c.WithLabelValues("north", "complete").Add(10)
	c.WithLabelValues("south", "acs_failed").Add(5) // was not there at all
	s.step()
	s.step()
	s.want("- 0 2 0", "sessions_per_second", "acs", "north", "outcome", "complete")
	s.want("- 0 1 0", "sessions_per_second", "acs", "south", "outcome", "acs_failed")
}

func TestSampler_SumsOverOtherLabels(t *testing.T) {
	s := newSampled(t, SamplerConfig{})
	c := s.counter("acsgate_sessions_not_admitted_total", "acs", "limit")
	s.step()
	c.WithLabelValues("north", "sessions").Add(10)
	c.WithLabelValues("south", "rate").Add(15)
	s.step()
	s.want("- 5", "drops_per_second", "what", "sessions")
}

// A counter that shrinks has begun again at zero, and only its own growth counts.
func TestSampler_CounterResets(t *testing.T) {
	s := newSampled(t, SamplerConfig{})
	a, b := 100.0, 7.0
	for limit, value := range map[string]*float64{"one": &a, "two": &b} {
		s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "acsgate_sessions_not_admitted_total", Help: "h", ConstLabels: prometheus.Labels{"limit": limit},
		}, func() float64 { return *value }))
	}
	s.step()
	a, b = 10, 12 // 10 since it began again, and 5
	s.step()
	a, b = 10, 12
	s.step()
	s.want("- 3 0", "drops_per_second", "what", "sessions")
}

func TestSampler_LevelsAreAsTheyAre(t *testing.T) {
	s := newSampled(t, SamplerConfig{})
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "acsgate_bindings", Help: "h"}, []string{"state"})
	s.registry.MustRegister(g)
	g.WithLabelValues("fresh").Set(7)
	s.step()
	g.WithLabelValues("stale").Set(0)
	s.step()
	g.DeleteLabelValues("fresh")
	s.step()
	s.want("7 7 -", "bindings", "state", "fresh")
	s.want("- 0 0", "bindings", "state", "stale")
}

func TestSampler_ShareOfWakesThatWorkedWithinAMinute(t *testing.T) {
	s := newSampled(t, SamplerConfig{})
	c := s.counter("acsgate_connection_requests_total", "transport", "result")
	s.step()
	c.WithLabelValues("udp", "woken").Add(2)
	c.WithLabelValues("none", "came").Add(1)
	c.WithLabelValues("none", "silent").Add(1)
	c.WithLabelValues("none", "stopped").Add(100)
	s.step()
	for range 11 {
		s.step()
	}
	if got := s.line("wake_success"); got != "-"+strings.Repeat(" 0.75", 12) {
		t.Errorf("within a minute: %q", got)
	}
	s.step()
	if got := s.line("wake_success"); !strings.HasSuffix(got, " 0.75 -") {
		t.Errorf("after a minute: %q", got)
	}
	s.want("- 0.4"+strings.Repeat(" 0", 12), "connection_requests_per_second", "transport", "udp", "result", "woken")
}

func TestSampler_QuantilesOfTheLastMinute(t *testing.T) {
	s := newSampled(t, SamplerConfig{})
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "acsgate_exchange_seconds", Help: "h", Buckets: []float64{.1, .2, .4}}, []string{"acs"})
	s.registry.MustRegister(h)
	h.WithLabelValues("north").Observe(9) // before the first moment: does not count
	s.step()
	for range 100 {
		h.WithLabelValues("north").Observe(.15)
	}
	s.step()
	h.WithLabelValues("north").Observe(5)
	s.step()
	s.want("- 0.15 0.1505", "exchange_seconds", "acs", "north", "quantile", "0.5")
	s.want("- 0.199 0.2", "exchange_seconds", "acs", "north", "quantile", "0.99")
	for range 12 {
		s.step()
	}
	if got := s.line("exchange_seconds", "acs", "north", "quantile", "0.95"); !strings.HasSuffix(got, " -") {
		t.Errorf("after an idle minute: %q", got)
	}
}

// TestQuantile compares with what PromQL's histogram_quantile yields.
func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		q                 float64
		upper, cumulative []float64
		want              float64
	}{
		{.5, []float64{1, 2, 4}, []float64{0, 10, 10, 10}, 1.5},
		{.5, []float64{1, 2, 4}, []float64{10, 10, 10, 10}, .5},
		{.99, []float64{1, 2, 4}, []float64{1, 2, 3, 100}, 4}, // beyond the last bound
		{.9, []float64{1, 2, 4}, []float64{2, 6, 10, 10}, 3.5},
		{.5, []float64{-1, 2}, []float64{4, 4, 4}, -1},
		{0.5, []float64{1}, []float64{0, 0}, math.NaN()},
		{.5, nil, []float64{3}, math.NaN()},
		{.5, []float64{1, 2}, []float64{1}, math.NaN()},
	} {
		got := quantile(test.q, test.upper, test.cumulative)
		if got != test.want && !(math.IsNaN(got) && math.IsNaN(test.want)) {
			t.Errorf("quantile(%v, %v, %v) is %v, want %v", test.q, test.upper, test.cumulative, got, test.want)
		}
	}
}

func TestSampler_KeepsNoMoreThanItShould(t *testing.T) {
	s := newSampled(t, SamplerConfig{Step: 5 * time.Second, Keep: 20 * time.Second})
	c := s.counter("acsgate_connections_total", "listener")
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "acsgate_sessions", Help: "h"}, []string{"acs"})
	s.registry.MustRegister(g)
	s.step()
	g.WithLabelValues("gone").Set(3)
	c.WithLabelValues("cpe").Add(5)
	for range 3 {
		s.step()
	}
	s.want("- 1 0 0", "connections_per_second", "listener", "cpe")
	g.Reset()
	s.step()
	s.want("1 0 0 0", "connections_per_second", "listener", "cpe")
	s.step()
	s.want("", "connections_per_second", "listener", "cpe") // nothing happened in all that is kept
	s.want("3 3 - -", "sessions", "acs", "gone")
	s.step()
	s.step()
	s.want("", "sessions", "acs", "gone")
	c.WithLabelValues("cpe").Add(10)
	s.step()
	s.want("0 0 0 2", "connections_per_second", "listener", "cpe")
	if got := len(s.Series(time.Time{}).Times); got != 4 {
		t.Errorf("%d moments, want 4", got)
	}
}

func TestSeries_SinceGivesWhatIsNew(t *testing.T) {
	s := newSampled(t, SamplerConfig{})
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "acsgate_sessions", Help: "h"})
	s.registry.MustRegister(g)
	if got := s.Series(time.Time{}); len(got.Times) != 0 || len(got.Lines) != 0 || !got.Begin.IsZero() {
		t.Errorf("before the first moment: %+v", got)
	}
	for i := range 4 {
		g.Set(float64(i))
		s.step()
	}
	got := s.Series(s.now.Add(-5 * time.Second))
	if len(got.Times) != 1 || got.Times[0] != s.now.Unix() || !got.Begin.Equal(s.now) || got.Step != 5*time.Second {
		t.Errorf("since the moment before the last: %+v", got)
	}
	if len(got.Lines) != 1 || len(got.Lines[0].Values) != 1 || *got.Lines[0].Values[0] != 3 {
		t.Errorf("lines: %+v", got.Lines)
	}
	if got := s.Series(s.now); len(got.Times) != 0 {
		t.Errorf("since the last moment: %+v", got)
	}
}

func TestSampler_ANumberOfLinesIsNotExceeded(t *testing.T) {
	s := newSampled(t, SamplerConfig{Keep: 10 * time.Second})
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "acsgate_sessions", Help: "h"}, []string{"acs"})
	s.registry.MustRegister(g)
	for i := range maxMetrics + 5 {
		g.WithLabelValues(fmt.Sprint(i)).Set(1)
	}
	s.step()
	got := s.Series(time.Time{})
	if len(got.Lines) != maxLines || got.Left != maxMetrics-maxLines+5 {
		t.Errorf("%d lines, %d left out", len(got.Lines), got.Left)
	}
	g.Reset()
	for range 3 {
		s.step()
	}
	if s.lines != 0 || s.metrics != 0 || s.Series(time.Time{}).Left != 0 {
		t.Errorf("%d lines and %d metrics remain of what has gone", s.lines, s.metrics)
	}
}

func TestSampler_RunMeasuresAtEachStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSampler(SamplerConfig{Step: 2 * time.Second}, prometheus.NewRegistry(), time.Now)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := s.Series(time.Time{}).Times; len(got) != 3 || got[2]-got[0] != 4 {
			t.Errorf("moments after 5 s: %v", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A gathering that takes long is done less often, but each minute.
func TestSampler_RunIsThrifty(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		49 * time.Millisecond: 5 * time.Second, 120 * time.Millisecond: 15 * time.Second, 3 * time.Second: time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			slow := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { time.Sleep(took); return nil, nil })
			s := NewSampler(SamplerConfig{}, slow, time.Now)
			ctx, stop := context.WithTimeout(t.Context(), 150*time.Second)
			defer stop()
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
			times := s.Series(time.Time{}).Times
			if got := time.Duration(times[2]-times[1]) * time.Second; got != want {
				t.Errorf("gathering takes %v: measured each %v, want %v", took, got, want)
			}
		})
	}
}

// BenchmarkSample is one moment of a gateway with 50 ACSs; the census of devices
// and bindings comes on top of it.
func BenchmarkSample(b *testing.B) {
	s := manyACSs()
	for b.Loop() {
		s.sample()
	}
}

// BenchmarkSeries reads an hour of it.
func BenchmarkSeries(b *testing.B) {
	s := manyACSs()
	for range s.keep {
		s.sample()
	}
	for b.Loop() {
		s.Series(time.Time{})
	}
}

func manyACSs() *Sampler {
	registry := NewRegistry()
	sessions := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "acsgate_sessions_total", Help: "h"}, []string{"acs", "outcome"})
	exchanges := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "acsgate_exchange_seconds", Help: "h", Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30}}, []string{"acs"})
	registry.MustRegister(sessions, exchanges)
	now := time.Unix(0, 0)
	s := NewSampler(SamplerConfig{}, registry, func() time.Time {
		now = now.Add(5 * time.Second)
		for acs := range 50 {
			name := fmt.Sprint("acs", acs)
			exchanges.WithLabelValues(name).Observe(.02)
			for outcome := range 9 {
				sessions.WithLabelValues(name, fmt.Sprint(outcome)).Inc()
			}
		}
		return now
	})
	s.sample()
	return s
}
