package telemetry

import "slices"

// kind is how a measure is made of a metric.
type kind int

const (
	level     kind = iota // a gauge as it is
	rate                  // a counter's growth per second
	quantiles             // of a histogram's growth within the window
	share                 // of the good in a counter's growth within the window
)

// shares are the quantiles that a chart shows.
var shares = []struct {
	label string
	q     float64
}{{"0.5", .5}, {"0.95", .95}, {"0.99", .99}}

// measure is what one chart shows: a metric of the product, summed over all
// labels but those of by.
type measure struct {
	name, unit string
	metric     string
	kind       kind
	by         []string
	also       [2]string // a label of each line that the metric has not, if any
	result     string    // share: the label that tells good from bad
	good, not  []string  // share: the good values of it, and those that count as neither
}

// measures are all charts. The order is that of the lines.
var measures = []measure{
	{name: "sessions_per_second", unit: "1/s", metric: "acsgate_sessions_total", kind: rate, by: []string{"acs", "outcome"}},
	{name: "sessions", unit: "sessions", metric: "acsgate_sessions", kind: level, by: []string{"acs"}},
	{name: "exchange_seconds", unit: "s", metric: "acsgate_exchange_seconds", kind: quantiles, by: []string{"acs"}},
	{name: "exchange_failures_per_second", unit: "1/s", metric: "acsgate_exchange_failures_total", kind: rate, by: []string{"acs"}},
	{name: "stun_packets_per_second", unit: "1/s", metric: "acsgate_stun_packets_total", kind: rate, by: []string{"disposition"}},
	{name: "bindings", unit: "bindings", metric: "acsgate_bindings", kind: level, by: []string{"state"}},
	{name: "connection_requests_per_second", unit: "1/s", metric: "acsgate_connection_requests_total", kind: rate, by: []string{"transport", "result"}},
	{name: "wake_success", unit: "share", metric: "acsgate_connection_requests_total", kind: share,
		result: "result", good: []string{"woken", "came"}, not: []string{"stopped"}},
	{name: "connections", unit: "connections", metric: "acsgate_connections", kind: level, by: []string{"listener"}},
	{name: "connections_per_second", unit: "1/s", metric: "acsgate_connections_total", kind: rate, by: []string{"listener"}},
	drops("connections", "acsgate_connections_refused_total"),
	drops("sessions", "acsgate_sessions_not_admitted_total"),
	drops("handshakes", "acsgate_tls_handshake_failures_total"),
	drops("requests", "acsgate_bad_requests_total"),
	drops("stun_packets", "acsgate_stun_receive_drops_total"),
	drops("bindings", "acsgate_bindings_refused_total"),
	drops("connection_requests", "acsgate_connection_requests_refused_total"),
	drops("devices", "acsgate_devices_refused_total"),
}

// drops measures what of a kind was turned away or lost.
func drops(what, metric string) measure {
	return measure{name: "drops_per_second", unit: "1/s", metric: metric, kind: rate, also: [2]string{"what", what}}
}

// measuresOf maps metrics to the measures that are made of them, by place in
// measures.
func measuresOf() map[string][]int {
	of := map[string][]int{}
	for i, m := range measures {
		of[m.metric] = append(of[m.metric], i)
	}
	return of
}

// judge says how an event counts for a share.
func (m *measure) judge(result string) (counts, good bool) {
	return !slices.Contains(m.not, result), slices.Contains(m.good, result)
}
