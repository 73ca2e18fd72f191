package device

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the registry. None has a label of a device.
type metrics struct {
	flushDuration prometheus.Histogram
	flushErrors   prometheus.Counter
	flushed       prometheus.Counter
	damaged       prometheus.Counter
	refused       *prometheus.CounterVec
}

func newMetrics(r *Registry, registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		flushDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "acsgate_devices_flush_duration_seconds", Help: "Time to write what has changed to the store.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), // to 16 s
		}),
		flushErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_devices_flush_errors_total", Help: "Writes to the store that failed; they are done again.",
		}),
		flushed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_devices_flushed_total", Help: "Records of devices written to the store.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_devices_damaged_total", Help: "Entries of the store that made no sense and were left out.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_devices_refused_total", Help: "Sightings that were not recorded, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []reason{refusedFull, refusedMemory, refusedIdentity} {
		m.refused.WithLabelValues(string(reason))
	}
	known := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_devices", Help: "Devices that are known.",
	}, func() float64 { return float64(r.Len()) })
	dirty := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_devices_dirty", Help: "Devices with changes that are not stored yet.",
	}, func() float64 { return float64(r.dirty()) })
	var err error
	for _, c := range []prometheus.Collector{m.flushDuration, m.flushErrors, m.flushed, m.damaged, m.refused, known, dirty} {
		err = errors.Join(err, registerer.Register(c))
	}
	return m, err
}

func (m *metrics) refuse(why reason) { m.refused.WithLabelValues(string(why)).Inc() }
