package connreq

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	tokenBytes  = 16 // of the HMAC
	tokenLength = 26 // characters; a DNS label takes 63
)

// tokenEncoding has letters of one case and digits alone, because DNS names and
// some ACSs do not keep the case.
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Tokens makes the names by which ACSs know devices in URLs and host names
// (quirk C-61). Who does not have the key can neither make one nor learn a device
// from it. Its methods may be called from many goroutines.
type Tokens struct{ key []byte }

// NewTokens returns the tokens of a key, which must be secret and random, 16
// bytes or more. Another key makes every URL that ACSs know a dead one.
func NewTokens(key []byte) *Tokens { return &Tokens{append([]byte(nil), key...)} }

// Of returns the token of a device: 26 characters of a-z and 2-7.
func (t *Tokens) Of(id cwmp.DeviceID) string {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte(id.String()))
	return tokenEncoding.EncodeToString(mac.Sum(nil)[:tokenBytes])
}

// Is tells whether the token is the device's, in a time that does not depend on
// how many of its characters are right.
func (t *Tokens) Is(token string, id cwmp.DeviceID) bool {
	return subtle.ConstantTimeCompare([]byte(t.Of(id)), []byte(token)) == 1
}

// Prefix returns the first 64 bits of a token as a compact key for an index; what
// the index finds must be checked with Is, for a prefix is not proof. It is 0 for
// what is no token.
func Prefix(token string) uint64 {
	if len(token) != tokenLength {
		return 0
	}
	raw, err := tokenEncoding.DecodeString(token)
	if err != nil {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}

// asToken returns s in lower case if it has the form of a token.
func asToken(s string) (token string, ok bool) {
	if len(s) != tokenLength {
		return "", false
	}
	token = strings.ToLower(s)
	for i := range len(token) {
		if c := token[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return "", false
		}
	}
	return token, true
}
