package proxy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func evil(id string) string {
	return string(cwmp.SetParameterValues(cwmp.DefaultDialect, id, []cwmp.Param{
		{Name: "Device.ManagementServer.PeriodicInformInterval", Value: "60"}, {Name: "Device.ManagementServer.URL", Value: evilURL},
		{Name: "Device.ManagementServer.URL", Value: "http://other/"},
	}, "key"))
}

// saidTo is what an ACS got, in short.
func saidTo(acs *fakeACS) []string {
	var out []string
	for _, r := range acs.requests() {
		what := r.msg.Method
		switch {
		case r.msg.Kind == cwmp.Empty:
			what = "empty"
		case r.msg.Kind == cwmp.Fault:
			what = "Fault " + r.msg.FaultCode + " " + r.msg.ID
		}
		out = append(out, what)
	}
	return out
}

func expectHeard(t *testing.T, acs *fakeACS, want ...string) {
	t.Helper()
	if got := saidTo(acs); !slices.Equal(got, want) {
		t.Errorf("the ACS heard %q, want %q", got, want)
	}
}

// TestC60_C63_Refuse: the CPE does not get what is refused, the ACS gets a fault as
// the CPE would write it, in the same session, and its next answer is the CPE's.
func TestC60_C63_Refuse(t *testing.T) {
	t.Parallel()
	log, lines := observer.New(zap.WarnLevel)
	get := string(cwmp.GetParameterValues(cwmp.DefaultDialect, "2", []string{"Device."}))
	next := script(xml200([]byte(evil("e&<1>"))), xml200([]byte(get), "Set-Cookie: second=2"))
	acs := newACS(t, func(r seen) string {
		return strings.Replace(next(r), "\r\n", "\r\nSet-Cookie: session=s; path=/\r\n", 1)
	})
	g := newGate(t, []*fakeACS{acs}, guardedBy(translate()), func(_ *Config, d *Deps) { d.Log = zap.New(log) })
	p := g.dial()
	body := envelope("soapenv", "x", "urn:dslforum-org:cwmp-1-2", "Inform", deviceIDXML)
	cookie := p.ask(post(body)).cookie(t)
	got := p.ask(post("", "User-Agent: cpe/1", "X-Own: y", "Content-Type: text/xml; charset=us-ascii", "Cookie: "+cookie))
	if got.body != get || got.fields.Has("Set-Cookie") {
		t.Errorf("the CPE got %s%s", got.raw, got.body)
	}
	expectHeard(t, acs, "Inform", "empty", "Fault 9003 e&<1>")
	empty, fault := acs.requests()[1], acs.requests()[2]
	if fault.conn != 1 || fault.head.Target != empty.head.Target {
		t.Errorf("the fault came by connection %d for %s", fault.conn, fault.head.Target)
	}
	for _, name := range []string{"Host", "User-Agent", "X-Own", "Cookie", "X-Forwarded-For"} {
		if was, is := empty.head.Fields.Get(name), fault.head.Fields.Get(name); was == "" || was != is {
			t.Errorf("%s was %q, is %q", name, was, is)
		}
	}
	if fault.head.Fields.Get("Content-Type") != `text/xml; charset="utf-8"` || !fault.head.Fields.Has("SOAPAction") || strings.Count(fault.raw, "Content-Type") != 1 {
		t.Errorf("the fault has the head %s", fault.raw)
	}
	if d := fault.msg.Dialect; d != (cwmp.Dialect{EnvelopePrefix: "soapenv", CWMPPrefix: "x", Namespace: "urn:dslforum-org:cwmp-1-2"}) {
		t.Errorf("the fault is written as %+v", d)
	}
	want := string(cwmp.FaultEnvelope(fault.msg.Dialect, "e&<1>", "9003", "", cwmp.ParamFault{Name: "Device.ManagementServer.URL", Code: "9008"}))
	if fault.body != want {
		t.Errorf("the fault is %q, want %q", fault.body, want)
	}
	statusOf(t, p.ask(post(string(cwmp.GetParameterValuesResponse(cwmp.DefaultDialect, "2", nil)))), 204)
	if out := g.outcomes(1); out[0] != Complete || g.ended[0].Exchanges != 4 {
		t.Errorf("%v after %d exchanges", out, g.ended[0].Exchanges)
	}
	if g.counter("acsgate_guard_total", "acs", "a", "action", "refused") != 1 || g.counter("acsgate_guard_total", "acs", "a", "action", "kept") != 1 {
		t.Error("not counted")
	}
	if n := lines.FilterMessage("acs sets another ManagementServer.URL").Len(); n != 1 {
		t.Errorf("%d alarms in the log", n)
	}
}

