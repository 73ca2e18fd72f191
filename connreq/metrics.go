package connreq

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of the label of acsgate_connection_requests_coalesced_total.
const (
	coalescedJoined   = "joined"   // with one that was under way
	coalescedAnswered = "answered" // with the result of an earlier one
	coalescedQueued   = "queued"   // until a new one may be sent
)

// metrics of requests. None has a label of a device.
type metrics struct {
	requests        *prometheus.CounterVec
	toInform        *prometheus.HistogramVec
	datagrams       prometheus.Counter
	datagramsFailed prometheus.Counter
	coalesced       *prometheus.CounterVec
	refused         *prometheus.CounterVec
	storeErrors     prometheus.Counter
	unsafe          prometheus.Counter
	dropped         *prometheus.CounterVec
}

func newMetrics(s *Service, registerer prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	datagrams := vector("acsgate_connection_request_datagrams_total", "Datagrams of UDP Connection Requests, copies included.", "result")
	m := &metrics{
		requests: vector("acsgate_connection_requests_total",
			"Connection Requests that ended, by the transport that worked and how.", "transport", "result"),
		toInform: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "acsgate_connection_request_inform_seconds", Help: "Time from a Connection Request to the CPE's Inform.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 13), // to 41 s
		}, []string{"transport"}),
		datagrams: datagrams.WithLabelValues("sent"), datagramsFailed: datagrams.WithLabelValues("failed"),
		coalesced: vector("acsgate_connection_requests_coalesced_total",
			"Connection Requests that needed no request of their own at once, by how.", "how"),
		refused: vector("acsgate_connection_requests_refused_total", "Connection Requests that were refused, by reason.", "reason"),
		storeErrors: counter("acsgate_connection_request_store_errors_total",
			"Failures of the store to read or write what is known of devices; writes are done again."),
		unsafe: counter("acsgate_connection_request_unsafe_total",
			"Requests whose number the store could not keep: after a crash it may come again."),
		dropped: vector("acsgate_connection_request_notes_dropped_total",
			"Notes of restarted or relayed-to devices that there was no room for.", "note"),
	}
	for _, c := range classes {
		for _, name := range []string{UDP, HTTP, noTransport} {
			if (c == classWoken) == (name != noTransport) {
				m.requests.WithLabelValues(name, string(c))
			}
		}
	}
	for _, how := range []string{coalescedJoined, coalescedAnswered, coalescedQueued} {
		m.coalesced.WithLabelValues(how)
	}
	for _, reason := range []string{"unknown", "busy", "stopped"} {
		m.refused.WithLabelValues(reason)
	}
	for _, note := range []string{"boot", "relayed"} {
		m.dropped.WithLabelValues(note)
	}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_connection_requests_in_flight", Help: "Connection Requests that are under way.",
	}, func() float64 { return float64(s.underWay()) })
	var err error
	for _, c := range []prometheus.Collector{
		m.requests, m.toInform, datagrams, m.coalesced, m.refused, m.storeErrors, m.unsafe, m.dropped, inFlight,
	} {
		err = errors.Join(err, registerer.Register(c))
	}
	return m, err
}

// noTransport is the label of requests that no transport can be credited with.
const noTransport = "none"

func (m *metrics) ended(r *request) {
	name := r.result.Transport
	if name == "" {
		name = noTransport
	}
	m.requests.WithLabelValues(name, string(r.class)).Inc()
	if r.class == classWoken {
		m.toInform.WithLabelValues(name).Observe(r.result.Took.Seconds())
	}
}

func (m *metrics) refuse(reason string) { m.refused.WithLabelValues(reason).Inc() }
func (m *metrics) coalesce(how string)  { m.coalesced.WithLabelValues(how).Inc() }
