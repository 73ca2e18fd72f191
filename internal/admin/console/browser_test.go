package console

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/admin/console/browsertest"
	"github.com/acsgate/acsgate/internal/journal"
)

// serve runs the console on the admin listener, with the clock of the machine.
func serve(t *testing.T) (base string, f *fake, j *journal.Journal) {
	t.Helper()
	f, j = &fake{now: time.Now()}, startJournal(t)
	server, err := admin.New(tokens(), admin.Deps{
		Registry: prometheus.NewRegistry(), Log: zap.NewNop(), API: f.api(j),
		Console: func(who *admin.Authenticator, api *admin.API) http.Handler { return New(Deps{API: api, Auth: who}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + server.Addr().String(), f, j
}

// everyPage is the address of each page by its name.
func everyPage() [][2]string {
	return [][2]string{
		{"overview", "/"}, {"devices", "/devices?failing=1"}, {"device", "/devices/" + reachable.String()}, {"device-unreachable", "/devices/" + unreachable.String()},
		{"device-hostile", "/devices/" + evil.String()}, {"sessions", "/sessions"}, {"acs", "/acs"}, {"drain", "/acs/south/drain"}, {"campaigns", "/campaigns"}, {"migration", "/campaigns/new"},
		{"campaign", "/campaigns/move-2026"}, {"members", "/campaigns/move-2026/devices?state=failed"}, {"nat", "/nat"}, {"events", "/events"},
		{"certificates", "/certificates"}, {"configuration", "/configuration"}, {"audit", "/audit"},
	}
}

// TestBrowser_EveryPage opens every page, light, dark and on a phone, and looks for
// errors, violations of the policy and what keeps people from using it. With
// ACSGATE_SCREENSHOTS=DIR it leaves pictures there.
func TestBrowser_EveryPage(t *testing.T) {
	t.Parallel()
	b := browsertest.Start(t)
	base, f, j := serve(t)
	for _, e := range f.happened(reachable) {
		j.Publish(e)
	}
	j.Flush()
	p := b.Open(t, browsertest.Light)
	p.Go(base + "/login")
	p.Check(t, "login")
	p.Login(base, adminToken)
	views := []browsertest.View{browsertest.Light, browsertest.Dark, browsertest.Phone}
	for _, page := range everyPage() {
		p.View(views[0])
		p.Go(base + page[1])
		p.Wait("h1")
		if strings.HasPrefix(page[0], "device") && page[0] != "devices" {
			p.Click("details.unfold summary")
		}
		for _, view := range views {
			p.View(view)
			p.Check(t, page[0]+", "+view.Name)
			if dir := os.Getenv("ACSGATE_SCREENSHOTS"); dir != "" {
				if page[0] == "overview" {
					p.Wait(".uplot")
					time.Sleep(300 * time.Millisecond)
				}
				p.Screenshot(filepath.Join(dir, page[0]+"-"+view.Name+".png"))
			}
		}
	}
}

// TestBrowser_Migration makes a campaign, and errs on the way.
func TestBrowser_Migration(t *testing.T) {
	t.Parallel()
	b := browsertest.Start(t)
	base, f, _ := serve(t)
	p := b.Open(t, browsertest.Light)
	picture := func(name string) {
		t.Helper()
		for _, view := range []browsertest.View{browsertest.Light, browsertest.Dark, browsertest.Phone} {
			p.View(view)
			p.Check(t, name+", "+view.Name)
			if dir := os.Getenv("ACSGATE_SCREENSHOTS"); dir != "" {
				p.Screenshot(filepath.Join(dir, name+"-"+view.Name+".png"))
			}
		}
		p.View(browsertest.Light)
	}
	p.Login(base, adminToken)
	p.Go(base + "/campaigns")
	p.Follow("#new-campaign")
	p.Type("#f-name", "move-2026")
	p.Type("#f-to", "north")
	p.Click("#preview-button")
	p.Wait("#outcome #problems")
	if text := p.Text("#outcome"); !strings.Contains(text, "asks for nothing") {
		t.Errorf("the preview says %q", text)
	}
	p.Errors() // the browser complains of 409
	p.Type("#f-oui", "00D09E")
	p.Click("#preview-button")
	p.Wait("#found")
	if text := p.Text("#outcome"); !strings.Contains(text, "900 devices would move to north") {
		t.Errorf("the preview says %q", text)
	}
	p.Click("#found summary")
	picture("migration-preview")
	p.Follow("#create")
	p.Wait("#f-name[aria-invalid]")
	if text := p.Text("#problems"); !strings.Contains(text, "exists already") {
		t.Errorf("the form says %q", text)
	}
	p.Errors()
	picture("migration-refused")
	f.set("draft")
	p.Type("#f-name", "x")
	p.Follow("#create")
	if at := p.Location(); !strings.HasSuffix(at, "/campaigns/xmove-2026") {
		t.Errorf("the draft is at %s", at)
	}
}

// TestBrowser_Works does what operators do.
func TestBrowser_Works(t *testing.T) {
	t.Parallel()
	b := browsertest.Start(t)
	base, f, j := serve(t)
	p := b.Open(t, browsertest.Light)
	mustBe := func(what, got, want string) {
		t.Helper()
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("%s: %q does not hold %q", what, got, want)
		}
	}

	p.Login(base, "not-one-of-the-tokens-at-all")
	mustBe("wrong token", p.Text("[role=alert]"), "none of the tokens")
	p.Errors() // the browser complains of 401
	p.Login(base, adminToken)
	p.Wait(".uplot canvas")
	mustBe("overview", p.Text("[data-chart=sessions-acs] .u-legend"), "north")

	// The toggle lasts.
	p.Click(".side [data-theme-toggle]")
	p.Go(base + "/devices")
	if got := browsertest.Evaluate[string](p, "document.documentElement.dataset.theme"); got != "dark" {
		t.Errorf("theme %q", got)
	}

	// Results come while somebody types, and the address is that of the search.
	p.Type("#q", "CT8812")
	p.Wait(`#results[data-announce="One device"]`)
	p.Wait(`#results a[href="/devices/` + unreachable.String() + `"]`)
	if at := p.Location(); !strings.Contains(at, "q=CT8812") {
		t.Errorf("the address is %s", at)
	}

	// A wake says that it is under way, and then what came of it.
	f.wake = make(chan struct{})
	p.Go(base + "/devices/" + reachable.String())
	p.Click("#wake")
	p.Wait("#waking")
	if !browsertest.Evaluate[bool](p, "document.querySelector('#wake').disabled") {
		t.Error("the button can be pressed again")
	}
	close(f.wake)
	p.Wait("#wake-outcome")
	mustBe("wake", p.Text("#wake-outcome"), "The CPE came, by udp after 388 ms")
	p.Wait("#wake:not([disabled])")

	// What is unfolded stays so when the page refreshes itself.
	p.Click("details.unfold summary")
	p.Click("#wake")
	p.Wait("details.unfold[open] .legs")

	p.Go(base + "/acs/south/drain")
	p.Click("#preview-button")
	p.Wait("#preview .note")
	mustBe("preview", p.Text("#preview"), "900 devices would move to north")
	p.Follow("#start-drain")
	p.Wait("#status")
	mustBe("drain", p.Text("#notice"), "The drain has started")
	p.Click("#ask-pause")
	p.Follow("#do-pause")
	mustBe("pause", p.Text("#notice"), "paused")

	// A page shows by itself what others change.
	f.set("done")
	p.Wait(`#status.ok`)

	p.Go(base + "/events?kind=binding")
	p.Wait("[data-stream-empty]")
	for range 3 {
		for _, e := range f.happened(evil) {
			j.Publish(e)
		}
	}
	j.Flush()
	p.Wait("[data-stream] li")
	mustBe("events", p.Text("[data-stream] li"), "moved from 198.51.100.17:50077")
	p.Check(t, "events")

	p.Follow(".side .who form button")
	mustBe("signed out", p.Text("h1"), "Sign in")
	if did := strings.Join(f.did(), "; "); !strings.Contains(did, "create drain-south") || !strings.Contains(did, "pause move-2026") {
		t.Errorf("did %s", did)
	}
	for _, text := range p.Errors() {
		t.Error(text)
	}
}
