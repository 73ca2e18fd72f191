package proxy

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestOneNonceForAll: an ACS that gives every CPE the same nonce makes sessions
// no dearer the more there are.
func TestOneNonceForAll(t *testing.T) {
	cost := func(sessions int) uint64 {
		tab := newTable()
		at := 0
		begin := func() *session {
			at++
			s := &session{source: netip.AddrFrom4([4]byte{10, byte(at >> 16), byte(at >> 8), byte(at)}), device: cwmp.DeviceID{SerialNumber: fmt.Sprint(at)}}
			tab.challenged(s, "the same for all")
			return s
		}
		for range sessions {
			begin()
		}
		const ops = 200
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range ops {
			tab.leave(begin())
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / ops
	}
	if few, many := cost(10), cost(5000); many > 10*few+10_000 {
		t.Errorf("a challenge takes %d bytes beside 10 sessions, %d beside 5000", few, many)
	}
}
