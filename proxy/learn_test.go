package proxy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// lessons gathers what a proxy learns.
type lessons struct {
	mu  sync.Mutex
	got []Learned
	ids []cwmp.DeviceID
}

func (l *lessons) option(_ *Config, d *Deps) {
	d.Learned = func(id cwmp.DeviceID, learned Learned) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got, l.ids = append(l.got, learned), append(l.ids, id)
	}
}

func (l *lessons) expect(t *testing.T, want ...Learned) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.got) != len(want) || len(want) > 0 && !reflect.DeepEqual(l.got, want) {
		t.Errorf("learned %s, want %s", unmasked(l.got), unmasked(want))
	}
	for _, id := range l.ids {
		if id.SerialNumber != "1" {
			t.Errorf("learned of %s", id)
		}
	}
}

// unmasked shows also what masks itself.
func unmasked(all []Learned) string {
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "[%v %q %q %q %q", l.ByACS, l.ConnectionRequestUsername, string(l.ConnectionRequestPassword), l.STUNUsername, string(l.STUNPassword))
		for _, flag := range []*bool{l.STUNEnable, l.NATDetected} {
			if flag != nil {
				fmt.Fprint(&b, " ", *flag)
			}
		}
		b.WriteString("]")
	}
	return b.String()
}

// setLogin is a SetParameterValues of an ACS.
func setLogin(id, root, suffix string) string {
	s := root + "ManagementServer."
	return string(cwmp.SetParameterValues(cwmp.DefaultDialect, id, []cwmp.Param{
		{Name: s + "PeriodicInformInterval", Value: "300"}, {Name: s + "Password", Value: "acs-secret"},
		{Name: s + "ConnectionRequestUsername", Value: "cr&" + suffix}, {Name: s + "ConnectionRequestPassword", Value: "<crp>" + suffix},
		{Name: s + "STUNUsername", Value: "stun" + suffix}, {Name: s + "STUNPassword", Value: "stunp" + suffix},
		{Name: s + "STUNEnable", Value: "1"}, {Name: s + "X.STUNPassword", Value: "no"}, {Name: "Device.X.ManagementServer.STUNPassword", Value: "no"},
	}, ""))
}

func loginSet(suffix string) Learned {
	return Learned{ByACS: true, ConnectionRequestUsername: "cr&" + suffix, ConnectionRequestPassword: Secret("<crp>" + suffix),
		STUNUsername: "stun" + suffix, STUNPassword: Secret("stunp" + suffix), STUNEnable: new(true)}
}

func setDone(id string) string {
	return string(cwmp.SetParameterValuesResponse(cwmp.DefaultDialect, id, 1))
}

// asksACS answers the Inform, and then each message with the next of its own.
func asksACS(own ...string) func(seen) string {
	n := 0
	return func(r seen) string {
		if r.msg.Method == cwmp.MethodInform {
			return plainACS(r)
		}
		if n++; n > len(own) {
			return plainACS(r)
		}
		return xml200([]byte(own[n-1]))
	}
}

// TestS40_Learned: what the ACS has set is learned once the CPE has accepted it,
// of both roots, and nothing of it is logged.
func TestS40_Learned(t *testing.T) {
	t.Parallel()
	for _, root := range []string{igd, dev2} {
		core, lines := observer.New(zap.DebugLevel)
		var l lessons
		order := setLogin("7", root, "")
		g := newGate(t, []*fakeACS{newACS(t, asksACS(order))}, l.option, func(_ *Config, d *Deps) { d.Log = zap.New(core) })
		p := g.dial()
		p.ask(post(inform("1")))
		if got := p.ask(post("")); got.body != order {
			t.Errorf("the CPE got %q", got.body)
		}
		l.expect(t)
		statusOf(t, p.ask(post(setDone("7"))), 204)
		l.expect(t, loginSet(""))
		p.ask(post(""))
		g.outcomes(1)
		l.expect(t, loginSet(""))
		g.stop()
		for _, line := range lines.All() {
			if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "crp") || strings.Contains(text, "stun") {
				t.Errorf("logged: %s", text)
			}
		}
	}
}

// TestS40_OnlyWhatTheCPEAccepts: a fault, another message, an end of the session and
// a new Inform are no acceptance, and a later one is not of that order.
func TestS40_OnlyWhatTheCPEAccepts(t *testing.T) {
	t.Parallel()
	fault := string(cwmp.FaultEnvelope(cwmp.DefaultDialect, "7", "9003", ""))
	for name, answers := range map[string][]string{
		"fault":                {fault},
		"fault, then response": {fault, setDone("7")},
		"nothing":              {""},
		"another response":     {string(cwmp.RebootResponse(cwmp.DefaultDialect, "7")), setDone("7")},
		"no CWMP":              {"<x/>", setDone("7")},
		"Inform":               {inform("1"), setDone("7")},
		"Inform of another":    {inform("2"), setDone("7")},
		"silence":              {},
	} {
		t.Run(name, func(t *testing.T) {
			var l lessons
			goesOn := string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "8"))
			g := newGate(t, []*fakeACS{newACS(t, asksACS(setLogin("7", igd, ""), goesOn, goesOn))}, l.option)
			p := g.dial()
			p.ask(post(inform("1")))
			p.ask(post(""))
			for _, body := range answers {
				p.ask(post(body))
			}
			l.expect(t)
		})
	}
}

