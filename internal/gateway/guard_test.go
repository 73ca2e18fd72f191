package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

const managementURL = "{root}ManagementServer.URL"

// told are the values of ManagementServer.URL that an ACS has heard of a device.
func told(a *simnet.ACS, c *simnet.CPE) (values []string) {
	for _, x := range a.Of(c.Device()) {
		m, err := cwmp.Scan(x.Body, cwmp.Options{Params: func(n []byte) bool { return strings.HasSuffix(string(n), "ManagementServer.URL") }})
		if err != nil {
			continue
		}
		for _, p := range m.Params {
			values = append(values, p.Value)
		}
	}
	return values
}

// faults are the codes of the faults that an ACS has heard of a device.
func faults(a *simnet.ACS, c *simnet.CPE) (codes []string) {
	for _, x := range a.Of(c.Device()) {
		if x.Message.FaultCode != "" {
			codes = append(codes, x.Message.FaultCode)
		}
	}
	return codes
}

// TestGuard_C60: what becomes of a URL that an ACS sets, and what it reads back.
func TestGuard_C60(t *testing.T) {
	t.Parallel()
	const foreign = "http://elsewhere.example/acs"
	const own = "own" // stands for the ACS's own URL, which is not known yet
	for _, test := range []struct {
		mode, sets string
		cpe        string // what the CPE has then: north's cpe_url, or the foreign one
		acs        string // what the ACS reads
		fault      string
	}{
		{mode: "pass", sets: foreign, cpe: foreign, acs: foreign},
		{mode: "pin", sets: foreign, cpe: own, acs: own},
		{mode: "pin", sets: own, cpe: own, acs: own},
		{mode: "translate", sets: own, cpe: own, acs: own},
		{mode: "translate", sets: foreign, cpe: foreign, acs: foreign},
		{mode: "refuse", sets: own, cpe: own, acs: own},
		{mode: "refuse", sets: foreign, cpe: own, acs: own, fault: "9003"},
	} {
		t.Run(test.mode+"/"+strings.TrimPrefix(test.sets, "http://"), func(t *testing.T) {
			t.Parallel()
			w := newMoveWorld(t, moveSetup{
				north: ", url_guard: " + test.mode,
				northDoes: func(w *moveWorld) []simnet.RPC {
					value := test.sets
					if value == own {
						value = w.north.URL()
					}
					return []simnet.RPC{simnet.SetValue(managementURL, value), simnet.GetValues(managementURL)}
				},
			})
			is := func(text, on string) string {
				if text == own {
					return map[string]string{"cpe": w.url("north"), "acs": w.north.URL()}[on]
				}
				return text
			}
			c := w.device("", 1)
			if _, err := c.Session(t.Context(), cwmp.EventPeriodic); err != nil {
				t.Fatal(err)
			}
			if got := c.URL(); got != is(test.cpe, "cpe") {
				t.Errorf("the CPE has %q, want %q", got, is(test.cpe, "cpe"))
			}
			if got := told(w.north, c); len(got) == 0 || got[len(got)-1] != is(test.acs, "acs") {
				t.Errorf("the ACS reads %q, want %q", got, is(test.acs, "acs"))
			}
			if got := strings.Join(faults(w.north, c), " "); got != test.fault {
				t.Errorf("the ACS got faults %q, want %q", got, test.fault)
			}
		})
	}
}

// TestBackup_Parks: what nobody has to hear is acknowledged in the place of the
// ACS that is down; what it must hear stays with the CPE until it is up again.
func TestBackup_Parks(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{north: ", backup: south", south: ", as_backup: park"})
	c := w.known("", 1)
	w.northIs(true)
	if _, err := c.Session(t.Context(), cwmp.EventPeriodic); err != nil {
		t.Errorf("a periodic session is refused: %v", err)
	}
	if _, err := c.Session(t.Context(), cwmp.EventBootstrap); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a bootstrap is answered with %v", err)
	}
	if !c.Pending() {
		t.Error("the CPE has nothing to tell any more")
	}
	if n := len(w.south.Of(c.Device())); n > 0 {
		t.Errorf("south has seen %d messages", n)
	}
	w.northIs(false)
	want(t, w.live(c), "north")
	var events []string
	for _, x := range w.north.Of(c.Device()) {
		for _, e := range x.Message.Events {
			events = append(events, e.Code)
		}
	}
	if !slices.Contains(events, cwmp.EventBootstrap) {
		t.Errorf("north has heard %q", events)
	}
	for _, s := range w.of(c) {
		if s.Outcome == "parked" && !strings.Contains(s.Route.Reason, "south is a backup that parks") {
			t.Errorf("a parked session is explained by %q", s.Route.Reason)
		}
	}
}

