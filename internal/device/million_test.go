package device_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/device/devicetest"
	"github.com/acsgate/acsgate/internal/store/boltstore"
)

// million is how many devices a registry must be able to hold.
const million = 1_000_000

// BenchmarkMillionDevices loads a million devices from a file, and reports how
// long that takes, what the process takes in memory (the mapped file included),
// and how large the file is. Then it has each tenth device inform, and reports
// how long it takes to write that.
func BenchmarkMillionDevices(b *testing.B) {
	path := filepath.Join(b.TempDir(), "acsgate.db")
	began := time.Now()
	fill(b, path)
	filled := time.Since(began)
	size, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	debug.FreeOSMemory()
	// What was filled does not count: 5 resets VmHWM, where there is one.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	before := memory(b, "VmRSS")
	for b.Loop() {
		once(b, path)
	}
	b.ReportMetric(filled.Seconds(), "s-fill")
	b.ReportMetric(float64(size.Size())/million, "file-B/device")
	b.ReportMetric(before, "MB-before")
	b.ReportMetric(0, "ns/op")
}

func once(b *testing.B, path string) {
	began := time.Now()
	s, err := boltstore.Open(boltstore.Config{Path: path}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportMetric(time.Since(began).Seconds(), "s-open")
	r, err := device.New(device.Config{}, device.Deps{Store: s, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Load(b.Context()); err != nil || r.Len() != million {
		b.Fatalf("loaded %d devices, %v", r.Len(), err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s-ready")
	b.ReportMetric(memory(b, "VmRSS"), "MB-loaded")
	b.ReportMetric(memory(b, "VmHWM"), "MB-loading-most")
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	b.ReportMetric(float64(stats.HeapAlloc)/million, "heap-B/device")
	inform(b, r)
	b.ReportMetric(memory(b, "VmRSS"), "MB-informed")
	b.ReportMetric(memory(b, "VmHWM"), "MB-informing-most")
	runtime.KeepAlive(r)
}

// inform has each tenth device inform, and waits until that is stored.
func inform(b *testing.B, r *device.Registry) {
	for i := 0; i < million; i += 10 {
		rec := devicetest.Record(i)
		r.NoteInform(device.Sighting{
			ID: rec.ID, ACS: "south", Rule: rec.Rule, Listener: rec.Listener, Source: rec.Source,
			SoftwareVersion: "V6", Root: rec.Root, ConnectionRequestURL: rec.ConnectionRequestURL, Events: rec.LastEvents,
		})
	}
	stopped, stop := context.WithCancel(b.Context())
	stop()
	began := time.Now()
	if err := r.Run(stopped); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s-flush-100k")
}

func fill(b *testing.B, path string) {
	s, err := boltstore.Open(boltstore.Config{Path: path}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	if err := devicetest.Fill(b.Context(), s, million, devicetest.Record); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// memory returns a figure of the process's status in MB, 0 where there is none.
func memory(b *testing.B, name string) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1024
		}
	}
	return 0
}
