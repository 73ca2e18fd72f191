package journal

import (
	"encoding/json"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func newJournal(tb testing.TB, cfg Config) *Journal {
	tb.Helper()
	j, err := New(cfg, Deps{Metrics: prometheus.NewRegistry(), Now: time.Now, Log: zap.NewNop()})
	if err != nil {
		tb.Fatal(err)
	}
	return j
}

// typical returns the two events of a typical session.
func typical(n int) [2]Event {
	id := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG8245H", SerialNumber: "SN" + strconv.Itoa(1_000_000+n)}
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)
	return [2]Event{
		{At: at, Kind: KindInform, Device: id, ACS: "north", Text: "2 PERIODIC, 4 VALUE CHANGE to north: first route that fits", Data: &Inform{
			Events: []string{"2 PERIODIC", "4 VALUE CHANGE"}, Source: "198.51.100.7:40112", Listener: "tls", Rule: "default", Reason: "first route that fits",
		}},
		{At: at.Add(80 * time.Millisecond), Kind: KindSession, Device: id, ACS: "north", Text: "ok after 3 exchanges in 80ms with north", Data: &Session{
			Outcome: "ok", Started: at, TookMS: 80.215, Listener: "tls", Source: "198.51.100.7:40112", TLS: "1.2", Rule: "default",
			Reason: "first route that fits", Events: []string{"2 PERIODIC", "4 VALUE CHANGE"}, RPCs: []string{"GetParameterValues"},
			Legs: []Leg{
				{AtMS: 1.03, TookMS: 21.7, ACSMS: 20.1, Request: "Inform", Answer: "InformResponse", Status: 200, In: 3211, Out: 512, New: true},
				{AtMS: 31.5, TookMS: 18.2, ACSMS: 17.9, Request: "empty", Answer: "GetParameterValues", Status: 200, In: 0, Out: 821},
				{AtMS: 61.1, TookMS: 19.1, ACSMS: 18.4, Request: "GetParameterValuesResponse", Answer: "empty", Status: 204, In: 1422, Out: 0},
			},
		}},
	}
}

func BenchmarkPublish(b *testing.B) {
	j := newJournal(b, Config{})
	events := typical(1)
	b.ReportAllocs()
	for i := range b.N {
		if i%(maxPending-1) == 0 { // as Run does, but on no one's account here
			j.pending = j.pending[:0]
		}
		j.Publish(events[i&1])
	}
}

func BenchmarkPublish_Parallel(b *testing.B) {
	j := newJournal(b, Config{})
	go func() { _ = j.Run(b.Context()) }()
	events := typical(1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			j.Publish(events[1])
		}
	})
}

// BenchmarkHandOn is the encoding and keeping of one session's two events.
func BenchmarkHandOn(b *testing.B) {
	j := newJournal(b, Config{})
	var events [1000][2]Event
	for i := range events {
		events[i] = typical(i)
	}
	b.ReportAllocs()
	for i := range b.N {
		for _, e := range events[i%1000] {
			j.Publish(e)
		}
		if i%200 == 199 {
			j.handOn()
		}
	}
	j.handOn()
	b.ReportMetric(float64(len(j.stream.batches[0].text))/float64(len(j.stream.batches[0].frames))*2, "B/session")
}

func BenchmarkSessionByReflection(b *testing.B) {
	e := typical(1)[1]
	w := newEncoder(zap.NewNop(), nil)
	enc := json.NewEncoder(w)
	b.ReportAllocs()
	for range b.N {
		w.text = w.text[:0]
		if err := enc.Encode(e.Data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTimeline(b *testing.B) {
	j := newJournal(b, Config{})
	for i := range 20_000 {
		for _, e := range typical(i % 500) {
			j.Publish(e)
		}
		j.Flush()
	}
	id := typical(7)[0].Device
	b.ReportAllocs()
	for b.Loop() {
		j.Timeline(id, 0)
	}
}

func BenchmarkDeflate(b *testing.B) {
	j := newJournal(b, Config{})
	for i := range 200 {
		for _, e := range typical(i) {
			j.Publish(e)
		}
	}
	j.Flush()
	text := j.stream.batches[0].text
	b.SetBytes(int64(len(text)))
	var s squeezer
	var out []byte
	for b.Loop() {
		out = s.squeeze(text)
	}
	b.ReportMetric(float64(len(text))/float64(len(out)), "ratio")
}

// BenchmarkTimelinePush_Full is a record of one of a million devices, when each takes
// the place of others.
func BenchmarkTimelinePush_Full(b *testing.B) {
	before := heap()
	tl := newTimeline(128 << 20)
	record := make([]byte, 700) // of a session with three legs
	keys := make([]key, 1_000_000)
	for i := range keys {
		keys[i] = tl.key(typical(i)[0].Device.Key())
		tl.push(keys[i], record)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		tl.push(keys[i*611_953%len(keys)], record)
	}
	b.StopTimer()
	b.ReportMetric(float64(tl.count().devices), "devices")
	b.ReportMetric(float64(heap()-before-int64(len(keys)*16))/(1<<20), "MB")
	runtime.KeepAlive(tl)
	runtime.KeepAlive(keys)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
