package stunsrv

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestS19_SourceWatch takes sightings in their order: who, from where.
func TestS19_SourceWatch(t *testing.T) {
	local := netip.MustParseAddrPort("203.0.113.1:3478")
	type group struct {
		users  int
		source string
	}
	for name, c := range map[string]struct {
		sightings []group
		want      bool
	}{
		"a container's gateway":        {[]group{{watchedUsers, "172.17.0.1"}}, true},
		"our own address":              {[]group{{watchedUsers, "203.0.113.1"}}, true},
		"a carrier's shared space":     {[]group{{watchedUsers, "100.127.0.1"}}, true},
		"IPv6":                         {[]group{{watchedUsers, "fd00::1"}}, true},
		"too few to tell":              {[]group{{watchedUsers - 1, "172.17.0.1"}}, false},
		"a public address":             {[]group{{2 * watchedUsers, "198.51.100.7"}}, false},
		"another comes between":        {[]group{{watchedUsers - 1, "172.17.0.1"}, {1, "172.17.0.9"}, {watchedUsers - 1, "172.17.0.1"}}, false},
		"a public one comes between":   {[]group{{watchedUsers - 1, "172.17.0.1"}, {1, "198.51.100.7"}, {watchedUsers - 1, "172.17.0.1"}}, false},
		"after others":                 {[]group{{5, "10.0.0.1"}, {watchedUsers, "172.17.0.1"}}, true},
		"one that keeps coming back":   {[]group{{1, "172.17.0.1"}, {1, "172.17.0.1"}, {watchedUsers - 1, "172.17.0.1"}}, false},
		"users of no name tell nobody": {[]group{{-3 * watchedUsers, "172.17.0.1"}}, false},
	} {
		w, got := sourceWatch{}, false
		w.seed = newLimiter(1).seed
		for _, g := range c.sightings {
			for i := range max(g.users, -g.users) {
				s := Sighting{Local: local, Source: netip.AddrPortFrom(netip.MustParseAddr(g.source), uint16(1024+i))}
				if g.users > 0 {
					s.Username = fmt.Appendf(nil, "cpe%d", i)
				}
				got = w.note(&s) || got
			}
		}
		if got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestS19_OneLineAnHour has a fleet that seems to come from one loopback address.
func TestS19_OneLineAnHour(t *testing.T) {
	core, lines := observer.New(zap.WarnLevel)
	deps := quiet()
	deps.Log = zap.New(core)
	start := time.Now()
	var elapsed atomic.Int64
	deps.Now = func() time.Time { return start.Add(time.Duration(elapsed.Load())) }
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, deps)
	c := newCPE(t, "127.0.0.1")
	for hour, want := range []int{1, 2} {
		elapsed.Store(int64(hour) * int64(time.Hour))
		for i := range 5 * watchedUsers {
			c.ask(s.Addrs()[0], request(classicID, attribute(attrUsername, fmt.Sprintf("cpe%04d.", i)), bindingAttr))
		}
		if n := lines.Len(); n != want {
			t.Errorf("hour %d: %d lines in all", hour, n)
		}
	}
}
