package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
)

func TestPages_SayWhatIsThere(t *testing.T) {
	b := newWorld(t).as(adminToken)
	for path, wants := range map[string][]string{
		"/": {"Problems", "acs south is down: 3 probes failed", "Sessions of its 331\u202f020 devices go to north until they are returned by hand", "1\u202f042\u202f817", "ready for sessions", "move-2026", "Sessions per second, by ACS", "north, 95 %",
			"v0.5.0", "symmetric", "cwmp.isp.example , in 3 days"},
		"/devices":                         {"1\u202f042\u202f817 known", "4857544331A2", "V5R019C10S125", "7 failed", "symmetric", "Next page", "20 devices, and there are more"},
		"/devices?q=nothing":               {"No device fits", "Show all"},
		"/devices?cursor=n2":               {"First page"},
		"/devices/" + reachable.String():   {"Does it reach its ACS? Yes Its last session was with north 4 min ago", "Can it be woken? Yes, by UDP Its STUN binding is fresh, the last packet came 21 s ago", "Did the last wake bring it? Yes Asked for by acs 5 min ago", "198.51.100.17:50112", "survived 1 min", "rule pilot : no match", "It goes to north : rule fibre", "If that does not answer, to south : its backup", "by the gateway", "Fault 9005", "move-2026", "complete after 5 exchanges", "GetParameterValues", "ConnectionRequestURL", "2 exchanges are not listed", "moved from", "Start a capture", "Wake"},
		"/devices/" + unreachable.String(): {"Why is it not reachable?", "It cannot be woken", "Can it be woken? No UDP: it has sent no STUN packet. HTTP: its URL has a private address, 10.20.30.40", "switch STUN on", "Assigned to south", "Pending set ManagementServer.STUNEnable"},
		"/sessions":                        {"4857544331A2", "GetParameterValues", "TLS 1.3", "3.2 s"},
		"/acs":                             {"north", "702\u202f113", "67 % of all", "sessions are on north", "Return…", "Drain…", "dial tcp", "probe ok"},
		"/acs/south/drain":                 {"331\u202f020 devices", "lab/1 (suspect)", "Start the drain"},
		"/campaigns":                       {"move-2026", "144\u202f000 of 331\u202f020 moved", "420 failed", "pilot", "done"},
		"/campaigns/move-2026":             {"Wave 3", "71.2 % of 90 %", "up to 50 %", "95 % arrived, at most 2 % failed", "Pause", "Roll back", "rewrite"},
		"/campaigns/move-2026/devices?state=failed": {"fault 9003 to SetParameterValues", "no session at north within 30m"},
		"/nat":           {"571\u202f000", "within 1 min", "more than 1 h", "198.51.100.17:50112", "stale", "Next page"},
		"/nat?q=nothing": {"No binding fits"},
		"/events":        {"connection request", "Kinds"},
		"/certificates":  {"*.acs.isp.example", "expiring", "acme: rate limited", "in 3 days"},
		"/configuration": {"did you mean", "the file has changed", "needs a restart: stun.listen", `password: "***"`, "Reload the file"},
		"/audit":         {"Who has changed something"},
	} {
		page := b.get(path, 200)
		mustSay(t, path, page, wants...)
		if !strings.Contains(page, "<title>") || strings.Count(page, "<h1") != 1 {
			t.Errorf("%s has no title or not one h1", path)
		}
	}
	for _, path := range []string{"/nowhere", "/campaigns/nowhere", "/acs/nowhere/drain", "/devices/00D09E-X-UNKNOWN", "/campaigns/nowhere/devices"} {
		b.get(path, 404)
	}
	for _, path := range []string{"/devices/not-a-device-at-all", "/devices?within=soon", "/devices?cursor=broken", "/?range=9y", "/events?kind=nonsense", "/events?device=x", "/series?after=x"} {
		b.get(path, 400)
	}
}

func TestDevices_FiltersReachTheAPI(t *testing.T) {
	b := newWorld(t).as(viewerToken)
	b.get("/devices?q=a+b&oui=00-d0-9e&class=HG&version=V1&acs=north&nat=symmetric&binding=stale&campaign=m&within=15m&silent=1h&failing=1&cursor=c", 200)
	got := b.fake.query
	got.Scope = admin.Scope{}
	if got.Text != "a b" || got.OUI != "00D09E" || got.ProductClass != "HG" || got.SoftwareVersion != "V1" || got.ACS != "north" || got.NAT != "symmetric" ||
		got.Binding != "stale" || got.Campaign != "m" || got.InformedWithin.String() != "15m0s" || got.SilentFor.String() != "1h0m0s" || !got.Failing || got.Cursor != "c" || got.Limit != pageSize {
		t.Errorf("%+v", got)
	}
	part := b.do("GET", "/devices?q=4857", nil, "HX-Request", "true", "HX-Target", "results").Body.String()
	if strings.Contains(part, "<html") || !strings.Contains(part, `data-announce="`) || !strings.Contains(part, "4857544331A2") {
		t.Errorf("the part for a search: %.200s", part)
	}
}

