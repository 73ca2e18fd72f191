package journal

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a journal.
type metrics struct {
	full, data prometheus.Counter
}

func newMetrics(j *Journal, registerer prometheus.Registerer) (*metrics, error) {
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acsgate_journal_dropped_total", Help: "Events that found no room, and documents of events that are too large.",
	}, []string{"what"})
	lost := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "acsgate_journal_lost_total", Help: "Events that readers were too slow for, summed over readers.",
	}, func() float64 { return float64(j.stream.lost.Load()) })
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	var err error
	for _, c := range []prometheus.Collector{
		dropped, lost,
		gauge("acsgate_journal_readers", "Readers of the stream of events.", j.stream.count),
		gauge("acsgate_journal_devices", "Devices with events in their timelines.", func() int { return j.timeline.count().devices }),
		gauge("acsgate_journal_entries", "Events in timelines.", func() int { return j.timeline.count().records }),
		gauge("acsgate_journal_memory_bytes", "Memory that timelines take.", func() int { return j.timeline.count().bytes }),
	} {
		err = errors.Join(err, registerer.Register(c))
	}
	return &metrics{full: dropped.WithLabelValues("event"), data: dropped.WithLabelValues("data")}, err
}
