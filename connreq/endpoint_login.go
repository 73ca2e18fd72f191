package connreq

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/digest"
)

const (
	endpointRealm = "acsgate"
	nonceLife     = time.Minute // ACSs answer a challenge at once
)

// logins checks what ACSs prove to know of a device: its
// ConnectionRequestUsername and Password, by digest authentication alone. Basic
// is neither offered nor taken, for it shows the password on the way.
type logins struct {
	key      []byte
	failures *buckets
	now      func() time.Time
}

// newLogins returns logins whose nonces every gateway with the same key takes.
func newLogins(key []byte, now func() time.Time) *logins {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		rand.Read(key)
	}
	return &logins{key: key, failures: newBuckets(failureBurst, failureRefill, failureMax), now: now}
}

// check returns "" if the request has a login of the device. Otherwise it answers
// the request and returns the outcome.
func (l *logins) check(w http.ResponseWriter, r *http.Request, target *Target) (outcome string) {
	now := l.now()
	nonces := l.nonces(target.Device)
	attempt := hash(l.failures, struct {
		source netip.Addr
		device cwmp.Key
	}{sourceOf(r), target.Device.Key()})
	fields := r.Header.Values("Authorization")
	if len(fields) == 0 {
		return challenge(w, nonces.Challenge(endpointRealm, now, false), outcomeChallenged)
	}
	if left, _ := l.failures.left(attempt, now); !left {
		w.Header().Set("Retry-After", retryAfter(l.failures.refill))
		http.Error(w, "too many wrong logins", http.StatusServiceUnavailable)
		return outcomeLimited
	}
	answer, ok := digest.ParseAnswer(fields[0])
	switch {
	case !ok || len(fields) > 1 || answer.Scheme != digest.SchemeDigest:
		return challenge(w, nonces.Challenge(endpointRealm, now, false), outcomeDenied)
	case nonces.Check(answer.Nonce, now) != digest.Fresh:
		return challenge(w, nonces.Challenge(endpointRealm, now, true), outcomeChallenged)
	case !matches(answer, r.Method, target.Logins):
		l.failures.take(attempt, now)
		return challenge(w, nonces.Challenge(endpointRealm, now, false), outcomeDenied)
	}
	return ""
}

// nonces are good for one device alone: where devices share a password, an answer
// that was seen on the way to one of them wakes no other.
func (l *logins) nonces(id cwmp.DeviceID) *digest.Nonces {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(id.String()))
	nonces := digest.NewNonces(mac.Sum(nil))
	nonces.Life = nonceLife
	return nonces
}

// matches tells whether one of the logins made the answer, in a time that tells
// neither which nor how nearly.
func matches(answer digest.Answer, method string, list []Login) bool {
	found := 0
	for _, login := range list {
		password := 0
		if answer.Verify(method, login.Password) {
			password = 1
		}
		found |= equal(answer.Username, login.Username) & password
	}
	return found == 1
}

func challenge(w http.ResponseWriter, value, outcome string) string {
	w.Header().Set("WWW-Authenticate", value)
	http.Error(w, "a login is required", http.StatusUnauthorized)
	return outcome
}