// TestC60_AlarmsAreBounded: an ACS that does so with all its CPEs does not fill the
// log.
func TestC60_AlarmsAreBounded(t *testing.T) {
	t.Parallel()
	log, lines := observer.New(zap.WarnLevel)
	acs := newACS(t, func(r seen) string {
		if r.msg.Kind == cwmp.Empty {
			return xml200([]byte(evil("1")))
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs}, guardedBy(translate()), func(_ *Config, d *Deps) { d.Log = zap.New(log) })
	for i := range 20 {
		p := g.dial()
		p.ask(post(inform(fmt.Sprint(i))))
		statusOf(t, p.ask(post("")), 204)
	}
	if n := lines.FilterMessage("acs sets another ManagementServer.URL").Len(); n != 3 || g.counter("acsgate_guard_total", "action", "refused") != 20 {
		t.Errorf("%d alarms in the log", n)
	}
}

// TestC60_RefuseFaultCodes: the guard's code is that of the parameter, 9001 without
// one.
func TestC60_RefuseFaultCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"": "9001", "9007": "9007"} {
		_, acs, _ := offered(t, evil("1"), nil, guardedBy(&Guard{ToCPE: func(string) URLVerdict { return URLVerdict{Action: URLRefuse, Fault: code} }}))
		fault := acs.requests()[2].body
		if strings.Count(fault, "<FaultCode>"+want+"</FaultCode>") != 2 || strings.Count(fault, "<FaultCode>9003</FaultCode>") != 1 {
			t.Errorf("fault %q", fault)
		}
	}
}

// TestC60_RefuseLoop: an ACS that asks without end is given up, and the CPE's session
// ends in peace; a CPE that had something to say comes again.
func TestC60_RefuseLoop(t *testing.T) {
	t.Parallel()
	acs := newACS(t, func(r seen) string {
		if r.msg.Method == cwmp.MethodInform {
			return plainACS(r)
		}
		return xml200([]byte(evil("1")))
	})
	g := newGate(t, []*fakeACS{acs}, guardedBy(translate()))
	p := g.dial()
	p.ask(post(inform("1")))
	if got := p.ask(post("")); got.status != 204 || got.body != "" {
		t.Errorf("the CPE got %d %q", got.status, got.body)
	}
	if n := len(acs.requests()); n != 2+maxRefusals {
		t.Errorf("the ACS got %d requests", n)
	}
	p = g.dial()
	p.ask(post(inform("2")))
	statusOf(t, p.ask(post(string(cwmp.TransferComplete(cwmp.DefaultDialect, "t", cwmp.TransferCompleteData{})))), 503)
	if out := g.outcomes(2); out[0] != Guarded || out[1] != Guarded || g.counter("acsgate_guard_total", "action", "loop") != 2 || g.SessionCount("") != 0 {
		t.Errorf("%v", out)
	}
}

