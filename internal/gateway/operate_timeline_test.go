package gateway

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/simnet"
)

// TestTimeline_Session: every HTTP leg with its RPCs, what was changed in it, faults,
// the gateway's own RPCs, and why the session went where it went.
func TestTimeline_Session(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{
		northDoes: []simnet.RPC{simnet.GetValues("{root}No.Such.Parameter")},
		reach:     fmt.Sprintf(", url_base: http://127.0.0.1:%d, acs_networks: [127.0.0.1]", freePort(t, "tcp")),
	})
	c := w.known("", 1)
	w.begin(drainTo("rewrite"))
	w.member("d", c, "asked")
	want(t, w.live(c), "north", "south")
	w.member("d", c, "arrived")
	var sessions []journal.Session
	w.eventually("three sessions stand there", func() bool {
		sessions = dataOf[journal.Session](t, w.timeline("wall", c.Device()), journal.KindSession)
		return len(sessions) == 3
	})
	first, moving, moved := sessions[0], sessions[1], sessions[2]
	var legs []string
	for i, l := range first.Legs {
		legs = append(legs, l.Request+">"+l.Answer)
		if l.TookMS <= 0 || i > 0 && l.AtMS < first.Legs[i-1].AtMS {
			t.Errorf("leg %d took %v ms at %v ms", i, l.TookMS, l.AtMS)
		}
		if !l.Own && l.ACSMS <= 0 {
			t.Errorf("leg %d has no time with the ACS: %+v", i, l)
		}
	}
	if want := []string{
		"Inform>InformResponse", "empty>SetParameterValues", "SetParameterValuesResponse>SetParameterValues",
		"SetParameterValuesResponse>GetParameterValues", "Fault 9005>empty",
	}; !slices.Equal(legs, want) {
		t.Errorf("legs %q, want %q", legs, want)
	}
	if inform := first.Legs[0]; inform.Status != 200 || inform.In == 0 || inform.Out == 0 || !strings.Contains(strings.Join(inform.Edits, " "), "ConnectionRequestURL") {
		t.Errorf("the Inform: %+v", inform)
	}
	if first.Outcome != "complete" || first.Rule != "default" || !strings.Contains(first.Reason, `"default"`) || first.TookMS <= 0 || first.Source == "" {
		t.Errorf("%+v", first)
	}
	if !slices.Equal(first.Faults, []string{"9005"}) && !slices.Equal(first.Faults, []string{"cpe:9005"}) {
		t.Errorf("faults %q", first.Faults)
	}
	if len(moving.Injections) != 1 || !strings.Contains(moving.Injections[0].Text, "SetParameterValues") || strings.Contains(fmt.Sprint(moving.Injections), w.url("south")) {
		t.Errorf("injections %+v", moving.Injections)
	}
	if !slices.ContainsFunc(moving.Legs, func(l journal.Leg) bool { return l.Own }) {
		t.Errorf("no leg is the gateway's own: %+v", moving.Legs)
	}
	if !strings.Contains(moved.Reason, `campaign "d"`) {
		t.Errorf("the moved session went there because of %q", moved.Reason)
	}
	w.timelineOfMove(c)
}

// timelineOfMove holds what a timeline tells beside sessions, and how it is read.
func (w *operated) timelineOfMove(c *simnet.CPE) {
	w.t.Helper()
	all := w.timeline("wall", c.Device())
	var states []string
	for _, m := range dataOf[journal.Move](w.t, all, journal.KindMove) {
		states = append(states, m.State)
		if m.Campaign != "d" || m.To != "south" || m.Reason == "" {
			w.t.Errorf("%+v", m)
		}
	}
	if !slices.Equal(states, []string{"set", "arrived"}) {
		w.t.Errorf("moves %q", states)
	}
	informs := dataOf[journal.Inform](w.t, all, journal.KindInform)
	if len(informs) != 3 || informs[0].Listener != "cpe" || informs[0].Reason == "" || !slices.Contains(informs[2].Events, cwmp.EventBootstrap) {
		w.t.Errorf("informs %+v", informs)
	}
	if n := len(dataOf[journal.Injection](w.t, all, journal.KindInjection)); n != 1 {
		w.t.Errorf("%d injections", n)
	}
	for i := 1; i < len(all); i++ {
		if all[i].ID <= all[i-1].ID {
			w.t.Errorf("entry %d comes after %d", all[i].ID, all[i-1].ID)
		}
	}
	// Manufacturer is no part of an id: what is kept by one is found without it.
	id := c.Device()
	if id.Manufacturer == "" {
		w.t.Fatal("the CPE has no manufacturer")
	}
	id.Manufacturer = ""
	if got := w.timelineView(id, 1000); len(got.Entries) != len(all) || len(got.Advice) == 0 {
		w.t.Errorf("without its manufacturer %d entries, with it %d; advice %q", len(got.Entries), len(all), got.Advice)
	}
	if got := get[admin.Timeline](w, "wall", "devices/"+id.String()+"/timeline?limit=2"); len(got.Entries) != 2 || got.Entries[0].ID != all[len(all)-1].ID {
		w.t.Errorf("the last two: %+v", got.Entries)
	}
	if body := w.status(http.StatusNotFound, "wall", http.MethodGet, "devices/"+w.device("", 999).Device().String()+"/timeline", ""); !strings.Contains(body, "not known") {
		w.t.Errorf("%s", body)
	}
}