// northIs takes north down, or up, and waits until the gateway knows.
func (w *moveWorld) northIs(down bool) {
	w.t.Helper()
	state := map[bool]string{true: "down", false: "up"}[down]
	w.north.SetDown(down)
	w.eventually("north is "+state, func() bool { return w.metric(`acsgate_acs_state{acs="north",state="` + state + `"} 1`) })
}

// TestBackup_C63_ReadsOnly: a backup may read, but changes no CPE of another ACS;
// its own, and those that a campaign has given it, it may.
func TestBackup_C63_ReadsOnly(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{
		north: ", backup: south", south: ", as_backup: read_only",
		southDoes: func(*moveWorld) []simnet.RPC {
			return []simnet.RPC{simnet.GetValues("{root}DeviceInfo.UpTime"), simnet.SetValue("{root}ManagementServer.PeriodicInformInterval", "4242")}
		},
	})
	interval := func(c *simnet.CPE) string {
		p, _ := c.Tree().Get(c.Make().Root + "ManagementServer.PeriodicInformInterval")
		return p.Value
	}
	c, moved := w.known("", 1), w.known("", 2)
	r := drainTo("route")
	r.Selector.Serial = []string{moved.Device().SerialNumber}
	w.begin(r)
	w.member("d", moved, "asked")
	w.northIs(true)
	want(t, w.live(c), "south")
	if got := interval(c); got == "4242" {
		t.Error("the backup has changed the CPE")
	}
	if got := faults(w.south, c); !slices.Equal(got, []string{"9001"}) {
		t.Errorf("the backup got faults %q", got)
	}
	if s := w.of(c); !slices.Contains(s[len(s)-1].RPCs, "GetParameterValues") {
		t.Errorf("the backup could not read: %q", s[len(s)-1].RPCs)
	}
	want(t, w.live(moved), "south")
	if got := interval(moved); got != "4242" {
		t.Errorf("the ACS that it was moved to has set %q", got)
	}
}

// TestGuard_PingPong: an ACS that is not told of a move, and writes its own URL in
// each session, gets no CPE back and no CPE is sent to and fro.
func TestGuard_PingPong(t *testing.T) {
	t.Parallel()
	for _, guard := range []string{"pass", "translate"} {
		t.Run(guard, func(t *testing.T) {
			t.Parallel()
			w := newMoveWorld(t, moveSetup{
				south: ", url_guard: " + guard,
				southDoes: func(w *moveWorld) []simnet.RPC {
					return []simnet.RPC{simnet.SetValue(managementURL, w.url("north")), simnet.GetValues(managementURL)}
				},
			})
			c := w.known("", 1)
			w.begin(drainTo("rewrite"))
			w.member("d", c, "asked")
			got := w.live(c)
			if got[0] != "north" || slices.Contains(got[1:], "north") {
				t.Errorf("served by %q", got)
			}
			w.member("d", c, "arrived")
			for range 2 {
				want(t, w.live(c), "south")
			}
			if m := w.member("d", c, "failed"); !strings.Contains(m.Reason, "south writes the former URL back: it has done so 3 times") {
				t.Errorf("%+v", m)
			}
			want(t, w.live(c), "south")
			w.restart()
			for range 3 {
				want(t, w.live(c), "south")
			}
			w.member("d", c, "failed")
			if n := w.sets(c); c.URL() != w.url("south") || n != 1 {
				t.Errorf("the CPE has %q, and was set %d times", c.URL(), n)
			}
			w.act("d", "rollback")
			w.member("d", c, "undoing")
			want(t, w.live(c), "south", "north")
			w.member("d", c, "undone")
			want(t, w.live(c), "north")
		})
	}
}
