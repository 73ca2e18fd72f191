package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// filled is a form as somebody might fill it in.
func filled() url.Values {
	return url.Values{
		"name": {"to-north"}, "kind": {"migration"}, "from": {"south", "lab/1"}, "to": {"north"}, "mode": {"route_then_rewrite"},
		"oui": {"00D09E, 001D20"}, "product_class": {"HG8245*\nMy Router"}, "serial": {" 4857* "}, "software_version": {"V5*"}, "manufacturer": {"Huawei*"},
		"source": {"198.51.100.0/24"}, "acs": {"south"}, "percent": {"12.5"}, "devices": {"# pilots\n00D09E-HG8245-1, 00D09E-HG8245-2\r\n"},
		"everything": {"1"}, "waves": {"1, 10 %, 100"}, "rate": {"20"}, "wake": {"1"}, "mirror": {"1"}, "arrived": {"95"}, "second_session": {"50"},
		"fault_rate": {"0"}, "within": {"30m"}, "min_sample": {"3"}, "on_failure": {"rollback"}, "arrive_within": {"12h"}, "rewrite_after": {"24h"},
	}
}

// upload posts a form as browsers do that has a file.
func (b *browser) upload(path string, form url.Values, name, list string, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	form = maps.Clone(form)
	form.Set("csrf", field(b.do("GET", "/devices", nil).Body.String(), "csrf"))
	body, kind := multipartOf(b.t, form, name, list)
	return b.send("POST", path, body, append([]string{"Content-Type", kind}, header...)...)
}

func multipartOf(t testing.TB, form url.Values, name, list string) (body *bytes.Buffer, kind string) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for key, values := range form {
		for _, v := range values {
			if err := w.WriteField(key, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	part, err := w.CreateFormFile("list", name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(list))
	_ = w.Close()
	return body, w.FormDataContentType()
}

func TestMigration_Create(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	got := b.upload("/campaigns/new", filled(), "more.csv", "\ufeff00D09E-HG8245-3\n#x\n")
	if got.Code != 303 || got.Header().Get("Location") != "/campaigns/to-north" {
		t.Fatalf("%d %v: %s", got.Code, got.Header(), text(got.Body.String()))
	}
	share, faults := 12.5, 0.0
	want := admin.CampaignRequest{
		Name: "to-north", Kind: "migration", From: []string{"south", "lab/1"}, To: "north", Mode: "route_then_rewrite", Everything: true,
		Selector: admin.CampaignDevices{
			OUI: []string{"00D09E", "001D20"}, ProductClass: []string{"HG8245*", "My Router"}, Serial: []string{"4857*"}, SoftwareVersion: []string{"V5*"},
			Manufacturer: []string{"Huawei*"}, Source: []string{"198.51.100.0/24"}, ACS: []string{"south"}, Percent: &share,
			Devices: []string{"00D09E-HG8245-1", "00D09E-HG8245-2", "00D09E-HG8245-3"},
		},
		Waves:         []admin.CampaignWave{{Percent: 1}, {Percent: 10}, {Percent: 100}},
		Criteria:      admin.CampaignGoals{Arrived: 95, SecondSession: 50, FaultRate: &faults, Within: admin.Duration(30 * time.Minute), MinSample: 3, OnFailure: "rollback"},
		RatePerSecond: 20, Wake: true, Mirror: true, ArriveWithin: admin.Duration(12 * time.Hour), RewriteAfter: admin.Duration(24 * time.Hour),
	}
	if !reflect.DeepEqual(w.fake.created, want) {
		t.Errorf("created %+v, want %+v", w.fake.created, want)
	}
	if did := w.fake.did(); len(did) != 1 {
		t.Errorf("it is more than a draft: %q", did)
	}
	// A form without files, and with nothing but what is needed.
	got = b.post("/campaigns/new", url.Values{"name": {"m"}, "to": {"north"}, "oui": {"00D09E"}})
	want = admin.CampaignRequest{Name: "m", To: "north", Selector: admin.CampaignDevices{OUI: []string{"00D09E"}}}
	if got.Code != 303 || !reflect.DeepEqual(w.fake.created, want) {
		t.Errorf("%d: created %+v, want %+v", got.Code, w.fake.created, want)
	}
}

// What was typed stands in the form again, with the problem at its field.
func TestMigration_KeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	form := filled()
	form.Set("name", "move-2026") // exists
	form.Set("manufacturer", hostile)
	got := b.upload("/campaigns/new", form, "list.txt", "00D09E-HG8245-3")
	page := got.Body.String()
	if got.Code != http.StatusConflict || strings.Contains(page, "<script>alert") {
		t.Errorf("%d", got.Code)
	}
	mustSay(t, "refused", page, "This cannot be done: there is one of that name: it exists already", "00D09E-HG8245-3")
	for _, want := range []string{
		`name="name" value="move-2026"`, `name="within" value="30m"`, `value="south" checked`, `value="route_then_rewrite" selected`, `name="everything" value="1" checked`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is lost", want)
		}
	}
	for name, bad := range map[string]string{
		"rate": "many", "percent": "101", "arrived": "NaN", "fault_rate": "-1", "within": "soon", "arrive_within": "-5m", "rewrite_after": "2 days",
		"waves": "1, all", "second_session": "1e300", "min_sample": "x", "name": "new", "devices": strings.Repeat("x", maxList+1),
	} {
		form := filled()
		form.Set(name, bad)
		got := b.upload("/campaigns/new", form, "", "")
		page := got.Body.String()
		if got.Code != 400 || !strings.Contains(page, `id="f-`+name+`-problem"`) || !strings.Contains(page, `href="#f-`+name+`"`) {
			t.Errorf("%s %.20q: %d, no problem at the field", name, bad, got.Code)
		}
	}
	for list, want := range map[string]string{"# nothing\n": "lists no device", strings.Repeat("x", maxList+1): "more than 4 MB"} {
		got := b.upload("/campaigns/new", filled(), "list.txt", list)
		if got.Code != 400 {
			t.Errorf("%d", got.Code)
		}
		mustSay(t, "list", got.Body.String(), want)
	}
	if got := b.upload("/campaigns/new", filled(), "list.txt", strings.Repeat("x", maxMigration)); got.Code != 413 {
		t.Errorf("a huge file: %d", got.Code)
	}
	if did := w.fake.did(); len(did) != 1 {
		t.Errorf("did %q", did)
	}
}

