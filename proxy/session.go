package proxy

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// session is one CWMP session: the CPE's cookie on one side, the connection to
// the ACS with the ACS's cookies on the other. Whoever has taken its turn owns
// the fields below the line; everybody else may only use those above it.
type session struct {
	id        string // value of the cookie that the CPE is given
	transport string // of the connection that began it: it goes on by no other kind
	// source is where it began. A CPE may change its address within a session;
	// only recognition by a digest answer asks for the same one.
	source  netip.Addr
	started time.Time
	live    liveView
	turn    chan struct{}
	waiters atomic.Int32
	lastUse atomic.Int64 // Unix nanoseconds
	over    atomic.Bool
	doom    atomic.Pointer[string] // outcome that somebody else has decided
	link    link
	// patience is how long the CPE may take to answer an RPC of the gateway's own
	// that is out, in nanoseconds; 0 when none is.
	patience atomic.Int64

	// --- owned by the turn

	gen *generation
	up  *upstream
	to  *target
	jar jar
	// withheld: a redirect has led to a host that has not asked for the CPE's
	// credentials.
	withheld bool
	route    Route
	device   cwmp.DeviceID
	known    bool // an Inform named the device
	quirks   cwmp.Quirks

	opened         bool // an ACS answered the Inform with InformResponse
	hold           bool // last HoldRequests of the ACS
	cpeIdle        bool // the CPE posted empty while hold was false
	cookieReturned bool
	strayAnswered  bool
	endedAt        time.Time
	username       string // of the last digest answer
	nonces         []string
	contested      bool // the device has another session, which ends once this one is accepted
	inform         informParams
	root           string
	shown          shownParams
	offers         []offer   // of the ACS's last message, until the CPE answers
	inject         *injector // nil where nothing may be injected
	guard          *guarding // nil where everything passes
	leg            openLeg
	tap            Tap // nil where nobody listens
	sum            Summary
}

// link is the session's connection to its ACS; abort closes it from outside.
type link struct {
	mu   sync.Mutex
	conn *acsConn
	dead bool
}

// set makes conn the session's connection. It reports false, and closes conn,
// if the session has been aborted meanwhile.
func (l *link) set(conn *acsConn) bool {
	l.mu.Lock()
	dead := l.dead
	if !dead {
		l.conn = conn
	}
	l.mu.Unlock()
	if dead {
		conn.close()
	}
	return !dead
}

// drop closes the connection; a new one may be set.
func (l *link) drop() { l.cut(false) }

// cut closes the connection for good.
func (l *link) cut(dead bool) {
	l.mu.Lock()
	conn := l.conn
	l.conn, l.dead = nil, l.dead || dead
	l.mu.Unlock()
	if conn != nil {
		conn.close()
	}
}

// current returns the connection, nil for none.
func (l *link) current() *acsConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

func newSession(c *cpeConn, gen *generation, now time.Time) *session {
	s := &session{
		id: newCookie(), transport: c.transport, source: c.remote.Addr(), gen: gen,
		turn: make(chan struct{}, 1), started: now,
	}
	s.turn <- struct{}{} // the creator has the turn
	s.sum = Summary{Listener: c.ln.name, Remote: c.remote, TLS: c.tlsVersion(), Started: now}
	s.live.is = LiveSession{Listener: c.ln.name, Remote: c.remote, TLS: c.tlsVersion(), Started: now}
	s.touch(now)
	return s
}

func (s *session) touch(now time.Time) { s.lastUse.Store(now.UnixNano()) }

func (s *session) idleSince(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, s.lastUse.Load()))
}

// maxWaiters bounds the connections that wait for a session's turn: a CPE may
// have given one up and come by another (quirk C-10).
const maxWaiters = 2

// take waits for the session's turn, so that two connections of one CPE never
// mix (quirks U8, C-10).
func (s *session) take(patience time.Duration) bool {
	select {
	case s.turn <- struct{}{}:
		return true
	default:
	}
	if s.waiters.Add(1) > maxWaiters {
		s.waiters.Add(-1)
		return false
	}
	defer s.waiters.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s.turn <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

// tryTake takes the turn if nobody has it.
func (s *session) tryTake() bool {
	select {
	case s.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *session) give() { <-s.turn }

// abort ends the session from outside: the connection to the ACS is closed at
// once, and an exchange under way fails.
func (s *session) abort(outcome string) {
	s.doom.CompareAndSwap(nil, &outcome)
	s.link.cut(true)
}

// maxUsername bounds the user name that is remembered, in bytes. The standard
// allows 256.
const maxUsername = 1 << 10

// maxNoted bounds what a summary lists.
const maxNoted = 32

// noteRPC adds a method to the summary. An Inform that is repeated with an
// answer to a challenge is one.
func (s *session) noteRPC(method string) {
	s.live.said(method)
	n := len(s.sum.RPCs)
	repeated := n > 0 && method == cwmp.MethodInform && s.sum.RPCs[n-1] == method
	if n < maxNoted && !repeated {
		s.sum.RPCs = append(s.sum.RPCs, method)
	}
}

func (s *session) noteFault(code string) {
	if len(s.sum.Faults) < maxNoted {
		s.sum.Faults = append(s.sum.Faults, code)
	}
}

// noteRequest follows the session by what the CPE says (protocol notes 1.5).
func (s *session) noteRequest(r *request) {
	s.sum.Exchanges++
	switch r.msg.Kind {
	case cwmp.Empty:
		if !s.hold {
			s.cpeIdle = true
		}
	case cwmp.Request:
		s.cpeIdle = false
		s.noteRPC(r.msg.Method)
	case cwmp.Fault:
		s.noteFault(r.msg.FaultCode)
	case cwmp.Response, cwmp.Unknown:
	}
	if user := r.answer.username; r.digest && user != s.username && len(user) <= maxUsername {
		s.username = strings.Clone(user) // lets the request's head go
	}
}

// identify makes the session that of the device of an Inform.
func (s *session) identify(r *request) {
	s.device, s.known = r.msg.Device, true
	s.inform, s.root = r.inform, r.msg.Root
	s.hold, s.cpeIdle = false, false
	s.sum.Device, s.sum.Known = s.device, true
	s.sum.Events = s.sum.Events[:0]
	for i := range r.msg.Events {
		s.sum.Events = append(s.sum.Events, r.msg.Events[i].Code)
	}
}
