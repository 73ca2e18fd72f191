package simnet

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets that grow with their size, so that a
// quantile is true to about six per cent. It is safe for concurrent use.
type histogram struct {
	buckets [histogramSteps * 40]atomic.Int64
	count   atomic.Int64
	max     atomic.Int64 // nanoseconds
}

// histogramSteps is the number of buckets for each doubling.
const histogramSteps = 16

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)].Add(1)
	h.count.Add(1)
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// bucketOf counts in microseconds: the first steps are linear, then there are
// histogramSteps to each power of two.
func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < histogramSteps {
		return int(us)
	}
	shift := bits.Len64(us) - 5
	return min((shift+1)*histogramSteps+int(us>>shift)-histogramSteps, histogramSteps*40-1)
}

// bucketEnd is the largest duration of a bucket.
func bucketEnd(i int) time.Duration {
	if i < histogramSteps {
		return time.Duration(i) * time.Microsecond
	}
	shift := i/histogramSteps - 1
	return time.Duration((uint64(i%histogramSteps+histogramSteps+1)<<shift)-1) * time.Microsecond
}

// Quantiles describe a set of durations.
type Quantiles struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
}

func (h *histogram) quantiles() Quantiles {
	return Quantiles{
		Count: int(h.count.Load()), P50: h.quantile(0.50), P90: h.quantile(0.90), P99: h.quantile(0.99),
		Max: time.Duration(h.max.Load()),
	}
}

func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q * float64(h.count.Load()))
	for i := range h.buckets {
		if rank -= h.buckets[i].Load(); rank < 0 {
			return min(bucketEnd(i), time.Duration(h.max.Load()))
		}
	}
	return time.Duration(h.max.Load())
}
