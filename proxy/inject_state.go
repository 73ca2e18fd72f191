package proxy

import (
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// injector carries out the injections of one session (protocol notes 1.13). It
// exists from the InformResponse on, if there is anybody to ask for injections.
// The session's turn owns it.
type injector struct {
	dialect cwmp.Dialect  // of the ACS's InformResponse
	timeout time.Duration // SessionTimeout of the Inform
	ledger

	queue   []*program // taken and not ended; the first is at work
	taken   []string   // names
	asked   bool       // for the tail
	ignores bool       // the CPE has ignored an RPC: it is asked no more
	began   time.Time  // when the head began
	post    *heldPost  // the CPE's empty POST, while the head runs
	last    *reply     // the ACS's empty answer, while the tail runs
	out     *sentRPC   // of the first program
	sent    bool       // an RPC was sent
	results []InjectionResult
}

// program is an injection at work.
type program struct {
	Injection
	began       time.Time // zero: not yet
	head        bool
	interrupted bool // the CPE had requests of its own
	last        *RPCResult
	results     []RPCResult
}

// sentRPC is an RPC that waits for the CPE's answer.
type sentRPC struct {
	rpc   RPC
	id    string
	body  []byte
	at    time.Time
	sends int
}

// heldPost is what is needed of an empty POST to send it to the ACS later.
type heldPost struct {
	head    httpwire.Request
	path    string
	body    []byte // blank; some digest answers cover it
	decoded bool
	answer  digestAnswer
	digest  bool
}

// holds tells whether the last that the CPE has got is an RPC of the gateway's.
func (in *injector) holds() bool { return in.post != nil || in.last != nil }

// take adds the injections that the session has not had.
func (in *injector) take(list []Injection, head bool) {
	for i := range list {
		j := &list[i]
		if head && !j.Head || j.Next == nil || slices.Contains(in.taken, j.Name) {
			continue
		}
		if in.queue = append(in.queue, &program{Injection: *j}); len(in.taken) < MaxInjections {
			in.taken = append(in.taken, j.Name)
			continue
		}
		in.finish(len(in.queue)-1, InjectionDeferred, "the session has too many others")
	}
}

// next returns the envelope of the RPC to send now, nil when there is none.
func (in *injector) next(now time.Time, draining bool) []byte {
	for len(in.queue) > 0 {
		p := in.queue[0]
		if in.out != nil { // the CPE did not answer, but went on by itself
			if again := in.again(); again != nil {
				return again
			}
			in.giveUp(InjectionResumed, "the CPE had other requests in place of an answer")
			continue
		}
		if p.began.IsZero() {
			if why := in.defers(p, now, draining); why != "" {
				in.finish(0, InjectionDeferred, why)
				continue
			}
			p.began, p.head = now, in.post != nil
		}
		rpc, more := p.Next(p.last)
		if outcome, why := in.verdict(p, more, now); outcome != "" {
			in.finish(0, outcome, why)
			continue
		}
		if err := in.send(rpc, now); err != nil {
			in.finish(0, InjectionFault, err.Error())
			continue
		}
		return in.out.body
	}
	return nil
}

// defers says why a program does not begin now, "" if it does.
func (in *injector) defers(p *program, now time.Time, draining bool) string {
	switch {
	case in.transfers > 0 && !p.EvenDuringTransfer:
		return "a file transfer is pending"
	case draining:
		return "the gateway is stopping"
	case in.overBudget(now):
		return "no time was left at the head of the session"
	}
	return ""
}

func (in *injector) overBudget(now time.Time) bool {
	return in.post != nil && now.Sub(in.began) >= HeadBudget
}

// verdict tells how the program has ended, "" while it goes on.
func (in *injector) verdict(p *program, more bool, now time.Time) (outcome, why string) {
	switch {
	case !more && p.last != nil && p.last.FaultCode != "":
		return InjectionFault, p.last.FaultCode // its text may repeat a password
	case !more:
		return InjectionDone, ""
	case now.Sub(p.began) >= in.limit(p) || in.overBudget(now):
		return InjectionTimeout, "the time limit came before the last RPC"
	case len(p.results) >= MaxInjectedRPCs:
		return InjectionFault, "the program asks for too many RPCs"
	}
	return "", ""
}

// limit is how long the program may take.
func (in *injector) limit(p *program) time.Duration {
	limit := p.Limit
	if limit <= 0 {
		limit = DefaultInjectionLimit
	}
	return max(limit, in.timeout)
}

// send makes rpc the one that is out.
func (in *injector) send(rpc RPC, now time.Time) error {
	id := newInjectedID()
	body, err := rpc.envelope(in.dialect, id, in.key)
	if err != nil {
		return err
	}
	in.sent = true
	in.out = &sentRPC{rpc: rpc, id: id, body: body, at: now, sends: 1}
	return nil
}

// maxSends bounds how often one RPC is sent.
const maxSends = 3

// again returns the RPC that is out, to be sent once more under the same ID: an
// answer to either will do. Nil is one that must not be done twice.
func (in *injector) again() []byte {
	if in.out.sends >= maxSends || !in.out.rpc.repeatable() {
		return nil
	}
	in.out.sends++
	return in.out.body
}

// answered notes the CPE's answer to the RPC that is out.
func (in *injector) answered(result RPCResult, now time.Time) {
	p := in.queue[0]
	result.At, result.Took = in.out.at, now.Sub(in.out.at)
	p.results = append(p.results, result)
	p.last, in.out = &p.results[len(p.results)-1], nil
}

// giveUp ends the first program, whose RPC has no answer.
func (in *injector) giveUp(outcome, why string) {
	p, out := in.queue[0], in.out
	if out != nil {
		result := out.rpc.unanswered()
		result.At = out.at
		result.Ignored = outcome == InjectionIgnored
		result.Unknown = !result.Ignored
		p.results = append(p.results, result)
		in.out = nil
	}
	in.finish(0, outcome, why)
}

// finish ends the program at place i of the queue.
func (in *injector) finish(i int, outcome, why string) {
	p := in.queue[i]
	in.queue = slices.Delete(in.queue, i, i+1)
	result := InjectionResult{Name: p.Name, Outcome: outcome, Detail: why, RPCs: p.results, Head: p.head}
	in.results = append(in.results, result)
	if p.Ended != nil {
		p.Ended(result)
	}
}

// interrupt lets the CPE's own requests pass; the programs go on later.
func (in *injector) interrupt() {
	in.post, in.last = nil, nil
	if len(in.queue) > 0 {
		in.queue[0].interrupted = true
	}
}

// conclude ends what is left when the session ends.
func (in *injector) conclude(session string) {
	for len(in.queue) > 0 {
		p := in.queue[0]
		switch {
		case p.began.IsZero():
			in.finish(0, InjectionDeferred, in.whyNot(session))
		case p.interrupted && !in.holds():
			in.giveUp(InjectionResumed, "the session ended: "+session)
		case session == Idle:
			in.giveUp(InjectionTimeout, "the CPE did not answer")
		default:
			in.giveUp(InjectionLost, "the session ended: "+session)
		}
	}
}

// whyNot says why a program did not begin before the session ended.
func (in *injector) whyNot(session string) string {
	if in.ignores {
		return "the CPE ignored an RPC before"
	}
	return "the session ended: " + session
}
