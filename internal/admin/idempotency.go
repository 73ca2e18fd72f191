package admin

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// Bounds of remembered answers.
const (
	maxKeys       = 10_000
	maxKey        = 255            // bytes of a key
	keyLife       = 24 * time.Hour // of a remembered answer
	maxKept       = 16 << 20       // bytes of all answers
	maxKeptAnswer = 64 << 10       // bytes of one
	headerKey     = "Idempotency-Key"
	headerReplay  = "Idempotency-Replayed"
)

// replays remembers answers by the keys that clients gave, so that a request that
// is sent again does nothing again. It is safe for concurrent use.
type replays struct {
	now func() time.Time

	mu    sync.Mutex
	kept  map[replayKey]*list.Element
	order list.List // of *replay, the oldest in front
	bytes int
	of    map[string]usage // by token
}

// usage is how much of a token is kept.
type usage struct{ keys, bytes int }

// replayKey is a key of one token: others' keys are others.
type replayKey struct{ token, key string }

type replay struct {
	replayKey
	request [sha256.Size]byte
	at      time.Time
	done    bool
	status  int
	header  http.Header
	body    []byte
	large   bool // the body found no room
}

func newReplays() *replays {
	return &replays{now: time.Now, kept: map[replayKey]*list.Element{}, of: map[string]usage{}}
}

// begin notes a request. It returns the answer of the same one before, or why the
// key cannot be used, or neither: then end is to be called.
func (s *replays) begin(key replayKey, request [sha256.Size]byte) (*replay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	at, known := s.kept[key]
	if !known {
		s.kept[key] = s.order.PushBack(&replay{replayKey: key, request: request, at: s.now()})
		s.count(key.token, 1, 0)
		return nil, nil
	}
	switch r := at.Value.(*replay); {
	case r.request != request:
		return nil, refuse(http.StatusUnprocessableEntity, "%s %q was sent with another request before: take a new one", headerKey, key.key)
	case !r.done:
		p := refuse(http.StatusConflict, "the request with %s %q is still under way", headerKey, key.key)
		p.after = time.Second
		return nil, p
	case r.large:
		return nil, refuse(http.StatusConflict, "the request with %s %q was done, with status %d; its answer was too large to be kept", headerKey, key.key, r.status)
	default:
		return r, nil
	}
}

// end remembers an answer, or forgets the key: what was refused has changed nothing
// and may be tried again.
func (s *replays) end(key replayKey, answer *recorder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.kept[key]
	r := at.Value.(*replay)
	if answer == nil || answer.status < 200 || answer.status > 299 {
		s.remove(at)
		return
	}
	r.done, r.status, r.large = true, answer.status, answer.cut
	r.header = http.Header{}
	for _, name := range []string{"Content-Type", "ETag", "Location"} {
		if value := answer.Header().Get(name); value != "" {
			r.header.Set(name, value)
		}
	}
	if !answer.cut {
		r.body = bytes.Clone(answer.kept)
		s.count(r.token, 0, len(r.body))
	}
	s.forget()
}

// forget makes room: what is too old goes, and the oldest of the token that has most
// while there is too much, so that nobody makes others' forgotten. What is under way
// stays. The caller holds the lock.
func (s *replays) forget() {
	now := s.now()
	for at := s.order.Front(); at != nil && now.Sub(at.Value.(*replay).at) >= keyLife; {
		next := at.Next()
		s.forgetDone(at)
		at = next
	}
	for len(s.kept) >= maxKeys || s.bytes > maxKept {
		most := s.most()
		at := s.order.Front()
		for at != nil && (at.Value.(*replay).token != most || !s.forgetDone(at)) {
			at = at.Next()
		}
		if at == nil {
			return
		}
	}
}

// most returns the token that has most of what there is too much of.
func (s *replays) most() (token string) {
	best := -1
	for name, u := range s.of {
		n := u.bytes
		if len(s.kept) >= maxKeys {
			n = u.keys
		}
		if n > best {
			token, best = name, n
		}
	}
	return token
}

func (s *replays) forgetDone(at *list.Element) bool {
	done := at.Value.(*replay).done
	if done {
		s.remove(at)
	}
	return done
}

func (s *replays) remove(at *list.Element) {
	r := s.order.Remove(at).(*replay)
	delete(s.kept, r.replayKey)
	s.count(r.token, -1, -len(r.body))
}

func (s *replays) count(token string, keys, bytes int) {
	u := s.of[token]
	u.keys, u.bytes = u.keys+keys, u.bytes+bytes
	s.bytes += bytes
	if s.of[token] = u; u.keys == 0 {
		delete(s.of, token)
	}
}

// write sends the answer again.
func (r *replay) write(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	setHeaders(w, r.header.Get("Content-Type"))
	w.Header().Set(headerReplay, "true")
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
}

// goodKey tells whether a key may be used: printable ASCII.
func goodKey(key string) bool {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxKey
}
