package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// scopeWorld is a gateway whose devices are those of several customers: two CPEs
// behind NATs, and one of another make, whose home is south.
type scopeWorld struct {
	*operated
	near, far *home
	third     *simnet.CPE
	ids       map[string]cwmp.DeviceID // by the names of the above
}

func newScopeWorld(t *testing.T, scopes ...scoped) *scopeWorld {
	t.Helper()
	w := &scopeWorld{operated: newOperated(t, operatedSetup{
		admin:  "  tenants: [{name: baker, serial: [EASY000011], product_class: [easycwmp]}]\n",
		routes: "  - {name: sagemcom, match: {oui: [\"149182\"]}, acs: south}\n",
		scopes: scopes,
	})}
	w.near, w.far, w.third = w.natted(11), w.natted(21), w.number("sagemcom", 1)
	if _, err := w.third.Session(t.Context(), cwmp.EventPeriodic); err != nil {
		t.Fatal(err)
	}
	w.ids = map[string]cwmp.DeviceID{"near": w.near.id, "far": w.far.id, "third": w.third.Device()}
	w.eventually("the devices are known", func() bool {
		_, at := w.devices.Placement(w.third.Device())
		return at == "south"
	})
	return w
}

// TestScopes: whoever has a scope sees and does with its own devices what everybody
// may with all, and others' are as if they did not exist.
func TestScopes(t *testing.T) {
	t.Parallel()
	own := map[string][]string{
		"oui": {"near", "far"}, "class": {"third"}, "tenant": {"near"}, "prefix": {"far"}, "acs": {"third"}, "nobody": {},
	}
	w := newScopeWorld(t,
		scoped{"oui", "admin", `oui: ["ff-ff-ff"]`}, scoped{"class", "admin", `product_class: ["F@ST5366"]`},
		scoped{"tenant", "admin", "tenant: baker"}, scoped{"prefix", "admin", `serial: ["EASY00002*"]`},
		scoped{"acs", "admin", "acs: [south]"}, scoped{"nobody", "admin", `oui: ["00D09E"], acs: [north]`})
	w.lasting(w.number("easycwmp", 11), w.number("easycwmp", 21), w.number("sagemcom", 1))
	var captures sync.Map // of all devices, by the name of the device
	for name, id := range w.ids {
		v, err := w.api.StartCapture(t.Context(), id, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		captures.Store(name, v.ID)
	}
	for token, devices := range own {
		t.Run(token, func(t *testing.T) {
			s := &scopeTest{scopeWorld: w, t: t, token: token, own: devices}
			s.lists()
			for name, id := range w.ids {
				capture, _ := captures.Load(name)
				s.device(id, capture.(string), slices.Contains(devices, name))
			}
			s.whole()
		})
	}
}

// lasting begins sessions that are under way until the test ends.
func (w *operated) lasting(all ...*simnet.CPE) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, c := range all {
		slow := w.number(c.Make().Name, 1, func(cfg *simnet.CPEConfig) { cfg.Device, cfg.Pause = c.Device(), time.Hour })
		running.Go(func() { _, _ = slow.Session(ctx, cwmp.EventPeriodic) }) // which ends with ctx
	}
	w.t.Cleanup(func() { cancel(); running.Wait() })
	w.eventually("the sessions are under way", func() bool {
		return len(get[admin.SessionList](w, "root", "sessions").Sessions) == len(all)
	})
}

// scopeTest is one token with its devices.
type scopeTest struct {
	*scopeWorld
	t     *testing.T
	token string
	own   []string
}