func TestNAT_FiltersReachTheAPI(t *testing.T) {
	b := newWorld(t).as(viewerToken)
	b.get("/nat?q=x&nat=symmetric&state=stale&cursor=c", 200)
	if q := b.fake.bindings; q.Text != "x" || q.NAT != "symmetric" || q.State != "stale" || q.Cursor != "c" || q.Limit != pageSize {
		t.Errorf("%+v", q)
	}
}

var attribute = regexp.MustCompile(`(?i)<(script|img|iframe|object|svg)[^>]*\bon|javascript:`)

// What a CPE says of itself is text, wherever it stands.
func TestPages_EscapeWhatCPEsSay(t *testing.T) {
	w := newWorld(t)
	w.fake.capture = &admin.CaptureView{ID: `"><script>`, Device: evil.String(), By: hostile}
	b := w.as(adminToken)
	for _, e := range w.fake.happened(evil) {
		w.journal.Publish(e)
	}
	w.journal.Flush()
	for _, page := range everyPage() {
		body := b.get(page[1], 200)
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, `"><script>`) {
			t.Errorf("%s holds a script of a CPE", page[0])
		}
		for _, m := range regexp.MustCompile(`(?:href|action|src|hx-get|hx-post)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if attribute.MatchString(m[1]) || !strings.HasPrefix(m[1], "/") && !strings.HasPrefix(m[1], "#") || strings.ContainsAny(m[1], "<>`' ") {
				t.Errorf("%s has the address %q", page[0], m[1])
			}
		}
	}
	mustSay(t, "device", b.get("/devices/"+evil.String(), 200), hostile)
	search := b.get("/devices?q=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E", 200)
	if strings.Contains(search, "<script>alert") {
		t.Error("what was searched for is not escaped")
	}
}

// A gateway that offers nothing has a console that says so.
func TestPages_WithoutAnything(t *testing.T) {
	w := newWorld(t)
	*w.api = admin.API{}
	b := w.as(adminToken)
	for _, page := range everyPage() {
		want := http.StatusNotFound
		if page[0] == "audit" {
			want = 200
		}
		if body := b.get(page[1], want); want == 404 && !strings.Contains(text(body), "does not offer") {
			t.Errorf("%s: %s", page[0], text(body))
		}
	}
	csrf := field(b.get("/audit", 200), "csrf")
	for _, path := range writes() {
		if got := b.do("POST", path, map[string][]string{"csrf": {csrf}, "for": {"5m"}}); got.Code != 404 {
			t.Errorf("POST %s: %d", path, got.Code)
		}
	}
}

// Some functions may be missing while others are there.
func TestPages_WithoutSome(t *testing.T) {
	w := newWorld(t)
	w.api.Timeline, w.api.Series, w.api.Wake, w.api.Captures, w.api.Campaigns, w.api.Return, w.api.Reload = nil, nil, nil, admin.Captures{}, nil, nil, nil
	b := w.as(adminToken)
	mustSay(t, "device", b.get("/devices/"+reachable.String(), 200), "keeps no timelines")
	if body := b.get("/devices/"+reachable.String(), 200); strings.Contains(body, `id="wake"`) || strings.Contains(body, "captures") {
		t.Error("the device offers what there is not")
	}
	if body := b.get("/", 200); strings.Contains(body, "data-chart") {
		t.Error("charts without measurements")
	}
	b.get("/devices", 200)
	if body := b.get("/acs", 200); strings.Contains(body, "Drain…") || strings.Contains(body, "Return…") {
		t.Error("an ACS offers what there is not")
	}
	if body := b.get("/configuration", 200); strings.Contains(body, "Reload") {
		t.Error("a reload is offered")
	}
}

// What is empty says what to do.
func TestPages_Empty(t *testing.T) {
	w := newWorld(t)
	w.api.Overview = func() admin.Overview { return admin.Overview{NotReady: []string{"store"}} }
	w.api.ACSs = func() []admin.ACSView { return nil }
	w.api.Certificates = func() []admin.CertificateView { return nil }
	w.api.Sessions = func(admin.Scope, int) []admin.SessionRow { return nil }
	w.api.Config = func() admin.ConfigView { return admin.ConfigView{} }
	w.api.Campaigns.List = func() []admin.CampaignView { return nil }
	b := w.as(adminToken)
	for path, want := range map[string]string{
		"/": "not ready", "/acs": "No ACS is configured", "/certificates": "No listener speaks TLS", "/sessions": "No session is under way",
		"/configuration": "The file has no problems", "/campaigns": "No device is being moved", "/events": "Nothing has happened yet",
	} {
		if path == "/events" {
			w.journal.Flush()
			continue
		}
		mustSay(t, path, b.get(path, 200), want)
	}
}

