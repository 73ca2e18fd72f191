package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/journal"
)

// writes are all addresses that change something.
func writes() []string {
	device := "/devices/" + reachable.String()
	return []string{
		device + "/wake", device + "/captures", device + "/captures/c1/stop", "/acs/south/drain", "/acs/south/drain/preview", "/acs/south/return",
		"/campaigns/move-2026/pause", "/campaigns/move-2026/rollback", "/campaigns/new", "/campaigns/new/preview", "/configuration/reload",
	}
}

func TestWrite_NeedsTheRole(t *testing.T) {
	w := newWorld(t)
	viewer := w.as(viewerToken)
	for _, path := range writes() {
		got := viewer.post(path, url.Values{"for": {"5m"}})
		if got.Code != http.StatusForbidden || !strings.Contains(text(got.Body.String()), "role viewer. This needs the role") {
			t.Errorf("viewer: POST %s: %d %s", path, got.Code, text(got.Body.String()))
		}
	}
	operator := w.as(operatorToken)
	for _, path := range writes()[3:] {
		if got := operator.post(path, nil); got.Code != http.StatusForbidden {
			t.Errorf("operator: POST %s: %d", path, got.Code)
		}
	}
	viewer.get("/devices/"+reachable.String()+"/captures/c1", 403)
	if did := w.fake.did(); len(did) != 0 {
		t.Errorf("did %q", did)
	}
	for path, words := range map[string][]string{
		"/devices/" + reachable.String(): {`id="wake"`, "Start a capture"}, "/acs": {"Drain…", "Return…"}, "/campaigns/move-2026": {"Pause", "Roll back"},
	} {
		for _, word := range words {
			if strings.Contains(viewer.get(path, 200), word) {
				t.Errorf("a viewer is offered %q on %s", word, path)
			}
		}
	}
	viewer.get("/configuration", 403)
	if strings.Contains(operator.get("/configuration", 200), "Reload") {
		t.Error("an operator is offered a reload")
	}
}

func TestWrite_NeedsItsPage(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	csrf := field(b.get("/devices", 200), "csrf")
	other := field(w.as(adminToken).get("/devices", 200), "csrf")
	for _, path := range writes() {
		for name, send := range map[string]int{
			"no token":          b.do("POST", path, url.Values{}).Code,
			"another's token":   b.do("POST", path, url.Values{"csrf": {other}}).Code,
			"another site":      b.do("POST", path, url.Values{"csrf": {csrf}}, "Origin", "https://evil.example").Code,
			"a sister site":     b.do("POST", path, url.Values{"csrf": {csrf}}, "Sec-Fetch-Site", "same-site").Code,
			"a token in header": b.do("POST", path, url.Values{}, "X-CSRF-Token", other).Code,
		} {
			if send != http.StatusForbidden {
				t.Errorf("%s: POST %s: %d", name, path, send)
			}
		}
		if code := b.do("GET", path, nil).Code; code != 404 && code != 405 && !strings.HasSuffix(path, "/drain") && path != "/campaigns/new" {
			t.Errorf("GET %s: %d", path, code)
		}
	}
	if did := w.fake.did(); len(did) != 0 {
		t.Errorf("did %q", did)
	}
	huge := url.Values{"csrf": {csrf}, "x": {strings.Repeat("x", maxForm)}}
	if got := b.do("POST", "/configuration/reload", huge); got.Code != 413 {
		t.Errorf("a huge form: %d", got.Code)
	}
}

