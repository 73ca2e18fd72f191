package admin

import (
	"net/http"
	"sync"
	"time"
)

// Bounds of what lasts, and holds a connection as long: of all tokens, of one, and
// of one with a scope. The other connections are for metrics and health.
var (
	readerRoom = room{maxReaders, maxTokenReaders, maxScopedReaders}
	wakeRoom   = room{maxWakes, maxWakes, 32}
	largeRoom  = room{32, 16, 2} // bodies that may be large, and what is done with them
)

// room is how many places there are.
type room struct{ all, token, scoped int }

// of returns how many one may take.
func (r room) of(who Identity) int {
	if who.Scope.Whole() {
		return r.token
	}
	return r.scoped
}

// places counts who is at something that lasts, so that nobody keeps all others from
// it. Safe for concurrent use.
type places struct {
	mu    sync.Mutex
	all   int
	names map[string]int // by token
}

// enter takes a place, which leave gives back. what says in the error what many do.
func (p *places) enter(who Identity, r room, what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, most := p.names[who.Name], r.of(who)
	if p.all >= r.all || own >= most {
		full := refuse(http.StatusServiceUnavailable, "%d %s: no more than that may", r.all, what)
		if own >= most && most < r.all {
			full = refuse(http.StatusTooManyRequests, "%d %s with token %q: no more than that may", most, what, who.Name)
		}
		full.after = 15 * time.Second
		return full
	}
	if p.names == nil {
		p.names = map[string]int{}
	}
	p.all++
	p.names[who.Name]++
	return nil
}

func (p *places) leave(who Identity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.names[who.Name]--; p.names[who.Name] == 0 {
		delete(p.names, who.Name)
	}
}

// EnterEvents takes one of the places of those who read events, which leave gives
// back. The error says why there is none.
func (a *API) EnterEvents(who Identity) (leave func(), err error) {
	if err := a.readers.enter(who, readerRoom, "clients read events"); err != nil {
		return nil, err
	}
	return func() { a.readers.leave(who) }, nil
}

// EnterWake does so for those who wait for a device that they wake.
func (a *API) EnterWake(who Identity) (leave func(), err error) {
	if err := a.waking.enter(who, wakeRoom, "wakes are under way"); err != nil {
		return nil, err
	}
	return func() { a.waking.leave(who) }, nil
}
