package browsertest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// timeout bounds everything that is done with one page.
const timeout = time.Minute

// Browser is a Chromium without windows.
type Browser struct{ ctx context.Context }

// Start starts Chromium, which ends with the test. Where there is none the test is
// skipped, or fails if the environment has ACSGATE_INTEROP=required.
func Start(t testing.TB) *Browser {
	t.Helper()
	path := find()
	if path == "" {
		const text = "chromium is missing: install the package chromium to test the console in a browser"
		if os.Getenv("ACSGATE_INTEROP") == "required" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(timeout))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root with one
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancelAllocator)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s cannot be started: %v", path, err)
	}
	return &Browser{ctx: ctx}
}

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// View is how a page is looked at.
type View struct {
	Name          string
	Width, Height int64
	Dark          bool
}

// Views in which every page should work.
var (
	Light = View{Name: "light", Width: 1360, Height: 900}
	Dark  = View{Name: "dark", Width: 1360, Height: 900, Dark: true}
	Phone = View{Name: "phone", Width: 390, Height: 844}
)

// Open opens an empty page with cookies of its own. It is closed with the test.
func (b *Browser) Open(t testing.TB, view View) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &Page{t: t, ctx: ctx}
	// The page lives as long as the context of the first call.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("browser: %v", err)
	}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("browser: %v", err)
	}
	p.View(view)
	return p
}

// View changes how the page is looked at.
func (p *Page) View(view View) {
	p.t.Helper()
	scheme := "light"
	if view.Dark {
		scheme = "dark"
	}
	send(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: view.Width, Height: view.Height, DeviceScaleFactor: 1,
	})
	send(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}
