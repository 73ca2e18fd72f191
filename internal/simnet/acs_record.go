package simnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// Exchange is one request as the ACS saw it, with what it answered. What
// Exchanges returns must not be changed.
type Exchange struct {
	Conn, N          int // number of the connection, and of the request on it, from 1
	Remote           netip.AddrPort
	At               time.Time // when its first byte arrived
	Head             string    // raw bytes, up to and with the empty line
	httpwire.Request           // the parsed head
	Body             []byte    // without chunk framing and Content-Encoding
	Chunked          bool
	Expect           bool
	Encoded          bool // had a Content-Encoding
	Pipelined        bool // the next request was there before the reply
	Message          cwmp.Message
	ScanError        error         // of Message
	Device           cwmp.DeviceID // of the session; zero when there is none
	Session          string        // the session's cookie value, "" when there is none
	Cookies          map[string]string
	Authorized       bool   // the answer to a challenge was right
	Status           int    // of the reply, 0 when there was none
	Replied          string // RPC name of the reply, "" for an empty one

	raw []byte // body as it came, for auth-int
}

// record is what the ACS remembers. It is guarded by ACS.mu.
type record struct {
	exchanges []*Exchange
	dropped   int
	problems  []string
}

// maxProblems bounds the list of problems.
const maxProblems = 200

// keep remembers an exchange and what is wrong with it.
func (a *ACS) keep(x *Exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.record.exchanges) < a.cfg.Keep {
		a.record.exchanges = append(a.record.exchanges, x)
	} else {
		a.record.dropped++
	}
}

// problem notes what no client of an ACS may do; the caller holds a.mu.
func (a *ACS) problem(quirk, format string, args ...any) {
	if len(a.record.problems) < maxProblems {
		a.record.problems = append(a.record.problems, quirk+": "+fmt.Sprintf(format, args...))
	}
}

// noteFraming notes problems of a single request; the caller holds a.mu.
func (a *ACS) noteFraming(x *Exchange) {
	if x.Chunked {
		a.problem("U5", "connection %d request %d is chunked", x.Conn, x.N)
	}
	if x.Expect {
		a.problem("C-20", "connection %d request %d has an Expect field", x.Conn, x.N)
	}
	if x.Pipelined {
		a.problem("U8", "connection %d request %d was followed by another before its reply", x.Conn, x.N)
	}
}

// Exchanges returns what was seen, in the order in which it was answered.
func (a *ACS) Exchanges() []*Exchange {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.record.exchanges)
}

// Of returns the exchanges of one device's sessions.
func (a *ACS) Of(id cwmp.DeviceID) []*Exchange {
	return slices.DeleteFunc(a.Exchanges(), func(x *Exchange) bool { return x.Device.Key() != id.Key() })
}

// Problems lists what clients did that no CPE's or gateway's upstream side may
// do, each with the id of the quirk table: several devices on a connection
// (U1), a missing cookie (U4), chunked bodies (U5), overlapping requests (U8),
// a forwarded Expect (C-20).
func (a *ACS) Problems() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.record.problems)
}

// counters are the ACS's running totals.
type counters struct {
	connections, requests, started, completed, timeouts, rpcs  atomic.Int64
	refused, badRequests, slowRequests, challenges             atomic.Int64
	acceptErrors, linesDropped, resumed, overloads, authorized atomic.Int64
}

// ACSStats are totals since NewACS.
type ACSStats struct {
	Connections      int `json:"connections"`
	OpenConnections  int `json:"open_connections"`
	Requests         int `json:"requests"`
	Started          int `json:"started"`   // sessions
	Completed        int `json:"completed"` // by the ACS's last, empty reply
	Timeouts         int `json:"timeouts"`
	Resumed          int `json:"resumed"` // taken up on another connection
	Open             int `json:"open"`    // sessions now
	RPCs             int `json:"rpcs"`    // asked of CPEs
	Challenges       int `json:"challenges"`
	Authorized       int `json:"authorized"`
	Refused          int `json:"refused"`   // answered 400 for the session's sake
	Overloads        int `json:"overloads"` // answered 503
	BadRequests      int `json:"bad_requests"`
	SlowRequests     int `json:"slow_requests"`
	AcceptErrors     int `json:"accept_errors"`
	ExchangesDropped int `json:"exchanges_dropped"` // beyond ACSConfig.Keep
	LinesDropped     int `json:"lines_dropped"`
}

// Stats returns the totals.
func (a *ACS) Stats() ACSStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := &a.counters
	return ACSStats{
		Connections: int(n.connections.Load()), OpenConnections: len(a.conns), Requests: int(n.requests.Load()),
		Started: int(n.started.Load()), Completed: int(n.completed.Load()), Timeouts: int(n.timeouts.Load()),
		Resumed: int(n.resumed.Load()), Open: len(a.sessions), RPCs: int(n.rpcs.Load()),
		Challenges: int(n.challenges.Load()), Authorized: int(n.authorized.Load()), Refused: int(n.refused.Load()),
		Overloads: int(n.overloads.Load()), BadRequests: int(n.badRequests.Load()), SlowRequests: int(n.slowRequests.Load()),
		AcceptErrors: int(n.acceptErrors.Load()), ExchangesDropped: a.record.dropped, LinesDropped: int(n.linesDropped.Load()),
	}
}

// cookies reads the Cookie fields as GenieACS does: commas separate too, and
// values may be quoted (C-07).
func cookies(fields httpwire.Fields) map[string]string {
	var found map[string]string
	for i := range fields {
		if !strings.EqualFold(fields[i].Name, "Cookie") {
			continue
		}
		for pair := range strings.FieldsFuncSeq(fields[i].Value, func(r rune) bool { return r == ',' || r == ';' }) {
			name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if ok && !strings.HasPrefix(name, "$") {
				if found == nil {
					found = make(map[string]string, 2)
				}
				found[name] = strings.Trim(value, `"`)
			}
		}
	}
	return found
}