// TestC60_RefuseEnd: whatever the ACS says to the fault is the CPE's answer.
func TestC60_RefuseEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer  string
		status  int
		outcome string
	}{
		"204":          {"HTTP/1.1 204 No Content\r\n\r\n", 204, Complete},
		"empty 200":    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, Complete},
		"closes":       {"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", 204, Complete},
		"400":          {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 400, ACSRefused},
		"503":          {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503, ACSRefused},
		"bare 401":     {"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", 400, ACSRefused},
		"gone":         {"", 503, ACSFailed},
		"broken":       {"HTTP/1.1 two hundred\r\n\r\n", 503, ACSFailed},
		"another host": {"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 204, Complete},
	} {
		t.Run(name, func(t *testing.T) {
			acs := newACS(t, script(xml200([]byte(evil("1"))), tc.answer, tc.answer))
			if name == "another host" {
				acs.answer = script(xml200([]byte(evil("1"))), tc.answer) // quirk C-28
			}
			g := newGate(t, []*fakeACS{acs}, guardedBy(translate()))
			p := g.dial()
			p.ask(post(inform("1")))
			statusOf(t, p.ask(post("")), tc.status)
			if out := g.outcomes(1); out[0] != tc.outcome {
				t.Errorf("outcome %s", out[0])
			}
		})
	}
}

// TestC28_C60_RedirectStaysInside: an ACS that redirects its own session is followed
// with the fault, and the CPE never hears of it.
func TestC28_C60_RedirectStaysInside(t *testing.T) {
	t.Parallel()
	acs := newACS(t, script(xml200([]byte(evil("1"))), "HTTP/1.1 302 Found\r\nLocation: /new?x=1\r\nContent-Length: 0\r\n\r\n"))
	p := newGate(t, []*fakeACS{acs}, guardedBy(translate())).dial()
	p.ask(post(inform("1")))
	statusOf(t, p.ask(post("")), 204)
	expectHeard(t, acs, "Inform", "empty", "Fault 9003 1", "Fault 9003 1")
	if got := acs.requests()[3]; got.head.Target != "/new?x=1" || got.body != acs.requests()[2].body {
		t.Errorf("%s %q", got.head.Target, got.body)
	}
}

// countingACS takes each nonce count once, and answers with said to the first empty
// POST. fresh is whether it tells that a nonce is merely stale.
func countingACS(said string, lenient bool) func(seen) string {
	var mu sync.Mutex
	used, nonces, told := map[string]bool{}, 0, false
	return func(r seen) string {
		mu.Lock()
		defer mu.Unlock()
		answer := r.head.Fields.Get("Authorization")
		if answer == "" || used[answer] && !lenient || !strings.Contains(answer, fmt.Sprintf("nonce=\"n%d\"", nonces)) {
			nonces++
			return strings.Replace(challenge(fmt.Sprintf("n%d", nonces)), `qop="auth"`, `stale=true, qop="auth,auth-int"`, 1)
		}
		used[answer] = true
		if r.msg.Kind == cwmp.Empty && !told {
			told = true
			return xml200([]byte(said))
		}
		return plainACS(r)
	}
}

// TestC60_C62_RefuseDigest: an ACS that counts digest answers challenges the fault;
// the CPE answers that, with its own password, and the fault goes in the place of
// what it repeats. The ACS hears nothing twice.
func TestC60_C62_RefuseDigest(t *testing.T) {
	t.Parallel()
	for _, lenient := range []bool{true, false} {
		for _, reconnect := range []bool{false, true} {
			acs := newACS(t, countingACS(evil("1"), lenient))
			g := newGate(t, []*fakeACS{acs}, guardedBy(translate()))
			p := g.dial()
			statusOf(t, p.ask(post(inform("1"))), 401)
			cookie := cookieLine(p.ask(post(inform("1"), digestLine("n1", "u"))).cookie(t))
			second := strings.Replace(digestLine("n1", "u"), "nc=00000001", "nc=00000002", 1)
			got := p.ask(post("", append(cookie, second)...))
			want := []string{"Inform", "Inform", "empty", "Fault 9003 1"}
			if !lenient {
				statusOf(t, got, 401)
				if field := got.fields.Get("WWW-Authenticate"); !strings.Contains(field, `qop="auth"`) || !strings.Contains(field, "n2") {
					t.Errorf("the CPE is challenged with %s", field)
				}
				if reconnect { // quirk C-01
					p.hangUp()
					p = g.dial()
				}
				got = p.ask(post("", append(cookie, digestLine("n2", "u"))...))
				want = append(want, "Fault 9003 1")
				if answer := acs.requests()[4].head.Fields.Get("Authorization"); !strings.Contains(answer, "n2") {
					t.Errorf("the fault was authorised by %s", answer)
				}
			}
			statusOf(t, got, 204)
			expectHeard(t, acs, want...)
			if out := g.outcomes(1); out[0] != Complete {
				t.Errorf("outcome %s", out[0])
			}
		}
	}
}

