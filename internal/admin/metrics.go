package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests      *prometheus.CounterVec
	readers       prometheus.Gauge
	failedLogins  prometheus.Counter
	auditFailures prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_admin_requests_total", Help: "Requests to the admin API, by endpoint and class of status.",
		}, []string{"route", "code"}),
		readers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "acsgate_admin_events_readers", Help: "Clients that read the stream of events.",
		}),
		failedLogins: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_admin_login_failures_total", Help: "Logins that were refused: a wrong token, too many of them, or an unknown client certificate.",
		}),
		auditFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_admin_audit_failures_total", Help: "Records that could not be written to the audit file.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.readers, m.failedLogins, m.auditFailures} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// request counts one that was answered. Both labels have few values: routes are
// those of the table.
func (m *metrics) request(route string, status int) {
	class := "broken" // nothing was answered
	if status >= 100 && status < 600 {
		class = strconv.Itoa(status/100) + "xx"
	}
	m.requests.WithLabelValues(route, class).Inc()
}
