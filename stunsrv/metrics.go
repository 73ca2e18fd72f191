package stunsrv

import (
	"errors"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the server. Every label has a bounded set of values, and each
// counter of it is looked up once.
type metrics struct {
	packets       [dispositions]prometheus.Counter
	sendErrors    [sendErrorKinds]prometheus.Counter
	sightings     prometheus.Counter
	reads         prometheus.Counter
	receiveErrors prometheus.Counter
}

// newMetrics registers all. lost reads how many packets the kernel has dropped
// because our sockets did not read fast enough.
func newMetrics(r prometheus.Registerer, lost func() float64) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	packets := vector("acsgate_stun_packets_total", "Datagrams received, by what became of them.", "disposition")
	sendErrors := vector("acsgate_stun_send_errors_total", "Datagrams that the kernel did not take, by reason.", "reason")
	m := &metrics{
		sightings:     counter("acsgate_stun_sightings_total", "Binding Requests that told where a CPE takes Connection Requests."),
		reads:         counter("acsgate_stun_reads_total", "Times that datagrams were fetched from a socket, one or more at once."),
		receiveErrors: counter("acsgate_stun_receive_errors_total", "Times that fetching datagrams failed."),
	}
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "acsgate_stun_receive_drops_total",
		Help: "Datagrams that the kernel dropped because a receive buffer was full, where it tells.",
	}, lost)
	for _, c := range []prometheus.Collector{packets, sendErrors, m.sightings, m.reads, m.receiveErrors, dropped} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	for d := range m.packets {
		m.packets[d] = packets.WithLabelValues(disposition(d).String())
	}
	for k := range m.sendErrors {
		m.sendErrors[k] = sendErrors.WithLabelValues(sendErrorKind(k).String())
	}
	return m, nil
}

// unsent counts a datagram that the kernel did not take.
func (m *metrics) unsent(err error) { m.sendErrors[kindOfSendError(err)].Inc() }

// sendErrorKind is why the kernel did not take a datagram.
type sendErrorKind uint8

const (
	bufferFull  sendErrorKind = iota // more to send than the interface takes
	unreachable                      // no way there, or an ICMP error came back
	otherSendError
	sendErrorKinds // their number
)

// String returns the value of the metric label.
func (k sendErrorKind) String() string {
	return [sendErrorKinds]string{"buffer_full", "unreachable", "other"}[k]
}

func kindOfSendError(err error) sendErrorKind {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return otherSendError
	}
	switch errno {
	case syscall.EAGAIN, syscall.ENOBUFS:
		return bufferFull
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ECONNREFUSED, syscall.ENETDOWN, syscall.EHOSTDOWN:
		return unreachable
	}
	return otherSendError
}

// tally gathers the counts of one reader between two batches, for adding them
// one by one to counters that all readers share costs more than a packet's parse.
type tally struct {
	packets   [dispositions]uint32
	sightings uint32
}

// flush adds the counts to the metrics and starts anew.
func (t *tally) flush(m *metrics) {
	for d, n := range t.packets {
		if n != 0 {
			m.packets[d].Add(float64(n))
		}
	}
	if t.sightings != 0 {
		m.sightings.Add(float64(t.sightings))
	}
	m.reads.Inc()
	*t = tally{}
}
