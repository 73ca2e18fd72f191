package proxy

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// sim makes a simulated CPE of a make, or of one made from it.
func (g *gate) sim(name string, change func(*simnet.Make)) *simnet.CPE {
	g.t.Helper()
	m, ok := simnet.MakeNamed(name)
	if !ok {
		g.t.Fatalf("no make %q", name)
	}
	if change != nil {
		change(&m)
	}
	cpe, err := simnet.NewCPE(simnet.CPEConfig{URL: "http://" + g.addr + "/", Make: m, Username: "cpe1", Password: "cpepw", Trace: true})
	if err != nil {
		g.t.Fatal(err)
	}
	return cpe
}

// mustHold holds a whole session and returns what happened.
func mustHold(t *testing.T, cpe *simnet.CPE, a *simnet.ACS) simnet.Result {
	t.Helper()
	r, err := cpe.Session(t.Context(), cwmp.EventPeriodic)
	if err != nil {
		t.Fatalf("%v\nstatuses %v\nACS: %q", err, r.Statuses(), a.Problems())
	}
	return r
}

var twoRPCs = simnet.Asking(simnet.GetValues("{root}DeviceInfo.SoftwareVersion"), simnet.SetValue("{root}DeviceInfo.ProvisioningCode", "x"))

// TestC69_DeclarationByQuirk: clients as shipped cannot read an answer that
// begins with an XML declaration. With the quirk for their OUI they complete,
// without it the bytes pass untouched and they fail.
func TestC69_DeclarationByQuirk(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"netcwmp-shipped", "tr069agent-shipped"} {
		m, _ := simnet.MakeNamed(name)
		t.Run(name+"/on", func(t *testing.T) {
			t.Parallel()
			a := simACS(t, simnet.ACSConfig{Script: twoRPCs})
			g := newGate(t, nil, inFrontOf(a.URL()), stripsFor(t, m.Device.OUI))
			if r := mustHold(t, g.sim(name, nil), a); len(r.RPCs) != 2 {
				t.Errorf("RPCs %q", r.RPCs)
			}
		})
		t.Run(name+"/off", func(t *testing.T) {
			t.Parallel()
			a := simACS(t, simnet.ACSConfig{Script: twoRPCs})
			g := newGate(t, nil, inFrontOf(a.URL()), stripsFor(t, "ABCDEF"))
			r, err := g.sim(name, nil).Session(t.Context(), cwmp.EventPeriodic)
			var broken *simnet.Violation
			if !errors.As(err, &broken) || broken.Quirk != "C-64" {
				t.Errorf("error %v, want a violation of C-64", err)
			}
			if last := r.Legs[len(r.Legs)-1]; !bytes.HasPrefix(last.ReplyBody, []byte("<?xml")) {
				t.Errorf("the declaration was touched: %q", last.ReplyBody)
			}
		})
	}
}

// stripsFor makes a quirk table that knows the one OUI.
func stripsFor(t *testing.T, oui string) option {
	t.Helper()
	table, err := cwmp.NewQuirkTable([]cwmp.QuirkRule{{Name: "shipped", OUI: []string{oui}, Quirks: cwmp.Quirks{StripXMLDeclaration: true}}})
	if err != nil {
		t.Fatal(err)
	}
	return func(_ *Config, d *Deps) { d.Quirks = table.For }
}

// TestC66_C68_WeakClients: whatever the ACS does with its replies, the weakest
// clients complete: chunks, closes, cookies, empty 200s.
func TestC66_C68_WeakClients(t *testing.T) {
	t.Parallel()
	for what, bad := range map[string]simnet.Misbehaviour{
		"chunked": {Chunked: true}, "closes": {Close: true}, "closes silently": {CloseSilently: true}, "no reason": {NoReason: true},
		"until the end": {ToEOF: true}, "HTTP/1.0": {HTTP10: true}, "gzip": {Gzip: true}, "100 first": {Interim: []int{100, 102}},
		"in pieces": {Piece: 50}, "empty 200": {EmptyAs200: true}, "chunked and closes": {Chunked: true, Close: true},
	} {
		for _, name := range []string{"netcwmp", "evcpe", "genieacs-sim", "cwmp-sim", "rdkb", "easycwmp"} {
			t.Run(what+"/"+name, func(t *testing.T) {
				t.Parallel()
				a := simACS(t, simnet.ACSConfig{
					Script: twoRPCs, ExtraCookies: []string{"route=7; Path=/; HttpOnly"},
					Misbehave: func(*simnet.Exchange) simnet.Misbehaviour { return bad },
				})
				g := newGate(t, nil, inFrontOf(a.URL()), func(_ *Config, d *Deps) {
					d.Quirks = func(cwmp.DeviceID, string) cwmp.Quirks { return cwmp.Quirks{EmptyAs204: true} }
				})
				cpe := g.sim(name, func(m *simnet.Make) { m.NoReconnect = true; m.Rules.OneCookie = true })
				r := mustHold(t, cpe, a)
				if len(r.RPCs) != 2 || r.Connections != 1 {
					t.Errorf("RPCs %q on %d connections", r.RPCs, r.Connections)
				}
				if p := a.Problems(); len(p) > 0 {
					t.Errorf("the ACS complains: %q", p)
				}
			})
		}
	}
}