// shows holds which devices a list shows.
func (s *scopeTest) shows(what string, got []string, among ...string) {
	s.t.Helper()
	var want []string
	for _, name := range s.own {
		if slices.Contains(among, name) {
			want = append(want, s.ids[name].String())
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: %s shows %q, want %q", s.token, what, got, want)
	}
}

func (s *scopeTest) lists() {
	page := get[admin.DevicePage](s.operated, s.token, "devices")
	s.shows("devices", namesOf(page.Devices, func(r admin.DeviceRow) string { return r.Device }), "near", "far", "third")
	if page.Total != 0 {
		s.t.Errorf("%s: learns that there are %d devices", s.token, page.Total)
	}
	for name, id := range s.ids {
		page := get[admin.DevicePage](s.operated, s.token, "devices?q="+id.SerialNumber)
		s.shows("search for "+name, namesOf(page.Devices, func(r admin.DeviceRow) string { return r.Device }), name)
	}
	page = get[admin.DevicePage](s.operated, s.token, "devices?binding=fresh&acs=north&limit=1")
	if n := min(1, len(s.own)); len(page.Devices) > n {
		s.t.Errorf("%s: %+v", s.token, page)
	}
	sessions := get[admin.SessionList](s.operated, s.token, "sessions").Sessions
	s.shows("sessions", namesOf(sessions, func(r admin.SessionRow) string { return r.Device }), "near", "far", "third")
	bindings := get[admin.BindingPage](s.operated, s.token, "bindings")
	s.shows("bindings", namesOf(bindings.Bindings, func(r admin.BindingRow) string { return r.Device }), "near", "far")
	if bindings.Counts.Total != 0 || len(bindings.Counts.Kinds) != 0 {
		s.t.Errorf("%s: learns the numbers of bindings: %+v", s.token, bindings.Counts)
	}
	captures := get[admin.CaptureList](s.operated, s.token, "captures").Captures
	s.shows("captures", namesOf(captures, func(v admin.CaptureView) string { return v.Device }), "near", "far", "third")
}

func namesOf[T any](rows []T, name func(T) string) (names []string) {
	for _, r := range rows {
		names = append(names, name(r))
	}
	return names
}

// device holds what the token gets of one device.
func (s *scopeTest) device(id cwmp.DeviceID, capture string, own bool) {
	path := "devices/" + id.String()
	for _, r := range []struct {
		method, path, body string
		good               int // 0 where it is tried on others' devices alone
	}{
		{"GET", path, "", 200}, {"GET", path + "/timeline", "", 200}, {"GET", path + "/assignment", "", 200},
		{"POST", path + "/captures", `{"duration":"1m"}`, 409}, // one runs already
		{"GET", "captures/" + capture, "", 200}, {"GET", "captures/" + capture + "/text", "", 200}, {"GET", "captures/" + capture + "/har", "", 200},
		{"DELETE", "captures/" + capture, "", 0}, {"POST", path + "/connection-request", "", 0},
		{"POST", "connection-requests", fmt.Sprintf(`{"devices":[%q]}`, id.String()), 0},
		{"DELETE", path + "/assignment", "", 0},
	} {
		want := r.good
		switch {
		case !own && r.method == "DELETE" && strings.HasSuffix(r.path, "/assignment") && s.token != "acs" && s.token != "nobody":
			want = 403 // before the device is looked at
		case !own:
			want = 404
		case want == 0:
			continue
		}
		got := s.ask(s.token, r.method, r.path, r.body, "If-Match", "*")
		if got.status != want {
			s.t.Errorf("%s: %s %s: %d, want %d: %s", s.token, r.method, r.path, got.status, want, got.body)
		}
		if own && r.path == path && strings.Contains(got.body, `"decision"`) {
			s.t.Errorf("%s: reads the rules of others: %s", s.token, got.body)
		}
	}
	if own {
		return
	}
	// What is not known at all is answered in the same words.
	unknown := id
	unknown.SerialNumber = "NOTHING"
	a, b := s.ask(s.token, "GET", path, ""), s.ask(s.token, "GET", "devices/"+unknown.String(), "")
	if strings.ReplaceAll(a.body, id.SerialNumber, unknown.SerialNumber) != b.body {
		s.t.Errorf("%s: of another's device %s, of none %s", s.token, a.body, b.body)
	}
}

// whole holds that what concerns everybody is refused.
func (s *scopeTest) whole() {
	for _, r := range []struct{ method, path, body string }{
		{"GET", "acs", ""}, {"GET", "acs/north", ""}, {"POST", "acs/north/return", ""}, {"GET", "campaigns", ""},
		{"POST", "campaigns", `{"name":"x","from":["north"],"to":"south"}`}, {"POST", "campaigns/preview", `{"name":"x","from":["north"],"to":"south"}`},
		{"GET", "campaigns/x", ""}, {"GET", "campaigns/x/devices", ""}, {"POST", "campaigns/x/start", ""}, {"POST", "campaigns/x/remove", ""},
		{"GET", "overview", ""}, {"GET", "series", ""}, {"GET", "certificates", ""}, {"GET", "config", ""}, {"POST", "reload", ""}, {"GET", "audit", ""},
	} {
		if got := s.ask(s.token, r.method, r.path, r.body, "If-Match", "*"); got.status != http.StatusForbidden {
			s.t.Errorf("%s: %s %s: %d: %s", s.token, r.method, r.path, got.status, got.body)
		}
	}
	if who := get[admin.Identity](s.operated, s.token, "whoami"); who.Name != s.token || who.Scope.Whole() {
		s.t.Errorf("%+v", who)
	}
}

// TestScopes_NATTraversalAsAService: a customer wakes its own CPE behind a NAT, also
// as one of all that it has, and nobody else's.
func TestScopes_NATTraversalAsAService(t *testing.T) {
	t.Parallel()
	w := newScopeWorld(t, scoped{"baker", "operator", "tenant: baker"})
	c := w.as("baker")
	got, err := c.Wake(t.Context(), w.near.id)
	if err != nil || !got.OK || got.Transport != "udp" || w.near.called.Load() == 0 {
		t.Errorf("%+v, %v, called %d times", got, err, w.near.called.Load())
	}
	if _, err := c.Wake(t.Context(), w.far.id); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("another's CPE: %v", err)
	}
	progress := func(admin.Progress) {}
	if _, err := c.WakeMany(t.Context(), admin.Selection{Devices: []cwmp.DeviceID{w.near.id, w.far.id}}, progress); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("another's CPE among one's own: %v", err)
	}
	for _, s := range []admin.Selection{{All: true}, {OUI: "FFFFFF"}, {ACS: "north"}} {
		last, err := c.WakeMany(t.Context(), s, progress)
		if err != nil || last.Total != 1 || last.Asked != 1 || last.Confirmed != 1 {
			t.Errorf("%+v: %+v, %v", s, last, err)
		}
	}
	if _, err := c.WakeMany(t.Context(), admin.Selection{ACS: "south"}, progress); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("all of an ACS where it has none: %v", err)
	}
	if n := w.far.called.Load(); n != 0 {
		t.Errorf("another's CPE is called %d times", n)
	}
}

