package simnet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func sentBy(r Result) []string {
	var kinds []string
	for _, leg := range r.Legs {
		kinds = append(kinds, leg.Sent)
	}
	return kinds
}

// TestSequence: the order of TR-069 3.7.1, with a request of the CPE before it
// falls silent.
func TestSequence(t *testing.T) {
	a := startACS(t, ACSConfig{Script: testScript})
	c := newTestCPE(t, a, generic(), nil)
	c.AskRPCMethods()
	r := mustSucceed(t, c)
	want := []string{"Inform", "GetRPCMethods", "empty", "GetParameterValuesResponse", "SetParameterValuesResponse"}
	if got := sentBy(r); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	if !slices.Equal(r.Sent, []string{"Inform", "GetRPCMethods"}) {
		t.Errorf("answered %q", r.Sent)
	}
}

// TestC55_HoldRequests: a CPE that is held posts empty, and speaks once the ACS
// has finished; it may only then fall silent.
func TestC55_HoldRequests(t *testing.T) {
	a := startACS(t, ACSConfig{Script: testScript, Hold: true})
	c := newTestCPE(t, a, generic(), nil)
	c.AskRPCMethods()
	r := mustSucceed(t, c)
	want := []string{"Inform", "empty", "GetParameterValuesResponse", "SetParameterValuesResponse", "GetRPCMethods", "empty"}
	if got := sentBy(r); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	if got := r.Statuses(); !slices.Equal(got, []int{200, 200, 200, 204, 200, 204}) {
		t.Errorf("statuses %v", got)
	}
	if a.Stats().Completed != 1 {
		t.Errorf("stats %+v", a.Stats())
	}
}

// TestTransferComplete: a Download is reported in the next session.
func TestTransferComplete(t *testing.T) {
	script := []RPC{Download("http://files.example/fw.bin")}
	a := startACS(t, ACSConfig{Script: func(_ cwmp.DeviceID, events []cwmp.Event) []RPC {
		if slices.ContainsFunc(events, func(e cwmp.Event) bool { return e.Code == "M Download" && e.CommandKey == "dl" }) {
			return nil
		}
		return script
	}})
	c := newTestCPE(t, a, generic(), nil)
	mustSucceed(t, c)
	if !c.Pending() {
		t.Fatal("nothing is pending after a Download")
	}
	r := mustSucceed(t, c)
	if !slices.Equal(r.Sent, []string{"Inform", "TransferComplete"}) || c.Pending() {
		t.Errorf("second session sent %q", r.Sent)
	}
	last := a.Exchanges()
	if got := eventList(last[3].Message.Events); got != "7 TRANSFER COMPLETE, M Download" {
		t.Errorf("events %q", got)
	}
}

// TestEventsStayPending: a failed session is told again, but for a connection
// request; protocol notes 1.8, 1.9.
func TestEventsStayPending(t *testing.T) {
	a := startACS(t, ACSConfig{})
	a.SetMisbehave(always(Misbehaviour{Status: 503}))
	c := newTestCPE(t, a, generic(), nil)
	if _, err := c.Session(t.Context(), "1 BOOT", "6 CONNECTION REQUEST"); Reason(err) != "status 503" {
		t.Fatalf("error %v", err)
	}
	a.SetMisbehave(nil)
	mustSucceed(t, c, "4 VALUE CHANGE")
	mustSucceed(t, c)
	seen := a.Exchanges()
	for i, want := range map[int]string{1: "1 BOOT, 4 VALUE CHANGE", 3: "2 PERIODIC"} {
		if got := eventList(seen[i].Message.Events); got != want {
			t.Errorf("request %d tells %q, want %q", i, got, want)
		}
	}
	if seen[1].Message.RetryCount != 1 || seen[3].Message.RetryCount != 0 {
		t.Errorf("retry counts %d, %d", seen[1].Message.RetryCount, seen[3].Message.RetryCount)
	}
}

// TestURLChange: SetParameterValues of ManagementServer.URL moves the CPE from
// the next session on, with "0 BOOTSTRAP".
func TestURLChange(t *testing.T) {
	for _, root := range []string{"Device.", "InternetGatewayDevice."} {
		m := generic()
		m.Root, m.Inform = root, informParams(root, "1", "1")
		to := startACS(t, ACSConfig{})
		from := startACS(t, ACSConfig{Script: Asking(SetValue("{root}ManagementServer.URL", to.URL()))})
		c := newTestCPE(t, from, m, nil)
		mustSucceed(t, c)
		if c.URL() != to.URL() {
			t.Fatalf("URL is %q", c.URL())
		}
		mustSucceed(t, c)
		if seen := to.Exchanges(); len(seen) == 0 || eventList(seen[0].Message.Events) != "0 BOOTSTRAP" {
			t.Errorf("new ACS saw %d requests", len(seen))
		}
	}
}

