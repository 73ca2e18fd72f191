package policy

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// fleet is n devices.
func fleet(n int) iter.Seq[cwmp.Key] {
	return func(yield func(cwmp.Key) bool) {
		for i := range n {
			if !yield(cwmp.Key{OUI: "00D09E", ProductClass: "HG532e", SerialNumber: fmt.Sprintf("SN%07d", i)}) {
				return
			}
		}
	}
}

func mustWaves(t testing.TB, campaign string, devices iter.Seq[cwmp.Key], waves ...WaveConfig) *Waves {
	t.Helper()
	w, err := NewWaves(campaign, waves, devices)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func sizes(w *Waves, devices iter.Seq[cwmp.Key]) []int {
	n := make([]int, w.Len()+1) // the last are in none
	for id := range devices {
		i, ok := w.Of(id)
		if ok != (i < w.Len()) {
			i = w.Len()
		}
		n[i]++
	}
	return n
}

func TestWaves_Percent(t *testing.T) {
	got := sizes(mustWaves(t, "swap", nil, WaveConfig{Percent: 1}, WaveConfig{Percent: 10}, WaveConfig{Percent: 50}), fleet(40_000))
	for i, want := range []float64{400, 3600, 16_000, 20_000} {
		if math.Abs(float64(got[i])-want) > 5*math.Sqrt(want) {
			t.Errorf("wave %d has %d devices, want about %.0f", i, got[i], want)
		}
	}
	if all := sizes(mustWaves(t, "swap", nil, WaveConfig{Percent: 100}), fleet(1000)); all[0] != 1000 {
		t.Errorf("a wave of 100 %% has %d of 1000", all[0])
	}
}

func TestWaves_CountIsExact(t *testing.T) {
	w := mustWaves(t, "swap", fleet(10_000), WaveConfig{Count: 7}, WaveConfig{Count: 500}, WaveConfig{Percent: 100})
	if diff := gocmp.Diff([]int{7, 493, 9500, 0}, sizes(w, fleet(10_000))); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
	more := mustWaves(t, "swap", fleet(10), WaveConfig{Count: 3}, WaveConfig{Count: 50})
	if diff := gocmp.Diff([]int{3, 7, 0}, sizes(more, fleet(10))); diff != "" {
		t.Errorf("a count beyond the fleet (-want +got):\n%s", diff)
	}
}

// TestWaves_Restored: a division stays what it was, whatever devices come.
func TestWaves_Restored(t *testing.T) {
	w := mustWaves(t, "swap", fleet(1000), WaveConfig{Count: 10}, WaveConfig{Percent: 100})
	again := RestoreWaves("swap", w.Limits())
	for id := range fleet(5000) {
		a, _ := w.Of(id)
		if b, ok := again.Of(id); a != b || !ok {
			t.Fatalf("%v is in wave %d, restored %d", id, a, b)
		}
	}
}

// TestWaves_GrowingOnlyAdds: a device of some wave stays in it or comes earlier
// when waves are made to reach further, and equals what was documented of it.
func TestWaves_GrowingOnlyAdds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		steps := []float64{r.Float64() * 100, r.Float64() * 100, r.Float64() * 100}
		slices.Sort(steps)
		var before, after []WaveConfig
		for i, p := range steps {
			before = append(before, WaveConfig{Percent: p})
			most := 100.0
			if i+1 < len(steps) {
				most = steps[i+1]
			}
			after = append(after, WaveConfig{Percent: p + (most-p)*0.9*r.Float64()})
		}
		a, b := mustWaves(t, "swap", nil, before...), mustWaves(t, "swap", nil, after...)
		for id := range fleet(200) {
			was, in := a.Of(id)
			is, still := b.Of(id)
			if in && (!still || is > was) {
				t.Fatalf("%v moved from wave %d of %v to %d of %v", id, was, before, is, after)
			}
			if at := newShare("waves of swap", 0).percent(id); in != (at < steps[2]) || in && at >= steps[was] || in && was > 0 && at < steps[was-1] {
				t.Fatalf("%v stands at %v: wave %d of %v", id, at, was, steps)
			}
		}
	}
}

// TestWaves_AreNotTheShare: the first wave of a campaign over 10 % of devices
// has a tenth of these, not all.
func TestWaves_AreNotTheShare(t *testing.T) {
	chosen, w := newShare("swap", 10), mustWaves(t, "swap", nil, WaveConfig{Percent: 10}, WaveConfig{Percent: 100})
	var all, first int
	for id := range fleet(50_000) {
		if chosen.has(id) {
			all++
			if wave, _ := w.Of(id); wave == 0 {
				first++
			}
		}
	}
	if share := float64(first) / float64(all); share < 0.07 || share > 0.13 {
		t.Errorf("the first wave has %d of %d devices", first, all)
	}
}

