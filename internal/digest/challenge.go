package digest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Schemes, as Challenge and Answer have them.
const (
	SchemeDigest = "digest"
	SchemeBasic  = "basic"
)

const (
	qopAuth    = "auth"
	qopAuthInt = "auth-int"
)

// Challenge is one challenge of a WWW-Authenticate field.
type Challenge struct {
	Scheme    string // lower case, such as SchemeDigest
	Realm     string
	Nonce     string
	Opaque    string
	Algorithm string   // as it was spelled; "" is MD5
	QOP       []string // lower case; none is the form of RFC 2069
	Stale     bool     // the nonce was too old, the password may be right

	opaque bool // was there, be it empty
}

// ParseChallenges reads WWW-Authenticate fields: several challenges in one field,
// in several fields, without commas, folded, with values that are not quoted. It
// never fails; what makes no sense is left out. There are at most 16 challenges.
func ParseChallenges(values []string) []Challenge {
	var list []Challenge
	for _, value := range values {
		for _, set := range scan(value) {
			if set.scheme != "" && len(list) < maxChallenges {
				list = append(list, set.challenge())
			}
		}
	}
	return list
}

func (f *fieldset) challenge() Challenge {
	c := Challenge{
		Scheme:    f.scheme,
		Realm:     f.value("realm"),
		Nonce:     f.value("nonce"),
		Algorithm: f.value("algorithm"),
		Stale:     strings.EqualFold(f.value("stale"), "true"),
	}
	c.Opaque, c.opaque = f.get("opaque")
	for item := range strings.FieldsFuncSeq(f.value("qop"), isSeparator) {
		c.QOP = append(c.QOP, strings.ToLower(item))
	}
	return c
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == ';' }

// Answer returns the value of the Authorization field that answers a digest
// challenge. uri is the request-target as it is sent, cnonce any text that was
// not used before, and nc counts the answers to this nonce from 1. Without a qop
// the answer is that of RFC 2069, with neither nc nor cnonce; "auth" is preferred
// to "auth-int", whose body is taken to be empty. qop, nc and algorithm are not
// quoted (RFC 7616 3.4). It fails when the challenge is of another scheme, or asks
// for what is not known.
func (c Challenge) Answer(username, password, method, uri, cnonce string, nc uint32) (string, error) {
	if c.Scheme != SchemeDigest {
		return "", fmt.Errorf("challenge %.20q is not of digest", c.Scheme)
	}
	if c.Nonce == "" {
		return "", errors.New("digest challenge has no nonce")
	}
	if !clean(username, c.Realm, c.Nonce, uri, cnonce, c.Opaque, c.Algorithm) {
		return "", errors.New("digest challenge, user name or URI has a control character")
	}
	qop, err := c.qop()
	if err != nil {
		return "", err
	}
	r := request{
		algorithm: c.Algorithm, username: username, realm: c.Realm, password: password,
		method: method, uri: uri, nonce: c.Nonce, nc: fmt.Sprintf("%08x", nc), cnonce: cnonce, qop: qop,
	}
	response, ok := r.response()
	if !ok {
		return "", fmt.Errorf("digest challenge wants algorithm %.20q, which is not known", c.Algorithm)
	}
	return string(c.appendAnswer(nil, &r, response)), nil
}

func (c Challenge) appendAnswer(b []byte, r *request, response string) []byte {
	quoted := func(key, value string) {
		b = append(b, ", "...)
		b = appendQuoted(b, key, value)
	}
	b = appendQuoted(append(b, "Digest "...), "username", r.username)
	quoted("realm", r.realm)
	quoted("nonce", r.nonce)
	quoted("uri", r.uri)
	if c.Algorithm != "" {
		b = append(append(b, ", algorithm="...), c.Algorithm...)
	}
	_, session := newHash(r.algorithm)
	if r.qop != "" || session { // without it nobody could check a session key
		quoted("cnonce", r.cnonce)
	}
	if r.qop != "" {
		b = append(append(b, ", nc="...), r.nc...)
		b = append(append(b, ", qop="...), r.qop...)
	}
	quoted("response", response)
	if c.opaque || c.Opaque != "" {
		quoted("opaque", c.Opaque)
	}
	return b
}

// qop chooses among those offered.
func (c Challenge) qop() (string, error) {
	if len(c.QOP) == 0 {
		return "", nil
	}
	for _, want := range []string{qopAuth, qopAuthInt} {
		for _, offered := range c.QOP {
			if offered == want {
				return want, nil
			}
		}
	}
	return "", fmt.Errorf("digest challenge wants qop %.40q, which is not known", strings.Join(c.QOP, ","))
}

// Basic returns the value of the Authorization field for Basic authentication
// (RFC 7617). It shows the password to everybody on the way.
func Basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}
