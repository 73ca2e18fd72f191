package binding

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// telling has a fixture tell its changes.
func (f *fixture) telling() *[]Change {
	told := new([]Change)
	f.changed = func(changes []Change) {
		if !f.mu.TryLock() {
			f.t.Error("told with the lock held")
			return
		}
		f.mu.Unlock()
		*told = append(*told, changes...)
	}
	return told
}

func (c Change) summary() string {
	s := fmt.Sprintf("%s %s at %s", c.What, c.Device.SerialNumber, c.Remote)
	if c.Former.IsValid() {
		s += " from " + c.Former.String()
	}
	return s
}

func TestChangesAreTold(t *testing.T) {
	tests := []struct {
		name string
		play func(f *fixture)
		want []string
	}{
		{"keep-alives are none", func(f *fixture) {
			f.claims(0, v, home, "", "")
			for i := range 5 {
				f.sees(30*i, userV, homeA)
			}
			f.claims(200, v, home, homeA, "")
		}, []string{"new V at " + homeA}},
		{"moved", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, userV, homeA)
			f.sees(30, userV, homeB, announced)
		}, []string{"new V at " + homeA, "moved V at " + homeB + " from " + homeA}},
		{"what is not believed", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, userV, homeA)
			f.sees(1, userV, evil)
			f.sees(2, "nobody", evil)
		}, []string{"new V at " + homeA}},
		{"a session makes a candidate the binding", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, userV, homeA)
			f.sees(30, userV, evil)
			f.claims(31, v, "203.0.113.66", evil, "")
		}, []string{"new V at " + homeA, "moved V at " + evil + " from " + homeA}},
		{"a packet that waited", func(f *fixture) {
			f.sees(0, userV, homeA)
			f.claims(10, v, home, "", "")
		}, []string{"new V at " + homeA}},
		{"not alone any more", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, "", homeA)
			f.claims(10, w, home, "", "")
		}, []string{"new V at " + homeA, "lost V at " + homeA}},
		{"stale, told once, and found again", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, userV, homeA)
			f.sees(30, userV, homeA)
			f.sweepAt(75)
			f.sweepAt(76)
			f.sweepAt(90)
			f.claims(95, v, home, "", "")
			f.sees(100, userV, homeA)
			f.sees(130, userV, homeA)
		}, []string{"new V at " + homeA, "lost V at " + homeA, "new V at " + homeA}},
		{"stale, and found elsewhere", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, userV, homeA)
			f.sweepAt(3600)
			f.sees(4000, userV, homeB)
		}, []string{"new V at " + homeA, "lost V at " + homeA, "new V at " + homeB + " from " + homeA}},
		{"the NAT gives the address to another device", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, userV, homeA)
			f.claims(4000, w, home, "", "")
			f.sees(4000, userW, homeA)
			f.sweepAt(4001)
		}, []string{"new V at " + homeA, "lost V at " + homeA, "new W at " + homeA}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTable(t)
			told := f.telling()
			tt.play(f)
			var got []string
			for _, c := range *told {
				got = append(got, c.summary())
				if c.At.IsZero() || c.Local != netip.MustParseAddrPort(ours) {
					t.Errorf("%s: at %v of %v", c.summary(), c.At, c.Local)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("told %q\nwant %q", got, tt.want)
			}
			f.check()
		})
	}
}

// sweepAt looks for stale bindings at a second.
func (f *fixture) sweepAt(second int) {
	was := f.clock
	f.clock = at(second)
	f.sweep(0, f.numbers())
	f.clock = was
}

func TestThatADeviceIsLostIsToldOnceForAll(t *testing.T) {
	f := newTable(t)
	told := f.telling()
	f.claims(0, v, home, "", "")
	f.sees(0, userV, homeA)
	f.sweepAt(3600)
	f.stop()
	f = f.reload()
	again := f.telling()
	f.sweepAt(7200)
	if len(*told) != 2 || len(*again) != 0 {
		t.Errorf("told %v, and after a restart %v", *told, *again)
	}
}

func TestChangesAreTooManyToBeTold(t *testing.T) {
	f := newTable(t)
	told := f.telling()
	for i := range toldPerSecond + 7 {
		id := cwmp.DeviceID{OUI: "00AA01", SerialNumber: fmt.Sprint(i)}
		f.NoteClaim(Claim{Device: id, At: f.clock})
		f.NoteSighting(&Sighting{Local: netip.MustParseAddrPort(ours), Source: randomSource(uint32(i)), Username: []byte("00AA01-" + id.SerialNumber), At: f.clock})
	}
	if len(*told) != toldPerSecond {
		t.Errorf("%d changes in a second, want %d", len(*told), toldPerSecond)
	}
	f.wantMetric("acsgate_bindings_untold_total", "", 7)
	f.clock = at(1)
	f.claims(1, v, home, "", "")
	f.sees(1, userV, homeA)
	if len(*told) != toldPerSecond+1 {
		t.Errorf("%d changes, want another in the next second", len(*told))
	}
}

func TestRunFindsWhoIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTable(t)
		f.now = time.Now
		told := make(chan Change, 100)
		f.changed = func(changes []Change) {
			for _, c := range changes {
				told <- c
			}
		}
		start := time.Now()
		for i := range 10 {
			id := cwmp.DeviceID{OUI: "00AA01", SerialNumber: fmt.Sprint(i)}
			f.NoteClaim(Claim{Device: id})
			f.NoteSighting(&Sighting{Local: netip.MustParseAddrPort(ours), Source: randomSource(uint32(i)), Username: []byte("00AA01-" + id.SerialNumber)})
			<-told
		}
		done := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- f.Run(ctx) }()
		for range 10 {
			c := <-told
			if after := c.At.Sub(start); c.What != ChangeLost || after < defaultPatience*time.Second || after > defaultPatience*time.Second+sweepInterval+2*flushInterval {
				t.Errorf("%s after %v", c.summary(), after)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