// TestRetryRequestFault: 8005 asks for the same request again, other faults end
// the session.
func TestRetryRequestFault(t *testing.T) {
	fault := func(code string) Misbehaviour {
		return Misbehaviour{Body: cwmp.FaultEnvelope(cwmp.DefaultDialect, "1", code, "")}
	}
	times := 0
	a := startACS(t, ACSConfig{})
	a.SetMisbehave(func(*Exchange) Misbehaviour {
		if times++; times <= 2 {
			return fault("8005")
		}
		return Misbehaviour{}
	})
	r := mustSucceed(t, newTestCPE(t, a, generic(), nil))
	if !slices.Equal(sentBy(r), []string{"Inform", "Inform", "Inform", "empty"}) {
		t.Errorf("sent %q", sentBy(r))
	}
	a.SetMisbehave(always(fault("8003")))
	var got *FaultError
	if _, err := newTestCPE(t, a, generic(), nil).Session(t.Context()); !errors.As(err, &got) || got.Code != "8003" {
		t.Errorf("error %v", err)
	}
	a.SetMisbehave(always(fault("8005")))
	if r, err := newTestCPE(t, a, generic(), nil).Session(t.Context()); Reason(err) != "fault 8005" || len(r.Legs) != maxResends {
		t.Errorf("error %v after %d legs", err, len(r.Legs))
	}
}

func TestRedirects(t *testing.T) {
	target := startACS(t, ACSConfig{Script: testScript})
	for _, status := range []int{301, 302, 307} {
		a := startACS(t, ACSConfig{Misbehave: onInform(Misbehaviour{Redirect: target.URL() + "other", Status: status})})
		c := newTestCPE(t, a, generic(), nil)
		r := mustSucceed(t, c)
		if r.Legs[0].Status != status || r.Legs[2].URL != target.URL()+"other" || r.Legs[1].Sent != "Inform" {
			t.Errorf("%d: legs %v", status, r.Statuses())
		}
		if c.URL() != a.URL() {
			t.Errorf("redirect is stored: %q", c.URL())
		}
	}
	same := startACS(t, ACSConfig{Misbehave: func(x *Exchange) Misbehaviour {
		if x.Target == "/" {
			return Misbehaviour{Redirect: "/tr069/"}
		}
		return Misbehaviour{}
	}})
	if r := mustSucceed(t, newTestCPE(t, same, generic(), nil)); r.Connections != 1 {
		t.Errorf("a redirect to the same server took %d connections", r.Connections)
	}
	loop := startACS(t, ACSConfig{Misbehave: always(Misbehaviour{Redirect: "/"})})
	if r, err := newTestCPE(t, loop, generic(), nil).Session(t.Context()); err == nil || len(r.Legs) != maxRedirects+1 {
		t.Errorf("%v after %d legs", err, len(r.Legs))
	}
	for _, location := range []string{"ftp://a/", "http://", "::"} {
		bad := startACS(t, ACSConfig{Misbehave: always(Misbehaviour{Redirect: location})})
		if _, err := newTestCPE(t, bad, generic(), nil).Session(t.Context()); err == nil {
			t.Errorf("redirect to %q is followed", location)
		}
	}
}

// TestReconnects: a session goes on over a new connection when the ACS closes
// the old one, announced or not.
func TestC01_ReconnectsWithinASession(t *testing.T) {
	for name, bad := range map[string]Misbehaviour{"announced": {Close: true}, "silent": {CloseSilently: true}, "HTTP/1.0": {HTTP10: true}, "to EOF": {ToEOF: true}} {
		a := startACS(t, ACSConfig{Script: testScript, Misbehave: always(bad)})
		r := mustSucceed(t, newTestCPE(t, a, generic(), nil))
		if r.Connections != len(r.RPCs)+2 || len(r.RPCs) != 2 {
			t.Errorf("%s: %d connections, RPCs %q", name, r.Connections, r.RPCs)
		}
	}
}

// TestStrayPost is the protocol notes' 1.5: RDK-B posts once more.
func TestStrayPost(t *testing.T) {
	a := startACS(t, ACSConfig{})
	r := mustSucceed(t, newTestCPE(t, a, known(t, "rdkb"), nil))
	last := r.Legs[len(r.Legs)-1]
	if !last.Stray || last.Status != 204 || len(r.Legs) != 3 {
		t.Errorf("legs %v, last %+v", r.Statuses(), last)
	}
	strict := startACS(t, ACSConfig{Mode: Strict})
	if r := mustSucceed(t, newTestCPE(t, strict, known(t, "rdkb"), nil)); len(r.Legs) != 2 {
		t.Errorf("stray POST on a closed connection: %v", r.Statuses())
	}
}