func TestWake(t *testing.T) {
	w := newWorld(t)
	b := w.as(operatorToken)
	csrf := field(b.get("/devices", 200), "csrf")
	got := b.do("POST", "/devices/"+reachable.String()+"/wake", nil, "HX-Request", "true", "X-CSRF-Token", csrf)
	mustSay(t, "wake", got.Body.String(), "The CPE came", "by udp after 388 ms", "198.51.100.17:50112")
	if got.Code != 200 || got.Header().Get("HX-Trigger") != "refresh" || strings.Contains(got.Body.String(), "<html") {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	got = b.do("POST", "/devices/"+unreachable.String()+"/wake", nil, "HX-Request", "true", "X-CSRF-Token", csrf)
	mustSay(t, "wake in vain", got.Body.String(), "The CPE did not come", "http to 10.20.30.40:30005 : its URL has a private address")
	got = b.do("POST", "/devices/00D09E-X-UNKNOWN/wake", nil, "HX-Request", "true", "X-CSRF-Token", csrf)
	if got.Code != 404 {
		t.Errorf("unknown: %d", got.Code)
	}
	mustSay(t, "wake of nothing", got.Body.String(), "not known")

	// Without script the page itself says what became of it, once.
	if got := b.post("/devices/"+reachable.String()+"/wake", nil); got.Code != 303 {
		t.Errorf("without script: %d", got.Code)
	}
	mustSay(t, "device", b.get("/devices/"+reachable.String(), 200), "The CPE came, by udp after 388 ms.")
	if strings.Contains(b.get("/devices/"+reachable.String(), 200), "The CPE came, by udp") {
		t.Error("it is said twice")
	}
}

func TestWake_IsBounded(t *testing.T) {
	w := newWorld(t)
	for range maxWakes {
		w.console.wakes.enter()
	}
	if got := w.as(operatorToken).post("/devices/"+reachable.String()+"/wake", nil); got.Code != 503 || got.Header().Get("Retry-After") == "" {
		t.Errorf("%d", got.Code)
	}
}

func TestCapture(t *testing.T) {
	w := newWorld(t)
	b := w.as(operatorToken)
	device := "/devices/" + reachable.String()
	for _, bad := range []string{"", "soon", "-5m", "25h"} {
		if got := b.post(device+"/captures", url.Values{"for": {bad}}); got.Code != 400 {
			t.Errorf("for %q: %d", bad, got.Code)
		}
	}
	b.post(device+"/captures", url.Values{"for": {"15m"}})
	mustSay(t, "device", b.get(device, 200), "is recorded", "runs", "48 kB", "Stop")
	got := b.do("GET", device+"/captures/c1?format=har", nil)
	if got.Code != 200 || got.Body.String() != "har of c1" || got.Header().Get("Content-Disposition") != `attachment; filename="capture-c1.har"` {
		t.Errorf("download: %d %q %v", got.Code, got.Body, got.Header())
	}
	b.get(device+"/captures/c1?format=exe", 400)
	b.get("/devices/"+unreachable.String()+"/captures/c1", 404)
	b.get(device+"/captures/c2", 404)
	if got := b.post(device+"/captures/c1/stop", nil); got.Code != 303 {
		t.Errorf("stop: %d", got.Code)
	}
	mustSay(t, "device", b.get(device, 200), "The capture has ended", "over")
	if did, want := w.fake.did(), []string{"capture " + reachable.String() + " by noc for 15m0s", "stop c1"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}

func TestDrain(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	form := url.Values{"to": {"north"}, "mode": {"rewrite"}, "rate": {"12.5"}, "canary": {"5"}, "name": {"drain-south"}, "wake": {"1"}}
	csrf := field(b.get("/devices", 200), "csrf")
	form.Set("csrf", csrf)
	got := b.do("POST", "/acs/south/drain/preview", form, "HX-Request", "true")
	mustSay(t, "preview", got.Body.String(), "900 devices would move to north", "300 would stay", "300 stay: is assigned by hand")
	if got := b.do("POST", "/acs/south/drain", form); got.Code != 303 || got.Header().Get("Location") != "/campaigns/drain-south" {
		t.Errorf("start: %d %v", got.Code, got.Header())
	}
	mustSay(t, "campaign", b.get("/campaigns/drain-south", 200), "The drain has started")
	want := []string{"create drain-south drain [south] to north mode rewrite rate 12.5 canary 5 wake true", "start drain-south"}
	if did := w.fake.did(); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	form.Set("name", "move-2026")
	got = b.do("POST", "/acs/south/drain", form)
	if got.Code != 409 || !strings.Contains(got.Body.String(), `value="move-2026"`) || !strings.Contains(got.Body.String(), `value="12.5"`) {
		t.Errorf("refused: %d, the form is lost: %s", got.Code, text(got.Body.String()))
	}
	mustSay(t, "refused", got.Body.String(), "exists already")
	for _, bad := range []string{"many", "-1", "NaN", "1e300"} {
		form.Set("rate", bad)
		if got := b.do("POST", "/acs/south/drain", form); got.Code != 400 {
			t.Errorf("rate %q: %d", bad, got.Code)
		}
	}
}

func TestReturn(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	if got := b.post("/acs/south/return", nil); got.Code != 303 {
		t.Errorf("%d", got.Code)
	}
	if got := b.post("/acs/lab%2F1/return", nil); got.Code != 409 {
		t.Errorf("refused: %d", got.Code)
	}
	if did := w.fake.did(); !slices.Equal(did, []string{"return south", "return lab/1"}) {
		t.Errorf("did %q", did)
	}
}

func TestCampaign_Actions(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	if got := b.post("/campaigns/move-2026/pause", nil); got.Code != 303 || got.Header().Get("Location") != "/campaigns/move-2026" {
		t.Errorf("%d", got.Code)
	}
	mustSay(t, "campaign", b.get("/campaigns/move-2026", 200), "The campaign is paused", "Resume…")
	if got := b.post("/campaigns/move-2026/explode", nil); got.Code != 404 {
		t.Errorf("an action that is none: %d", got.Code)
	}
	if got := b.post("/campaigns/pilot/start", nil); got.Code != 409 {
		t.Errorf("refused: %d", got.Code)
	}
	if did := w.fake.did(); !slices.Equal(did, []string{"pause move-2026", "start pilot"}) {
		t.Errorf("did %q", did)
	}
}

func TestReload(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	if got := b.post("/configuration/reload", nil); got.Code != 303 {
		t.Errorf("%d", got.Code)
	}
	mustSay(t, "configuration", b.get("/configuration", 200), "in force as the file has it now")
	w.fake.reload = errors.New("a.yaml:1:1: <b>: is unknown\na.yaml:2:1: c: is unknown")
	got := b.post("/configuration/reload", nil)
	if got.Code != 409 {
		t.Errorf("%d", got.Code)
	}
	mustSay(t, "configuration", got.Body.String(), "The reload changed nothing", "a.yaml:1:1: <b>: is unknown", "a.yaml:2:1")
}

// What somebody does, and what they were refused, is in the audit log.
func TestWrite_IsAudited(t *testing.T) {
	w := newWorld(t)
	var records []journal.Audit
	publish := w.api.Publish
	w.api.Publish = func(e journal.Event) {
		if record, ok := e.Data.(*journal.Audit); ok {
			records = append(records, *record)
		}
		publish(e)
	}
	w.browser().signIn("not-one-of-the-tokens-at-all")
	viewer, root := w.as(viewerToken), w.as(adminToken)
	viewer.post("/configuration/reload", nil)
	root.post("/configuration/reload", nil)
	root.post("/acs/north/return", nil)
	root.post("/logout", nil)
	want := []struct {
		token, path, detail string
		status              int
	}{
		{"", "/login", "wrong token", 401}, {"watch", "/login", "signed in", 200}, {"root", "/login", "signed in", 200},
		{"watch", "/configuration/reload", "lacks the role admin", 403}, {"root", "/configuration/reload", "reload", 200},
		{"root", "/acs/north/return", "return of north", 409}, {"root", "/logout", "signed out", 200},
	}
	if len(records) != len(want) {
		t.Fatalf("%d records, want %d: %+v", len(records), len(want), records)
	}
	for i, x := range want {
		if got := records[i]; got.Token != x.token || got.Path != x.path || got.Detail != x.detail || got.Status != x.status {
			t.Errorf("record %d: %+v, want %+v", i, got, x)
		}
	}
}