func TestNewWaves_Refuses(t *testing.T) {
	for _, test := range []struct {
		waves []WaveConfig
		want  string
	}{
		{nil, "is missing"},
		{[]WaveConfig{{}}, "without devices"},
		{[]WaveConfig{{Percent: 101}}, "percent"},
		{[]WaveConfig{{Percent: math.NaN()}}, "percent"},
		{[]WaveConfig{{Percent: 10}, {Percent: 10}}, "is not more than 10"},
		{[]WaveConfig{{Percent: 10}, {Percent: 1}}, "waves[1].percent"},
		{[]WaveConfig{{Count: 10}, {Count: 10}}, "is not more than 10"},
		{[]WaveConfig{{Count: 5, Percent: 1}}, "choose one"},
		{[]WaveConfig{{Count: -5}}, "at least 1"},
		{[]WaveConfig{{Percent: 50}, {Count: 10}}, "less far"},
		{[]WaveConfig{{Count: 90}, {Percent: 1}}, "less far"},
		{[]WaveConfig{{Percent: 1, PerSecond: -1}}, "per_second"},
		{[]WaveConfig{{Percent: 1, Criteria: Criteria{Arrived: 120}}}, "waves[0].criteria.arrived"},
		{[]WaveConfig{{Percent: 1, Criteria: Criteria{OnFailure: "panic"}}}, "on_failure"},
		{[]WaveConfig{{Percent: 1, Criteria: Criteria{Within: -1}}}, "within"},
		{[]WaveConfig{{Percent: 1, Criteria: Criteria{FaultRate: new(-1.0)}}}, "fault_rate"},
		{[]WaveConfig{{Percent: 1, Criteria: Criteria{MinSample: -1}}}, "min_sample"},
		{[]WaveConfig{{Percent: 1, Criteria: Criteria{SecondSession: -1}}}, "second_session"},
	} {
		if _, err := NewWaves("swap", test.waves, fleet(100)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.waves, err, test.want)
		}
	}
}

func TestAllowance(t *testing.T) {
	for _, test := range []struct {
		rate    float64
		running time.Duration
		want    int
	}{
		{50, 0, 1}, {50, -time.Hour, 1}, {50, time.Second, 51}, {50, 200 * time.Second, 10_001},
		{0.5, 3 * time.Second, 2}, {0, 0, 1 << 30}, {1e6, 90 * 24 * time.Hour, 1 << 30},
	} {
		if got := Allowance(test.rate, test.running); got != test.want {
			t.Errorf("%v a second for %v: %d, want %d", test.rate, test.running, got, test.want)
		}
	}
}

