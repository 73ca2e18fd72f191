package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// NonceLife is how long a nonce of Nonces is fresh unless Life says another time.
const NonceLife = 5 * time.Minute

// nonceAhead is how far another gateway's clock may be ahead of ours.
const nonceAhead = time.Minute

// A nonce is 4 bytes of Unix seconds, 4 random bytes and the first 16 of their
// HMAC-SHA-256, which are 32 characters in base64url: netcwmp has room for no
// more (quirk C-30).
const (
	nonceStamp = 8
	nonceSize  = 24
)

// Freshness is what Nonces.Check finds.
type Freshness uint8

// What a nonce can be.
const (
	Forged Freshness = iota // not made with our key
	Stale                   // made with our key, but too long ago
	Fresh
)

// Nonces makes nonces that carry their time and a proof of their origin, so that
// they are good on every connection and on every gateway with the same key
// (quirk C-31), and need no memory. A fresh nonce may be used any number of times,
// whatever its nc: some clients count wrongly (quirk C-67). Where a replay within
// Life does harm, add Replays. Safe for concurrent use.
type Nonces struct {
	// Life is how long a nonce is fresh; 0 is NonceLife. Set it before use.
	Life time.Duration

	key []byte
}

// NewNonces takes a secret key of any length. With none it makes one, and the
// nonces die with the process.
func NewNonces(key []byte) *Nonces {
	n := &Nonces{key: append([]byte(nil), key...)}
	if len(key) == 0 {
		n.key = make([]byte, sha256.Size)
		rand.Read(n.key)
	}
	return n
}

// Challenge returns the value of a WWW-Authenticate field with a new nonce. stale
// tells the client that its nonce was too old and its password is not in doubt.
func (n *Nonces) Challenge(realm string, now time.Time, stale bool) string {
	b := appendQuoted([]byte("Digest "), "realm", realm)
	b = appendQuoted(append(b, ", "...), "nonce", n.nonce(now))
	b = append(b, `, qop="auth", algorithm=MD5`...)
	if stale {
		b = append(b, ", stale=true"...)
	}
	return string(b)
}

// Check tells what a nonce is worth at the time now.
func (n *Nonces) Check(nonce string, now time.Time) Freshness {
	var b [nonceSize]byte
	if len(nonce) != base64.RawURLEncoding.EncodedLen(nonceSize) {
		return Forged
	}
	if _, err := base64.RawURLEncoding.Decode(b[:], []byte(nonce)); err != nil {
		return Forged
	}
	if !hmac.Equal(b[nonceStamp:], n.mac(b[:nonceStamp])) {
		return Forged
	}
	// The difference holds when 32 bits of seconds overflow.
	age := time.Duration(int32(uint32(now.Unix())-binary.BigEndian.Uint32(b[:]))) * time.Second
	if age > n.life() || age < -nonceAhead {
		return Stale
	}
	return Fresh
}

func (n *Nonces) life() time.Duration {
	if n.Life > 0 {
		return n.Life
	}
	return NonceLife
}

func (n *Nonces) nonce(now time.Time) string {
	var b [nonceSize]byte
	binary.BigEndian.PutUint32(b[:], uint32(now.Unix()))
	rand.Read(b[4:nonceStamp])
	copy(b[nonceStamp:], n.mac(b[:nonceStamp]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (n *Nonces) mac(stamp []byte) []byte {
	h := hmac.New(sha256.New, n.key)
	h.Write(stamp)
	return h.Sum(nil)[:nonceSize-nonceStamp]
}
