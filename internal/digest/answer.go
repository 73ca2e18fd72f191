package digest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// Answer is what an Authorization field says. Its fields are those of digest
// authentication as they were sent; with Basic only Username is set.
type Answer struct {
	Scheme    string // SchemeDigest or SchemeBasic
	Username  string
	Realm     string
	Nonce     string
	URI       string // absolute, a path, empty, or another than in the request line
	Algorithm string
	QOP       string // "" is the form of RFC 2069
	NC        string // as it was sent; "" without QOP
	CNonce    string
	Opaque    string

	response string
	password string // Basic only
}

// ParseAnswer reads an Authorization field of digest or Basic authentication, in
// all forms of quirk C-30. ok is false when it is of another scheme or lacks what
// a check needs.
func ParseAnswer(authorization string) (a Answer, ok bool) {
	field := strings.Trim(unfold(authorization), " \t")
	end := strings.IndexAny(field, " \t")
	if end < 0 {
		return Answer{}, false
	}
	switch scheme, rest := field[:end], field[end:]; {
	case strings.EqualFold(scheme, SchemeBasic):
		return parseBasic(strings.TrimLeft(rest, " \t"))
	case strings.EqualFold(scheme, SchemeDigest):
		return parseDigest(rest)
	}
	return Answer{}, false
}

// parseBasic splits at the first colon: a password may have more of them
// (RFC 7617 2). The padding of base64 may be missing.
func parseBasic(text string) (a Answer, ok bool) {
	login, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return Answer{}, false
	}
	username, password, ok := strings.Cut(string(login), ":")
	if !ok {
		return Answer{}, false
	}
	return Answer{Scheme: SchemeBasic, Username: username, password: password}, true
}

func parseDigest(text string) (a Answer, ok bool) {
	sets := scan(SchemeDigest + text)
	set := &sets[0]
	a = Answer{
		Scheme:    SchemeDigest,
		Username:  set.value("username"),
		Realm:     set.value("realm"),
		Nonce:     set.value("nonce"),
		URI:       set.value("uri"),
		Algorithm: set.value("algorithm"),
		QOP:       set.value("qop"),
		NC:        set.value("nc"),
		CNonce:    set.value("cnonce"),
		Opaque:    set.value("opaque"),
		response:  strings.ToLower(set.value("response")),
	}
	return a, a.Nonce != "" && a.response != ""
}

// Verify reports whether the answer was made with this password, for a request
// of this method without a body. The time that it takes tells nothing of the
// password. The URI is taken as the field has it (quirk C-30), so an answer is
// good for every URI of who has this password. It does not look at Username and
// Nonce: compare the one with that of the password, and give the other to
// Nonces.Check.
func (a Answer) Verify(method, password string) bool {
	switch a.Scheme {
	case SchemeBasic:
		got, want := sha256.Sum256([]byte(a.password)), sha256.Sum256([]byte(password))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	case SchemeDigest:
		r := request{
			algorithm: a.Algorithm, username: a.Username, realm: a.Realm, password: password,
			method: method, uri: a.URI, nonce: a.Nonce, nc: a.NC, cnonce: a.CNonce, qop: a.QOP,
		}
		want, ok := r.response()
		return ok && subtle.ConstantTimeCompare([]byte(a.response), []byte(want)) == 1
	}
	return false
}
