package console

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		number(0): "0", number(999): "999", number(1000): "1\u202f000", number(-1234567): "-1\u202f234\u202f567", number(uint32(12345)): "12\u202f345",
		bytesText(999): "999 B", bytesText(48_211): "48 kB", bytesText(12_000_000): "12 MB",
		milliseconds(0.44): "0.4 ms", milliseconds(int64(388)): "388 ms", milliseconds(1864.2): "1.86 s", milliseconds(125_000.0): "2 min",
		seconds(0.4): "0.4 s", seconds(43): "43 s", seconds(7200): "2 h",
		percent(0, 0): "0 %", percent(1, 1000): "< 1 %", percent(1, 3): "33 %", percent(3, 3): "100 %",
		ago(0): "now", ago(3 * time.Second): "3 s ago", ago(90 * time.Minute): "1 h ago", ago(-3 * 24 * time.Hour): "in 3 days",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	now := time.Date(2026, 8, 2, 12, 0, 0, 0, time.UTC)
	if got := string(relative("2026-08-02T11:56:00Z", now)); got != `<time datetime="2026-08-02T11:56:00Z" title="2026-08-02 11:56:00 UTC" data-at="1785671760000">4 min ago</time>` {
		t.Error(got)
	}
	for _, none := range []any{"", "soon", time.Time{}, nil} {
		if got := text(string(relative(none, now))); got != "never" {
			t.Errorf("%v: %q", none, got)
		}
	}
}

func TestCharts_SumWhatTheyDoNotTellApart(t *testing.T) {
	v := func(values ...float64) (all []*float64) {
		for _, x := range values {
			if x < 0 {
				all = append(all, nil)
				continue
			}
			all = append(all, &x)
		}
		return all
	}
	line := func(name string, values []*float64, labels ...string) admin.SeriesLine {
		l := admin.SeriesLine{Name: name, Values: values, Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			l.Labels[labels[i]] = labels[i+1]
		}
		return l
	}
	s := admin.Series{Times: []int64{10, 15, 20}, Lines: []admin.SeriesLine{
		line("sessions_per_second", v(1, 2, -1), "acs", "north", "outcome", "complete"),
		line("sessions_per_second", v(.5, -1, -1), "acs", "north", "outcome", "acs_failed"),
		line("sessions_per_second", v(4, 4, 4), "acs", "south", "outcome", "complete"),
		line("exchange_seconds", v(.01, .02, .03), "acs", "north", "quantile", "0.5"),
		line("exchange_seconds", v(.1, .2, .3), "acs", "north", "quantile", "0.95"),
		line("exchange_seconds", v(1, 2, 3), "acs", "north", "quantile", "0.99"),
		line("wake_success", v(.5, 1, -1)),
	}}
	got := map[string]string{}
	for _, c := range chartsOf(s) {
		text, err := json.Marshal(c.Lines)
		if err != nil {
			t.Fatal(err)
		}
		got[c.Key] = string(text)
	}
	for key, want := range map[string]string{
		"sessions-acs":     `[{"label":"north","values":[1.5,2,null]},{"label":"south","values":[4,4,4]}]`,
		"sessions-outcome": `[{"label":"complete","values":[5,6,4]},{"label":"acs failed","values":[0.5,null,null]}]`,
		"latency":          `[{"label":"north, median","values":[10,20,30]},{"label":"north, 95 %","values":[100,200,300]}]`,
		"wakes":            `[{"label":"came","values":[50,100,null]}]`,
		"bindings":         `[]`,
	} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}
	many := admin.Series{Times: []int64{1}}
	for i := range 30 {
		many.Lines = append(many.Lines, line("sessions", v(1), "acs", strings.Repeat("x", i+1)))
	}
	for _, c := range chartsOf(many) {
		if c.Key == "live" && (len(c.Lines) != maxChartLines || c.Left != 30-maxChartLines) {
			t.Errorf("%d lines, %d left", len(c.Lines), c.Left)
		}
	}
}

func TestSeries(t *testing.T) {
	b := newWorld(t).as(viewerToken)
	var all, more seriesAnswer
	if err := json.Unmarshal([]byte(b.get("/series?range=10m", 200)), &all); err != nil || len(all.Times) != 119 || len(all.Charts) != len(chartSpecs) {
		t.Errorf("%d times, %d charts, %v", len(all.Times), len(all.Charts), err)
	}
	after := all.Times[len(all.Times)-3]
	if err := json.Unmarshal([]byte(b.get("/series?range=10m&after="+strings.TrimSpace(string(mustJSON(after))), 200)), &more); err != nil || len(more.Times) != 2 {
		t.Errorf("%d times after, %v", len(more.Times), err)
	}
	for _, c := range more.Charts {
		for _, l := range c.Lines {
			if len(l.Values) != 2 {
				t.Errorf("%s %s has %d values", c.Key, l.Label, len(l.Values))
			}
		}
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	b := w.as(viewerToken)
	for _, path := range []string{"/", "/devices", "/nowhere", "/login"} {
		h := b.do("GET", path, nil).Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for name, want := range map[string]string{
			"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

// Nothing is written into a page that the policy would stop, or that is elsewhere.
func TestPages_NeedNothingElse(t *testing.T) {
	b := newWorld(t).as(adminToken)
	inline := regexp.MustCompile(`(?i)\son[a-z]+=|\sstyle=|<style|<script(?:[^>]*)>[^<]|hx-on|hx-vals="js|hx-trigger="[^"]*\[`)
	for _, page := range everyPage() {
		body := b.get(page[1], 200)
		if m := inline.FindString(body); m != "" {
			t.Errorf("%s has %q", page[0], m)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "//") {
				t.Errorf("%s refers to %s", page[0], m[1])
			}
			if strings.HasPrefix(m[1], pathStatic) {
				got := b.do("GET", m[1], nil)
				if got.Code != 200 || got.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
					t.Errorf("%s: %d %s", m[1], got.Code, got.Header().Get("Cache-Control"))
				}
			}
		}
	}
}

func TestAssets(t *testing.T) {
	w := newWorld(t)
	url := w.console.assets.url("console.css")
	plain := w.browser().do("GET", url, nil)
	small := w.browser().do("GET", url, nil, "Accept-Encoding", "gzip")
	if small.Header().Get("Content-Encoding") != "gzip" || small.Body.Len() >= plain.Body.Len() || plain.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%d and %d bytes, %v", plain.Body.Len(), small.Body.Len(), plain.Header())
	}
	for _, path := range []string{"/static/", "/static/console.css", "/static/000000000000/console.css", "/static/../templates/login.html", "/static/%2e%2e/doc.go"} {
		if got := w.browser().do("GET", path, nil); got.Code == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
	for _, name := range []string{"vendor/htmx.LICENSE", "vendor/uPlot.LICENSE"} {
		if got := w.browser().do("GET", w.console.assets.url(name), nil); got.Code != 200 || !strings.Contains(got.Body.String(), "ermission") {
			t.Errorf("%s: %d", name, got.Code)
		}
	}
}
