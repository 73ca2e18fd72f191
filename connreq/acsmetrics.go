package connreq

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of what ACSs ask for, beside the refusals of datagrams.
const (
	outcomeSent        = "sent"
	outcomeStale       = "sent_stale"  // to a binding that may be gone
	outcomeReceive     = "receive"     // the socket failed to give one
	outcomeMethod      = "method"      // neither GET nor HEAD
	outcomeUnknown     = "unknown"     // no such token
	outcomeChallenged  = "challenged"  // there was no login, or a nonce was old
	outcomeDenied      = "denied"      // the login was wrong
	outcomeLimited     = "limited"     // too many wrong logins, or exchanges with one CPE
	outcomeDelivered   = "delivered"   // told 200
	outcomeUndelivered = "undelivered" // told 503
	outcomeGone        = "gone"        // the ACS did not wait for the answer
	outcomeNoLogin     = "no_login"    // no login is known, and the CPE cannot be asked
	outcomeRelayed     = "relayed"     // the CPE's own answer
)

// acsMetrics are the metrics of the ACS-facing side.
type acsMetrics struct {
	connections *prometheus.CounterVec // reason
	requests    *prometheus.CounterVec // outcome
	datagrams   *prometheus.CounterVec // outcome
	stunRelays  *prometheus.CounterVec // outcome
}

func newACSMetrics(r prometheus.Registerer) (*acsMetrics, error) {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &acsMetrics{
		connections: counter("acsgate_connection_request_acs_connections_refused_total", "Connections to the endpoint for ACSs that were closed at once, by reason.", "reason"),
		requests:    counter("acsgate_connection_request_acs_requests_total", "HTTP requests of ACSs for a device's ConnectionRequestURL, by outcome.", "outcome"),
		datagrams:   counter("acsgate_connection_request_relay_datagrams_total", "Datagrams that came to the relay for ACSs, by outcome.", "outcome"),
		stunRelays:  counter("acsgate_connection_request_stun_relay_requests_total", "Requests to the interface of genieacs-stunrelay, by outcome.", "outcome"),
	}
	for _, c := range []prometheus.Collector{m.connections, m.requests, m.datagrams, m.stunRelays} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// ports adds how full the range of the relay is.
func (m *acsMetrics) ports(r prometheus.Registerer, p *Ports) error {
	used := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_connection_request_relay_ports", Help: "Ports of the relay that devices have.",
	}, func() float64 { n, _ := p.used(); return float64(n) })
	exhausted := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "acsgate_connection_request_relay_ports_exhausted_total", Help: "Times that a device got no port of the relay because the range is used up.",
	}, func() float64 { _, n := p.used(); return float64(n) })
	if err := r.Register(used); err != nil {
		return err
	}
	return r.Register(exhausted)
}

func (m *acsMetrics) refused(reason string)    { m.connections.WithLabelValues(reason).Inc() }
func (m *acsMetrics) request(outcome string)   { m.requests.WithLabelValues(outcome).Inc() }
func (m *acsMetrics) datagram(outcome string)  { m.datagrams.WithLabelValues(outcome).Inc() }
func (m *acsMetrics) stunRelay(outcome string) { m.stunRelays.WithLabelValues(outcome).Inc() }