// A token with a scope sees its devices, and nothing of the whole.
func TestScope(t *testing.T) {
	w := newWorld(t)
	b := w.as(tenantToken)
	page := b.get("/devices", 200)
	mustSay(t, "devices", page, reachable.SerialNumber, "devices of acme")
	if strings.Contains(page, unreachable.SerialNumber) || strings.Contains(text(page), "042") {
		t.Error("devices shows more than the scope")
	}
	if b.fake.query.Scope.Whole() {
		t.Error("the scope is not in the query")
	}
	if page := b.get("/devices/"+reachable.String(), 200); strings.Contains(page, "pilot") {
		t.Error("a device shows the rules of others")
	}
	b.get("/devices/"+unreachable.String(), 404)
	for _, path := range []string{"/sessions", "/nat"} {
		page := b.get(path, 200)
		if !strings.Contains(page, reachable.String()) || strings.Contains(page, unreachable.String()) || strings.Contains(page, evil.String()) || strings.Contains(page, "571\u202f000") {
			t.Errorf("%s: %s", path, text(page))
		}
	}
	mustSay(t, "overview", b.get("/", 200), "Your token is limited to the devices of acme")
	if strings.Contains(b.get("/", 200), "north") {
		t.Error("the overview shows the whole")
	}
	for _, path := range []string{"/acs", "/acs/south/drain", "/campaigns", "/campaigns/move-2026", "/campaigns/move-2026/devices", "/certificates", "/configuration", "/audit", "/series"} {
		mustSay(t, path, b.get(path, 403), "limited to some devices")
	}
	for _, path := range writes() {
		if strings.Contains(path, reachable.String()) || path == "/logout" {
			continue
		}
		if got := b.post(path, nil); got.Code != 403 {
			t.Errorf("POST %s: %d", path, got.Code)
		}
	}
	if got := b.post("/devices/"+unreachable.String()+"/wake", nil); got.Code != 404 {
		t.Errorf("wake of another's device: %d", got.Code)
	}
	if did := w.fake.did(); len(did) != 0 {
		t.Errorf("did %q", did)
	}
}

// BenchmarkPages is what it takes to render pages, beside what the API takes.
func BenchmarkPages(b *testing.B) {
	w := newWorld(b)
	browser := w.as(adminToken)
	for _, page := range everyPage() {
		b.Run(page[0], func(b *testing.B) {
			for b.Loop() {
				browser.get(page[1], 200)
			}
		})
	}
}

// On phones tables are displayed as cards, and stay tables by their roles.
func TestPages_TablesKeepTheirRoles(t *testing.T) {
	b := newWorld(t).as(adminToken)
	for _, path := range []string{"/devices", "/acs", "/campaigns", "/nat", "/sessions", "/certificates", "/campaigns/move-2026/devices"} {
		page := b.get(path, 200)
		for _, bare := range []string{"<table>", "<table class", "<tr>", "<td>", "<td data-label", "<th>", "<th scope", "<tbody>", "<thead>"} {
			if strings.Contains(page, bare) {
				t.Errorf("%s has %s without a role", path, bare)
			}
		}
	}
}

func TestOverview_SaysWhatTroublesMean(t *testing.T) {
	o := &admin.Overview{
		ACS: []admin.ACSView{{Name: "a", State: "down", Devices: 1}, {Name: "b", State: "down", Devices: 2, Away: true, Backup: "c"}, {Name: "c", State: "suspect"}},
		Problems: []admin.Problem{
			{Subject: "acs a"}, {Subject: "acs b"}, {Subject: "acs c"}, {Subject: "acs gone"}, {Subject: "campaign m"}, {Subject: "certificate x, y"},
			{Subject: "configuration"}, {Subject: "gateway"},
		},
	}
	want := [][2]string{
		{"/acs#acs-a", "Sessions of its one device fail: no other ACS takes them."}, {"/acs#acs-b", "Sessions of its 2 devices go to c."}, {"/acs#acs-c", ""},
		{"/acs#acs-gone", ""}, {"/campaigns/m", ""}, {"/certificates", ""}, {"", ""}, {"", ""},
	}
	for i, got := range troublesOf(o, admin.Identity{Role: admin.RoleViewer}) {
		if got.URL != want[i][0] || got.Meaning != want[i][1] {
			t.Errorf("%s: %q %q, want %q", got.Subject, got.URL, got.Meaning, want[i])
		}
	}
	if got := troublesOf(o, admin.Identity{Role: admin.RoleOperator}); got[6].URL != "/configuration" {
		t.Errorf("%+v", got[6])
	}
}
