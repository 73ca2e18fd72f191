package binding

import (
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestS12_WhatIsSeenNotWhatIsReported: behind a NAT that translates ports, a CPE
// that reports its own port is bound to the one that the server sees, whichever
// is told first, and nobody is looked for at the reported one.
func TestS12_WhatIsSeenNotWhatIsReported(t *testing.T) {
	const wrong = "198.51.100.7:7547" // public IP address, local port, as of tr069agent
	for name, do := range map[string]func(f *fixture){
		"report first": func(f *fixture) {
			f.claims(0, v, home, wrong, "")
			f.sees(1, userV, homeA)
		},
		"packet first": func(f *fixture) {
			f.sees(0, userV, homeA)
			f.claims(1, v, home, wrong, "")
		},
		"report again and again": func(f *fixture) {
			for second := 0; second < 300; second += 30 {
				f.sees(second, userV, homeA)
				f.claims(second+1, v, home, wrong, "")
			}
		},
		"report alone, and then a packet": func(f *fixture) {
			for second := 0; second < 300; second += 30 {
				f.claims(second, v, home, wrong, "")
			}
			f.want(v, "", None)
			f.sees(301, userV, homeA)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTable(t)
			do(f)
			f.want(v, homeA, SameIP)
			f.wantDevice(homeA, v)
			f.wantDevice(wrong, cwmp.DeviceID{})
			f.check()
		})
	}
}

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