func TestACSFailures(t *testing.T) {
	tests := map[string]struct {
		bad  Misbehaviour
		want string
	}{
		"no reply":      {Misbehaviour{Drop: true}, "closed without a reply"},
		"half a head":   {Misbehaviour{Partial: 20}, "reply cut short"},
		"half a body":   {Misbehaviour{Partial: 250}, "reply cut short"},
		"lying length":  {Misbehaviour{ExtraLength: 10, CloseSilently: true}, "reply cut short"},
		"garbage":       {Misbehaviour{Raw: []byte("SSH-2.0-x\r\n\r\n"), CloseSilently: true}, "unusable reply"},
		"no envelope":   {Misbehaviour{Body: []byte("<html>hello</html>")}, "unusable reply"},
		"empty":         {Misbehaviour{Body: []byte(" \n")}, "unusable reply"},
		"error page":    {Misbehaviour{Status: 500, Page: "<html>"}, "status 500"},
		"status line":   {Misbehaviour{StatusLine: "HTTP/1.1 299 Odd"}, "status 299"},
		"1xx for ever":  {Misbehaviour{Interim: slices.Repeat([]int{102}, 20)}, "unusable reply"},
		"gzip unasked":  {Misbehaviour{Gzip: true}, "unusable reply"},
		"wrong answer":  {Misbehaviour{Body: cwmp.TransferCompleteResponse(cwmp.DefaultDialect, "1")}, "unusable reply"},
		"slow too slow": {Misbehaviour{Delay: time.Hour}, "timeout"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := startACS(t, ACSConfig{Misbehave: onInform(tt.bad)})
			c := newTestCPE(t, a, generic(), func(c *CPEConfig) {
				if tt.want == "timeout" {
					c.Timeout = 50 * time.Millisecond
				}
			})
			_, err := c.Session(t.Context())
			if got := Reason(err); got != tt.want {
				t.Errorf("%v: %q, want %q", err, got, tt.want)
			}
		})
	}
	a := startACS(t, ACSConfig{})
	a.SetDown(true)
	if _, err := newTestCPE(t, a, generic(), nil).Session(t.Context()); Reason(err) != "closed without a reply" {
		t.Errorf("down: %v", err)
	}
	free, err := NewACS(ACSConfig{})
	if err != nil {
		t.Fatal(err)
	}
	gone := free.URL()
	free.Close()
	c, _ := NewCPE(CPEConfig{URL: gone})
	if _, err := c.Session(t.Context()); Reason(err) != "connection refused" {
		t.Errorf("closed port: %v", err)
	}
}

// TestBearable: what all HTTP clients have to bear, the generic one bears.
func TestBearable(t *testing.T) {
	for name, bad := range map[string]Misbehaviour{
		"interim":   {Interim: []int{100, 102}},
		"chunked":   {Chunked: true},
		"200 empty": {EmptyAs200: true},
		"no reason": {NoReason: true},
		"pieces":    {Piece: 7, PieceDelay: time.Microsecond},
		"padded":    {Pad: 3 << 20},
		"delayed":   {Delay: time.Millisecond},
	} {
		a := startACS(t, ACSConfig{Script: testScript, Misbehave: always(bad)})
		if r := mustSucceed(t, newTestCPE(t, a, generic(), nil)); len(r.RPCs) != 2 {
			t.Errorf("%s: RPCs %q", name, r.RPCs)
		}
	}
}

func TestContextEndsASession(t *testing.T) {
	a := startACS(t, ACSConfig{Misbehave: always(Misbehaviour{Delay: time.Hour})})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := newTestCPE(t, a, generic(), nil).Session(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRefuseUnread(t *testing.T) {
	a := startACS(t, ACSConfig{Refuse: func(conn, n int) bool { return conn == 1 && n == 2 }, Script: testScript})
	if r := mustSucceed(t, newTestCPE(t, a, generic(), nil)); r.Connections != 2 {
		t.Errorf("%d connections", r.Connections)
	}
}

func TestNewCPERefuses(t *testing.T) {
	for _, u := range []string{"", "127.0.0.1:7547", "ftp://127.0.0.1/", "http:///x", "http://a b/"} {
		if _, err := NewCPE(CPEConfig{URL: u}); err == nil || !strings.Contains(err.Error(), "ACS URL") {
			t.Errorf("%q: %v", u, err)
		}
	}
}
