package console

import (
	"container/list"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

// How long somebody stays signed in, and how many do.
const (
	maxAge      = 12 * time.Hour
	maxIdle     = time.Hour
	maxSessions = 1024
	maxOfToken  = 128 // so that one token's sessions do not push out all others
)

// session is one browser that is signed in. The memory holds neither the secret of
// its cookie nor its token: the token is sealed with the secret.
type session struct {
	hash    [sha256.Size]byte // of the secret
	token   []byte            // sealed; nil for a client certificate
	name    string            // of the token
	csrf    string
	created time.Time
	ended   chan struct{} // closed when the session is no more

	used  time.Time // guarded by sessions.mu, as notice is
	say   notice
	place *list.Element
}

// notice is what the next page says about what was done last.
type notice struct{ Tone, Text string }

// sessions are those who are signed in.
type sessions struct {
	now func() time.Time

	mu    sync.Mutex
	by    map[[sha256.Size]byte]*session
	order list.List // of *session, the one used last in front
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, by: map[[sha256.Size]byte]*session{}}
}

// open begins a session and returns the secret for the cookie. token is "" for one
// that a client certificate proves.
func (s *sessions) open(name, token string) (secret string, opened *session) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	now := s.now()
	opened = &session{
		hash: sha256.Sum256(key), token: seal(key, token), name: name, csrf: randomText(),
		created: now, used: now, ended: make(chan struct{}),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(name)
	opened.place = s.order.PushFront(opened)
	s.by[opened.hash] = opened
	return base64.RawURLEncoding.EncodeToString(key), opened
}

// makeRoom ends what is too old, and what was not used for the longest time where
// there are too many. The caller holds the lock.
func (s *sessions) makeRoom(name string) {
	ofToken, oldest := 0, (*session)(nil)
	for at := s.order.Front(); at != nil; {
		x := at.Value.(*session)
		at = at.Next()
		switch {
		case s.over(x):
			s.remove(x)
		case x.name == name:
			ofToken, oldest = ofToken+1, x
		}
	}
	if ofToken >= maxOfToken {
		s.remove(oldest)
	}
	if s.order.Len() >= maxSessions {
		s.remove(s.order.Back().Value.(*session))
	}
}

// find returns the session of a cookie and its token, and notes that it is used.
func (s *sessions) find(secret string) (found *session, token string, ok bool) {
	key, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(key) != 32 {
		return nil, "", false
	}
	hash := sha256.Sum256(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok = s.by[hash]
	if !ok {
		return nil, "", false
	}
	if s.over(found) {
		s.remove(found)
		return nil, "", false
	}
	if token, err = unseal(key, found.token); err != nil {
		return nil, "", false
	}
	found.used = s.now()
	s.order.MoveToFront(found.place)
	return found, token, true
}

// over tells whether a session has ended by itself.
func (s *sessions) over(x *session) bool {
	now := s.now()
	return now.Sub(x.created) >= maxAge || now.Sub(x.used) >= maxIdle
}

// end ends a session. Further calls do nothing.
func (s *sessions) end(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(x)
}

func (s *sessions) remove(x *session) {
	if s.by[x.hash] != x {
		return
	}
	delete(s.by, x.hash)
	s.order.Remove(x.place)
	close(x.ended)
}

// note sets what the next page says.
func (s *sessions) note(x *session, n notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.say = n
}

// noted returns what the page is to say, once.
func (s *sessions) noted(x *session) notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := x.say
	x.say = notice{}
	return n
}

// count returns how many sessions there are.
func (s *sessions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by)
}

func randomText() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// sealer returns a cipher whose key is used for one message.
func sealer(key []byte) cipher.AEAD {
	derived := sha256.Sum256(append([]byte("token of a session\x00"), key...))
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		panic(err) // the key has the length of one
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has its block size
	}
	return aead
}

func seal(key []byte, token string) []byte {
	if token == "" {
		return nil
	}
	aead := sealer(key)
	return aead.Seal(nil, make([]byte, aead.NonceSize()), []byte(token), nil)
}

func unseal(key, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	aead := sealer(key)
	token, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	if err != nil {
		return "", errors.New("session: its token cannot be read")
	}
	return string(token), nil
}
