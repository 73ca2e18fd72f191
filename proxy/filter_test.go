package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// filtered lets an ACS ask for nothing but these.
func filtered(methods ...string) option {
	return func(_ *Config, d *Deps) {
		d.Filter = func(GuardInput) func(string) bool {
			return func(method string) bool { return slices.Contains(methods, method) }
		}
	}
}

// TestFilter_C63_C60_OnlyWhatIsAllowed: RPCs that the ACS may not ask are refused
// with 9001 under their own ID; those that it may, GetRPCMethods and answers pass.
func TestFilter_C63_C60_OnlyWhatIsAllowed(t *testing.T) {
	t.Parallel()
	d := cwmp.DefaultDialect
	methods, values := string(cwmp.GetRPCMethods(d, "g1")), string(cwmp.GetParameterValues(d, "g2", []string{dev2}))
	acs := newACS(t, script(
		xml200(cwmp.Reboot(d, "r1", "k")), xml200(cwmp.SetParameterValues(d, "s<1>", []cwmp.Param{{Name: "Device.X", Value: "1"}}, "k")), xml200([]byte(methods)),
		xml200([]byte(values)), xml200([]byte(strings.ReplaceAll(string(cwmp.Reboot(d, "v", "")), "Reboot", "X_VENDOR_Do")))))
	g := newGate(t, []*fakeACS{acs}, filtered("GetParameterValues"))
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	if got := p.ask(post("")); got.body != methods {
		t.Errorf("the CPE got %q", got.body)
	}
	if got := p.ask(post(string(cwmp.GetRPCMethodsResponse(d, "g1", nil)))); got.body != values {
		t.Errorf("the CPE got %q", got.body)
	}
	statusOf(t, p.ask(post(string(cwmp.GetParameterValuesResponse(d, "g2", nil)))), 204)
	var heard []string
	for _, r := range acs.requests() {
		heard = append(heard, fmt.Sprint(r.msg.Method, " ", r.msg.FaultCode, " ", r.msg.ID))
	}
	want := []string{"Inform  1", "  ", "Fault 9001 r1", "Fault 9001 s<1>", "GetRPCMethodsResponse  g1", "GetParameterValuesResponse  g2", "Fault 9001 v"}
	if !slices.Equal(heard, want) {
		t.Errorf("the ACS heard %q, want %q", heard, want)
	}
	if got := g.outcomes(1); got[0] != Complete || g.counter("acsgate_guard_total", "acs", "a", "action", "filtered") != 3 {
		t.Errorf("%v, %v filtered", got, g.counter("acsgate_guard_total"))
	}
	if rpcs := fmt.Sprint(g.ended[0].RPCs); rpcs != "[Inform refused:Reboot refused:SetParameterValues GetRPCMethods GetParameterValues refused:X_VENDOR_Do]" {
		t.Errorf("the summary says %s", rpcs)
	}
}

// TestFilter_C52_Unreadable: what cannot be read may hold anything, so it is not
// passed where little is allowed, and is where only URLs are guarded.
func TestFilter_C52_Unreadable(t *testing.T) {
	t.Parallel()
	get := string(cwmp.GetParameterValues(cwmp.DefaultDialect, "g", []string{dev2}))
	for name, said := range map[string]string{
		"no CWMP": "<html/>", "cut off": get[:len(get)-20], "behind another": get + "<s:Envelope><broken",
	} {
		t.Run(name, func(t *testing.T) {
			g, _, got := offered(t, said, nil, filtered("GetParameterValues"))
			if got.status != 204 || got.body != "" || g.outcomes(1)[0] != Guarded {
				t.Errorf("the CPE got %d %q", got.status, got.body)
			}
			g, _, got = offered(t, said, nil, guardedBy(translate()))
			if got.body != said || g.counter("acsgate_guard_total", "action", "unreadable") != 1 {
				t.Errorf("the CPE got %q", got.body)
			}
		})
	}
	blank := envelope("s", "c", "urn:dslforum-org:cwmp-1-0", "X", "")
	blank = blank[:strings.Index(blank, "<c:X")] + blank[strings.Index(blank, "</s:Body>"):]
	if _, _, got := offered(t, blank, nil, filtered()); got.body != blank {
		t.Errorf("an envelope without a request became %q", got.body)
	}
}
