package stunsrv

import (
	"github.com/pion/logging"
	"github.com/prometheus/client_golang/prometheus"
)

// turnFate is what became of a packet of a TURN client. Every packet that the
// demultiplexer hands over ends in exactly one.
type turnFate uint8

const (
	turnAccepted        turnFate = iota // handed to pion, signed or of a known client
	turnChallenged                      // handed to pion, to be answered 401
	turnBadCredentials                  // unknown user, wrong password, or its time is over: answered 400
	turnStrangerLimit                   // the same two, too often from one source: silence
	turnNetwork                         // from outside the configured networks: silence
	turnQueueFull                       // more than pion gets done
	turnUnsupported                     // a method that the relay does not know
	turnMalformed                       // broken
	turnNoAllocation                    // from a client without an allocation
	turnWrongUser                       // about the allocation of another user: answered 441
	turnQuota                           // beyond the user's allocations: answered 486
	turnUnmet                           // an allocation of a kind that there is not: answered 440, 442 or 508
	turnPeer                            // a permission for what is no CPE's address: answered 403 or 443
	turnPermissionsFull                 // beyond an allocation's permissions: answered 508
	turnTooSoon                         // an allocation right after the last one: silence, ask again
	turnTooLate                         // a permission right before the allocation ends: silence
	turnFates                           // their number
)

var turnFateNames = [turnFates]string{
	turnAccepted: "accepted", turnChallenged: "challenged", turnBadCredentials: "bad_credentials",
	turnStrangerLimit: "stranger_limit", turnNetwork: "network", turnQueueFull: "queue_full",
	turnUnsupported: "unsupported", turnMalformed: "malformed", turnNoAllocation: "no_allocation",
	turnWrongUser: "wrong_user", turnQuota: "quota", turnUnmet: "unmet", turnPeer: "peer",
	turnPermissionsFull: "permissions_full", turnTooSoon: "too_soon", turnTooLate: "too_late",
}

// turnResult is what became of a datagram that a client wants sent.
type turnResult uint8

const (
	turnSent        turnResult = iota
	turnTooLong                // longer than a CPE reads
	turnNotRequest             // no UDP Connection Request
	turnNotEntitled            // not to a binding of a device that the user may reach
	turnRateLimited            // beyond the user's rate
	turnImplausible            // with values, such as a ts of tomorrow, that would lock the CPE out
	turnUnsent                 // the kernel did not take it
	turnResults                // their number
)

var turnResultNames = [turnResults]string{
	turnSent: "sent", turnTooLong: "too_long", turnNotRequest: "not_connection_request",
	turnNotEntitled: "not_entitled", turnRateLimited: "rate_limited", turnImplausible: "implausible", turnUnsent: "unsent",
}

// turnMetrics are those of the relay; they exist where it is on.
type turnMetrics struct {
	packets     [turnFates]prometheus.Counter
	datagrams   [turnResults]prometheus.Counter
	allocations *prometheus.GaugeVec
	complaints  prometheus.Counter
}

func newTURNMetrics(r prometheus.Registerer) (*turnMetrics, error) {
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	packets := vector("acsgate_turn_packets_total", "Packets of TURN clients, by what became of them.", "disposition")
	datagrams := vector("acsgate_turn_datagrams_total", "Datagrams that TURN clients wanted sent, by result.", "result")
	m := &turnMetrics{
		allocations: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "acsgate_turn_allocations", Help: "TURN allocations that exist, by user.",
		}, []string{"user"}),
		complaints: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acsgate_turn_complaints_total", Help: "Packets of TURN clients that the protocol engine did not like.",
		}),
	}
	for _, c := range []prometheus.Collector{packets, datagrams, m.allocations, m.complaints} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	for f := range m.packets {
		m.packets[f] = packets.WithLabelValues(turnFateNames[f])
	}
	for d := range m.datagrams {
		m.datagrams[d] = datagrams.WithLabelValues(turnResultNames[d])
	}
	return m, nil
}

func (m *turnMetrics) packet(f turnFate)     { m.packets[f].Inc() }
func (m *turnMetrics) datagram(d turnResult) { m.datagrams[d].Inc() }

// turnLog stands in for pion's log. What pion says is of what the Internet sends,
// so it is counted.
type turnLog struct{ metrics *turnMetrics }

// NewLogger returns the one there is.
func (l turnLog) NewLogger(string) logging.LeveledLogger { return l }

func (turnLog) Trace(string)           {}
func (turnLog) Tracef(string, ...any)  {}
func (turnLog) Debug(string)           {}
func (turnLog) Debugf(string, ...any)  {}
func (turnLog) Info(string)            {}
func (turnLog) Infof(string, ...any)   {}
func (l turnLog) Warn(string)          { l.metrics.complaints.Inc() }
func (l turnLog) Warnf(string, ...any) { l.metrics.complaints.Inc() }
func (l turnLog) Error(string)         { l.metrics.complaints.Inc() }
func (l turnLog) Errorf(string, ...any) {
	l.metrics.complaints.Inc()
}
