package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/journal"
)

// TestWrite_EachRefusalIsAudited: whatever it is refused for, once.
func TestWrite_EachRefusalIsAudited(t *testing.T) {
	w := newWorld(t)
	var records []journal.Audit
	w.api.Publish = func(e journal.Event) {
		if record, ok := e.Data.(*journal.Audit); ok {
			records = append(records, *record)
		}
	}
	tenant, root := w.as(tenantToken), w.as(adminToken)
	device := "/devices/" + unreachable.String() // which is not the tenant's
	for _, test := range []struct {
		by     *browser
		path   string
		form   url.Values
		status int
	}{
		{tenant, device + "/wake", nil, 404}, {tenant, device + "/captures", url.Values{"for": {"5m"}}, 404}, {tenant, device + "/captures/c1/stop", nil, 404},
		{tenant, "/configuration/reload", nil, 403}, {tenant, "/acs/south/drain", nil, 403}, {tenant, "/campaigns/move-2026/pause", nil, 403},
		{root, "/devices/" + reachable.String() + "/captures", url.Values{"for": {"a year"}}, 400}, {root, "/acs/nowhere/drain", nil, 404},
	} {
		records = nil
		test.by.post(test.path, test.form)
		if len(records) != 1 || records[0].Status != test.status || records[0].Path != test.path || records[0].Token == "" || records[0].Detail == "" {
			t.Errorf("%s: %+v, want one of status %d", test.path, records, test.status)
		}
	}
	records = nil
	root.do("POST", "/configuration/reload", url.Values{"csrf": {"another one"}})
	if len(records) != 1 || records[0].Status != 403 {
		t.Errorf("a form of another session: %+v", records)
	}
}

// TestWrite_LargeFormsAreForThoseWhoMay: others are not read to their end.
func TestWrite_LargeFormsAreForThoseWhoMay(t *testing.T) {
	w := newWorld(t)
	large := func() url.Values { return url.Values{"devices": {strings.Repeat("x", 2*maxForm)}} }
	for token, status := range map[string]int{viewerToken: 413, tenantToken: 413, adminToken: 200} {
		if got := w.as(token).post("/campaigns/new/preview", large()); got.Code != status {
			t.Errorf("%s: %d, want %d", token, got.Code, status)
		}
	}
}

// TestStream_OfATenantLeavesRoom: it has the places that its token has in the API.
func TestStream_OfATenantLeavesRoom(t *testing.T) {
	w := newWorld(t)
	who, ok := w.auth.Token(tenantToken)
	if !ok {
		t.Fatal("no such token")
	}
	for n := 0; ; n++ {
		if _, err := w.api.EnterEvents(who); err != nil {
			break
		} else if n == maxStreams {
			t.Fatal("a tenant has every place")
		}
	}
	got := w.as(tenantToken).do("GET", "/events/stream", nil)
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	if got := w.as(adminToken).do("HEAD", "/events/stream", nil); got.Code != 200 {
		t.Errorf("HEAD: %d", got.Code)
	}
}

// TestEvents_AnIDOfNobodyIsNoFilter for the events of all.
func TestEvents_AnIDOfNobodyIsNoFilter(t *testing.T) {
	b := newWorld(t).as(adminToken)
	b.get("/events?device=-", 400)
	b.get("/events/stream?device=-", 400)
}

func TestWake_OfATenantLeavesRoom(t *testing.T) {
	w := newWorld(t)
	who, _ := w.auth.Token(tenantToken)
	for _, err := w.api.EnterWake(who); err == nil; {
		_, err = w.api.EnterWake(who)
	}
	path := "/devices/" + reachable.String() + "/wake"
	if got := w.as(tenantToken).post(path, nil); got.Code != http.StatusTooManyRequests {
		t.Errorf("the tenant: %d", got.Code)
	}
	if got := w.as(operatorToken).post(path, nil); got.Code != http.StatusSeeOther {
		t.Errorf("another: %d", got.Code)
	}
}

// TestPages_AreLimitedAsTheAPIIs: a browser has the rate of its token.
func TestPages_AreLimitedAsTheAPIIs(t *testing.T) {
	w := newWorld(t)
	config := tokens()
	config.RequestsPerSecond = 0.001 // one, as long as the test takes
	server, err := admin.New(config, admin.Deps{
		Registry: prometheus.NewRegistry(), Log: zap.NewNop(), API: w.api,
		Console: func(*admin.Authenticator, *admin.API) http.Handler { return w.console },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	viewer := w.as(viewerToken)
	viewer.get("/devices", 200)
	got := viewer.do("GET", "/devices", nil)
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") == "" || !strings.Contains(text(got.Body.String()), "requests a second") {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	w.as(operatorToken).get("/devices", 200)
	if got := viewer.do("GET", w.console.assets.url("console.css"), nil); got.Code != 200 {
		t.Errorf("a file: %d", got.Code)
	}
}
