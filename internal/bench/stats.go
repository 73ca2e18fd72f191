package main

import (
	"math"
	"slices"
	"time"
)

// median of values; NaN when there are none. values stays as it is.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	mid := len(s) / 2
	if len(s)%2 == 1 {
		return s[mid]
	}
	return (s[mid-1] + s[mid]) / 2
}

// spread is the distance from the smallest to the largest value in percent of
// the median: how far single rounds lie apart.
func spread(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return 100 * (slices.Max(values) - slices.Min(values)) / median(values)
}

// quantile is the value below which the share q of the ascending durations
// lies (nearest rank); zero when there are none.
func quantile(ascending []time.Duration, q float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(ascending))))
	return ascending[min(max(rank, 1), len(ascending))-1]
}

// ratios divides two series element by element. Rounds are interleaved, so
// what disturbs one round disturbs both sides of its quotient.
func ratios(values, base []float64) []float64 {
	out := make([]float64, min(len(values), len(base)))
	for i := range out {
		out[i] = values[i] / base[i]
	}
	return out
}