// TestS40_C56_SeveralOrders in one body are told apart by their ID; with one the
// ID is not looked at, which some CPEs do not repeat.
func TestS40_C56_SeveralOrders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		order, answer string
		want          []Learned
	}{
		"both":      {setLogin("1", igd, "a") + setLogin("2", igd, "b"), setDone("1") + setDone("2"), []Learned{loginSet("a"), loginSet("b")}},
		"the other": {setLogin("1", igd, "a") + setLogin("2", igd, "b"), string(cwmp.FaultEnvelope(cwmp.DefaultDialect, "1", "9001", "")) + setDone("2"), []Learned{loginSet("b")}},
		"unknown":   {setLogin("1", igd, "a") + setLogin("2", igd, "b"), setDone("3"), nil},
		"other ID":  {setLogin("1", dev2, "a"), setDone("x"), []Learned{loginSet("a")}},
		"behind":    {string(cwmp.Reboot(cwmp.DefaultDialect, "1", "")) + setLogin("2", dev2, "a"), string(cwmp.RebootResponse(cwmp.DefaultDialect, "1")) + setDone("2"), []Learned{loginSet("a")}},
	} {
		t.Run(name, func(t *testing.T) {
			var l lessons
			g := newGate(t, []*fakeACS{newACS(t, asksACS(tc.order))}, l.option)
			p := g.dial()
			p.ask(post(inform("1")))
			p.ask(post(""))
			p.ask(post(tc.answer))
			l.expect(t, tc.want...)
		})
	}
}

// TestS40_Told: what the CPE tells of itself counts once the Inform is accepted; of
// passwords it tells nothing that could be believed.
func TestS40_Told(t *testing.T) {
	t.Parallel()
	told := func(root string) []string {
		s := root + "ManagementServer."
		return []string{
			param(s+"ConnectionRequestUsername", "<![CDATA[cr&]]>"), param(s+"ConnectionRequestPassword", "********"), param(s+"STUNUsername", "stun"),
			param(s+"STUNPassword", "********"), param(s+"STUNEnable", "true"), param(s+"NATDetected", "0"), param(s+"X.STUNUsername", "no"),
		}
	}
	want := Learned{ConnectionRequestUsername: "cr&", STUNUsername: "stun", STUNEnable: new(true), NATDetected: new(false)}
	for _, root := range []string{igd, dev2} {
		var l lessons
		g := newGate(t, []*fakeACS{newACS(t, nil)}, l.option)
		p := g.dial()
		p.ask(post(informWith(told(root)...)))
		l.expect(t, want)
		p.ask(post(valuesWith(told(root)...)))
		l.expect(t, want, want)
		p.ask(post(valuesWith(param(root+"ManagementServer.STUNUsername", strings.Repeat("x", maxParam+1)), param(root+"ManagementServer.NATDetected", "maybe"))))
		l.expect(t, want, want)
	}
	for name, answer := range map[string]string{
		"challenge": challenge("n"), "fault": xml200(cwmp.FaultEnvelope(cwmp.DefaultDialect, "1", "8001", "")), "503": "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var l lessons
			g := newGate(t, []*fakeACS{newACS(t, func(seen) string { return answer })}, l.option)
			p := g.dial()
			p.ask(post(informWith(told(igd)...)))
			l.expect(t)
			if name == "challenge" {
				p.ask(post(valuesWith(told(igd)...)))
				l.expect(t)
			}
		})
	}
}

// TestS40_WithoutLearned nothing is read of what ACSs set, and nothing is kept.
func TestS40_WithoutLearned(t *testing.T) {
	t.Parallel()
	g := newGate(t, []*fakeACS{newACS(t, asksACS(setLogin("7", igd, "")))})
	p := g.dial()
	p.ask(post(inform("1")))
	p.ask(post(""))
	g.table.byID.Range(func(_ string, sess *session) bool {
		if len(sess.offers) > 0 {
			t.Error("an offer is kept")
		}
		return true
	})
	statusOf(t, p.ask(post(setDone("7"))), 204)
}

func TestLearned_SecretsAreMasked(t *testing.T) {
	l := loginSet("")
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text)
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "d"} {
		shown += fmt.Sprintf("%"+verb+"%"+verb, l, l.STUNPassword)
	}
	core, lines := observer.New(zap.DebugLevel)
	zap.New(core).Info("m", zap.Any("a", l.STUNPassword), zap.Stringer("b", l.STUNPassword))
	shown += fmt.Sprint(lines.All()[0].ContextMap())
	for _, secret := range []string{"crp", "stunp", fmt.Sprintf("%x", "stunp")} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown in %s", secret, shown)
		}
	}
}
