package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// programs is what a gateway under test injects, and what became of it.
type programs struct {
	mu      sync.Mutex
	make    func(InjectionInput) []Injection
	asked   []InjectionInput
	results []InjectionResult
}

// injecting makes the gateway inject.
func injecting(list ...Injection) *programs {
	return &programs{make: func(InjectionInput) []Injection { return list }}
}

func (p *programs) option(_ *Config, d *Deps) {
	d.Injections = func(in InjectionInput) []Injection {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, in)
		list := slices.Clone(p.make(in))
		for i := range list {
			list[i].Ended = func(r InjectionResult) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.results = append(p.results, r)
			}
		}
		return list
	}
}

// ended waits for n results and returns them as "name outcome rpcs".
func (p *programs) ended(t *testing.T, n int) []InjectionResult {
	t.Helper()
	var got []InjectionResult
	eventually(t, "injections ended", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		got = slices.Clone(p.results)
		return len(got) >= n
	})
	return got
}

func (p *programs) inputs() []InjectionInput {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// asks is a program that sends these RPCs whatever comes back.
func asks(name string, rpcs ...RPC) Injection {
	return Injection{Name: name, Next: steps(rpcs...)}
}

func atHead(j Injection) Injection { j.Head = true; return j }

// steps is safe for one session at a time.
func steps(rpcs ...RPC) func(*RPCResult) (RPC, bool) {
	n := 0
	return func(last *RPCResult) (RPC, bool) {
		if last == nil {
			n = 0
		}
		if n++; n > len(rpcs) {
			return RPC{}, false
		}
		return rpcs[n-1], true
	}
}

const mURL = igd + "ManagementServer.URL"

func getURL() RPC { return RPC{Method: cwmp.MethodGetParameterValues, Names: []string{mURL}} }

func setURL(url string) RPC {
	return RPC{Method: cwmp.MethodSetParameterValues, Values: []cwmp.Param{{Name: mURL, Value: url}}}
}

// told reads the envelope of an injected RPC and checks what all of them must be
// (protocol notes 1.5 to 1.7, 1.13, quirk C-64).
func told(t *testing.T, a answered, method string) cwmp.Message {
	t.Helper()
	statusOf(t, a, 200)
	m, err := cwmp.Scan([]byte(a.body), cwmp.Options{Params: func([]byte) bool { return true }, Elements: []string{"ParameterKey"}})
	if err != nil || m.Method != method {
		t.Fatalf("the CPE was asked %q (%v), want %s: %s", m.Method, err, method, a.body)
	}
	if !strings.HasPrefix(a.body, "<"+m.Dialect.EnvelopePrefix+":Envelope ") {
		t.Errorf("C-64: begins with %.40q", a.body)
	}
	if !isInjectedID(m.ID) || len(m.ID) > 127 || !strings.Contains(a.body, m.Dialect.EnvelopePrefix+`:mustUnderstand="1">`+m.ID) {
		t.Errorf("cwmp:ID %q: %s", m.ID, a.body)
	}
	if strings.Contains(a.body, "HoldRequests") || strings.Count(a.body, "xmlns:") != 5 || !strings.HasPrefix(a.fields.Get("Content-Type"), "text/xml") {
		t.Errorf("envelope %s%s", a.raw, a.body)
	}
	return m
}

// values answers an injected GetParameterValues.
func values(id string, pairs ...string) string {
	var params []cwmp.Param
	for i := 0; i < len(pairs); i += 2 {
		params = append(params, cwmp.Param{Name: pairs[i], Value: pairs[i+1]})
	}
	return string(cwmp.GetParameterValuesResponse(cwmp.DefaultDialect, id, params))
}

func informWithKey(serial, key string) string {
	return string(cwmp.Inform(cwmp.DefaultDialect, "1", cwmp.InformData{
		Device: device(serial), Events: []cwmp.Event{{Code: cwmp.EventPeriodic}}, CurrentTime: time.Unix(1795229054, 0),
		Params: []cwmp.Param{{Name: igd + "ManagementServer.ParameterKey", Value: key}, {Name: igd + "DeviceInfo.SoftwareVersion", Value: "1.2"}},
	}))
}

// heard are the requests of an ACS, as far as it could tell a gateway that
// injects from one that does not.
func heard(a *fakeACS) []string {
	var all []string
	for _, r := range a.requests() {
		all = append(all, fmt.Sprint(r.conn, "\n", r.raw, "\n", r.body))
	}
	return all
}

// same compares what two ACSs heard, but for the host names.
func same(t *testing.T, a, b *fakeACS) {
	t.Helper()
	left, right := heard(a), heard(b)
	if !slices.Equal(left, right) {
		t.Errorf("the ACS can tell:\n%q\n%q", left, right)
	}
}

// only expects one result.
func only(t *testing.T, p *programs, name, outcome string, rpcs int) InjectionResult {
	t.Helper()
	got := p.ended(t, 1)
	if len(got) != 1 || got[0].Name != name || got[0].Outcome != outcome || len(got[0].RPCs) != rpcs {
		t.Fatalf("results %+v, want one of %s, %s, %d rpcs", got, name, outcome, rpcs)
	}
	return got[0]
}

// TestInjectAtTail: after the ACS's empty answer the CPE is asked, its answers
// stay here, and it is given the ACS's own 204 in the end.
func TestInjectAtTail(t *testing.T) {
	t.Parallel()
	plain, acs := newACS(t, nil), newACS(t, nil)
	without := newGate(t, []*fakeACS{plain}).dial()
	without.ask(post(informWithKey("1", "k&1")))
	last := without.ask(post("", "X-Try: 1"))

	p := injecting(asks("move", getURL(), setURL("https://b/?a=1&b=<2>")))
	g := newGate(t, []*fakeACS{acs}, p.option)
	c := g.dial()
	if got := c.ask(post(informWithKey("1", "k&1"))); got.cookie(t) == "" {
		t.Error("no cookie")
	}
	m := told(t, c.ask(post("", "X-Try: 1")), "GetParameterValues")
	if g.SessionCount("") != 1 || len(p.ended(t, 0)) != 0 {
		t.Error("the session is over before the 204")
	}
	eventually(t, "the ACS's connection is closed", func() bool { return acs.closed(1) })
	m = told(t, c.ask(post(values(m.ID, mURL, "http://a/?x&y", igd+"X.Other", "1"))), "SetParameterValues")
	if len(m.Params) != 1 || m.Params[0].Value != "https://b/?a=1&b=<2>" || m.Elements[0].Value != "k&1" {
		t.Errorf("set %+v with the key %+v", m.Params, m.Elements)
	}
	end := c.ask(post(setDone(m.ID)))
	if strip(end.raw) != strip(last.raw) || end.body != last.body || end.status != 204 {
		t.Errorf("the 204 was %q, is %q", last.raw, end.raw)
	}
	if got := c.ask(post("")); got.status != 204 {
		t.Errorf("stray empty POST: %d", got.status)
	}
	same(t, plain, acs)
	r := only(t, p, "move", InjectionDone, 2)
	want := []cwmp.Param{{Name: mURL, Value: "http://a/?x&y", Type: "string"}}
	if !slices.Equal(r.RPCs[0].Values, want) || r.RPCs[1].Status != 1 || !slices.Equal(r.RPCs[1].Names, []string{mURL}) || r.Head {
		t.Errorf("result %+v", r)
	}
	if got := g.outcomes(1); got[0] != Complete {
		t.Errorf("outcome %q", got)
	}
	sum := g.summary(0)
	if !slices.Equal(sum.RPCs, []string{"Inform", "gw:GetParameterValues", "gw:SetParameterValues"}) || sum.Exchanges != 4 || len(sum.Injections) != 1 {
		t.Errorf("summary %+v", sum)
	}
	in := p.inputs()
	if len(in) != 2 || in[0].Tail || !in[1].Tail || in[1].ParameterKey != "k&1" || in[1].Root != igd || in[1].SoftwareVersion != "1.2" || in[1].ACS != "a" ||
		!slices.Equal(in[1].Events, []string{cwmp.EventPeriodic}) || in[1].Device != device("1") || in[1].Listener != "cpe" || !in[1].Source.IsValid() {
		t.Errorf("asked %+v", in)
	}
	if n := g.counter("acsgate_injections_total", "name", "move", "outcome", InjectionDone); n != 1 {
		t.Errorf("counted %v", n)
	}
	if n := g.counter("acsgate_rpcs_total", "side", "gateway"); n != 2 {
		t.Errorf("%v rpcs of the gateway", n)
	}
}

// strip takes the session's own cookie out of a head.
func strip(head string) string {
	var lines []string
	for line := range strings.Lines(head) {
		if !strings.HasPrefix(line, "Set-Cookie: gw=") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func (g *gate) summary(i int) Summary {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended[i]
}

// TestInjectAtHead: the CPE's first empty POST waits until the CPE has answered,
// and then reaches the ACS as the CPE wrote it.
func TestInjectAtHead(t *testing.T) {
	t.Parallel()
	rpc := string(cwmp.Reboot(cwmp.DefaultDialect, "7", "k"))
	talk := func(c *phone, injects bool) {
		c.ask(post(informWithKey("1", "k")))
		a := c.ask(post("", "X-First: 1", `Authorization: Digest username="u", nonce="n", uri="/cwmp", nc=00000002, response="1"`))
		if injects {
			m := told(t, a, "GetParameterValues")
			if !strings.Contains(a.raw, "keep") && strings.Contains(a.raw, "close") {
				t.Errorf("connection is closed: %s", a.raw)
			}
			a = c.ask(post(values(m.ID, mURL, "x"), "X-Second: 1", "SOAPAction:", "Content-Type: text/xml", `Authorization: Digest username="u", nonce="n", uri="/cwmp", nc=00000003, response="2"`))
		}
		if a.body != rpc {
			t.Errorf("got %q", a.body)
		}
		statusOf(t, c.ask(post(string(cwmp.RebootResponse(cwmp.DefaultDialect, "7")), "X-Third: 1")), 204)
	}
	plain, acs := newACS(t, asksACS(rpc)), newACS(t, asksACS(rpc))
	talk(newGate(t, []*fakeACS{plain}).dial(), false)
	p := injecting(atHead(asks("first", getURL())))
	g := newGate(t, []*fakeACS{acs}, p.option)
	talk(g.dial(), true)
	same(t, plain, acs)
	if r := only(t, p, "first", InjectionDone, 1); !r.Head {
		t.Errorf("result %+v", r)
	}
	if got := g.outcomes(1); got[0] != Complete || g.summary(0).Exchanges != 4 {
		t.Errorf("outcome %q, %d exchanges", got, g.summary(0).Exchanges)
	}
}

// TestInjectHeadAndTail: each place has its own, and no name comes twice.
func TestInjectHeadAndTail(t *testing.T) {
	t.Parallel()
	p := injecting(atHead(asks("h", getURL())), asks("t1", setURL("1")), asks("t2", RPC{Method: cwmp.MethodGetRPCMethods}), asks("nothing"))
	g := newGate(t, []*fakeACS{newACS(t, nil)}, p.option)
	c := g.dial()
	c.ask(post(inform("1")))
	m := told(t, c.ask(post("")), "GetParameterValues")
	m = told(t, c.ask(post(values(m.ID, mURL, "x"))), "SetParameterValues")
	m = told(t, c.ask(post(setDone(m.ID))), "GetRPCMethods")
	statusOf(t, c.ask(post(string(cwmp.GetRPCMethodsResponse(cwmp.DefaultDialect, m.ID, []string{"Inform", "Reboot"})))), 204)
	got := p.ended(t, 4)
	var names []string
	for _, r := range got {
		names = append(names, r.Name+" "+r.Outcome)
	}
	if !slices.Equal(names, []string{"h done", "t1 done", "t2 done", "nothing done"}) || !slices.Equal(got[2].RPCs[0].Listed, []string{"Inform", "Reboot"}) {
		t.Errorf("%q %+v", names, got)
	}
}

// TestInjectDialect: RPCs are spelled as the ACS's InformResponse is (quirks
// C-50, C-51).
func TestInjectDialect(t *testing.T) {
	t.Parallel()
	for _, d := range []cwmp.Dialect{
		{EnvelopePrefix: "SOAP-ENV", CWMPPrefix: "cwmp", Namespace: "urn:dslforum-org:cwmp-1-2"},
		{EnvelopePrefix: "soapenv", CWMPPrefix: "c", Namespace: "urn:dslforum-org:cwmp-1-0"},
	} {
		p := injecting(asks("x", getURL()))
		acs := newACS(t, func(r seen) string {
			if r.msg.Method == "Inform" {
				return xml200(cwmp.InformResponse(d, r.msg.ID))
			}
			return plainACS(r)
		})
		c := newGate(t, []*fakeACS{acs}, p.option).dial()
		c.ask(post(inform("1")))
		a := c.ask(post(""))
		if m := told(t, a, "GetParameterValues"); m.Dialect != d {
			t.Errorf("dialect %+v, want %+v", m.Dialect, d)
		}
	}
}

// TestInjectFaults: a fault is a result as any other, its parameters named.
func TestInjectFaults(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	seenFault := make(chan RPCResult, 1)
	set := RPC{Method: cwmp.MethodSetParameterValues, Values: []cwmp.Param{{Name: mURL, Value: "x"}, {Name: "B", Value: "secret"}}}
	p := injecting(Injection{Name: "f", Next: func(last *RPCResult) (RPC, bool) {
		if last == nil {
			return set, true
		}
		seenFault <- *last
		return RPC{}, false
	}})
	g := newGate(t, []*fakeACS{acs}, p.option)
	c := g.dial()
	c.ask(post(inform("1")))
	m := told(t, c.ask(post("")), "SetParameterValues")
	statusOf(t, c.ask(post(string(cwmp.FaultEnvelope(cwmp.DefaultDialect, m.ID, "9003", "bad <args>",
		cwmp.ParamFault{Name: mURL, Code: "9007", Text: "no"}, cwmp.ParamFault{Name: "B", Code: "9005"})))), 204)
	last := <-seenFault
	if last.FaultCode != "9003" || last.FaultString != "bad <args>" || last.Done() ||
		!slices.Equal(last.ParamFaults, []cwmp.ParamFault{{Name: mURL, Code: "9007", Text: "no"}, {Name: "B", Code: "9005", Text: cwmp.FaultText("9005")}}) {
		t.Errorf("result %+v", last)
	}
	r := only(t, p, "f", InjectionFault, 1)
	if !strings.HasPrefix(r.Detail, "9003") || strings.Contains(fmt.Sprintf("%+v", r), "secret") {
		t.Errorf("result %+v", r)
	}
	g.outcomes(1)
	if sum := g.summary(0); sum.Outcome != Complete || !slices.Equal(sum.Faults, []string{"gw:9003"}) {
		t.Errorf("summary %+v", sum)
	}
	if len(acs.requests()) != 2 || g.counter("acsgate_faults_total", "code", "9003") != 1 {
		t.Errorf("the ACS heard %q", heard(acs))
	}
}

// TestInjectIgnored: an empty POST in place of an answer ends all injecting into
// the session.
func TestInjectIgnored(t *testing.T) {
	t.Parallel()
	for _, head := range []bool{false, true} {
		acs := newACS(t, nil)
		p := injecting(Injection{Name: "a", Head: head, Next: steps(setURL("1"), setURL("2"))}, Injection{Name: "b", Head: head, Next: steps(getURL())})
		g := newGate(t, []*fakeACS{acs}, p.option)
		c := g.dial()
		c.ask(post(inform("1")))
		told(t, c.ask(post("")), "SetParameterValues")
		statusOf(t, c.ask(post("")), 204)
		got := p.ended(t, 2)
		if got[0].Outcome != InjectionIgnored || !got[0].RPCs[0].Ignored || got[1].Outcome != InjectionDeferred || len(got[1].RPCs) != 0 {
			t.Errorf("results %+v", got)
		}
		if n := len(acs.requests()); n != 2 || g.outcomes(1)[0] != Complete {
			t.Errorf("the ACS heard %d requests, outcomes %q", n, g.outcomes(1))
		}
	}
}

// TestInjectResumed: a CPE that has more to say is passed through, and the
// injection goes on afterwards with the same RPC.
func TestInjectResumed(t *testing.T) {
	t.Parallel()
	for _, head := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			acs := newACS(t, func(r seen) string {
				if r.msg.Method == "TransferComplete" {
					return xml200(cwmp.TransferCompleteResponse(cwmp.DefaultDialect, r.msg.ID))
				}
				return plainACS(r)
			})
			p := injecting(Injection{Name: "a", Head: head, Next: steps(setURL("1"), getURL())})
			g := newGate(t, []*fakeACS{acs}, p.option)
			c := g.dial()
			c.ask(post(inform("1")))
			first := told(t, c.ask(post("")), "SetParameterValues")
			tc := string(cwmp.TransferComplete(cwmp.DefaultDialect, "9", cwmp.TransferCompleteData{}))
			if a := c.ask(post(tc)); !strings.Contains(a.body, "TransferCompleteResponse") {
				t.Fatalf("the CPE's own request was answered %s%s", a.raw, a.body)
			}
			again := first
			var next answered
			if late {
				next = c.ask(post(setDone(first.ID), "Content-Type: text/xml", "SOAPAction:"))
			} else {
				again = told(t, c.ask(post("")), "SetParameterValues")
				next = c.ask(post(setDone(again.ID)))
			}
			if !late && again.ID != first.ID {
				t.Errorf("sent again as %q after %q", again.ID, first.ID)
			}
			m := told(t, next, "GetParameterValues")
			statusOf(t, c.ask(post(values(m.ID, mURL, "x"))), 204)
			only(t, p, "a", InjectionDone, 2)
			for _, r := range acs.requests() {
				if r.msg.Kind == cwmp.Response || strings.Contains(r.body, first.ID) || r.msg.Kind == 0 && r.head.Fields.Has("SOAPAction") {
					t.Errorf("head %v, late %v: the ACS heard %s%s", head, late, r.raw, r.body)
				}
			}
			if got := g.outcomes(1); got[0] != Complete {
				t.Errorf("outcomes %q", got)
			}
		}
	}
}

// TestInjectResumedToTheEnd: a CPE that never answers but has requests without
// end is asked a few times, then no more.
func TestInjectResumedToTheEnd(t *testing.T) {
	t.Parallel()
	for _, rpc := range []RPC{setURL("1"), {Method: cwmp.MethodAddObject, Names: []string{"Device.X."}}} {
		acs := newACS(t, func(r seen) string {
			if r.msg.Method == "GetRPCMethods" {
				return xml200(cwmp.GetRPCMethodsResponse(cwmp.DefaultDialect, r.msg.ID, nil))
			}
			return plainACS(r)
		})
		p := injecting(asks("a", rpc))
		c := newGate(t, []*fakeACS{acs}, p.option).dial()
		c.ask(post(inform("1")))
		asked := 0
		for a := c.ask(post("")); a.status == 200; a = c.ask(post("")) {
			told(t, a, rpc.Method)
			asked++
			c.ask(post(string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "5"))))
		}
		r := only(t, p, "a", InjectionResumed, 1)
		if want := map[bool]int{true: maxSends, false: 1}[rpc.repeatable()]; asked != want || !r.RPCs[0].Unknown {
			t.Errorf("%s was sent %d times: %+v", rpc.Method, asked, r)
		}
	}
}

