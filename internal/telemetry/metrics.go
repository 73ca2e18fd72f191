package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a metrics registry of its own that already holds the
// collectors of the Go runtime and of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// RegisterBuild adds acsgate_build_info, a constant 1 whose labels say which
// version of the gateway runs and which Go built it.
func RegisterBuild(r prometheus.Registerer, version string) error {
	return r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "acsgate_build_info",
		Help:        "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
}
