package tlsconf

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"go.uber.org/zap"
)

const (
	// maxFailureKinds bounds what is remembered between two reports, and
	// maxFailureLines what a report says.
	maxFailureKinds = 256
	maxFailureLines = 10
)

// failureLog gathers failed handshakes, so that a fleet that cannot connect
// shows in a few lines a minute with its cause (quirk C-77).
type failureLog struct {
	log *zap.Logger

	mu      sync.Mutex
	kinds   map[failureKind]int
	dropped int
}

// failureKind is what makes two failures the same: sources count by network.
type failureKind struct {
	listener string
	source   netip.Prefix
	reason   string
	offered  string
}

func newFailureLog(log *zap.Logger) *failureLog {
	return &failureLog{log: log, kinds: make(map[failureKind]int)}
}

// NoteFailure tells of a failed handshake. What anybody can cause on a public
// port is ignored; what an operator or the owner of the device can mend is
// logged by Run, gathered by reason, offer and source network, once a minute.
func (m *Manager) NoteFailure(listener string, source netip.Addr, offered *Hello, err error) {
	if reason := HandshakeReason(err); worthReporting(reason) {
		m.failures.add(failureKind{listener, networkOf(source), reason, offered.String()})
	}
}

func worthReporting(reason string) bool {
	switch reason {
	case ReasonNoSharedCipher, ReasonNoSharedSignature, ReasonOldVersion, ReasonNoCertificate,
		ReasonNoClientCert, ReasonBadClientCert, ReasonClientRejected, ReasonClientAlert:
		return true
	default:
		return false
	}
}

// networkOf is the network that a subscriber line belongs to.
func networkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	network, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

func (f *failureLog) add(kind failureKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.kinds[kind]; !known && len(f.kinds) >= maxFailureKinds {
		f.dropped++
		return
	}
	f.kinds[kind]++
}

// flush reports the most frequent failures since the last time.
func (f *failureLog) flush() {
	f.mu.Lock()
	kinds, dropped := f.kinds, f.dropped
	f.kinds, f.dropped = make(map[failureKind]int), 0
	f.mu.Unlock()

	order := slices.SortedFunc(maps.Keys(kinds), func(a, b failureKind) int {
		return cmp.Or(cmp.Compare(kinds[b], kinds[a]), cmp.Compare(a.offered, b.offered))
	})
	rest := dropped
	for i, kind := range order {
		if i >= maxFailureLines {
			rest += kinds[kind]
			continue
		}
		f.log.Info("tls handshakes failed", zap.String("listener", kind.listener), zap.String("reason", kind.reason),
			zap.Stringer("source", kind.source), zap.String("offered", kind.offered), zap.Int("count", kinds[kind]))
	}
	if rest > 0 {
		f.log.Info("tls handshakes failed for other reasons or sources", zap.Int("count", rest))
	}
}