// TestC60_C62_RefuseUnanswered: a CPE that does not answer the challenge to a fault,
// or covers its own body with the answer, is not asked without end.
func TestC60_C62_RefuseUnanswered(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]func(nonce string) string{
		"no answer": func(string) string { return "X: y" },
		"auth-int":  func(n string) string { return strings.Replace(digestLine(n, "u"), "qop=auth", "qop=auth-int", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			acs := newACS(t, countingACS(evil("1"), false))
			g := newGate(t, []*fakeACS{acs}, guardedBy(translate()))
			p := g.dial()
			p.ask(post(inform("1")))
			p.ask(post(inform("1"), digestLine("n1", "u")))
			got := p.ask(post("", strings.Replace(digestLine("n1", "u"), "nc=00000001", "nc=00000002", 1)))
			for n := 2; got.status == 401 && n < 9; n++ {
				got = p.ask(post("", line(fmt.Sprintf("n%d", n))))
			}
			statusOf(t, got, 204)
			expectHeard(t, acs, append([]string{"Inform", "Inform", "empty", "Fault 9003 1"}, slices.Repeat([]string{"Fault 9003 1"}, maxOwedChallenges)...)...)
			for _, r := range acs.requests()[4:] {
				if strings.Contains(r.raw, "auth-int") {
					t.Errorf("an answer that covers another body is sent: %s", r.raw)
				}
			}
			if out := g.outcomes(1); out[0] != Guarded {
				t.Errorf("outcome %s", out[0])
			}
		})
	}
}

// TestC56_C60_RefuseAmongOthers: of a message with several requests the CPE gets
// all or nothing; what it waits for it gets without what is refused.
func TestC56_C60_RefuseAmongOthers(t *testing.T) {
	t.Parallel()
	d := cwmp.DefaultDialect
	get := string(cwmp.GetParameterValues(d, "2", []string{"Device."}))
	_, acs, got := offered(t, get+evil("1")+"\r\n", nil, guardedBy(translate()))
	statusOf(t, got, 204)
	fault := acs.requests()[2]
	all, err := cwmp.ScanAll([]byte(fault.body), cwmp.Options{})
	if err != nil || len(all) != 2 || all[0].ID != "2" || all[0].FaultCode != "9001" || all[1].ID != "1" || all[1].FaultCode != "9003" {
		t.Errorf("the ACS got %q", fault.body)
	}
	set, becomes := setWith(param(igd+"ManagementServer.URL", acsURLText)), setWith(param(igd+"ManagementServer.URL", cpeURLText))
	done := string(cwmp.TransferCompleteResponse(d, "t"))
	for said, want := range map[string]string{
		evil("1") + done + set + evil("3"): done + becomes,
		done + evil("1"):                   done,
		"<?xml version='1.0' encoding='iso-8859-1'?>" + evil("1") + strings.Replace(done, ">t<", ">\xe4<", 1): "<?xml version='1.0' encoding='iso-8859-1'?>" + strings.Replace(done, ">t<", ">\xe4<", 1),
	} {
		g, acs, got := offered(t, said, nil, guardedBy(translate()))
		if got.body != want || len(acs.requests()) != 2 {
			t.Errorf("the CPE got %q, want %q", got.body, want)
		}
		if g.counter("acsgate_guard_total", "action", "dropped") != 1 {
			t.Error("not counted")
		}
	}
}

