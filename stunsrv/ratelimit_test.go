package stunsrv

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
	"unsafe"
)

func TestLimiter_RateAndBurst(t *testing.T) {
	source := netip.MustParseAddr("198.51.100.7")
	for _, rate := range []int{1, 7, 1000, 1_000_000} {
		l := newLimiter(rate)
		drain := func(now time.Duration) (n int) {
			for l.allow(source, now) {
				n++
			}
			return n
		}
		interval := time.Second / time.Duration(rate)
		for _, step := range []struct {
			now  time.Duration
			want int
		}{{0, rate}, {interval - 1, 0}, {interval, 1}, {3 * interval, min(2, rate)}, {time.Hour, rate}, {time.Hour, 0}} {
			if got := drain(step.now); got != step.want {
				t.Errorf("rate %d: %d packets at %v, want %d", rate, got, step.now, step.want)
			}
		}
	}
}

// TestLimiter_OneBucketPer64 takes an IPv6 /64 for one source and IPv4 addresses
// for many.
func TestLimiter_OneBucketPer64(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"2001:db8::1", "2001:db8::ffff:0:0:2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"198.51.100.7", "198.51.100.8", false},
		{"198.51.100.7", "198.51.100.7", true},
	} {
		l := newLimiter(1)
		l.allow(netip.MustParseAddr(c.a), 0)
		if got := !l.allow(netip.MustParseAddr(c.b), 0); got != c.same {
			t.Errorf("%s and %s share a bucket: %v", c.a, c.b, got)
		}
	}
}

// TestLimiter_SpoofedSources floods the table with a million sources. It stays as
// large as it is, an honest source is served all the time, and one that sends too
// much stays limited.
func TestLimiter_SpoofedSources(t *testing.T) {
	if size := unsafe.Sizeof(limiter{}); size > 1100<<10 {
		t.Errorf("the table takes %d bytes", size)
	}
	const (
		spoofed = 500_000 // AllocsPerRun runs all twice
		rate    = 1000
		window  = 5 * time.Second // 100,000 spoofed packets a second
	)
	l := newLimiter(rate)
	honest, greedy := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("203.0.113.66")
	refused, served, turn := 0, 0, 0
	allocations := testing.AllocsPerRun(1, func() {
		for i := range spoofed {
			now := time.Duration(turn)*window + time.Duration(i)*window/spoofed
			var ip [4]byte
			binary.BigEndian.PutUint32(ip[:], uint32(i)*2654435761)
			l.allow(netip.AddrFrom4(ip), now)
			if i%1000 == 0 && !l.allow(honest, now) { // 100 a second
				refused++
			}
			if i%10 == 0 && l.allow(greedy, now) { // 10,000 a second
				served++
			}
		}
		turn++
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
	if refused != 0 {
		t.Errorf("an honest source was refused %d times", refused)
	}
	if most := 2*int(window.Seconds())*rate + 2*rate; served > most+most/20 {
		t.Errorf("a source that sends too much was served %d times, the limit is %d", served, most)
	}
}

// TestLimiter_FullTableShutsNobodyOut has the limit so low that a flood outlives
// the table.
func TestLimiter_FullTableShutsNobodyOut(t *testing.T) {
	l := newLimiter(1)
	for i := range uint32(1 << 20) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], i)
		if !l.allow(netip.AddrFrom4(ip), 0) {
			t.Fatalf("source %d was refused its first packet", i)
		}
	}
}

func BenchmarkLimiter(b *testing.B) {
	l, i := newLimiter(1000), uint32(0)
	for b.Loop() {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], i*2654435761)
		i++
		l.allow(netip.AddrFrom4(ip), time.Duration(i)*time.Microsecond)
	}
}