// bindingRequest is a STUN Binding Request with CONNECTION-REQUEST-BINDING and
// BINDING-CHANGE (TR-111 part 2).
func bindingRequest(user string) []byte {
	for len(user)%4 != 0 {
		user += " "
	}
	request := append([]byte{0, 1, 0, byte(4 + len(user) + 24 + 4)}, "0123456789abcdef"...)
	request = append(append(request, 0, 6, 0, byte(len(user))), user...)
	request = append(append(request, 0xc0, 1, 0, 20), "dslforum.org/TR-111 "...)
	return append(request, 0xc0, 2, 0, 0)
}

// TestTimeline_Bindings: where a CPE's STUN packets come from, and that it changed.
func TestTimeline_Bindings(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{})
	c := w.known("", 1)
	id := c.Device()
	server := net.UDPAddrFromAddrPort(w.reach.stun.Addrs()[0])
	var remotes []string
	for range 2 {
		l, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		remotes = append(remotes, l.LocalAddr().String())
		w.eventually("the binding is known", func() bool {
			if _, err := l.WriteTo(bindingRequest(id.OUI+"-"+id.SerialNumber), server); err != nil {
				t.Fatal(err)
			}
			b, ok := w.reach.bindings.Lookup(id)
			return ok && b.Remote.String() == l.LocalAddr().String()
		})
	}
	var seen []journal.Binding
	w.eventually("both bindings stand there", func() bool {
		seen = dataOf[journal.Binding](t, w.timeline("wall", id), journal.KindBinding)
		return len(seen) == 2
	})
	if b := seen[0]; b.Change != "new" || b.Remote != remotes[0] || b.Local != server.String() || b.Evidence == "" {
		t.Errorf("%+v", b)
	}
	if b := seen[1]; b.Change != "moved" || b.Remote != remotes[1] || b.Former != remotes[0] {
		t.Errorf("%+v", b)
	}
}

// TestTimeline_ConnectionRequest: by which transport, how often, and what came of it.
func TestTimeline_ConnectionRequest(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{reach: ", http: {disabled: true}"})
	h := w.natted(1)
	if got, err := new(w.as("noc")).Wake(t.Context(), h.id); err != nil || !got.OK {
		t.Fatalf("%+v, %v", got, err)
	}
	w.eventually("it stands there", func() bool {
		return len(dataOf[journal.ConnectionRequest](t, w.timeline("wall", h.id), journal.KindConnectionRequest)) == 1
	})
	all := w.timeline("wall", h.id)
	r := dataOf[journal.ConnectionRequest](t, all, journal.KindConnectionRequest)[0]
	if !r.OK || r.Transport != "udp" || r.Origin != "api" || len(r.Attempts) == 0 || r.TookMS <= 0 {
		t.Fatalf("%+v", r)
	}
	if a := r.Attempts[0]; a.Transport != "udp" || a.To != h.NAT().Outside().String() || a.Sent == 0 || a.Reason != "" {
		t.Errorf("%+v", a)
	}
	informs := dataOf[journal.Inform](t, all, journal.KindInform)
	if last := informs[len(informs)-1]; !slices.Contains(last.Events, cwmp.EventConnectionRequest) {
		t.Errorf("it came with %q", last.Events)
	}
	if b := dataOf[journal.Binding](t, all, journal.KindBinding); len(b) == 0 || b[0].Remote != h.NAT().Outside().String() {
		t.Errorf("bindings %+v", b)
	}
	w.eventually("the advice is good", func() bool {
		advice := get[admin.Timeline](w, "wall", "devices/"+h.id.String()+"/timeline").Advice
		return len(advice) == 2 && strings.Contains(advice[0], "can be woken by UDP") && strings.Contains(advice[1], "brought it by UDP")
	})
}
