// Package telemetry builds what the gateway tells the outside about itself:
// the logger and the metrics registry. Both are made once by the composition
// root and passed on; this package holds no global logger and never touches
// the default Prometheus registry, so that several gateways fit in a process.
package telemetry
