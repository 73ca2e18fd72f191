package simnet

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func runFleet(t *testing.T, cfg FleetConfig) Summary {
	t.Helper()
	f, err := NewFleet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f.Run(t.Context())
}

func TestFleetHoldsAllSessions(t *testing.T) {
	a := startACS(t, ACSConfig{Script: testScript})
	s := runFleet(t, FleetConfig{URL: a.URL(), N: 42, Sessions: 3, Concurrency: 10})
	if s.Succeeded != 42*3 || s.Failed != 0 || s.Peak > 10 || s.RPCs != 42*3*2 {
		t.Errorf("summary:\n%s", s)
	}
	if got := a.Stats(); got.Completed != 42*3 || got.Open != 0 {
		t.Errorf("ACS: %+v", got)
	}
	if s.Session.Count != 42*3 || s.Session.P50 == 0 || s.Session.P50 > s.Session.P99 || s.Session.P99 > s.Session.Max {
		t.Errorf("quantiles %+v", s.Session)
	}
}

// TestFleetTellsReasons: each failure has its reason and an example.
func TestFleetTellsReasons(t *testing.T) {
	a := startACS(t, ACSConfig{Misbehave: func(x *Exchange) Misbehaviour {
		return Misbehaviour{NoReason: x.Message.Method == "Inform"}
	}})
	s := runFleet(t, FleetConfig{URL: a.URL(), N: 10, Makes: []Make{known(t, "generic"), known(t, "netcwmp")}})
	if s.Succeeded != 5 || s.Failed != 5 || s.Reasons["quirk C-22"] != 5 || s.Makes["netcwmp"].Failed != 5 {
		t.Errorf("summary:\n%s", s)
	}
	if s.Examples["quirk C-22"] == "" {
		t.Error("no example")
	}
}

// TestFleetRetries: a refused session is held again after Retry-After.
func TestFleetRetries(t *testing.T) {
	var mu sync.Mutex
	refused := map[string]bool{}
	a := startACS(t, ACSConfig{Misbehave: func(x *Exchange) Misbehaviour {
		mu.Lock()
		defer mu.Unlock()
		serial := x.Message.Device.SerialNumber
		if x.Message.Method != "Inform" || refused[serial] {
			return Misbehaviour{}
		}
		refused[serial] = true
		return Misbehaviour{Status: 503}
	}})
	s := runFleet(t, FleetConfig{URL: a.URL(), N: 5, Retries: 1, RetryWait: time.Millisecond, Makes: []Make{known(t, "generic")}})
	if s.Succeeded != 5 || s.Retried != 5 || s.Failed != 0 || s.Reasons["status 503"] != 5 {
		t.Errorf("summary:\n%s", s)
	}
	for _, x := range a.Exchanges() {
		if x.Message.Method == "Inform" && x.Status == 200 && x.Message.RetryCount != 1 {
			t.Errorf("RetryCount %d in the second Inform", x.Message.RetryCount)
		}
	}
}

// TestFleetEnds: For ends a run without end and lets sessions finish; the
// context interrupts them.
func TestFleetEnds(t *testing.T) {
	a := startACS(t, ACSConfig{})
	s := runFleet(t, FleetConfig{URL: a.URL(), N: 5, Sessions: -1, For: 50 * time.Millisecond})
	if s.Succeeded < 1 || s.Failed+s.Interrupted != 0 || s.Succeeded != a.Stats().Completed {
		t.Errorf("summary:\n%s", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var informs atomic.Int32
	a.SetMisbehave(func(*Exchange) Misbehaviour {
		if informs.Add(1) == 5 {
			cancel()
		}
		return Misbehaviour{Delay: time.Hour}
	})
	f, err := NewFleet(FleetConfig{URL: a.URL(), N: 5})
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Run(ctx); s.Succeeded != 0 || s.Failed != 0 || s.Interrupted != 5 {
		t.Errorf("interrupted:\n%s", s)
	}
}

// TestFleetKeepsToItsRate: a rate can be measured from below only.
func TestFleetKeepsToItsRate(t *testing.T) {
	a := startACS(t, ACSConfig{})
	f, err := NewFleet(FleetConfig{URL: a.URL(), N: 40, Rate: 100})
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Run(t.Context()); s.Succeeded != 40 || s.Took < 39*10*time.Millisecond-100*time.Millisecond {
		t.Errorf("summary:\n%s", s)
	}
	if p := f.Progress(); p.Succeeded != 40 {
		t.Errorf("progress:\n%s", p)
	}
}

func TestSummaryText(t *testing.T) {
	s := Summary{
		Devices: 3, Sessions: 3, Succeeded: 2, Failed: 1, Interrupted: 1, Took: 2 * time.Second, Peak: 2, Posts: 8, Connections: 4, RPCs: 2,
		Reasons: map[string]int{"timeout": 1, "status 503": 4}, Examples: map[string]string{"timeout": "i/o timeout", "status 503": "ACS answered 503"},
		Makes: map[string]MakeSummary{"generic": {Succeeded: 2}, "rdkb": {Failed: 1}}, Session: Quantiles{P50: 1500 * time.Microsecond},
	}
	want := `2 of 3 sessions succeeded (3 devices, 2.0 s, 1 sessions/s, 2 at once)
  session   p50 1.5 ms  p90 0.0 ms  p99 0.0 ms  max 0.0 ms
  exchange  p50 0.0 ms  p90 0.0 ms  p99 0.0 ms  max 0.0 ms
  8 posts over 4 connections, 2 RPCs answered
  1 interrupted by the end of the run
  rdkb           1 of 1 failed
  4 x status 503, such as: ACS answered 503
  1 x timeout, such as: i/o timeout
`
	if got := s.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestFleetUsesSources(t *testing.T) {
	a := startACS(t, ACSConfig{})
	sources := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
	runFleet(t, FleetConfig{URL: a.URL(), N: 4, Sources: sources, Makes: []Make{known(t, "generic")}})
	seen := map[netip.Addr]bool{}
	for _, x := range a.Exchanges() {
		seen[x.Remote.Addr()] = true
	}
	if len(seen) != 2 || !seen[sources[0]] || !seen[sources[1]] {
		t.Errorf("sources %v", seen)
	}
}

func TestFleetRefusesNonsense(t *testing.T) {
	for _, cfg := range []FleetConfig{
		{URL: "http://127.0.0.1:1"},
		{URL: "http://127.0.0.1:1", N: 1, Sessions: -1},
		{URL: "127.0.0.1:1", N: 1},
		{URL: "http://127.0.0.1:1", N: 1, Makes: []Make{}},
	} {
		if _, err := NewFleet(cfg); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.9: 900 * time.Millisecond, 0.99: 990 * time.Millisecond} {
		if got := h.quantile(q); got < want || got > want*107/100 {
			t.Errorf("quantile %v is %v, want %v or up to 7%% more", q, got, want)
		}
	}
	last := time.Duration(-1)
	for i := range histogramSteps * 30 {
		if end := bucketEnd(i); end <= last || bucketOf(end) != i || bucketOf(end+time.Microsecond) != i+1 {
			t.Fatalf("bucket %d ends at %v, which is in %d", i, end, bucketOf(end))
		} else {
			last = end
		}
	}
	h.add(1<<62 - 1)
	h.add(-1)
}
