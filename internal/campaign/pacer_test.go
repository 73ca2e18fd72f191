package campaign

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestPacer asks at odd times and takes all that it may: in no second more than the
// rate, and on average the rate.
func TestPacer(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []float64{0.3, 1, 2.5, 7, 100, 5000} {
		var p pacer
		began := time.Unix(1000, 3e8)
		var at []time.Time
		now := began
		for now.Sub(began) < 200*time.Second {
			n := p.allow(now, rate)
			p.take(n)
			for range n {
				at = append(at, now)
			}
			now = now.Add(time.Duration(random.IntN(300)) * time.Millisecond)
		}
		if want := 200 * rate; math.Abs(float64(len(at))-want) > want*0.01+1 {
			t.Errorf("rate %v: %d in 200 s", rate, len(at))
		}
		perSecond := map[int64]int{}
		for _, x := range at {
			if perSecond[x.Unix()]++; float64(perSecond[x.Unix()]) > math.Ceil(rate) {
				t.Fatalf("rate %v: %d in one second", rate, perSecond[x.Unix()])
			}
		}
		if n := p.allow(now.Add(time.Hour), rate); float64(n) > rate/2+1 {
			t.Errorf("rate %v: %d at once after an hour", rate, n)
		}
		if n := p.allow(began, rate); float64(n) > rate/2+1 {
			t.Errorf("rate %v: %d when the clock was set back", rate, n)
		}
	}
}
