package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseBench(t *testing.T) {
	const text = `goos: linux
pkg: github.com/acsgate/acsgate/internal/cwmp
BenchmarkScanInform-2   	  252344	      4746 ns/op	 646.4 MB/s	     880 B/op	       6 allocs/op
BenchmarkScanInform-2   	  252344	      5000 ns/op	 600.0 MB/s	     880 B/op	       6 allocs/op
BenchmarkScanInform-2   	  252344	      4800 ns/op	 640.0 MB/s	     880 B/op	       6 allocs/op
BenchmarkScan/two-parts 	     100	     12.50 ns/op
BenchmarkScanBroken-2 something
PASS
ok  	github.com/acsgate/acsgate/internal/cwmp	3.1s
`
	want := []benchLine{
		{name: "ScanInform", nanoseconds: 4800, bytes: 880, allocations: 6},
		{name: "Scan/two-parts", nanoseconds: 12.5},
	}
	got := medians(parseBench([]byte(text)))
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(benchLine{})); diff != "" {
		t.Error(diff)
	}
	var r report
	r.tabulateScan(parseBench([]byte(text)))
	if len(r.figures) != 2 || !r.figures[0].met || !r.figures[1].met || r.failed {
		t.Errorf("report = %+v, want time and allocations of the Inform reached", r)
	}
}

func TestNoScanBenchmarkIsAFailure(t *testing.T) {
	var r report
	r.tabulateScan(parseBench([]byte("PASS\n")))
	if !r.failed {
		t.Error("a run without results passed")
	}
}
