package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// metrics of the proxy. Every label has a bounded set of values.
type metrics struct {
	connections      *prometheus.GaugeVec   // listener
	accepted         *prometheus.CounterVec // listener
	refused          *prometheus.CounterVec // listener, reason
	badRequests      *prometheus.CounterVec // reason
	handshakes       *prometheus.CounterVec // listener, reason
	sessions         *prometheus.GaugeVec   // acs
	ended            *prometheus.CounterVec // acs, outcome
	sessionTime      *prometheus.HistogramVec
	exchangeTime     *prometheus.HistogramVec
	exchangeFailures *prometheus.CounterVec // acs, reason
	notAdmitted      *prometheus.CounterVec // acs, limit
	failovers        *prometheus.CounterVec // acs, to
	rpcs             *prometheus.CounterVec // method, side
	faults           *prometheus.CounterVec // code
	passed           *prometheus.CounterVec // reason
	edits            prometheus.Counter
	editsLeft        *prometheus.CounterVec // reason
	injections       *prometheus.CounterVec // name, outcome
	injectionOdd     *prometheus.CounterVec // kind
	guard            *prometheus.CounterVec // acs, action
	parked           *prometheus.CounterVec // acs, answer
	mirrored         *prometheus.CounterVec // acs, result
	panics           prometheus.Counter
}

// upstreamMetrics are the children for one ACS, looked up once.
type upstreamMetrics struct {
	sessions     prometheus.Gauge
	sessionTime  prometheus.Observer
	exchangeTime prometheus.Observer
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "acsgate_" + name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "acsgate_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "acsgate_" + name, Help: help, Buckets: buckets}, labels)
	}
	m := &metrics{
		connections:      gauge("connections", "Open CPE connections.", "listener"),
		accepted:         counter("connections_total", "Accepted CPE connections.", "listener"),
		refused:          counter("connections_refused_total", "CPE connections refused at once, by reason.", "listener", "reason"),
		badRequests:      counter("bad_requests_total", "Requests answered with an error or a close for their form, by reason.", "reason"),
		handshakes:       counter("tls_handshake_failures_total", "Failed TLS handshakes of CPEs, by reason.", "listener", "reason"),
		sessions:         gauge("sessions", "CWMP sessions that run.", "acs"),
		ended:            counter("sessions_total", "CWMP sessions that ended, by outcome.", "acs", "outcome"),
		sessionTime:      histogram("session_seconds", "Duration of complete CWMP sessions.", []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 120, 300}, "acs"),
		exchangeTime:     histogram("exchange_seconds", "Time from a CPE's POST to the ACS's whole answer.", []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30}, "acs"),
		exchangeFailures: counter("exchange_failures_total", "Exchanges with an ACS that failed, by reason.", "acs", "reason"),
		notAdmitted:      counter("sessions_not_admitted_total", "Sessions refused at their start with 503, by limit.", "acs", "limit"),
		failovers:        counter("failovers_total", "Informs given to another ACS because no byte of an answer came.", "acs", "to"),
		rpcs:             counter("rpcs_total", "RPC requests seen, by method and the side that asked: cpe, acs or gateway.", "method", "side"),
		faults:           counter("faults_total", "SOAP faults seen, by CWMP code.", "code"),
		passed:           counter("passed_unread_total", "Messages passed through that could not be read as CWMP, or without a session.", "reason"),
		edits:            prometheus.NewCounter(prometheus.CounterOpts{Name: "acsgate_edits_total", Help: "Messages of CPEs in which an ACS was shown how to reach the CPE through the gateway."}),
		editsLeft:        counter("edits_left_total", "Messages of CPEs that should have been edited but were passed as they are, by reason.", "reason"),
		injections:       counter("injections_total", "Programs of RPCs of the gateway's own within sessions, by outcome.", "name", "outcome"),
		injectionOdd:     counter("injection_oddities_total", "Answers of CPEs to RPCs of the gateway that were taken though something was wrong, by kind.", "kind"),
		guard:            counter("guard_total", "URLs, RPCs and messages of ACSs that were judged, by what became of them.", "acs", "action"),
		parked:           counter("parked_total", "Messages of CPEs whose ACS is away, by the gateway's own answer.", "acs", "answer"),
		mirrored:         counter("mirrored_informs_total", "Informs also shown to an ACS that does not serve the CPE, by result.", "acs", "result"),
		panics:           prometheus.NewCounter(prometheus.CounterOpts{Name: "acsgate_panics_total", Help: "Connections ended by a fault in the gateway itself."}),
	}
	for _, c := range m.all() {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.connections, m.accepted, m.refused, m.badRequests, m.handshakes, m.sessions,
		m.ended, m.sessionTime, m.exchangeTime, m.exchangeFailures, m.notAdmitted, m.failovers, m.rpcs, m.faults, m.passed,
		m.edits, m.editsLeft, m.injections, m.injectionOdd, m.guard, m.parked, m.mirrored, m.panics}
}

func (m *metrics) upstream(name string) upstreamMetrics {
	return upstreamMetrics{m.sessions.WithLabelValues(name), m.sessionTime.WithLabelValues(name), m.exchangeTime.WithLabelValues(name)}
}

// message counts one envelope of either side.
func (m *metrics) message(msg *cwmp.Message, side string) {
	switch msg.Kind {
	case cwmp.Request:
		m.rpcs.WithLabelValues(cwmp.MetricName(msg.Method), side).Inc()
	case cwmp.Fault:
		m.faults.WithLabelValues(cwmp.FaultMetricName(msg.FaultCode)).Inc()
	case cwmp.Unknown:
		m.passed.WithLabelValues("not_cwmp").Inc()
	case cwmp.Empty, cwmp.Response:
	}
}
