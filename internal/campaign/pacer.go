package campaign

import (
	"math"
	"time"
)

// pacer says how many devices may be begun with now: rate a second on average,
// and in no second of the clock more than that, rounded up. Ticks that are late
// are made up for, but no more than half a second of them, so that
// nothing rushes after a pause. The zero value begins without any.
type pacer struct {
	tokens float64
	last   time.Time
	second int64 // of the clock
	taken  int   // in that second
}

func (p *pacer) allow(now time.Time, rate float64) int {
	if p.last.IsZero() || now.Before(p.last) {
		p.last = now
	}
	p.tokens = min(p.tokens+now.Sub(p.last).Seconds()*rate, rate/2+1)
	p.last = now
	if second := now.Unix(); second != p.second {
		p.second, p.taken = second, 0
	}
	return max(0, min(int(p.tokens), int(math.Ceil(rate))-p.taken))
}

// take says that n devices were begun with, at the time of the last allow.
func (p *pacer) take(n int) {
	p.tokens -= float64(n)
	p.taken += n
}
