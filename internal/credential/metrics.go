package credential

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Reasons why something that was learned is not kept.
const (
	droppedQueue = "queue_full"
	droppedIndex = "index_full"
	droppedSize  = "too_long"
	droppedID    = "no_serial"
)

// metrics of the vault. None has a label of a device.
type metrics struct {
	dropped     *prometheus.CounterVec
	written     prometheus.Counter
	flushErrors prometheus.Counter
	damaged     prometheus.Counter
}

func newMetrics(v *Vault, registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_credentials_dropped_total", Help: "Logins of devices that were learned but not kept, by reason.",
		}, []string{"reason"}),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_credentials_written_total", Help: "Records of learned logins that were written to the store.",
		}),
		flushErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_credentials_flush_errors_total", Help: "Attempts to write learned logins that failed; they are made again.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_credentials_damaged_total", Help: "Records of logins in the store that could not be decrypted.",
		}),
	}
	for _, reason := range []string{droppedQueue, droppedIndex, droppedSize, droppedID} {
		m.dropped.WithLabelValues(reason)
	}
	users := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_credentials_stun_users", Help: "Devices of which a STUN login was learned.",
	}, func() float64 { return float64(v.index.size()) })
	pending := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_credentials_pending", Help: "Devices with learned logins that are not stored yet.",
	}, func() float64 { return float64(v.queue.size()) })
	var err error
	for _, c := range []prometheus.Collector{m.dropped, m.written, m.flushErrors, m.damaged, users, pending} {
		err = errors.Join(err, registerer.Register(c))
	}
	return m, err
}

func (m *metrics) drop(reason string) { m.dropped.WithLabelValues(reason).Inc() }
