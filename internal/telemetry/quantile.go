package telemetry

import (
	"math"
	"sort"
)

// quantile estimates a quantile, 0 to 1, of a histogram as PromQL's
// histogram_quantile does: within a bucket values are taken to lie evenly. upper
// are the upper bounds of the buckets without the last one, which has none;
// cumulative are the counts up to each, the last one that of all. The unit is that
// of the bounds. It is NaN where nothing was counted, and the highest bound where
// the quantile lies beyond it.
func quantile(q float64, upper, cumulative []float64) float64 {
	if len(upper) == 0 || len(cumulative) != len(upper)+1 {
		return math.NaN()
	}
	rank := q * cumulative[len(upper)]
	if !(rank > 0) {
		return math.NaN()
	}
	b := sort.Search(len(upper), func(i int) bool { return cumulative[i] >= rank })
	switch {
	case b == len(upper):
		return upper[b-1]
	case b == 0 && upper[0] <= 0:
		return upper[0]
	case b == 0:
		return upper[0] * rank / cumulative[0]
	}
	below := cumulative[b-1]
	return upper[b-1] + (upper[b]-upper[b-1])*(rank-below)/(cumulative[b]-below)
}