// TestInjectNewInform: a CPE that begins anew leaves an unknown outcome behind.
func TestInjectNewInform(t *testing.T) {
	t.Parallel()
	p := injecting(asks("a", setURL("1")), asks("b", setURL("2")))
	g := newGate(t, []*fakeACS{newACS(t, nil)}, p.option)
	c := g.dial()
	c.ask(post(inform("1")))
	told(t, c.ask(post("")), "SetParameterValues")
	c.hangUp()
	c = g.dial()
	statusOf(t, c.ask(post(inform("1"))), 200)
	got := p.ended(t, 2)
	if got[0].Outcome != InjectionLost || !got[0].RPCs[0].Unknown || got[1].Outcome != InjectionDeferred {
		t.Errorf("results %+v", got)
	}
	if got := g.outcomes(1); got[0] != Superseded {
		t.Errorf("outcomes %q", got)
	}
	told(t, c.ask(post("")), "SetParameterValues")
}

// TestInjectSilent: a CPE that does not answer in time ends its session, and what
// it says later reaches nobody.
func TestInjectSilent(t *testing.T) {
	t.Parallel()
	for _, cookies := range []bool{true, false} {
		acs := newACS(t, nil)
		p := injecting(Injection{Name: "a", Limit: 10 * time.Millisecond, Next: steps(setURL("1"))})
		g := newGate(t, []*fakeACS{acs}, p.option)
		c := g.dial()
		pair := c.ask(post(inform("1"))).cookie(t)
		if !cookies {
			pair = ""
		}
		m := told(t, c.ask(post("", cookieLine(pair)...)), "SetParameterValues")
		r := only(t, p, "a", InjectionTimeout, 1)
		if !r.RPCs[0].Unknown || g.outcomes(1)[0] != Idle {
			t.Errorf("result %+v, outcomes %q", r, g.outcomes(1))
		}
		statusOf(t, c.ask(post(setDone(m.ID), cookieLine(pair)...)), 503)
		statusOf(t, g.dial().ask(post(setDone(m.ID))), 503)
		if n := len(acs.requests()); n != 2 {
			t.Errorf("the ACS heard %q", heard(acs))
		}
	}
}

