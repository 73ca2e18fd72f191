package provision

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/policy"
)

// Reasons why something that is due is not begun.
const (
	refusedID    = "no_identity"
	refusedIndex = "index_full"
	refusedQueue = "queue_full"
	refusedUser  = "user_taken"
	refusedStore = "store"
)

// Values of the label action.
const (
	actionSet  = "set"
	actionUndo = "undo"
)

// metrics of a book. None has a label of a device.
type metrics struct {
	results     *prometheus.CounterVec
	refused     *prometheus.CounterVec
	storeErrors prometheus.Counter
	damaged     prometheus.Counter
}

func newMetrics(b *Book, registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_stun_provisioning_total", Help: "Attempts to set the STUN parameters of CPEs or to take them back, by result.",
		}, []string{"action", "result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_stun_provisioning_refused_total", Help: "Attempts that were due and were not begun, by reason.",
		}, []string{"reason"}),
		storeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_stun_provisioning_store_errors_total", Help: "Writes of records that failed; they are made again.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_stun_provisioning_damaged_total", Help: "Records in the store that made no sense.",
		}),
	}
	for _, action := range []string{actionSet, actionUndo} {
		m.results.WithLabelValues(action, label(policy.STUNDone))
	}
	for _, reason := range []string{refusedID, refusedIndex, refusedQueue, refusedUser, refusedStore} {
		m.refused.WithLabelValues(reason)
	}
	devices := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_stun_provisioning_devices", Help: "Devices on which STUN provisioning was tried.",
	}, func() float64 { n, _ := b.sizes(); return float64(n) })
	pending := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_stun_provisioning_pending", Help: "Devices with a record that is not stored yet.",
	}, func() float64 { _, n := b.sizes(); return float64(n) })
	var err error
	for _, c := range []prometheus.Collector{m.results, m.refused, m.storeErrors, m.damaged, devices, pending} {
		err = errors.Join(err, registerer.Register(c))
	}
	return m, err
}

// result counts the end of a task.
func (m *metrics) result(undo bool, r policy.STUNResult) {
	action := actionSet
	if undo {
		action = actionUndo
	}
	m.results.WithLabelValues(action, label(r)).Inc()
}

// label is a result as labels are written.
func label(r policy.STUNResult) string { return strings.ReplaceAll(string(r), " ", "_") }
