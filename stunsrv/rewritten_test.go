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
		users  int // negative: without names
		source string
		again  bool // they were there before
	}
	for name, c := range map[string]struct {
		sightings []group
		want      bool
	}{
		"a container's gateway":        {[]group{{users: watchedUsers, source: "172.17.0.1"}}, true},
		"our own address":              {[]group{{users: watchedUsers, source: "203.0.113.1"}}, true},
		"a carrier's shared space":     {[]group{{users: watchedUsers, source: "100.127.0.1"}}, true},
		"IPv6":                         {[]group{{users: watchedUsers, source: "fd00::1"}}, true},
		"too few to tell":              {[]group{{users: watchedUsers - 1, source: "172.17.0.1"}}, false},
		"a public address":             {[]group{{users: 2 * watchedUsers, source: "198.51.100.7"}}, false},
		"another comes between":        {[]group{{users: watchedUsers - 1, source: "172.17.0.1"}, {users: 1, source: "172.17.0.9"}, {users: watchedUsers - 1, source: "172.17.0.1"}}, false},
		"a public one comes between":   {[]group{{users: watchedUsers - 1, source: "172.17.0.1"}, {users: 1, source: "198.51.100.7"}, {users: watchedUsers - 1, source: "172.17.0.1"}}, false},
		"after others":                 {[]group{{users: 5, source: "10.0.0.1"}, {users: watchedUsers, source: "172.17.0.1"}}, true},
		"one that keeps coming back":   {[]group{{users: 1, source: "172.17.0.1"}, {1, "172.17.0.1", true}, {watchedUsers - 1, "172.17.0.1", true}}, false},
		"users of no name tell nobody": {[]group{{users: -3 * watchedUsers, source: "172.17.0.1"}}, false},
	} {
		w, got, named := sourceWatch{}, false, 0
		w.seed = newLimiter(1).seed
		for _, g := range c.sightings {
			if g.again {
				named = 0
			}
			for i := range max(g.users, -g.users) {
				s := Sighting{Local: local, Source: netip.AddrPortFrom(netip.MustParseAddr(g.source), uint16(1024+i))}
				if g.users > 0 {
					s.Username = fmt.Appendf(nil, "cpe%d", named)
					named++
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
