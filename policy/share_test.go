package policy

import (
	"fmt"
	"hash/fnv"
	"math"
	"testing"
	"testing/quick"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestShare_NeverChanges holds the points of some devices. They must stay what
// they are in every version: a device that moves is a migration undone.
func TestShare_NeverChanges(t *testing.T) {
	for _, test := range []struct {
		rule string
		id   cwmp.Key
		want float64
	}{
		{"pilot", cwmp.Key{OUI: "00D09E", ProductClass: "HG532e", SerialNumber: "SN2001"}, 18.727891703},
		{"pilot", cwmp.Key{OUI: "00D09E", ProductClass: "HG532e", SerialNumber: "SN2002"}, 34.626758756},
		{"pilot", cwmp.Key{OUI: "00D09E", SerialNumber: "SN2001"}, 85.662806989},
		{"other", cwmp.Key{OUI: "00D09E", ProductClass: "HG532e", SerialNumber: "SN2001"}, 43.887384395},
		{"", cwmp.Key{}, 42.097805171},
	} {
		if got := newShare(test.rule, 50).percent(test.id); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("rule %q, device %v: %.12f, want %.12f", test.rule, test.id, got, test.want)
		}
	}
}

// TestShare_IsAsDocumented computes points by the description alone, with the
// library's FNV.
func TestShare_IsAsDocumented(t *testing.T) {
	documented := func(rule string, id cwmp.Key) float64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s", rule, id.OUI, id.ProductClass, id.SerialNumber)
		k := h.Sum64()
		k ^= k >> 33
		k *= 0xff51afd7ed558ccd
		k ^= k >> 33
		k *= 0xc4ceb9fe1a85ec53
		k ^= k >> 33
		return float64(k>>11) / (1 << 53) * 100
	}
	same := func(rule string, id cwmp.Key) bool {
		return newShare(rule, 1).percent(id) == documented(rule, id)
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
}

func TestShare_RaisingOnlyAdds(t *testing.T) {
	adds := func(rule string, id cwmp.Key, a, b uint16) bool {
		less, more := float64(min(a, b))/655.35, float64(max(a, b))/655.35
		return !newShare(rule, less).has(id) || newShare(rule, more).has(id)
	}
	if err := quick.Check(adds, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
}

func TestShare_Ends(t *testing.T) {
	ends := func(rule string, id cwmp.Key) bool {
		return !newShare(rule, 0).has(id) && newShare(rule, 100).has(id)
	}
	if err := quick.Check(ends, nil); err != nil {
		t.Error(err)
	}
	if !newShare("r", 100).has(cwmp.Key{}) {
		t.Error("the device without any identity is not among 100 percent")
	}
}

// TestShare_Distribution takes devices as they are made: serial numbers that
// count up, of few models.
func TestShare_Distribution(t *testing.T) {
	const devices = 100_000
	for _, percent := range []float64{0.1, 1, 5, 50, 99} {
		for _, rule := range []string{"pilot", "a", "wave 2"} {
			s, taken := newShare(rule, percent), 0
			for i := range devices {
				if s.has(cwmp.Key{OUI: "00D09E", ProductClass: "HG532e", SerialNumber: fmt.Sprintf("SN%08d", i)}) {
					taken++
				}
			}
			p := percent / 100
			want, sigma := p*devices, math.Sqrt(devices*p*(1-p))
			if math.Abs(float64(taken)-want) > 5*sigma {
				t.Errorf("rule %q takes %d of %d devices for %v percent, want %.0f±%.0f", rule, taken, devices, percent, want, 5*sigma)
			}
		}
	}
}

// TestShare_RulesAreIndependent: a tenth of a tenth is a hundredth, not the same
// tenth again.
func TestShare_RulesAreIndependent(t *testing.T) {
	const devices = 100_000
	a, b, both := newShare("a", 10), newShare("b", 10), 0
	for i := range devices {
		id := cwmp.Key{OUI: "00D09E", SerialNumber: fmt.Sprint(i)}
		if a.has(id) && b.has(id) {
			both++
		}
	}
	if both < 800 || both > 1200 {
		t.Errorf("%d of %d devices are in both tenths, want about 1000", both, devices)
	}
}
