package stunsrv

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// watchedUsers is how many users from one private address, and nobody from
// elsewhere in between, make it look as if the sources were rewritten on the way.
const watchedUsers = 16

// sourceWatch notices when all CPEs seem to share one private address: behind a
// load balancer, or a container's port forwarding, their sources are replaced by
// its own, and no Connection Request will reach them (quirk S-19). Each reader
// has one.
type sourceWatch struct {
	seed   maphash.Seed
	source netip.Addr
	users  [watchedUsers]uint64 // hashes of their names
	seen   int
}

// note takes a sighting into account and tells whether it completes the picture.
func (w *sourceWatch) note(s *Sighting) bool {
	source := s.Source.Addr()
	if source != w.source {
		w.source, w.seen = source, 0
	}
	if len(s.Username) == 0 || source != s.Local.Addr() && !private(source) {
		return false
	}
	user := maphash.Bytes(w.seed, s.Username)
	for _, known := range w.users[:w.seen] {
		if known == user {
			return false
		}
	}
	w.users[w.seen] = user
	if w.seen++; w.seen < watchedUsers {
		return false
	}
	w.seen = 0
	return true
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// private tells whether an address is one that a gateway of containers or a load
// balancer may have toward us.
func private(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || sharedSpace.Contains(ip)
}

// seldom allows something once an hour. Its zero value allows it at once.
type seldom struct {
	next atomic.Int64 // nanoseconds since the server was made
}

func (s *seldom) allow(now time.Duration) bool {
	next := s.next.Load()
	return int64(now) >= next && s.next.CompareAndSwap(next, int64(now+time.Hour))
}

// warnRewritten says that sources look rewritten, once an hour at most.
func (s *Server) warnRewritten(local netip.AddrPort, source netip.Addr, now time.Time) {
	if s.rewritten.allow(now.Sub(s.epoch)) {
		s.deps.Log.Warn("all CPEs come from one private address: a load balancer or container NAT seems to rewrite sources; "+
			"UDP Connection Requests will not reach them, see docs/nat-traversal.md",
			zap.Stringer("local", local), zap.Stringer("remote", source))
	}
}
