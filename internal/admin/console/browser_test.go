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
		{"device-hostile", "/devices/" + evil.String()}, {"sessions", "/sessions"}, {"acs", "/acs"}, {"drain", "/acs/south/drain"}, {"campaigns", "/campaigns"},
		{"campaign", "/campaigns/move-2026"}, {"members", "/campaigns/move-2026/devices?state=failed"}, {"nat", "/nat"}, {"events", "/events"},
		{"certificates", "/certificates"}, {"configuration", "/configuration"}, {"audit", "/audit"},
	}
}

// TestBrowser_EveryPage opens every page, light, dark and on a phone, and looks for
// errors, violations of the policy and what keeps people from using it. With
// ACSGATE_SCREENSHOTS=DIR it leaves pictures there.
func TestBrowser_EveryPage(t *testing.T) {
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