// TestInjectTimeLimit: no RPC follows once the program's time is over, but the
// answer to the last still counts.
func TestInjectTimeLimit(t *testing.T) {
	t.Parallel()
	for _, rpcs := range [][]RPC{{setURL("1")}, {setURL("1"), setURL("2")}} {
		in, now := &injector{}, time.Unix(1000, 0)
		in.take([]Injection{asks("a", rpcs...), asks("b", getURL())}, false)
		in.next(now, false)
		now = now.Add(DefaultInjectionLimit)
		in.answered(RPCResult{}, now)
		if in.next(now, false) == nil || in.queue[0].Name != "b" {
			t.Error("the next program does not run")
		}
		want := []string{InjectionDone, InjectionTimeout}[len(rpcs)-1]
		if r := in.results[0]; len(in.results) != 1 || r.Outcome != want || len(r.RPCs) != 1 || !r.RPCs[0].Done() || r.RPCs[0].Took != DefaultInjectionLimit {
			t.Errorf("results %+v, want %s", in.results, want)
		}
	}
}

// TestInjectHeadBudget: the ACS waits at the head for all programs together.
func TestInjectHeadBudget(t *testing.T) {
	t.Parallel()
	in := &injector{post: &heldPost{}, began: time.Unix(1000, 0)}
	in.take([]Injection{atHead(asks("a", getURL(), getURL())), atHead(asks("b", getURL()))}, true)
	if in.next(in.began, false) == nil {
		t.Fatal("nothing sent")
	}
	in.answered(RPCResult{}, in.began)
	if in.next(in.began.Add(HeadBudget), false) != nil {
		t.Error("sent beyond the budget")
	}
	if len(in.results) != 2 || in.results[0].Outcome != InjectionTimeout || in.results[1].Outcome != InjectionDeferred {
		t.Errorf("results %+v", in.results)
	}
}

