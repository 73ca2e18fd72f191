package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

func newCaptures(t *testing.T, cfg Config) (*Captures, *clock) {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 21, 10, 4, 14, 0, time.UTC)}
	captures, err := New(cfg, Deps{Now: c.now, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return captures, c
}

func device(n int) cwmp.DeviceID {
	return cwmp.DeviceID{Manufacturer: "Maker", OUI: "00D09E", ProductClass: "HG1", SerialNumber: fmt.Sprint(n)}
}

func start(t *testing.T, c *Captures, n int, last time.Duration) View {
	t.Helper()
	v, err := c.Start(device(n), "alice", last)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLifeOfACapture(t *testing.T) {
	c, clock := newCaptures(t, Config{})
	if c.Tap(device(1)) != nil || c.running.Load() != nil {
		t.Error("a device is captured that nobody wanted captured")
	}
	v := start(t, c, 1, 10*time.Minute)
	if !v.Running || v.Device != device(1) || v.By != "alice" || v.Ends.Sub(v.Started) != 10*time.Minute {
		t.Errorf("%+v", v)
	}
	if c.Tap(device(2)) != nil || c.Tap(device(1)) == nil {
		t.Error("the wrong device is captured")
	}
	if _, err := c.Start(device(1), "bob", time.Minute); !errors.Is(err, ErrRunning) {
		t.Error(err)
	}
	clock.add(10 * time.Minute)
	if c.Tap(device(1)) != nil || c.running.Load() != nil {
		t.Error("the capture goes on after its time")
	}
	if got, ok := c.Get(v.ID); !ok || got.Running || !got.Ends.Equal(v.Ends) {
		t.Errorf("%+v, %v", got, ok)
	}
	second := start(t, c, 1, time.Minute)
	if list := c.List(); len(list) != 2 || list[0].ID != second.ID {
		t.Errorf("%+v", list)
	}
	clock.add(10 * time.Second)
	if err := c.Stop(second.ID); err != nil || c.running.Load() != nil {
		t.Error(err)
	}
	if got, _ := c.Get(second.ID); got.Running || got.Ends.Sub(second.Started) != 10*time.Second {
		t.Errorf("%+v", got)
	}
	if err := c.Stop(second.ID); err != nil {
		t.Error(err)
	}
	clock.add(time.Hour)
	if list := c.List(); len(list) != 0 {
		t.Errorf("%+v is not forgotten", list)
	}
	if _, ok := c.Get(v.ID); ok || !errors.Is(c.Stop(v.ID), ErrNotFound) || !errors.Is(c.Write(&bytes.Buffer{}, v.ID, Text), ErrNotFound) {
		t.Error("a capture that is forgotten is found")
	}
}

func TestCapturesAreBounded(t *testing.T) {
	c, clock := newCaptures(t, Config{Running: 2, Kept: 3})
	for _, last := range []time.Duration{0, -1, time.Hour + 1} {
		if _, err := c.Start(device(1), "a", last); !errors.Is(err, ErrDuration) {
			t.Errorf("%v: %v", last, err)
		}
	}
	for range 10 { // one after the other
		start(t, c, 1, time.Minute)
		start(t, c, 2, time.Hour)
		if _, err := c.Start(device(3), "a", time.Minute); !errors.Is(err, ErrTooMany) {
			t.Error(err)
		}
		if n := len(c.List()); n > 3 {
			t.Errorf("%d captures are kept", n)
		}
		for _, v := range c.List() {
			if err := c.Stop(v.ID); err != nil {
				t.Error(err)
			}
		}
		clock.add(time.Second)
	}
}

// TestCapturesOfOneLeaveThoseOfOthers: who starts many forgets their own.
func TestCapturesOfOneLeaveThoseOfOthers(t *testing.T) {
	c, clock := newCaptures(t, Config{Running: 2, Kept: 4})
	once := func(by string) {
		v, err := c.Start(device(1), by, time.Minute)
		if err == nil {
			err = c.Stop(v.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		clock.add(time.Second)
	}
	once("a")
	once("b")
	for range 10 {
		once("c")
	}
	var got []string
	for _, v := range c.List() {
		got = append(got, v.By)
	}
	if !slices.Equal(got, []string{"c", "c", "b", "a"}) {
		t.Errorf("%q are kept", got)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	c, clock := newCaptures(t, Config{Messages: 3, Bytes: 4 << 10})
	v := start(t, c, 1, time.Minute)
	tape := c.Tap(device(1))
	tape.Begin(Session{Device: device(1)})
	tape.Message(Message{Direction: FromCPE, Body: []byte("<a>" + strings.Repeat("<b>x</b>", 1000) + "</a>")})
	for range 5 {
		tape.Message(Message{Direction: FromCPE, Body: []byte("<a/>")})
	}
	if got, _ := c.Get(v.ID); got.Messages != 3 || got.Cut != 3 || got.Bytes > 4<<10 || got.Sessions != 1 {
		t.Errorf("%+v", got)
	}
	clock.add(time.Hour)
	tape.Message(Message{Direction: FromCPE})
	tape.End(clock.now(), "complete")
	if got, _ := c.Get(v.ID); got.Messages != 3 || got.Cut != 3 {
		t.Errorf("after its end: %+v", got)
	}
}

// TestRecordsAreCopies: the proxy uses its buffers again.
func TestRecordsAreCopies(t *testing.T) {
	c, _ := newCaptures(t, Config{})
	v := start(t, c, 1, time.Minute)
	tape := c.Tap(device(1))
	tape.Begin(Session{})
	body, fields := []byte("<a>good</a>"), httpwire.Fields{{Name: "X-A", Value: "good"}}
	tape.Message(Message{Direction: FromCPE, Method: "POST", Target: "/", Header: fields, Body: body})
	copy(body, "<a>evil</a>")
	fields[0].Value = "evil"
	var b bytes.Buffer
	if err := c.Write(&b, v.ID, Text); err != nil || strings.Contains(b.String(), "evil") || strings.Count(b.String(), "good") != 2 {
		t.Error(err, b.String())
	}
}

// recordSample records a session with everything that the formats tell.
func recordSample(t *testing.T) (*Captures, string) {
	t.Helper()
	c, clock := newCaptures(t, Config{})
	id := start(t, c, 1, time.Hour).ID
	tape := c.Tap(device(1))
	tape.Begin(Session{
		At: clock.now(), Started: clock.now(), Device: device(1), Listener: "cpe", Remote: netip.MustParseAddrPort("192.0.2.7:40000"), Local: netip.MustParseAddrPort("198.51.100.1:7547"),
		TLS: "TLS 1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ServerName: "acs.example", ClientCert: "CN=00D09E-1", ACS: "a", Rule: "all", Reason: "it is the only one",
	})
	xml := func(body string, fields ...httpwire.Field) (httpwire.Fields, []byte) {
		return append(httpwire.Fields{{Name: "Host", Value: "acs.example"}, {Name: "Content-Type", Value: "text/xml; charset=utf-8"}}, fields...), []byte(body)
	}
	say := func(leg int, m Message, body string, fields ...httpwire.Field) {
		m.At, m.Leg, m.Secure = clock.add(15*time.Millisecond), leg, m.Direction == FromCPE || m.Direction == ToCPE
		if m.Header, m.Body = xml(body, fields...); body == "" {
			m.Header = m.Header[:1]
		}
		if m.Method != "" {
			m.Target = "/cwmp"
		}
		tape.Message(m)
	}
	inform := soap("<cwmp:Inform>" + valueOf("Device.ManagementServer.ConnectionRequestURL", "http://192.0.2.7:7547/%s") + valueOf("Device.X.\x1b[31mNote", "x") + "</cwmp:Inform>")
	digest := httpwire.Field{Name: "Authorization", Value: `Digest username="cpe", response="` + planted + `"`}
	say(1, Message{Direction: FromCPE, Method: "POST"}, fmt.Sprintf(inform, "own"), digest)
	say(1, Message{Direction: ToACS, ACS: "a", Method: "POST"}, fmt.Sprintf(inform, "gateway"), digest, httpwire.Field{Name: "Forwarded", Value: "for=192.0.2.7"})
	say(1, Message{Direction: FromACS, ACS: "a", Status: 200, Reason: "OK"}, soap("<cwmp:InformResponse/>"), httpwire.Field{Name: "Set-Cookie", Value: "s=" + planted + "; Path=/"})
	say(1, Message{Direction: ToCPE, Status: 200, Reason: "OK"}, soap("<cwmp:InformResponse/>"), httpwire.Field{Name: "Set-Cookie", Value: "acsgate=" + planted + "; Path=/"})
	say(2, Message{Direction: FromCPE, Method: "POST"}, "")
	say(2, Message{Direction: ToCPE, Status: 200, Reason: "OK", Own: true}, soap("<cwmp:SetParameterValues>"+valueOf("Device.ManagementServer.Password", planted)+"</cwmp:SetParameterValues>"))
	say(3, Message{Direction: FromCPE, Method: "POST"}, "not xml "+planted)
	say(3, Message{Direction: ToACS, ACS: "a", Method: "POST"}, "")
	tape.Message(Message{At: clock.add(time.Second), Leg: 3, Direction: FromACS, ACS: "a", Error: "answer: i/o timeout"})
	say(3, Message{Direction: ToCPE, Status: 503, Reason: "Service Unavailable", Own: true}, "")
	say(4, Message{Direction: FromCPE, Method: "POST"}, "")
	tape.End(clock.add(time.Second), "acs_failed")
	return c, id
}

// TestGolden holds both formats against what they are to look like.
func TestGolden(t *testing.T) {
	c, id := recordSample(t)
	for format, name := range map[string]string{Text: "capture.txt", HAR: "capture.har"} {
		var b bytes.Buffer
		if err := c.Write(&b, id, format); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), planted) || strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s shows a secret, or what a terminal obeys:\n%s", format, b.String())
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s is\n%s\nwant\n%s", format, b.String(), want)
		}
	}
	if err := c.Write(&bytes.Buffer{}, id, "pcap"); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

// TestHARHasWhatTheStandardRequires of every entry, for tools that refuse others.
func TestHARHasWhatTheStandardRequires(t *testing.T) {
	c, id := recordSample(t)
	var b bytes.Buffer
	if err := c.Write(&b, id, HAR); err != nil {
		t.Fatal(err)
	}
	var har struct {
		Log struct {
			Version string
			Creator map[string]any
			Pages   []map[string]any
			Entries []map[string]any
		}
	}
	if err := json.Unmarshal(b.Bytes(), &har); err != nil {
		t.Fatal(err)
	}
	if har.Log.Version != "1.2" || har.Log.Creator["name"] != "acsgate" || len(har.Log.Pages) != 1 || len(har.Log.Entries) != 6 {
		t.Errorf("%d pages, %d entries: %s", len(har.Log.Pages), len(har.Log.Entries), b.String())
	}
	require := func(what string, m any, names ...string) {
		fields, ok := m.(map[string]any)
		for _, name := range names {
			if v, has := fields[name]; !ok || !has || v == nil {
				t.Errorf("%s has no %s", what, name)
			}
		}
	}
	for _, p := range har.Log.Pages {
		require("page", p, "startedDateTime", "id", "title", "pageTimings")
	}
	for _, e := range har.Log.Entries {
		require("entry", e, "pageref", "startedDateTime", "time", "request", "response", "cache", "timings", "_direction")
		require("request", e["request"], "method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize")
		require("response", e["response"], "status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize")
		require("content", e["response"].(map[string]any)["content"], "size", "mimeType")
		require("timings", e["timings"], "send", "wait", "receive")
		if url := e["request"].(map[string]any)["url"].(string); url != "https://acs.example/cwmp" && url != "http://acs.example/cwmp" {
			t.Error(url)
		}
	}
}

// TestConcurrentUse records, lists, writes and stops at a time, for the race
// detector.
func TestConcurrentUse(t *testing.T) {
	c, _ := newCaptures(t, Config{Running: 8})
	var wg sync.WaitGroup
	for n := range 8 {
		v := start(t, c, n, time.Hour)
		for range 2 {
			wg.Go(func() {
				for range 20 {
					tape := c.Tap(device(n))
					if tape == nil {
						return
					}
					tape.Begin(Session{Device: device(n)})
					tape.Message(Message{Direction: FromCPE, Method: "POST", Target: "/", Body: []byte("<a>" + planted[:3] + "</a>")})
					tape.End(time.Time{}, "complete")
				}
			})
		}
		wg.Go(func() {
			for range 10 {
				c.List()
				for _, format := range []string{Text, HAR} {
					if err := c.Write(&bytes.Buffer{}, v.ID, format); err != nil {
						t.Error(err)
					}
				}
			}
			if err := c.Stop(v.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c.running.Load() != nil {
		t.Error("a capture runs on")
	}
}

// TestNoCaptureCostsNothing: no allocation, while none runs.
func TestNoCaptureCostsNothing(t *testing.T) {
	c, _ := newCaptures(t, Config{})
	id := device(1)
	if n := testing.AllocsPerRun(100, func() { c.Tap(id) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTapWithoutCapture(b *testing.B) {
	c, err := New(Config{}, Deps{Now: time.Now, Metrics: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	id := device(1)
	b.ReportAllocs()
	for b.Loop() {
		if c.Tap(id) != nil {
			b.Fatal("a tap")
		}
	}
}
