package webhook

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics by webhook, whose names are those of the configuration.
type metrics struct {
	deliveries *prometheus.CounterVec
	dropped    *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_webhook_deliveries_total", Help: "Attempts to deliver events, by result.",
		}, []string{"webhook", "result"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_webhook_dropped_total", Help: "Events that a webhook will not be told of.",
		}, []string{"webhook"}),
	}
	return m, errors.Join(registerer.Register(m.deliveries), registerer.Register(m.dropped))
}

// result is what became of an attempt.
type result string

const (
	delivered result = "ok"
	failed    result = "failed"  // it is tried again, unless it was the last time
	refused   result = "refused" // by an answer that says: not this, ever
)

func (m *metrics) start(webhook string) {
	for _, r := range []result{delivered, failed, refused} {
		m.deliveries.WithLabelValues(webhook, string(r))
	}
	m.dropped.WithLabelValues(webhook)
}
