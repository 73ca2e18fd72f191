package binding

import (
	"testing"
	"time"
)

// TestS13_ExpiresWhenKeepAlivesCease: a binding is good for 1.5 keep-alive periods
// as they were seen, and the next packet makes it good again. It is stale then,
// not forgotten: it is told with how long ago it was heard.
func TestS13_ExpiresWhenKeepAlivesCease(t *testing.T) {
	for _, period := range []int{30, 300} {
		f := newTable(t)
		f.claims(0, v, home, "", "")
		last := 10 * period
		f.replayAll(repeat(0, period, last, homeA, false))
		limit := last + period + period/2
		for second, want := range map[int]bool{last: false, limit: false, limit + 1: true, limit + 100_000: true} {
			if b := f.binding(v); b.Stale(at(second)) != want || !b.LastSeen.Equal(at(last)) {
				t.Errorf("period %d, after %d s of silence: stale %v, last seen %v", period, second-last, !want, b.LastSeen)
			}
		}
		f.sees(limit+1000, userV, homeA)
		if b := f.binding(v); b.Stale(at(limit+1001)) || b.Remote.String() != homeA {
			t.Errorf("period %d: stale though it was heard again: %+v", period, b)
		}
	}
}

// TestS13_ChangeIsUsedAtOnce: the moment that BINDING-CHANGE is seen, the binding
// is the new one, both to who asks for the device and to who asks for an address.
func TestS13_ChangeIsUsedAtOnce(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.replayAll(repeat(0, 30, 90, homeA, false))
	f.sees(95, userV, homeB, announced)
	f.want(v, homeB, SameIP)
	f.wantDevice(homeB, v)
	if b := f.binding(v); b.Changes != 1 || b.LastSeen.Sub(at(95)) != time.Duration(0) {
		t.Errorf("%+v", b)
	}
}