func TestMigration_Preview(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	got := b.upload("/campaigns/new/preview", filled(), "", "", "HX-Request", "true")
	page := got.Body.String()
	mustSay(t, "preview", page, "900 devices would move to north", "300 would stay", "75 in wave 2", "825 in wave 3", "900 move: serial 4857*"+hostile,
		"300 stay: is assigned by hand", "The first 50 devices")
	if got.Code != 200 || strings.Count(page, `href="/devices/`) != maxFirst || strings.Contains(page, "<html") || strings.Contains(page, "<script>alert") {
		t.Errorf("%d: %d devices", got.Code, strings.Count(page, `href="/devices/`))
	}
	form := filled()
	for _, name := range []string{"everything", "oui", "devices"} {
		form.Del(name)
	}
	got = b.upload("/campaigns/new/preview", form, "", "", "HX-Request", "true")
	if got.Code != 409 || !strings.Contains(got.Body.String(), `<a href="#f-everything">the selector asks for nothing`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	// Without script the page has both, the form and what was found.
	got = b.upload("/campaigns/new/preview", filled(), "", "")
	mustSay(t, "page", got.Body.String(), "New campaign", "900 devices would move to north")
	if !strings.Contains(got.Body.String(), `value="to-north"`) {
		t.Error("what was typed is lost")
	}
	if did := w.fake.did(); len(did) != 0 {
		t.Errorf("a preview did %q", did)
	}
	for range maxPreviews {
		w.console.previews.enter()
	}
	if got := b.upload("/campaigns/new/preview", filled(), "", ""); got.Code != 503 {
		t.Errorf("one too many: %d", got.Code)
	}
}

func TestMigration_IsForAdmins(t *testing.T) {
	w := newWorld(t)
	for _, token := range []string{viewerToken, operatorToken} {
		page := w.as(token).get("/campaigns/new", 200)
		mustSay(t, "form", page, "needs the role admin")
		if strings.Contains(page, "<textarea") || strings.Contains(w.as(token).get("/campaigns", 200), "/campaigns/new") {
			t.Error("the form is offered")
		}
		// Their bodies are not read beyond the bound of every form.
		if got := w.as(token).post("/campaigns/new", url.Values{"devices": {strings.Repeat("x", maxForm)}}); got.Code != 413 {
			t.Errorf("%d", got.Code)
		}
	}
	w.as(tenantToken).get("/campaigns/new", 403)
	page := w.as(adminToken).get("/campaigns/new?from=south&oui=00D09E", 200)
	for _, want := range []string{`value="south" checked`, `name="oui" value="00D09E"`} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestFieldOf(t *testing.T) {
	for text, want := range map[string]string{
		`name: "a b" must be 1 to 64 letters`: "name", "to is missing: name the ACS that devices move to": "to", `to: "north" is also in from`: "to",
		`selector.serial[0]: "x" is`: "serial", `devices[3]: "x" is no device`: "devices", "the selector takes all 17 known devices": "everything",
		"the selector lists 3 devices, 1 of them unknown here": "devices", `rate_per_second: "0" must be`: "rate", `mirror: "true" is for migrations alone`: "mirror",
		`waves[1].percent: "1" is not more than 1`: "waves", `waves[0].criteria.within: "99h" must be`: "within", `criteria.fault_rate: "x" must`: "fault_rate",
		"none of the selected devices is on south": "", "devices are in another campaign that is not over: x (y)": "", "sources": "", `acs north: it is down`: "", "store: full": "",
	} {
		if got := fieldOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	err := fmt.Errorf("%w: %w", admin.ErrRefused, fmt.Errorf("campaign %q: %w", "m", fmt.Errorf("refused: %s", "to is missing")))
	if got := reasonOf(err); got != "to is missing" {
		t.Errorf("%q", got)
	}
	if got := reasonOf(errors.New("campaign store: refused: x")); got != "campaign store: refused: x" {
		t.Errorf("%q", got)
	}
}

func TestDevicesIn(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, " \n\t": nil, "# a\n": nil, "a;b,c\td\r\n#x\ne": {"a", "b", "c", "d", "e"},
	} {
		if got := devicesIn(text); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A list of many devices passes the listener, whose other bodies are small.
func TestMigration_LongListPassesTheListener(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	base, stopped := w.listen(ctx)
	b := w.browser()
	b.signIn(adminToken)
	const devices = 100_000
	var list strings.Builder
	for i := range devices {
		fmt.Fprintf(&list, "00D09E-HG8245-48575443%06X\n", i)
	}
	form := filled()
	form.Set("csrf", field(b.get("/devices", 200), "csrf"))
	form.Del("devices")
	body, kind := multipartOf(t, form, "all.txt", list.String())
	r, err := http.NewRequestWithContext(ctx, "POST", base+"/campaigns/new", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	transport := &http.Transport{}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if n := len(w.fake.created.Selector.Devices); answer.StatusCode != 303 || n != devices {
		t.Errorf("%d, %d devices", answer.StatusCode, n)
	}
	transport.CloseIdleConnections()
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
