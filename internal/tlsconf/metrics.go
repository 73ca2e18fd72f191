package tlsconf

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	orders *prometheus.CounterVec
}

func newMetrics() *metrics {
	return &metrics{
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_acme_orders_total",
			Help: "Certificates ordered by ACME, by result.",
		}, []string{"result"}),
	}
}

func (x *metrics) register(r prometheus.Registerer, m *Manager) error {
	for _, c := range []prometheus.Collector{x.orders, expiryCollector{m}} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// expiryCollector reports when certificates end. Its labels are bounded by
// the configuration: one series for each name and source, of the certificate
// that ends first.
type expiryCollector struct{ m *Manager }

var expiryDesc = prometheus.NewDesc("acsgate_certificate_expiry_timestamp_seconds",
	"When the certificate expires, in Unix time.", []string{"certificate", "source"}, nil)

// Describe implements prometheus.Collector.
func (expiryCollector) Describe(ch chan<- *prometheus.Desc) { ch <- expiryDesc }

// Collect implements prometheus.Collector.
func (c expiryCollector) Collect(ch chan<- prometheus.Metric) {
	type series struct{ name, source string }
	first := make(map[series]float64)
	for _, s := range c.m.Status() {
		if s.State == StateMissing {
			continue
		}
		key, at := series{s.Name, s.Source}, float64(s.NotAfter.Unix())
		if old, ok := first[key]; !ok || at < old {
			first[key] = at
		}
	}
	for key, at := range first {
		ch <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, at, key.name, key.source)
	}
}
