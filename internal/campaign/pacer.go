package campaign

import (
	"math"
	"time"
)

// pacer says how many devices may be begun with now: rate a second on average,
// and in no second more than that, rounded up. It does not make up for more than
// half a second in which nobody asked. The zero value begins without any.
type pacer struct {
	tokens float64
	last   time.Time
	recent []taken // in the last second
}

type taken struct {
	at time.Time
	n  int
}

func (p *pacer) allow(now time.Time, rate float64) int {
	if p.last.IsZero() || now.Before(p.last) {
		p.last = now
	}
	p.tokens = min(p.tokens+now.Sub(p.last).Seconds()*rate, rate/2+1)
	p.last = now
	old := 0
	for old < len(p.recent) && !now.Before(p.recent[old].at.Add(time.Second)) {
		old++
	}
	p.recent = append(p.recent[:0], p.recent[old:]...)
	left := int(math.Ceil(rate))
	for _, t := range p.recent {
		left -= t.n
	}
	return max(0, min(int(p.tokens), left))
}

// take says that n devices were begun with.
func (p *pacer) take(now time.Time, n int) {
	if n > 0 {
		p.tokens -= float64(n)
		p.recent = append(p.recent, taken{now, n})
	}
}
