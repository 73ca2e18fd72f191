package binding

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reason says why something was not noted. The values are those of the metric's
// label.
type reason string

const (
	refusedFull     reason = "full"     // there are Max devices
	refusedMemory   reason = "memory"   // their records take all the memory that they may
	refusedIdentity reason = "identity" // no identity, or one that cannot be a key
	refusedUser     reason = "user"     // the user name is too long
	refusedSource   reason = "source"   // the packet has no source that could be answered
	refusedLocal    reason = "local"    // too many sockets of ours
)

// metrics of the table. None has a label of a device.
type metrics struct {
	changes, candidates    prometheus.Counter
	unstable, unattributed prometheus.Counter
	flushed, flushErrors   prometheus.Counter
	damaged, untold        prometheus.Counter
	refused                *prometheus.CounterVec
}

func newMetrics(t *Table, registerer prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		changes:      counter("acsgate_bindings_changes_total", "Bindings that have moved to another address."),
		candidates:   counter("acsgate_bindings_candidates_total", "Addresses that named a device and were not believed."),
		unstable:     counter("acsgate_bindings_unstable_total", "Devices whose binding was seen to move at nearly every keep-alive, each counted once."),
		unattributed: counter("acsgate_bindings_unattributed_total", "Packets that could not be tied to any device."),
		flushed:      counter("acsgate_bindings_flushed_total", "Bindings written to the store."),
		flushErrors:  counter("acsgate_bindings_flush_errors_total", "Writes to the store that failed; they are done again."),
		damaged:      counter("acsgate_bindings_damaged_total", "Entries of the store that made no sense and were left out."),
		untold:       counter("acsgate_bindings_untold_total", "Changes of bindings that were too many a second to be told as events."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_bindings_refused_total", Help: "Packets, sessions and user names that were not noted, by reason.",
		}, []string{"reason"}),
	}
	for _, why := range []reason{refusedFull, refusedMemory, refusedIdentity, refusedUser, refusedSource, refusedLocal} {
		m.refused.WithLabelValues(string(why))
	}
	dirty := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_bindings_dirty", Help: "Bindings with changes that are not stored yet.",
	}, func() float64 { return float64(t.dirty()) })
	var err error
	for _, c := range []prometheus.Collector{
		m.changes, m.candidates, m.unstable, m.unattributed, m.flushed, m.flushErrors, m.damaged, m.untold, m.refused, dirty, &census{t: t},
	} {
		err = errors.Join(err, registerer.Register(c))
	}
	return m, err
}

func (m *metrics) refuse(why reason) { m.refused.WithLabelValues(string(why)).Inc() }

func (m *metrics) count(how verdict) {
	switch how {
	case moved:
		m.changes.Inc()
	case suspected:
		m.candidates.Inc()
	}
}

// census counts the bindings by state when it is asked, and remembers that for a
// while: a look at a million bindings takes more than all other metrics together.
type census struct {
	t *Table

	mu     sync.Mutex
	counts Counts
	until  time.Time // when they are too old
}

// The counts of a census may be ten seconds old, but not older than what keeps
// counting below half a percent of a processor.
const (
	censusAge   = 10 * time.Second
	censusShare = 200
)

var censusDesc = prometheus.NewDesc("acsgate_bindings",
	"Bindings by state: fresh, stale since 1.5 keep-alive periods, or uncorroborated; at most ten seconds old.", []string{"state"}, nil)

// Describe is of prometheus.Collector.
func (c *census) Describe(ch chan<- *prometheus.Desc) { ch <- censusDesc }

// Collect is of prometheus.Collector.
func (c *census) Collect(ch chan<- prometheus.Metric) {
	n := c.count()
	for state, count := range map[string]int{
		"fresh": n.Sure.Fresh, "stale": n.Sure.Stale, "uncorroborated": n.Total - n.Sure.Fresh - n.Sure.Stale,
	} {
		ch <- prometheus.MustNewConstMetric(censusDesc, prometheus.GaugeValue, float64(count), state)
	}
}

func (c *census) count() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	began := time.Now()
	if began.Before(c.until) {
		return c.counts
	}
	if counts, err := c.t.Count(context.Background(), c.t.now()); err == nil {
		c.counts, c.until = counts, began.Add(min(censusShare*time.Since(began), censusAge))
	}
	return c.counts
}
