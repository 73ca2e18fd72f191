package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// TestInjectIntoMakes: every make carries out what the gateway asks at the head
// and at the tail of its session, and a strict ACS cannot tell that from a session
// without.
func TestInjectIntoMakes(t *testing.T) {
	t.Parallel()
	for _, mode := range []simnet.Mode{simnet.Strict, simnet.FreeACS} {
		for _, m := range simnet.Makes() {
			for scheme, auth := range authSchemes() {
				if scheme == "rfc2069" || scheme == "digest" && m.Rules.Only2xx {
					continue
				}
				for _, connection := range []simnet.Connection{simnet.KeepAlive, simnet.PerPost} {
					if connection != simnet.KeepAlive && (m.NoReconnect || m.Connection != simnet.KeepAlive) {
						continue
					}
					if m := m; m.Connection == simnet.KeepAlive {
						m.Connection = connection
					}
					for _, hold := range []bool{false, true} {
						t.Run(fmt.Sprintf("%v/%s/%s/%d/%v", mode, m.Name, scheme, connection, hold), func(t *testing.T) {
							t.Parallel()
							compareSessions(t, m, connection, simnet.ACSConfig{Mode: mode, Auth: auth, Hold: hold})
						})
					}
				}
			}
		}
	}
}

// compareSessions holds two sessions of a make, one of them with injections.
func compareSessions(t *testing.T, m simnet.Make, connection simnet.Connection, cfg simnet.ACSConfig) {
	t.Helper()
	cfg.Script = simnet.Asking(simnet.GetValues("{root}DeviceInfo.SoftwareVersion"), simnet.SetValue("{root}DeviceInfo.SpecVersion", "2"))
	if m.Connection == simnet.KeepAlive {
		m.Connection = connection
	}
	without, _ := injectedSession(t, m, cfg, nil)
	p := &programs{make: codeAndNotify}
	with, cpe := injectedSession(t, m, cfg, p)
	if !slices.Equal(without, with) {
		t.Errorf("the ACS can tell:\n%s\n\n%s", strings.Join(without, "\n"), strings.Join(with, "\n"))
	}
	for _, r := range p.ended(t, 2) {
		if r.Outcome != InjectionDone || len(r.RPCs) != 2 || !r.RPCs[0].Done() {
			t.Errorf("result %+v", r)
		}
	}
	if got, _ := cpe.Tree().Get(m.Root + "DeviceInfo.ProvisioningCode"); got.Value != "by <gateway> & co" {
		t.Errorf("the CPE has %+v", got)
	}
}

// codeAndNotify is a program for either end of a session.
func codeAndNotify(in InjectionInput) []Injection {
	name := in.Root + "DeviceInfo.ProvisioningCode"
	return []Injection{
		atHead(asks("head", RPC{Method: cwmp.MethodGetParameterValues, Names: []string{name}},
			RPC{Method: cwmp.MethodSetParameterValues, Values: []cwmp.Param{{Name: name, Value: "by <gateway> & co"}}})),
		asks("tail", RPC{Method: cwmp.MethodSetParameterAttributes, Attributes: []cwmp.Attribute{{Name: name, Notification: 2}}},
			RPC{Method: cwmp.MethodGetParameterValues, Names: []string{in.Root + "DeviceInfo."}}),
	}
}

// injectedSession holds one session through a gateway and returns what the ACS
// saw of it.
func injectedSession(t *testing.T, m simnet.Make, cfg simnet.ACSConfig, p *programs) ([]string, *simnet.CPE) {
	t.Helper()
	a := simACS(t, cfg)
	options := []option{inFrontOf(a.URL())}
	if p != nil {
		options = append(options, p.option)
	}
	g := newGate(t, nil, options...)
	cpe, err := simnet.NewCPE(simnet.CPEConfig{
		URL: "http://" + g.addr + "/", Make: m, Username: "cpe1", Password: "cpepw", Trace: true,
		Now: func() time.Time { return time.Unix(1795229054, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	cpe.Tree().Put(m.Root+"ManagementServer.URL", "http://acs.example/") // ports differ
	r, err := cpe.Session(t.Context(), cwmp.EventPeriodic)
	if err != nil {
		t.Fatalf("%v\nstatuses: %v\nACS: %q", err, r.Statuses(), a.Problems())
	}
	eventually(t, "the session has ended", func() bool { return slices.Contains(g.outcomes(1), Complete) })
	if problems := a.Problems(); len(problems) > 0 {
		t.Errorf("the ACS complains: %q", problems)
	}
	var lines []string
	for _, x := range a.Exchanges() {
		var names []string
		for _, f := range x.Fields {
			names = append(names, f.Name)
		}
		body := string(x.Body)
		if x.Message.ID != "" {
			body = strings.ReplaceAll(body, x.Message.ID, "ID") // some are random
		}
		lines = append(lines, fmt.Sprint(x.Conn, x.N, x.Method, x.Target, names, x.Status, x.Replied, x.Authorized, body))
	}
	return lines, cpe
}
