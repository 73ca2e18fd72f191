package gateway

import "github.com/prometheus/client_golang/prometheus"

// conditionCollector shows Prometheus whether the gateway is ready, and whether the
// last reload took effect.
type conditionCollector struct{ gateway *Gateway }

var (
	readyDesc    = prometheus.NewDesc("acsgate_ready", "1 while the gateway should get new sessions, as /readyz says.", nil, nil)
	reloadedDesc = prometheus.NewDesc("acsgate_config_last_reload_successful", "0 after a reload that changed nothing because of problems, else 1.", nil, nil)
)

// Describe implements prometheus.Collector.
func (conditionCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- readyDesc
	ch <- reloadedDesc
}

// Collect implements prometheus.Collector.
func (c conditionCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, number(c.gateway.Ready() == nil))
	ch <- prometheus.MustNewConstMetric(reloadedDesc, prometheus.GaugeValue, number(c.gateway.lastReloadError() == nil))
}