func TestCriteria_Judge(t *testing.T) {
	strict := Criteria{Arrived: 90, FaultRate: new(5.0), SecondSession: 50, Within: time.Hour, MinSample: 10}
	back := strict
	back.OnFailure = OnFailureRollBack
	for _, test := range []struct {
		name   string
		c      Criteria
		counts WaveCounts
		after  time.Duration
		want   Judgement
		reason string
	}{
		{"nothing yet", strict, WaveCounts{Total: 100}, 0, Wait, "0 of 100 devices tried, 10 are needed"},
		{"no devices", strict, WaveCounts{}, 0, Advance, "has no devices"},
		{"too few to judge, all failed", strict, WaveCounts{Total: 100, Tried: 9, Failed: 9}, 2 * time.Hour, Wait, "9 of 100"},
		{"one more", strict, WaveCounts{Total: 100, Tried: 10, Failed: 1}, 0, Halt, "1 of 10 devices failed, more than 5 %"},
		{"rolled back", back, WaveCounts{Total: 100, Tried: 10, Failed: 1}, 0, RollBack, "1 of 10"},
		{"as many failed as may", strict, WaveCounts{Total: 100, Tried: 20, Failed: 1, Arrived: 19, Second: 19}, 0, Wait, "20 of 100 devices tried, 0 have not arrived"},
		{"a small wave", strict, WaveCounts{Total: 2, Tried: 2, Arrived: 2, Second: 1}, 0, Advance, "2 of 2"},
		{"a small wave that failed", strict, WaveCounts{Total: 2, Tried: 2, Arrived: 1, Failed: 1}, 0, Halt, "1 of 2"},
		{"complete", strict, WaveCounts{Total: 100, Tried: 100, Arrived: 96, Second: 50, Failed: 4}, 0, Advance, "100 of 100 devices tried, 96 arrived, 4 failed"},
		{"some still under way", strict, WaveCounts{Total: 100, Tried: 100, Arrived: 95, Second: 50}, 0, Wait, "5 have not arrived"},
		{"no second sessions yet", strict, WaveCounts{Total: 100, Tried: 100, Arrived: 100, Second: 49}, time.Minute, Wait, "49 of 100 devices held"},
		{"none in time", strict, WaveCounts{Total: 100, Tried: 100, Arrived: 100, Second: 49}, time.Hour, Halt, "49 of 100 devices held a second session, less than 50 % after 1h0m0s"},
		{"too few arrived yet", strict, WaveCounts{Total: 100, Tried: 100, Arrived: 89}, time.Minute, Wait, "89 of 100 devices arrived"},
		{"too few arrived", back, WaveCounts{Total: 100, Tried: 100, Arrived: 89}, time.Hour, RollBack, "89 of 100 devices arrived, less than 90 % after 1h0m0s"},
		{"some switched off", strict, WaveCounts{Total: 100, Tried: 40, Arrived: 38, Second: 38}, time.Hour, Advance, "40 of 100"},
		{"some switched off, not over", strict, WaveCounts{Total: 100, Tried: 40, Arrived: 38, Second: 38}, time.Hour - 1, Wait, "40 of 100"},
		{"defaults tolerate 5 %", Criteria{}, WaveCounts{Total: 20, Tried: 20, Arrived: 19, Failed: 1}, 0, Advance, ""},
		{"and no more", Criteria{}, WaveCounts{Total: 20, Tried: 20, Arrived: 18, Failed: 2}, 0, Halt, ""},
		{"no fault at all", Criteria{FaultRate: new(0.0)}, WaveCounts{Total: 10_000, Tried: 9999, Arrived: 9998, Failed: 1}, 0, Halt, ""},
	} {
		got := test.c.Judge(test.counts, noon, noon.Add(test.after))
		if got.Judgement != test.want || !strings.Contains(got.Reason, test.reason) || got.Reason == "" {
			t.Errorf("%s: %+v, want %s %q", test.name, got, test.want, test.reason)
		}
	}
}

// TestCriteria_JudgeIsMonotone: more arrivals and later looks never turn an
// advance into anything else, and more failures never make one.
func TestCriteria_JudgeIsMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	good := func(v Verdict) int {
		return map[Judgement]int{Halt: 0, RollBack: 0, Wait: 1, Advance: 2}[v.Judgement]
	}
	for range 20_000 {
		c := Criteria{Arrived: float64(r.IntN(101)), FaultRate: new(float64(r.IntN(101))), SecondSession: float64(r.IntN(101)), Within: time.Hour, MinSample: 1 + r.IntN(30)}
		n := WaveCounts{Total: 1 + r.IntN(100)}
		n.Tried = r.IntN(n.Total + 1)
		n.Failed = r.IntN(n.Tried + 1)
		n.Arrived = r.IntN(n.Tried - n.Failed + 1)
		n.Second = r.IntN(n.Arrived + 1)
		after := time.Duration(r.Int64N(int64(2 * time.Hour)))
		v := c.Judge(n, noon, noon.Add(after))
		if n.Arrived+n.Failed < n.Tried {
			better, worse := n, n
			better.Arrived++
			worse.Failed++
			if b := c.Judge(better, noon, noon.Add(after)); good(b) < good(v) {
				t.Fatalf("%+v %+v: %+v, and with one more arrived %+v", c, n, v, b)
			}
			if w := c.Judge(worse, noon, noon.Add(after)); v.Judgement == Halt && w.Judgement != Halt {
				t.Fatalf("%+v %+v: %+v, and with one more failed %+v", c, n, v, w)
			}
		}
		if later := c.Judge(n, noon, noon.Add(after+time.Hour)); v.Judgement != Wait && later.Judgement != v.Judgement {
			t.Fatalf("%+v %+v: %+v, and later %+v", c, n, v, later)
		}
	}
}

func BenchmarkWaves_Of(b *testing.B) {
	w := mustWaves(b, "swap", nil, WaveConfig{Percent: 1}, WaveConfig{Percent: 10}, WaveConfig{Percent: 100})
	id := cwmp.Key{OUI: "00D09E", ProductClass: "HG532e", SerialNumber: "SN2001"}
	for b.Loop() {
		w.Of(id)
	}
}