// TestC67_AuthorisesOnce: clients that send an empty uri and authorise the Inform
// alone, or repeat their nonce count, hold whole sessions with a strict ACS.
func TestC67_AuthorisesOnce(t *testing.T) {
	t.Parallel()
	for name, authorised := range map[string]int{"netcwmp": 1, "cwmp-sim": 4} {
		a := simACS(t, simnet.ACSConfig{Mode: simnet.Strict, Script: twoRPCs, Auth: simnet.ACSAuth{
			Scheme: "digest", QOP: "auth", BindNonce: true, Password: simnet.OneUser("cpe1", "cpepw"),
		}})
		g := newGate(t, nil, inFrontOf(a.URL()))
		r := mustHold(t, g.sim(name, nil), a)
		got := 0
		for _, x := range a.Exchanges() {
			if line := x.Fields.Get("Authorization"); line != "" {
				got++
				if odd := strings.Contains(line, `uri=""`) || strings.Contains(line, "nc=00000001"); !odd {
					t.Errorf("%s: the ACS got %q", name, line)
				}
			}
		}
		if len(r.RPCs) != 2 || got != authorised {
			t.Errorf("%s: RPCs %q, %d answers to the challenge", name, r.RPCs, got)
		}
	}
}

// TestC27_ClientFollows: a redirect that is passed takes a CPE to the other ACS,
// body and all, and its session completes there.
func TestC27_ClientFollows(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"easycwmp", "rdkb", "icwmp", "generic"} {
		other := simACS(t, simnet.ACSConfig{Script: twoRPCs})
		first := simACS(t, simnet.ACSConfig{Misbehave: func(*simnet.Exchange) simnet.Misbehaviour {
			return simnet.Misbehaviour{Redirect: other.URL() + "there", Status: 301}
		}})
		g := newGate(t, nil, inFrontOf(first.URL()), func(c *Config, _ *Deps) { c.Upstreams[0].Redirects = RedirectsPass })
		r := mustHold(t, g.sim(name, nil), other)
		if got := r.Statuses(); got[0] != 307 || len(r.RPCs) != 2 {
			t.Errorf("%s: statuses %v, RPCs %q", name, got, r.RPCs)
		}
		if x := other.Exchanges(); x[0].Message.Method != "Inform" || len(first.Exchanges()) != 1 {
			t.Errorf("%s: %d requests at the first ACS", name, len(first.Exchanges()))
		}
	}
}

// TestC28_ClientsStay: followed by the gateway, the same redirects are unknown to
// the CPE, which stays at the gateway.
func TestC28_ClientsStay(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		other := simACS(t, simnet.ACSConfig{Mode: simnet.Strict, Script: twoRPCs})
		first := simACS(t, simnet.ACSConfig{Misbehave: func(*simnet.Exchange) simnet.Misbehaviour {
			return simnet.Misbehaviour{Redirect: other.URL() + "tr069/", Status: status}
		}})
		g := newGate(t, nil, inFrontOf(first.URL()))
		r := mustHold(t, g.sim("genieacs-sim", nil), other) // which dies of anything but 2xx
		if slices.ContainsFunc(r.Legs, func(l simnet.Leg) bool { return l.Remote.String() != g.addr }) || len(r.RPCs) != 2 {
			t.Errorf("%d: legs %+v", status, r.Legs)
		}
	}
}

// TestC32_GzipClients: a CPE with compressed bodies holds a session with an ACS
// that takes none, plainly or by its 415 where a digest answer covers the bytes.
func TestC32_GzipClients(t *testing.T) {
	t.Parallel()
	for _, authInt := range []bool{false, true} {
		qop := map[bool]string{false: "auth", true: "auth,auth-int"}[authInt]
		a := simACS(t, simnet.ACSConfig{NoCompression: true, Script: twoRPCs, Auth: simnet.ACSAuth{
			Scheme: "digest", QOP: qop, Password: simnet.OneUser("cpe1", "cpepw"), EveryRequest: true,
		}})
		g := newGate(t, nil, inFrontOf(a.URL()))
		r := mustHold(t, g.sim("icwmp-gzip", func(m *simnet.Make) { m.Digest.AuthInt = authInt }), a)
		if refused := slices.Contains(r.Statuses(), 415); refused != authInt || len(r.RPCs) != 2 {
			t.Errorf("auth-int %v: statuses %v, RPCs %q", authInt, r.Statuses(), r.RPCs)
		}
		if p := a.Problems(); len(p) > 0 {
			t.Errorf("the ACS complains: %q", p)
		}
	}
}