// TestInjectLimits: a program may take what the Inform's SessionTimeout says, and
// at least a minute.
func TestInjectLimits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ own, inform, want time.Duration }{
		{0, 0, time.Minute}, {0, 5 * time.Minute, 5 * time.Minute}, {time.Hour, time.Minute, time.Hour}, {time.Second, 0, time.Second},
	} {
		in := &injector{timeout: tc.inform}
		if got := in.limit(&program{Injection: Injection{Limit: tc.own}}); got != tc.want {
			t.Errorf("%v and %v: %v, want %v", tc.own, tc.inform, got, tc.want)
		}
	}
	endless := &injector{}
	endless.take([]Injection{{Name: "a", Next: func(*RPCResult) (RPC, bool) { return getURL(), true }}}, false)
	n := 0
	for now := time.Now(); endless.next(now, false) != nil; n++ {
		endless.answered(RPCResult{}, now)
	}
	if n != MaxInjectedRPCs || endless.results[0].Outcome != InjectionFault {
		t.Errorf("%d RPCs: %+v", n, endless.results)
	}
	many := &injector{}
	for i := range MaxInjections + 2 {
		many.take([]Injection{asks(fmt.Sprint(i), getURL())}, false)
	}
	if len(many.queue) != MaxInjections || len(many.results) != 2 || many.results[1].Outcome != InjectionDeferred {
		t.Errorf("%d taken, results %+v", len(many.queue), many.results)
	}
}

// TestInjectReconnect: the answer may come on another connection, one for each
// POST (quirk C-01).
func TestInjectReconnect(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	p := injecting(atHead(asks("h", getURL())), asks("t", setURL("1")))
	g := newGate(t, []*fakeACS{acs}, p.option)
	pair := ""
	ask := func(body string) answered {
		c := g.dial()
		defer c.hangUp()
		a := c.ask(post(body, append(cookieLine(pair), "Connection: close")...))
		if pair == "" {
			pair = a.cookie(t)
		}
		if !c.closed() {
			t.Error("connection stays open")
		}
		return a
	}
	ask(inform("1"))
	m := told(t, ask(""), "GetParameterValues")
	m = told(t, ask(values(m.ID, mURL, "x")), "SetParameterValues")
	statusOf(t, ask(setDone(m.ID)), 204)
	if got := p.ended(t, 2); got[0].Outcome != InjectionDone || got[1].Outcome != InjectionDone {
		t.Errorf("results %+v", got)
	}
	if n := len(acs.requests()); n != 2 {
		t.Errorf("the ACS heard %q", heard(acs))
	}
}

