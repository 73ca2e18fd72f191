package digest

import (
	"crypto/md5" //nolint:gosec // RFC 2617 names MD5, and CPEs know no other
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
)

// request is what enters one response of digest authentication.
type request struct {
	algorithm                 string // "" is MD5
	username, realm, password string
	method, uri               string
	nonce, nc, cnonce         string
	qop                       string // "" is the form of RFC 2069, without nc and cnonce
}

// response computes the request-digest of RFC 2069 2.1.2, RFC 2617 3.2.2.1 and
// RFC 7616 3.4.1. ok is false for an algorithm that is not known. With auth-int
// the body is taken to be empty, which that of a Connection Request is.
func (r *request) response() (response string, ok bool) {
	h, session := newHash(r.algorithm)
	if h == nil {
		return "", false
	}
	ha1 := join(h, r.username, r.realm, r.password)
	if session {
		ha1 = join(h, ha1, r.nonce, r.cnonce)
	}
	ha2 := join(h, r.method, r.uri)
	if strings.EqualFold(r.qop, qopAuthInt) {
		ha2 = join(h, r.method, r.uri, join(h, ""))
	}
	if r.qop == "" {
		return join(h, ha1, r.nonce, ha2), true
	}
	return join(h, ha1, r.nonce, r.nc, r.cnonce, r.qop, ha2), true
}

// newHash returns nil for an algorithm that is not known. session tells of the
// "-sess" kind, whose key depends on nonce and cnonce.
func newHash(algorithm string) (h hash.Hash, session bool) {
	name := strings.ToLower(algorithm)
	name, session = strings.CutSuffix(name, "-sess")
	switch name {
	case "":
		if session {
			return nil, false
		}
		return md5.New(), false //nolint:gosec // RFC 2617 3.2.1: absent is MD5
	case "md5":
		return md5.New(), session //nolint:gosec // RFC 2617 names MD5, and CPEs know no other
	case "sha-256", "sha256":
		return sha256.New(), session
	case "sha-512-256":
		return sha512.New512_256(), session
	}
	return nil, false
}

// join is the hash of the parts with colons between them, in hexadecimal.
func join(h hash.Hash, parts ...string) string {
	h.Reset()
	for i, part := range parts {
		if i > 0 {
			h.Write([]byte{':'})
		}
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}
