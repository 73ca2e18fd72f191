package admin

import (
	"container/list"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of failed logins of one source address, an IPv6 one with its /64.
const (
	failedBurst = 10
	failedEvery = 6 * time.Second
	maxSources  = 4096 // that are remembered
)

// TooManyError says that a source has given too many wrong tokens: 429.
type TooManyError struct{ After time.Duration }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many wrong tokens came from this address: wait %v", e.After.Round(time.Second))
}

// logins counts wrong tokens by source.
type logins struct {
	now func() time.Time

	mu      sync.Mutex
	sources map[netip.Prefix]*list.Element
	order   list.List // of *source, the latest in front
}

type source struct {
	from   netip.Prefix
	failed *rate.Limiter
	proven map[string]bool // names of those whose token came from here before
}

func newLogins() *logins {
	return &logins{now: time.Now, sources: map[netip.Prefix]*list.Element{}}
}

// Login returns whose token a request brings, in whatever way. ok is false for a
// wrong one. After ten wrong ones, one every six seconds is looked at; a right one
// that came from the same address before still is, so that nobody locks out those
// who are at work. The error is a *TooManyError then.
func (a *Authenticator) Login(r *http.Request, text string) (who Identity, ok bool, err error) {
	who, ok = a.Token(text)
	err = a.logins.admit(sourceOf(r.RemoteAddr), who.Name, ok)
	if (err != nil || !ok) && a.refused != nil {
		a.refused.Inc()
	}
	if err != nil {
		return Identity{}, false, err
	}
	return who, ok, nil
}

// admit notes a login and tells whether it is looked at.
func (l *logins) admit(from netip.Prefix, name string, right bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, now := l.of(from), l.now()
	switch {
	case right && (s.proven[name] || s.failed.TokensAt(now) >= 1):
		s.proven[name] = true
		return nil
	case !right && s.failed.AllowN(now, 1):
		return nil
	}
	wait := time.Duration((1 - s.failed.TokensAt(now)) * float64(failedEvery))
	return &TooManyError{After: max(wait, time.Second)}
}

// of returns the source, a new one where it is not known. The caller holds the lock.
func (l *logins) of(from netip.Prefix) *source {
	if at, known := l.sources[from]; known {
		l.order.MoveToFront(at)
		return at.Value.(*source)
	}
	if l.order.Len() == maxSources {
		last := l.order.Back()
		delete(l.sources, last.Value.(*source).from)
		l.order.Remove(last)
	}
	s := &source{from: from, failed: rate.NewLimiter(rate.Every(failedEvery), failedBurst), proven: map[string]bool{}}
	l.sources[from] = l.order.PushFront(s)
	return s
}

// sourceOf returns the address of a client, with its /64 where it is IPv6.
func sourceOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip := at.Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits)
	return prefix
}