// TestInjectEmptyAs200: the ACS's last word is written as ever.
func TestInjectEmptyAs200(t *testing.T) {
	t.Parallel()
	for _, quirks := range []cwmp.Quirks{{}, {EmptyAs204: true}, {EmptyAs200: true}, {CloseAtEnd: true}} {
		for _, empty := range []string{ok200("", "X-ACS: 1"), "HTTP/1.1 204 Done\r\nX-ACS: 1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"} {
			var ends []answered
			for _, p := range []*programs{injecting(), injecting(asks("a", getURL()))} {
				acs := newACS(t, func(r seen) string {
					if r.msg.Method == "Inform" {
						return plainACS(r)
					}
					return empty
				})
				g := newGate(t, []*fakeACS{acs}, p.option, func(_ *Config, d *Deps) {
					d.Quirks = func(cwmp.DeviceID, string) cwmp.Quirks { return quirks }
				})
				c := g.dial()
				pair := c.ask(post(inform("1"))).cookie(t)
				a := c.ask(post("", cookieLine(pair)...))
				if strings.Contains(a.body, "GetParameterValues") {
					m := told(t, a, "GetParameterValues")
					a = c.ask(post(values(m.ID, mURL, "x"), cookieLine(pair)...))
				}
				ends = append(ends, a)
			}
			if ends[0].raw != ends[1].raw || ends[1].body != "" {
				t.Errorf("%+v: %q was %q, is %q", quirks, empty, ends[0].raw, ends[1].raw)
			}
		}
	}
}

// TestInjectHoldRequests: while the ACS holds the CPE's requests back there is no
// place to inject (protocol notes 1.5).
func TestInjectHoldRequests(t *testing.T) {
	t.Parallel()
	hold := strings.Replace(string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "3")), "</soap-env:Header>",
		`<cwmp:HoldRequests soap-env:mustUnderstand="1">1</cwmp:HoldRequests></soap-env:Header>`, 1)
	acs := newACS(t, func(r seen) string {
		switch r.msg.Method {
		case "Inform":
			return xml200([]byte(strings.Replace(string(cwmp.InformResponse(cwmp.DefaultDialect, r.msg.ID)), "</soap-env:Header>",
				`<cwmp:HoldRequests soap-env:mustUnderstand="1">1</cwmp:HoldRequests></soap-env:Header>`, 1)))
		case "GetRPCMethodsResponse":
			return "HTTP/1.1 204 No Content\r\n\r\n"
		}
		if strings.Contains(r.raw, "X-Held") {
			return xml200([]byte(hold))
		}
		return plainACS(r)
	})
	p := injecting(atHead(asks("h", getURL())), asks("t", setURL("1")))
	g := newGate(t, []*fakeACS{acs}, p.option)
	c := g.dial()
	c.ask(post(inform("1")))
	if a := c.ask(post("", "X-Held: 1")); a.body != hold {
		t.Fatalf("got %s%s", a.raw, a.body)
	}
	statusOf(t, c.ask(post(string(cwmp.GetRPCMethodsResponse(cwmp.DefaultDialect, "3", nil)))), 204) // the CPE may go on
	m := told(t, c.ask(post("")), "GetParameterValues")
	m = told(t, c.ask(post(values(m.ID, mURL, "x"))), "SetParameterValues")
	statusOf(t, c.ask(post(setDone(m.ID))), 204)
	p.ended(t, 2)
}

// TestInjectTransferPending: what may break a transfer waits for another session.
func TestInjectTransferPending(t *testing.T) {
	t.Parallel()
	answer := func(method, status string) string {
		return string(cwmp.Call(cwmp.DefaultDialect, "7", method+"Response", cwmp.Argument{Name: "Status", Value: status}))
	}
	for name, tc := range map[string]struct {
		method, answer string
		complete, runs bool
	}{
		"download":        {"Download", answer("Download", "1"), false, false},
		"upload":          {"Upload", answer("Upload", "1"), false, false},
		"scheduled":       {"ScheduleDownload", string(cwmp.Call(cwmp.DefaultDialect, "7", "ScheduleDownloadResponse")), false, false},
		"unclear":         {"Download", string(cwmp.Call(cwmp.DefaultDialect, "7", "DownloadResponse")), false, false},
		"done at once":    {"Download", answer("Download", "0"), false, true},
		"fault":           {"Download", string(cwmp.FaultEnvelope(cwmp.DefaultDialect, "7", "9010", "")), false, true},
		"complete":        {"Download", answer("Download", "1"), true, true},
		"something other": {"Reboot", answer("Reboot", "1"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acs := newACS(t, func(r seen) string {
				switch {
				case r.msg.Method == "TransferComplete":
					return xml200(cwmp.TransferCompleteResponse(cwmp.DefaultDialect, r.msg.ID))
				case strings.Contains(r.raw, "X-Ask"):
					return xml200(cwmp.Call(cwmp.DefaultDialect, "7", tc.method))
				}
				return plainACS(r)
			})
			p := injecting(asks("a", getURL()), Injection{Name: "even", EvenDuringTransfer: true, Next: steps(setURL("1"))})
			c := newGate(t, []*fakeACS{acs}, p.option).dial()
			c.ask(post(inform("1")))
			c.ask(post("", "X-Ask: 1"))
			var a answered
			if tc.complete {
				c.ask(post(tc.answer, "X-Ask: 1")) // another request follows
				c.ask(post(string(cwmp.TransferComplete(cwmp.DefaultDialect, "9", cwmp.TransferCompleteData{}))))
				a = c.ask(post(""))
			} else {
				a = c.ask(post(tc.answer))
			}
			if tc.runs {
				m := told(t, a, "GetParameterValues")
				a = c.ask(post(values(m.ID, mURL, "x")))
			}
			m := told(t, a, "SetParameterValues")
			statusOf(t, c.ask(post(setDone(m.ID))), 204)
			got := p.ended(t, 2)
			want := map[bool]string{true: InjectionDone, false: InjectionDeferred}[tc.runs]
			if got[0].Outcome != want || got[1].Outcome != InjectionDone {
				t.Errorf("results %+v", got)
			}
			if in := p.inputs(); in[len(in)-1].TransferPending == tc.runs {
				t.Errorf("input %+v", in[len(in)-1])
			}
		})
	}
}

