package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// URLMoveConfig says how the ManagementServer.URL of one CPE is to change.
type URLMoveConfig struct {
	Root string // RootTR098 or RootDevice, as the CPE's Inform shows
	// From are the URLs that count as those of the ACS that the CPE leaves: its
	// cpe_url, the gateway's own. A CPE whose URL is none of them is left alone.
	// Empty means any URL.
	From []string
	To   string // the URL to set
	// Back says that the CPE is given what it had before, which may be no URL: it
	// was told by DHCP. Else one whose URL could not be given back is left alone.
	Back bool
	// Username and Password are those with which the CPE is to report to To; nil
	// leaves what the CPE has.
	Username, Password *string
	// Side are parameters to set before the URL, in an RPC of their own. They
	// must do no harm at either ACS, because the URL may still be refused. What
	// the CPE has already is not set again.
	Side []cwmp.Param
	// STUNServer is set as STUNServerAddress where STUN is on and that is empty:
	// it follows the host of the URL otherwise. "" leaves it.
	STUNServer string
}

// MoveResult is how a URLMove ended.
type MoveResult string

// Results of a URLMove. The CPE is at To only with MoveAlready; with MoveSet and
// MovePending it has agreed to go, and has arrived once it is seen there.
const (
	MoveAlready    MoveResult = "already there" // the CPE had the URL before
	MoveNotOurs    MoveResult = "not ours"      // its URL is neither From nor To: left alone
	MoveSet        MoveResult = "set"           // Status 0
	MovePending    MoveResult = "pending"       // Status 1: applied after a reboot
	MoveFault      MoveResult = "fault"         // the CPE refused, and nothing changed
	MoveTorn       MoveResult = "torn"          // the CPE refused, yet a part of it changed
	MoveIgnored    MoveResult = "ignored"       // the CPE did not answer as asked
	MoveUnreadable MoveResult = "unreadable"    // the CPE does not tell its URL: nothing was set
	MoveNotTried   MoveResult = "not tried"     // the session ended before the URL was to be set
	MoveUnknown    MoveResult = "unknown"       // it ended while the CPE was to set it: the next one tells
)

// MoveOutcome is how a URLMove ended, for people and for a campaign's record.
type MoveOutcome struct {
	Result MoveResult
	URL    string // that the CPE had before, "" when it is unknown
	// Former are the values that the CPE had before, by parameter name without
	// the root, such as "ManagementServer.Username": what a way back needs.
	Former map[string]string
	// FaultCode and Parameter say what the CPE refused.
	FaultCode, Parameter string
	// Left are parameters that were to be set, but that the CPE's model lacks.
	Left   []string
	Detail string // for people; holds no secret
}

// URLMove is the program that moves a CPE to another ACS by setting its
// ManagementServer.URL. It reads first, sets only what differs, and may be run
// again in any later session: a CPE that has moved already is left alone.
//
// The URL goes last, and alone but for Username and Password, which go in the
// same SetParameterValues. That RPC is atomic (TR-069 A.3.2.1), so that a CPE
// never has the credentials of one ACS and the URL of the other, whatever it
// refuses and wherever the session breaks; a CPE that applies values at once
// applies all three together. In an RPC before the URL's, credentials would
// stay with the old URL if the URL were then refused, and lock the CPE out. The
// Status still speaks of this one step, and faults name their parameter. A CPE
// that is not atomic after all is found by reading back after a fault.
type URLMove struct {
	c       URLMoveConfig
	step    func(*RPCResult) (RPC, bool) // takes the next result
	side    []cwmp.Param                 // still to set before the URL
	setting bool                         // the URL, with the RPC that is out
	outcome MoveOutcome
}

