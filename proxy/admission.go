package proxy

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"
	"golang.org/x/time/rate"
)

// admission decides whether an ACS is given a new session. It never concerns
// a session that runs (quirks C-13, C-14). It lives on through reloads.
type admission struct {
	running atomic.Int64

	mu     sync.Mutex
	limits UpstreamLimits
	bucket *rate.Limiter
}

// setLimits takes new limits at a reload. Running sessions stay counted.
func (a *admission) setLimits(l UpstreamLimits) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limits == l && a.bucket != nil {
		return
	}
	a.limits = l
	burst := l.Burst
	if burst == 0 {
		burst = max(1, int(l.NewPerSecond))
	}
	a.bucket = rate.NewLimiter(rate.Limit(l.NewPerSecond), burst)
}

// enter admits one session or names the limit that refuses it. Each admitted
// session must leave.
func (a *admission) enter(now time.Time) (refusedBy string) {
	a.mu.Lock()
	limits, bucket := a.limits, a.bucket
	a.mu.Unlock()
	if n := a.running.Add(1); limits.Sessions > 0 && n > int64(limits.Sessions) {
		a.running.Add(-1)
		return "sessions"
	}
	if limits.NewPerSecond > 0 && !bucket.AllowN(now, 1) {
		a.running.Add(-1)
		return "new_per_second"
	}
	return ""
}

func (a *admission) leave() { a.running.Add(-1) }

// sources counts the connections of each source address.
type sources struct {
	counts *xsync.Map[netip.Addr, int]
}

func newSources() *sources { return &sources{xsync.NewMap[netip.Addr, int]()} }

// sourceOf is the address that a limit applies to: an IPv6 customer has a whole
// /64 to come from.
func sourceOf(addr netip.Addr) netip.Addr {
	addr = addr.Unmap()
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// enter counts a connection, unless its source has as many as the limit allows;
// zero is no limit. One that was counted must leave.
func (s *sources) enter(addr netip.Addr, limit int) bool {
	within := true
	s.counts.Compute(sourceOf(addr), func(old int, _ bool) (int, xsync.ComputeOp) {
		if within = limit == 0 || old < limit; !within {
			return old, xsync.CancelOp
		}
		return old + 1, xsync.UpdateOp
	})
	return within
}

func (s *sources) leave(addr netip.Addr) {
	s.counts.Compute(sourceOf(addr), func(old int, _ bool) (int, xsync.ComputeOp) {
		if old <= 1 {
			return 0, xsync.DeleteOp
		}
		return old - 1, xsync.UpdateOp
	})
}

// retryAfter spreads refusals from half to one and a half of the middle, in
// whole seconds, at least one.
func retryAfter(middle time.Duration) int {
	if middle <= 0 {
		return 1
	}
	spread := middle/2 + rand.N(middle) //nolint:gosec // spreads load, protects nothing
	return max(1, int((spread+time.Second-1)/time.Second))
}