// TestScopes_Assignment: who has ACSs binds its devices to these alone, and who has
// none binds nothing.
func TestScopes_Assignment(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{
		routes: "  - {name: bound, match: {oui: [FFFFFF]}, assigned: true, acs: north}\n",
		scopes: []scoped{{"both", "admin", "acs: [north, south]"}, {"north", "admin", "acs: [north]"}, {"oui", "admin", `oui: ["FFFFFF"]`}},
	})
	c := w.known("", 1)
	path := "devices/" + c.Device().String() + "/assignment"
	put := func(status int, name, acs string) {
		t.Helper()
		w.status(status, name, http.MethodPut, path, fmt.Sprintf(`{"acs":%q}`, acs), "If-Match", "*")
	}
	put(http.StatusForbidden, "oui", "south")
	put(http.StatusForbidden, "north", "south")
	put(http.StatusForbidden, "noc", "south")
	put(http.StatusOK, "both", "south")
	want(t, w.live(c), "south")
	w.status(http.StatusNotFound, "north", http.MethodGet, path, "") // it has gone to another's
	var now admin.Assignment
	if err := json.Unmarshal([]byte(w.status(http.StatusOK, "both", http.MethodDelete, path, "", "If-Match", "*")), &now); err != nil || now.ACS != "" {
		t.Errorf("%+v, %v", now, err)
	}
	want(t, w.live(c), "north")
	w.status(http.StatusOK, "north", http.MethodGet, path, "")
}
