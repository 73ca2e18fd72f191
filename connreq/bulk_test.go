package connreq

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// cpes yields devices from first to last.
func cpes(first, last int) iter.Seq[cwmp.DeviceID] {
	return func(yield func(cwmp.DeviceID) bool) {
		for n := first; n <= last && yield(cpe(n)); n++ {
		}
	}
}

func TestBulkCountsAll(t *testing.T) {
	const known = 300
	inWorld(t, func(w *world) {
		for n := range known {
			w.know(n + 1)
		}
		w.change(1, func(t *Target) { t.Remote = netip.AddrPort{} })
		w.onSend = func(p packet) {
			b := p.to.Addr().As4()
			if n := int(b[2])<<8 | int(b[3]); n%2 == 0 {
				time.AfterFunc(time.Second/2, func() { w.s.NoteInform(cpe(n), []string{six}, w.now()) })
			}
		}
	}, func(t *testing.T, w *world) {
		began, before := time.Now(), runtime.NumGoroutine()
		most := 0
		var told []Progress
		ids := func(yield func(cwmp.DeviceID) bool) {
			for id := range cpes(1, known+10) {
				most = max(most, runtime.NumGoroutine())
				if !yield(id) {
					return
				}
			}
			yield(cpe(2)) // twice
		}
		got, err := w.s.Bulk(context.Background(), ids, 100, "bulk", func(p Progress) { told = append(told, p) })
		if err != nil {
			t.Fatal(err)
		}
		if got.Asked != known+11 || got.Confirmed != known/2+1 || got.Sent != known || got.Failed["unknown"] != 10 ||
			got.Failed["unreachable"] != 1 || got.Failed["silent"] != known/2-1 || len(got.Failed) != 3 {
			t.Errorf("%+v", got)
		}
		if took := time.Since(began); took < 32*time.Second || took > 34*time.Second {
			t.Errorf("took %v: 310 at 100 in a second, and 30 s for the silent ones", took)
		}
		if most > before+20 {
			t.Errorf("%d goroutines, %d before", most, before)
		}
		if len(told) < 30 || told[0].Asked < 90 || told[0].Asked > 120 || told[len(told)-1].Asked != got.Asked {
			t.Errorf("told %d times: %+v", len(told), told)
		}
	})
}

func TestBulkLeavesRoomAndWaits(t *testing.T) {
	inWorld(t, func(w *world) {
		w.cfg.Max = 8
		for n := range 20 {
			w.know(n + 1)
		}
	}, func(t *testing.T, w *world) {
		done := make(chan Progress)
		go func() {
			p, err := w.s.Bulk(context.Background(), cpes(1, 18), 0, "bulk", nil)
			if err != nil {
				t.Error(err)
			}
			done <- p
		}()
		after(time.Second)
		w.count("acsgate_connection_requests_in_flight", 6)
		w.begin(19)
		w.begin(20)
		if p := <-done; p.Asked != 18 || p.Failed["silent"] != 18 {
			t.Errorf("%+v", p)
		}
	})
}

func TestBulkStops(t *testing.T) {
	inWorld(t, func(w *world) {
		for n := range 100 {
			w.know(n + 1)
		}
	}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p, err := w.s.Bulk(ctx, cpes(1, 100), 10, "bulk", nil)
		if !errors.Is(err, context.DeadlineExceeded) || p.Asked < 9 || p.Asked > 12 {
			t.Errorf("%+v, %v", p, err)
		}
		w.end()
		if _, err := w.s.Bulk(context.Background(), cpes(1, 100), 10, "bulk", nil); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestPace(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	p := newPace(1000, now)
	waits := 0
	for range 10_000 {
		if wait := p.next(now); wait > 0 {
			now = now.Add(wait)
			waits++
		}
	}
	if took := now.Sub(time.Unix(1_795_000_000, 0)); took < 9900*time.Millisecond || took > 10_010*time.Millisecond {
		t.Errorf("10,000 at 1,000 in a second took %v", took)
	}
	if waits > 6000 {
		t.Errorf("slept %d times", waits)
	}
	now = now.Add(time.Hour)
	burst := 0
	for p.next(now) == 0 {
		burst++
	}
	if burst > 110 {
		t.Errorf("%d at once after a pause", burst)
	}
}

// benchService is a service in real time, whose CPEs come at once.
func benchService(b *testing.B, send func(s *Service, to netip.AddrPort)) *Service {
	b.Helper()
	var s *Service
	s, err := New(Config{HTTP: HTTPConfig{Disabled: true}}, Deps{
		Target: func(id cwmp.DeviceID) (Target, bool) {
			return Target{
				Device: id, Local: netip.MustParseAddrPort("192.0.2.1:3478"), Remote: netip.MustParseAddrPort("198.51.100.7:1024"),
				Logins: []Login{{"00D09E-Box-000001", "c2VjcmV0IG9mIHRoZSBDUEU"}},
			}, true
		},
		SendUDP: func(_, to netip.AddrPort, _ []byte) error { send(s, to); return nil },
		Store:   memstore.New(time.Now), Metrics: prometheus.NewRegistry(), Log: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	for s.floorIsStored() == 0 {
		time.Sleep(time.Millisecond)
	}
	return s
}

func (s *Service) floorIsStored() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sequence.floor
}

// From Begin to the datagram.
func BenchmarkBeginToDatagram(b *testing.B) {
	var left atomic.Int64
	s := benchService(b, func(*Service, netip.AddrPort) { left.Store(time.Now().UnixNano()) })
	took := make([]int64, 0, b.N)
	n := 0
	for b.Loop() {
		n++
		began := time.Now().UnixNano()
		if _, err := s.Begin(cpe(n), "bench"); err != nil {
			b.Fatal(err)
		}
		took = append(took, left.Load()-began)
		s.NoteInform(cpe(n), []string{six}, time.Now())
	}
	b.ReportMetric(quantile(took, 0.50)/1000, "p50-µs")
	b.ReportMetric(quantile(took, 0.99)/1000, "p99-µs")
}

// A bulk of 100,000 devices that do not come: copies, timeouts and records of all.
func BenchmarkBulk(b *testing.B) {
	const devices = 100_000
	var datagrams atomic.Int64
	s := benchService(b, func(*Service, netip.AddrPort) { datagrams.Add(1) })
	first := 1
	for b.Loop() {
		ids := cpes(first, first+devices-1)
		first += devices
		began := time.Now()
		ctx, cancel := context.WithCancel(context.Background())
		asked := 0
		_, err := s.Bulk(ctx, func(yield func(cwmp.DeviceID) bool) {
			for id := range ids {
				if asked++; !yield(id) {
					return
				}
			}
			b.ReportMetric(float64(devices)/time.Since(began).Seconds(), "requests/s")
			cancel() // the sessions are not waited for
		}, 0, "bench", nil)
		if !errors.Is(err, context.Canceled) {
			b.Fatal(err)
		}
		for n := range ids {
			s.NoteInform(n, []string{six}, time.Now())
		}
	}
	b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
}

func quantile(all []int64, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return float64(sorted[int(float64(len(sorted)-1)*q)])
}