// TestC63_ParameterKey: what the gateway sets leaves the key at the one of the
// ACS's last success.
func TestC63_ParameterKey(t *testing.T) {
	t.Parallel()
	fault := string(cwmp.FaultEnvelope(cwmp.DefaultDialect, "7", "9003", ""))
	add := string(cwmp.Call(cwmp.DefaultDialect, "7", "AddObject", cwmp.Argument{Name: "ObjectName", Value: "Device.X."}, cwmp.Argument{Name: "ParameterKey", Value: "k2"}))
	set := func(key string) string {
		return string(cwmp.SetParameterValues(cwmp.DefaultDialect, "7", []cwmp.Param{{Name: "Device.X.ParameterKey", Value: "no"}}, key))
	}
	for _, tc := range []struct{ order, answer, want string }{
		{set("k2"), setDone("7"), "k2"},
		{set(""), setDone("7"), ""},
		{set("k2"), fault, "k1"},
		{add, string(cwmp.Call(cwmp.DefaultDialect, "7", "AddObjectResponse", cwmp.Argument{Name: "InstanceNumber", Value: "1"})), "k2"},
		{add, fault, "k1"},
		{string(cwmp.Reboot(cwmp.DefaultDialect, "7", "k2")), string(cwmp.RebootResponse(cwmp.DefaultDialect, "7")), "k1"},
	} {
		p := injecting(asks("a", setURL("1"), RPC{Method: "DeleteObject", Names: []string{"Device.Y.1."}}))
		c := newGate(t, []*fakeACS{newACS(t, asksACS(tc.order))}, p.option).dial()
		c.ask(post(informWithKey("1", "k1")))
		if a := c.ask(post("")); a.body != tc.order {
			t.Fatalf("got %q", a.body)
		}
		m := told(t, c.ask(post(tc.answer)), "SetParameterValues")
		if m.Elements[0].Value != tc.want {
			t.Errorf("key %q after %s and %s, want %q", m.Elements[0].Value, tc.order, tc.answer, tc.want)
		}
		if m = told(t, c.ask(post(setDone(m.ID))), "DeleteObject"); m.Elements[0].Value != tc.want {
			t.Errorf("key %q", m.Elements[0].Value)
		}
	}
}

// TestInjectForms: answers are taken in whatever form they come, and none of them
// reaches the ACS.
func TestInjectForms(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	request := cwmp.GetRPCMethods(cwmp.DefaultDialect, "5")
	for name, tc := range map[string]struct {
		fields  []string
		body    func(id string) string
		outcome string
		odd     string
	}{
		"gzip": {[]string{"Content-Encoding: gzip"}, func(id string) string {
			zipped.Reset()
			w := gzip.NewWriter(&zipped)
			if _, err := w.Write([]byte(values(id, mURL, "x"))); err != nil || w.Close() != nil {
				t.Error("gzip failed")
			}
			return zipped.String()
		}, InjectionDone, ""},
		"gzip under auth-int": {[]string{"Content-Encoding: gzip", `Authorization: Digest username="u", nonce="n", qop=auth-int, uri="/cwmp", nc=00000003, response="2"`}, func(id string) string {
			zipped.Reset()
			w := gzip.NewWriter(&zipped)
			if _, err := w.Write([]byte(values(id, mURL, "x"))); err != nil || w.Close() != nil {
				t.Error("gzip failed")
			}
			return zipped.String()
		}, InjectionDone, ""},
		"no ID":         {nil, func(string) string { return values("", mURL, "x") }, InjectionDone, "id"},
		"another ID":    {nil, func(string) string { return values("1234", mURL, "x") }, InjectionDone, "id"},
		"two answers":   {nil, func(id string) string { return values(id, mURL, "x") + values("8", mURL, "y") }, InjectionDone, "repeated"},
		"another RPC's": {nil, setDone, InjectionIgnored, "unreadable"},
		"garbage":       {nil, func(string) string { return "<html>gw-" }, InjectionIgnored, "unreadable"},
		"cut off":       {nil, func(id string) string { return values(id, mURL, "x")[:300] }, InjectionIgnored, "unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			acs := newACS(t, nil)
			p := injecting(asks("a", getURL()))
			g := newGate(t, []*fakeACS{acs}, p.option)
			c := g.dial()
			c.ask(post(inform("1")))
			m := told(t, c.ask(post("")), "GetParameterValues")
			statusOf(t, c.ask(post(tc.body(m.ID), tc.fields...)), 204)
			r := only(t, p, "a", tc.outcome, 1)
			if tc.outcome == InjectionDone && (len(r.RPCs[0].Values) != 1 || r.RPCs[0].Values[0].Value != "x") {
				t.Errorf("result %+v", r)
			}
			if len(acs.requests()) != 2 {
				t.Errorf("the ACS heard %q", heard(acs))
			}
			if tc.odd != "" && g.counter("acsgate_injection_oddities_total", "kind", tc.odd) != 1 {
				t.Errorf("no oddity %q is counted", tc.odd)
			}
		})
	}
	t.Run("with a request", func(t *testing.T) {
		acs := newACS(t, func(r seen) string {
			if r.msg.Method == "GetRPCMethods" {
				return xml200(cwmp.GetRPCMethodsResponse(cwmp.DefaultDialect, r.msg.ID, nil))
			}
			return plainACS(r)
		})
		p := injecting(asks("a", getURL(), setURL("1")))
		c := newGate(t, []*fakeACS{acs}, p.option).dial()
		c.ask(post(inform("1")))
		m := told(t, c.ask(post("")), "GetParameterValues")
		if a := c.ask(post(values(m.ID, mURL, "x") + string(request))); !strings.Contains(a.body, "GetRPCMethodsResponse") {
			t.Fatalf("got %s%s", a.raw, a.body)
		}
		m = told(t, c.ask(post("")), "SetParameterValues")
		statusOf(t, c.ask(post(setDone(m.ID))), 204)
		only(t, p, "a", InjectionDone, 2)
		if all := acs.requests(); len(all) != 4 || all[2].body != string(request) {
			t.Errorf("the ACS heard %q", heard(acs))
		}
	})
}

