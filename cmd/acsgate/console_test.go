package main

import (
	"bytes"
	"context"
	"flag"
	"image"
	"image/png"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin/console/browsertest"
)

// For the pictures of the documentation:
// go test ./cmd/acsgate -run TestConsole -screenshots $PWD/docs/images -gather 90s.
var (
	screenshots = flag.String("screenshots", "", "write pictures of the console to this `directory`")
	gather      = flag.Duration("gather", 0, "let the demo run this long before pictures are taken, so that there is something to see")
)

// startDemo runs the parts of a demo, without its outage, until the test ends.
func startDemo(t *testing.T) *demo {
	t.Helper()
	d, err := newDemo(io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{d.north.Run, d.south.Run, d.gateway.Run, d.home.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("demo: %v", err)
			}
		})
	}
	parts.Go(func() { d.call(ctx) })
	parts.Go(func() { d.stageCalls(ctx) })
	t.Cleanup(func() {
		cancel()
		parts.Wait()
	})
	return d
}

// TestConsole is an operator's morning, in a browser, with a gateway at work.
func TestConsole(t *testing.T) {
	b := browsertest.Start(t)
	d := startDemo(t)
	base := "http://" + d.gateway.AdminAddr()
	p := b.Open(t, browsertest.Light)

	p.Login(base, "not-the-token-of-anybody")
	if at := p.Location(); !strings.HasSuffix(at, "/login") {
		t.Fatalf("a wrong token leads to %s", at)
	}
	p.Errors() // the browser notes the answer 401
	p.Login(base, d.home.token)
	p.Wait("#live")
	if *gather > 0 {
		time.Sleep(*gather)
	}
	pictures(t, p, base, d)
	wakeInBrowser(t, p, base, d)
	migrateInBrowser(t, p, base)
	drainInBrowser(t, p, base)

	for path, want := range map[string]string{
		"/audit": "connection request by udp", "/events": "inform", "/certificates": "acs.demo.example", "/configuration": "legacy-cpe",
		"/nat": d.home.device.SerialNumber, "/sessions": "", "/acs": "north",
	} {
		p.Go(base + path)
		if text := p.Text("main"); !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("%s does not say %q:\n%s", path, want, text)
		}
	}
	for _, complaint := range p.Errors() {
		t.Errorf("the browser complains: %s", complaint)
	}
}

// wakeInBrowser finds the CPE behind the NAT and wakes it.
func wakeInBrowser(t *testing.T, p *browsertest.Page, base string, d *demo) {
	t.Helper()
	p.Go(base + "/devices?q=" + strings.ToLower(d.home.device.SerialNumber[:6]))
	p.Follow("#results a.device")
	p.Click("#wake")
	p.Wait("#wake-outcome")
	if text := p.Text("#wake-outcome"); !strings.Contains(text, "The CPE came") || !strings.Contains(text, "udp") {
		t.Errorf("the wake ended with %q", text)
	}
	eventually(t, "the timeline tells of the request", func() bool {
		p.Go(base + "/devices/" + d.home.device.String())
		return strings.Contains(p.Text("[aria-labelledby=h-timeline]"), "6 CONNECTION REQUEST")
	})
}

// drainInBrowser empties north and watches it.
func drainInBrowser(t *testing.T, p *browsertest.Page, base string) {
	t.Helper()
	p.Go(base + "/acs/north/drain")
	p.Click("#preview-button")
	p.Wait("#preview .note")
	if text := p.Text("#preview"); !strings.Contains(text, "would move to south") {
		t.Errorf("the preview says %q", text)
	}
	p.Follow("#start-drain")
	at, err := url.Parse(p.Location())
	if err != nil || !strings.HasPrefix(at.Path, "/campaigns/") {
		t.Fatalf("the drain leads to %s", at)
	}
	if *screenshots != "" {
		time.Sleep(2 * time.Second)
		snap(t, p, "campaign", 1000)
	}
	eventually(t, "the page follows by itself until the drain is done", func() bool { return p.Text("#status") == "done" })
	if text := p.Text("main"); !strings.Contains(text, "arrived") {
		t.Errorf("the campaign's page says %q", text)
	}
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// pictures takes those of the documentation, if they are asked for.
func pictures(t *testing.T, p *browsertest.Page, base string, d *demo) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	for _, picture := range []struct {
		name, path string
		view       browsertest.View
		height     int // what is below is cut off
	}{
		{"overview", "/", browsertest.Light, 1250},
		{"overview-dark", "/", browsertest.Dark, 1250},
		{"phone", "/", browsertest.Phone, 1000},
		{"devices", "/devices", browsertest.Light, 1000},
		{"nat", "/nat", browsertest.Light, 1000},
		{"acs", "/acs", browsertest.Light, 1000},
		{"events", "/events", browsertest.Light, 1000},
	} {
		p.View(picture.view)
		p.Go(base + picture.path)
		time.Sleep(2 * time.Second) // charts are drawn
		snap(t, p, picture.name, picture.height)
	}
	p.View(browsertest.Dark)
	wakeInBrowser(t, p, base, d) // so that there is more to see of it
	p.Click("[aria-labelledby=h-timeline] details:has(table.legs) > summary")
	snap(t, p, "device", 1500)
	p.View(browsertest.Light)
}

// snap takes a picture of the page from its top.
func snap(t *testing.T, p *browsertest.Page, name string, height int) {
	t.Helper()
	browsertest.Evaluate[bool](p, "(scrollTo(0, 0), true)")
	path := filepath.Join(*screenshots, "console-"+name+".png")
	p.Screenshot(path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	part := whole.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(image.Rect(0, 0, whole.Bounds().Dx(), min(height, whole.Bounds().Dy())))
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, part); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
