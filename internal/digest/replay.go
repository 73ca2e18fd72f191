package digest

import (
	"strconv"
	"sync"
)

// Replays remembers the highest nc of each nonce, so that an answer is good once
// (RFC 7616 5.12, quirk C-31). It is optional, for it costs clients that send
// nc=00000001 for ever (quirk C-67), or no nc at all, a second challenge on each
// request: tell them stale, and they come back with the new nonce. Safe for
// concurrent use.
type Replays struct {
	mu       sync.Mutex
	most     int
	now, old map[string]uint64 // nonce to highest nc
}

// NewReplays remembers at least that many nonces, and at most twice as
// many: it must be as many as are answered within their life.
func NewReplays(most int) *Replays {
	return &Replays{most: max(1, most), now: map[string]uint64{}}
}

// Use reports whether a is the first answer with this nonce and an nc as high.
// Ask it only after Verify and Check, so that strangers do not fill it. An nc
// that is missing or not hexadecimal counts as 1; so does that of RFC 2069.
func (r *Replays) Use(a Answer) bool {
	nc, err := strconv.ParseUint(a.NC, 16, 32)
	if err != nil || a.QOP == "" {
		nc = 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	highest, known := r.now[a.Nonce]
	if !known {
		highest = r.old[a.Nonce]
	}
	if nc <= highest {
		return false
	}
	if !known && len(r.now) >= r.most {
		r.old, r.now = r.now, make(map[string]uint64)
	}
	r.now[a.Nonce] = nc
	return true
}