// TestInjectRepeated: a CPE that has missed a reply says its answer again and is
// told again what to do.
func TestInjectRepeated(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	p := injecting(asks("a", getURL(), setURL("1")))
	g := newGate(t, []*fakeACS{acs}, p.option)
	c := g.dial()
	pair := c.ask(post(inform("1"))).cookie(t)
	m := told(t, c.ask(post("", cookieLine(pair)...)), "GetParameterValues")
	c.ask(post(values(m.ID, mURL, "x"), cookieLine(pair)...))
	c.hangUp()
	c = g.dial()
	m = told(t, c.ask(post(values(m.ID, mURL, "y"), cookieLine(pair)...)), "SetParameterValues")
	statusOf(t, c.ask(post(setDone(m.ID), cookieLine(pair)...)), 204)
	if r := only(t, p, "a", InjectionDone, 2); r.RPCs[0].Values[0].Value != "x" || len(acs.requests()) != 2 {
		t.Errorf("result %+v, the ACS heard %q", r, heard(acs))
	}
}

// TestInjectChallenged: an ACS that challenges the empty POST which was held back
// gets its answer with the next message, and still nothing of the RPC.
func TestInjectChallenged(t *testing.T) {
	t.Parallel()
	for _, echo := range []bool{true, false} {
		acs := newACS(t, func(r seen) string {
			if r.msg.Method != "Inform" && !r.head.Fields.Has("Authorization") {
				return challenge("n1")
			}
			return plainACS(r)
		})
		p := injecting(atHead(asks("a", getURL())))
		g := newGate(t, []*fakeACS{acs}, p.option)
		c := g.dial()
		c.ask(post(inform("1")))
		m := told(t, c.ask(post("")), "GetParameterValues")
		if !echo {
			m.ID = ""
		}
		answer := values(m.ID, mURL, "x")
		statusOf(t, c.ask(post(answer, "Content-Type: text/xml")), 401)
		statusOf(t, c.ask(post(answer, "Content-Type: text/xml", digestLine("n1", "u"))), 204)
		all := acs.requests()
		if len(all) != 3 || all[2].body != "" || !all[2].head.Fields.Has("Authorization") || all[2].head.Fields.Has("Content-Type") {
			t.Errorf("the ACS heard %q", heard(acs))
		}
		if only(t, p, "a", InjectionDone, 1); g.outcomes(1)[0] != Complete {
			t.Errorf("outcomes %q", g.outcomes(1))
		}
	}
}

// TestNothingInjected: neither where nobody knows the device, nor where the ACS
// has not taken the Inform, nor in the middle of a talk.
func TestNothingInjected(t *testing.T) {
	t.Parallel()
	fault := func(seen) string { return xml200(cwmp.FaultEnvelope(cwmp.DefaultDialect, "1", "8002", "")) }
	for name, tc := range map[string]struct {
		answer func(seen) string
		bodies []string
		asked  int
	}{
		"anonymous":       {func(seen) string { return "HTTP/1.1 204 No Content\r\n\r\n" }, []string{"", "", "<html/>"}, 0},
		"refused":         {fault, []string{inform("1")}, 0},
		"unavailable":     {func(seen) string { return "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" }, []string{inform("1"), ""}, 0},
		"no answer to it": {func(seen) string { return "HTTP/1.1 204 No Content\r\n\r\n" }, []string{inform("1"), ""}, 0},
		"no CWMP":         {func(seen) string { return ok200("<html/>") }, []string{inform("1"), ""}, 0},
		"the CPE's turn":  {plainACS, []string{inform("1"), string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "2"))}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := injecting(asks("t", getURL()))
			c := newGate(t, []*fakeACS{newACS(t, tc.answer)}, p.option).dial()
			for _, body := range tc.bodies {
				a := c.ask(post(body))
				if strings.Contains(a.body, "gw-") {
					t.Errorf("%q was answered with %q", body, a.body)
				}
				if a.fields.Get("Connection") == "close" {
					break
				}
			}
			if n := len(p.inputs()); n != tc.asked {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestInjectWhileStopping: nothing begins while the gateway drains.
func TestInjectWhileStopping(t *testing.T) {
	t.Parallel()
	p := injecting(asks("a", getURL()))
	g := newGate(t, []*fakeACS{newACS(t, nil)}, p.option, func(c *Config, _ *Deps) { c.DrainTimeout = 10 * time.Second })
	c := g.dial()
	c.ask(post(inform("1")))
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.stop() }()
	eventually(t, "the gateway drains", g.Draining)
	statusOf(t, c.ask(post("")), 204)
	only(t, p, "a", InjectionDeferred, 0)
	<-stopped
}

// TestInjectedMethods: what cannot be built is refused with the reason.
func TestInjectedMethods(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rpc RPC
		ok  bool
	}{
		{RPC{Method: "GetParameterNames", Names: []string{"Device."}, NextLevel: true}, true},
		{RPC{Method: "GetParameterNames"}, false},
		{RPC{Method: "SetParameterAttributes", Attributes: []cwmp.Attribute{{Name: "A", Notification: 2}}}, true},
		{RPC{Method: "Reboot", Args: []cwmp.Argument{{Name: "CommandKey", Value: "k"}}}, true},
		{RPC{Method: "FactoryReset"}, true},
		{RPC{Method: "ScheduleDownload"}, false},
		{RPC{Method: "X_Vendor"}, false},
		{RPC{}, false},
	} {
		body, err := tc.rpc.envelope(cwmp.DefaultDialect, newInjectedID(), "k")
		if (err == nil) != tc.ok {
			t.Errorf("%+v: %v", tc.rpc, err)
		}
		if m, scanned := cwmp.Scan(body, cwmp.Options{}); err == nil && (scanned != nil || m.Method != tc.rpc.Method) {
			t.Errorf("%+v: %q", tc.rpc, body)
		}
	}
	in := &injector{}
	in.take([]Injection{asks("bad", RPC{Method: "X"}), asks("good", getURL())}, false)
	if in.next(time.Now(), false) == nil || in.results[0].Outcome != InjectionFault || !strings.Contains(in.results[0].Detail, `"X"`) {
		t.Errorf("results %+v", in.results)
	}
}