// TestC60_RefuseWhatCannotBeEdited: a message that cannot be made harmless does not
// pass.
func TestC60_RefuseWhatCannotBeEdited(t *testing.T) {
	t.Parallel()
	url := param(igd+"ManagementServer.URL", acsURLText)
	for name, tc := range map[string]struct {
		said string
		with *Guard
		more option
	}{
		"text":     {setWith(url), &Guard{ToCPE: func(string) URLVerdict { return URLVerdict{Action: URLReplace, Value: "\x00"} }}, quietly},
		"too many": {setWith(slices.Repeat([]string{url}, maxEdits+1)...), translate(), quietly},
		"memory":   {setWith(url, param("Device.X", strings.Repeat("x", 70<<10))), translate(), func(c *Config, _ *Deps) { c.Limits.BodyMemory = 75 << 10 }},
	} {
		t.Run(name, func(t *testing.T) {
			g, acs, got := offered(t, tc.said, nil, guardedBy(tc.with), tc.more)
			statusOf(t, got, 204)
			expectHeard(t, acs, "Inform", "empty", "Fault 9002 77")
			if g.counter("acsgate_guard_total", "action", "edit_failed") != 1 {
				t.Error("not counted")
			}
		})
	}
}

// TestC60_RefuseInAnswerToInform: even an ACS that asks too early gets its fault, and
// the CPE its InformResponse.
func TestC60_RefuseInAnswerToInform(t *testing.T) {
	t.Parallel()
	acs := newACS(t, func(r seen) string {
		switch r.msg.Kind {
		case cwmp.Request:
			return xml200([]byte(evil("1")))
		case cwmp.Fault:
			return xml200(cwmp.InformResponse(cwmp.DefaultDialect, "1"))
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs}, guardedBy(translate()))
	p := g.dial()
	if got := p.ask(post(inform("1"))); !strings.Contains(got.body, "InformResponse") {
		t.Errorf("the CPE got %q", got.body)
	}
	statusOf(t, p.ask(post("")), 204)
	if len(g.started) != 1 || g.outcomes(1)[0] != Complete {
		t.Errorf("%d Informs accepted", len(g.started))
	}
}

// TestC60_RefuseNeverMoves: a fault is for the ACS that asked, and for no other.
func TestC60_RefuseNeverMoves(t *testing.T) {
	t.Parallel()
	n := 0
	a, b := newACS(t, func(seen) string {
		n++
		return []string{"", xml200([]byte(evil("1"))), challenge("n1"), "", ""}[n]
	}), newACS(t, nil)
	g := newGate(t, []*fakeACS{a, b}, guardedBy(translate()), routeTo("a", "b"))
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 401)
	statusOf(t, p.ask(post(inform("1"), digestLine("n1", "u"))), 503)
	if len(b.requests()) != 0 || g.outcomes(1)[0] != ACSFailed {
		t.Errorf("b got %d requests", len(b.requests()))
	}
}

// TestC60_WithInjections: the gateway's own RPCs run behind a refusal, and their
// answers are not touched by what is shown to the ACS.
func TestC60_WithInjections(t *testing.T) {
	t.Parallel()
	acs := newACS(t, script(xml200([]byte(evil("1")))))
	done := false
	in := injecting(Injection{Name: "x", Next: func(last *RPCResult) (RPC, bool) {
		if last != nil {
			done = len(last.Values) == 1 && last.Values[0].Value == cpeURL
		}
		return RPC{Method: "GetParameterValues", Names: []string{"Device.ManagementServer.URL"}}, last == nil
	}})
	g := newGate(t, []*fakeACS{acs}, guardedBy(translate()), in.option)
	p := g.dial()
	p.ask(post(inform("1")))
	rpc := p.ask(post(""))
	msg, err := cwmp.Scan([]byte(rpc.body), cwmp.Options{})
	if err != nil || msg.Method != "GetParameterValues" {
		t.Fatalf("the CPE got %q", rpc.body)
	}
	statusOf(t, p.ask(post(string(cwmp.GetParameterValuesResponse(cwmp.DefaultDialect, msg.ID, []cwmp.Param{{Name: "Device.ManagementServer.URL", Value: cpeURL}})))), 204)
	expectHeard(t, acs, "Inform", "empty", "Fault 9003 1")
	if g.outcomes(1); !done {
		t.Error("the program was told another value")
	}
}