// NewURLMove makes the program. The error says what of the configuration no CPE
// could be given.
func NewURLMove(c URLMoveConfig) (*URLMove, error) {
	if c.Root != RootTR098 && c.Root != RootDevice {
		return nil, fmt.Errorf("root %q is neither %s nor %s", c.Root, RootTR098, RootDevice)
	}
	if problem := urlProblem(c.To, urlLimit(c.Root)); problem != "" && !(c.Back && c.To == "") {
		return nil, fmt.Errorf("url %q %s", c.To, problem)
	}
	for _, text := range []*string{c.Username, c.Password} {
		if text != nil && len(*text) > maxModelText {
			return nil, fmt.Errorf("username or password is longer than %d characters, more than a CPE keeps", maxModelText)
		}
	}
	m := &URLMove{c: c, outcome: MoveOutcome{Result: MoveNotTried, Detail: notTried}}
	m.step = m.start
	return m, nil
}

const notTried = "the session ended before the CPE was to set its URL"

// Next is Program's.
func (m *URLMove) Next(last *RPCResult) (RPC, bool) {
	if last == nil {
		last = &RPCResult{}
	}
	m.setting = false
	return m.step(last)
}

// Outcome returns how the program ended, or, before it has, what holds if the
// session ends now: MoveNotTried, or MoveUnknown once the URL was to be set.
func (m *URLMove) Outcome() MoveOutcome { return m.outcome }

// Setting tells whether the RPC that Next returned last is the one that sets the
// URL: before it is sent, what the CPE had (Outcome) can be made durable.
func (m *URLMove) Setting() bool { return m.setting }

// Withhold says that the RPC that Next returned last is not sent after all, and
// why. The program has ended then.
func (m *URLMove) Withhold(reason string) {
	m.setting = false
	m.end(MoveNotTried, reason)
}

func (m *URLMove) name(parameter string) string { return m.c.Root + parameter }

// end records the outcome. Nothing follows it.
func (m *URLMove) end(r MoveResult, detail string) (RPC, bool) {
	m.outcome.Result, m.outcome.Detail = r, detail
	m.step = func(*RPCResult) (RPC, bool) { return RPC{}, false }
	return RPC{}, false
}

// broken ends the program when the CPE has not answered as asked. what was
// asked belongs in the sentence "the CPE did not ...".
func (m *URLMove) broken(r *RPCResult, what string) (ended bool) {
	switch {
	case r.Unknown:
		m.end(m.outcome.Result, m.outcome.Detail)
	case r.Ignored:
		m.end(MoveIgnored, "the CPE did not "+what+": it answered with nothing")
	case r.Unreadable && m.outcome.Result == MoveUnknown:
		m.end(MoveUnknown, "the CPE was to "+what+", and its answer makes no sense")
	case r.Unreadable:
		m.end(MoveUnreadable, "the CPE did not "+what+": its answer makes no sense")
	default:
		return false
	}
	return true
}

func (m *URLMove) failed(r *RPCResult, result MoveResult, detail string) (RPC, bool) {
	m.outcome.FaultCode, m.outcome.Parameter = r.fault()
	return m.end(result, detail+": fault "+faultText(r))
}

// compare decides by the URL that the CPE has whether it is to move.
func (m *URLMove) compare(r *RPCResult) (RPC, bool) {
	now, ok := r.value(m.name(paramURL))
	if !ok {
		return m.end(MoveUnreadable, "the CPE does not tell its URL")
	}
	now = strings.TrimSpace(now) // of indented XML
	m.outcome.URL = now
	same := func(u string) bool { return SameURL(u, now) }
	switch {
	case same(m.c.To):
		return m.end(MoveAlready, "the CPE has the URL")
	case len(m.c.From) > 0 && !slices.ContainsFunc(m.c.From, same):
		return m.end(MoveNotOurs, "the CPE has "+withoutSecrets(now))
	}
	if problem := urlProblem(now, urlLimit(m.c.Root)); problem != "" && now != "" && !m.c.Back {
		return m.end(MoveNotOurs, "the CPE has "+withoutSecrets(now)+", which "+problem+": there would be no way back")
	}
	m.side = m.differing(r)
	return m.setSide()
}