// TestInjectionCostsNothing where there is nobody to ask.
func TestInjectionCostsNothing(t *testing.T) {
	s, sess, r := &Server{}, &session{}, &request{}
	head, msg, rep := &httpwire.Response{Status: 200}, &cwmp.Message{Kind: cwmp.Empty}, reply{}
	n := testing.AllocsPerRun(100, func() {
		s.openToInjections(nil, sess, r, msg)
		if _, done := s.injected(nil, sess, r); done {
			t.Error("answered")
		}
		sess.noteForInjections(r)
		sess.noteAskedForInjections(head, msg, nil)
		if _, held := s.beginTail(nil, sess, r, rep); held || sess.readForInjections() != nil {
			t.Error("held")
		}
		s.endInjections(sess, Complete)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestInjectLost: a gateway that stops leaves an unknown outcome behind, and says
// so.
func TestInjectLost(t *testing.T) {
	t.Parallel()
	p := injecting(asks("a", setURL("1")))
	g := newGate(t, []*fakeACS{newACS(t, nil)}, p.option)
	c := g.dial()
	c.ask(post(inform("1")))
	told(t, c.ask(post("")), "SetParameterValues")
	c.hangUp()
	g.stop()
	if r := only(t, p, "a", InjectionLost, 1); !r.RPCs[0].Unknown || g.outcomes(1)[0] != Stopped {
		t.Errorf("result %+v, outcomes %q", r, g.outcomes(1))
	}
}

// TestInjectSessionTimeout: a CPE that asks for patience gets it.
func TestInjectSessionTimeout(t *testing.T) {
	t.Parallel()
	g := newGate(t, []*fakeACS{newACS(t, nil)}, injecting(asks("a", setURL("1"))).option)
	c := g.dial()
	c.ask(post(string(cwmp.Inform(cwmp.DefaultDialect, "1", cwmp.InformData{Device: device("1"), SessionTimeout: 300}))))
	told(t, c.ask(post("")), "SetParameterValues")
	sess := g.table.of(device("1"))
	if got := sess.idleLimit(); got != 300*time.Second {
		t.Errorf("the CPE has %v", got)
	}
}

// TestInjectThroughTwoGateways: what another gateway asks through this one is none
// of its own.
func TestInjectThroughTwoGateways(t *testing.T) {
	t.Parallel()
	outer := newGate(t, []*fakeACS{newACS(t, nil)}, injecting(asks("outer", setURL("1"), getURL())).option)
	for _, p := range []*programs{injecting(), injecting(atHead(asks("inner", getURL())))} {
		g := newGate(t, nil, inFrontOf("http://"+outer.addr), p.option)
		c := g.dial()
		c.ask(post(inform("1")))
		a := c.ask(post(""))
		if len(p.make(InjectionInput{})) > 0 {
			a = c.ask(post(values(told(t, a, "GetParameterValues").ID, mURL, "x")))
		}
		a = c.ask(post(setDone(told(t, a, "SetParameterValues").ID)))
		statusOf(t, c.ask(post(values(told(t, a, "GetParameterValues").ID, mURL, "x"))), 204)
	}
	if got := outer.outcomes(2); !slices.Equal(got, []string{Complete, Complete}) {
		t.Errorf("outcomes %q", got)
	}
}

// TestInjectConnectionClose: the connection goes on by what the CPE says now, not
// by what it said in the message that was held back.
func TestInjectConnectionClose(t *testing.T) {
	t.Parallel()
	g := newGate(t, []*fakeACS{newACS(t, nil)}, injecting(atHead(asks("a", getURL()))).option)
	c := g.dial()
	c.ask(post(inform("1")))
	m := told(t, c.ask(post("")), "GetParameterValues")
	if a := c.ask(post(values(m.ID, mURL, "x"), "Connection: close")); a.fields.Get("Connection") != "close" || !c.closed() {
		t.Errorf("the connection stays open: %s", a.raw)
	}
}

// TestInjectLeavesTheUnread: what the ACS asks in a form that nobody here can read
// is still its own to be answered.
func TestInjectLeavesTheUnread(t *testing.T) {
	t.Parallel()
	acs := newACS(t, asksACS("<html>who knows</html>"))
	g := newGate(t, []*fakeACS{acs}, injecting(atHead(asks("a", getURL()))).option)
	c := g.dial()
	c.ask(post(inform("1")))
	m := told(t, c.ask(post("")), "GetParameterValues")
	c.ask(post(values(m.ID, mURL, "x")))
	answer := setDone("9")
	statusOf(t, c.ask(post(answer)), 204)
	if all := acs.requests(); len(all) != 3 || all[2].body != answer {
		t.Errorf("the ACS heard %q", heard(acs))
	}
}

// TestInjectTeaches: what the CPE tells the gateway is learned as what it tells
// the ACS is, and the cookie is offered until it comes back.
func TestInjectTeaches(t *testing.T) {
	t.Parallel()
	var l lessons
	g := newGate(t, []*fakeACS{newACS(t, nil)}, l.option, injecting(asks("a", RPC{Method: "GetParameterValues", Names: []string{igd + "ManagementServer."}})).option)
	c := g.dial()
	c.ask(post(inform("1")))
	first := c.ask(post(""))
	last := c.ask(post(values(told(t, first, "GetParameterValues").ID, igd+"ManagementServer.STUNUsername", "u")))
	l.expect(t, Learned{STUNUsername: "u"})
	if first.cookie(t) == "" || last.cookie(t) != first.cookie(t) || last.status != 204 {
		t.Errorf("cookies %q and %q", first.cookie(t), last.cookie(t))
	}
}

// TestC56_Ledger: of several requests in one message each has its own answer.
func TestC56_Ledger(t *testing.T) {
	t.Parallel()
	ask := func(method, id, key string) cwmp.Message {
		return cwmp.Message{Kind: cwmp.Request, Method: method, ID: id, Elements: []cwmp.Param{{Name: "ParameterKey", Value: key}}}
	}
	said := func(methods ...string) *request {
		r := &request{}
		for i, m := range methods {
			r.more = append(r.more, cwmp.Message{Kind: cwmp.Response, Method: m, ID: fmt.Sprint(i)})
		}
		return r
	}
	var l ledger
	first := ask("SetParameterValues", "0", "k0")
	l.noteACS(&first, []cwmp.Message{ask("SetParameterValues", "1", "k1")})
	l.noteCPE(&request{msg: cwmp.Message{Kind: cwmp.Response, Method: "SetParameterValuesResponse", ID: "1"}})
	if l.key != "k1" {
		t.Errorf("key %q", l.key)
	}
	l.noteCPE(said("ScheduleDownloadResponse", "ScheduleDownloadResponse"))
	l.noteCPE(said(cwmp.MethodTransferComplete))
	if l.transfers != 1 {
		t.Errorf("%d transfers", l.transfers)
	}
}
