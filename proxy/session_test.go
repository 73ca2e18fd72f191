package proxy

import (
	"slices"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestSession is the plainest session: Inform, empty POST, one RPC, 204.
func TestSession(t *testing.T) {
	rpc := string(cwmp.GetParameterValues(cwmp.DefaultDialect, "g1", []string{"Device.DeviceInfo.UpTime"}))
	acs := newACS(t, func(r seen) string {
		if r.body == "" {
			return xml200([]byte(rpc))
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()

	first := p.ask(post(inform("1"), "SOAPAction:", "Content-Type: text/xml"))
	statusOf(t, first, 200)
	cookie := first.cookie(t)
	if cookie == "" {
		t.Fatal("no cookie with the InformResponse")
	}
	second := p.ask(post("", cookieLine(cookie)...))
	statusOf(t, second, 200)
	if second.body != rpc {
		t.Errorf("RPC changed on its way:\n%s\n%s", second.body, rpc)
	}
	if c := second.cookie(t); c != "" {
		t.Errorf("cookie %q offered again after it came back", c)
	}
	answer := string(cwmp.GetParameterValuesResponse(cwmp.DefaultDialect, "g1", []cwmp.Param{{Name: "Device.DeviceInfo.UpTime", Value: "5"}}))
	last := p.ask(post(answer, cookieLine(cookie)...))
	statusOf(t, last, 204)

	if got := g.outcomes(1); !slices.Equal(got, []string{Complete}) {
		t.Errorf("outcomes %q", got)
	}
	requests := acs.requests()
	if len(requests) != 3 {
		t.Fatalf("%d requests at the ACS", len(requests))
	}
	for i, body := range []string{inform("1"), "", answer} {
		if requests[i].body != body || requests[i].conn != 1 {
			t.Errorf("request %d on connection %d:\n%s", i, requests[i].conn, requests[i].body)
		}
	}
}

// TestParkedConnection: a connection that has been idle for longer than it keeps
// its workspace goes on where it was.
func TestParkedConnection(t *testing.T) {
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	for range 2 {
		statusOf(t, p.ask(post(inform("1"))), 200)
		time.Sleep(parkAfter + 200*time.Millisecond)
		statusOf(t, p.ask(post("")), 204)
	}
	if r := acs.requests(); len(r) != 4 || r[1].conn != 1 || r[3].conn != 2 {
		t.Errorf("ACS saw %d requests", len(r))
	}
}

// TestAcceptedOnlyByInformResponse: a 200 with something else passes, but does
// not make a device known.
func TestAcceptedOnlyByInformResponse(t *testing.T) {
	acs := newACS(t, func(seen) string { return ok200("<html/>") })
	g := newGate(t, []*fakeACS{acs})
	statusOf(t, g.dial().ask(post(inform("1"))), 200)
	g.stop()
	if len(g.started) != 0 {
		t.Errorf("started %+v", g.started)
	}
}
