package simnet

import (
	"crypto/md5" //nolint:gosec // RFC 2617 names MD5, and CPEs know no other
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
)

// digest is what goes into one response of HTTP digest authentication. An
// empty QOP means the older form of RFC 2069, which knows no NC and CNonce.
type digest struct {
	Algorithm, Username, Realm, Password string
	Method, URI, Nonce, NC, CNonce, QOP  string
	Body                                 []byte // enters with QOP "auth-int" only
}

// response computes the request-digest of RFC 2617 3.2.2 and RFC 7616 3.4.1.
func (d digest) response() string {
	h := newDigestHash(d.Algorithm)
	ha1 := hashText(h, d.Username, d.Realm, d.Password)
	if strings.HasSuffix(strings.ToLower(d.Algorithm), "-sess") {
		ha1 = hashText(h, ha1, d.Nonce, d.CNonce)
	}
	ha2 := hashText(h, d.Method, d.URI)
	if strings.EqualFold(d.QOP, "auth-int") {
		ha2 = hashText(h, d.Method, d.URI, hashText(h, string(d.Body)))
	}
	if d.QOP == "" {
		return hashText(h, ha1, d.Nonce, ha2)
	}
	return hashText(h, ha1, d.Nonce, d.NC, d.CNonce, d.QOP, ha2)
}

func newDigestHash(algorithm string) hash.Hash {
	if strings.HasPrefix(strings.ToUpper(algorithm), "SHA-256") {
		return sha256.New()
	}
	return md5.New() //nolint:gosec // RFC 2617 names MD5, and CPEs know no other
}

func hashText(h hash.Hash, parts ...string) string {
	h.Reset()
	h.Write([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(h.Sum(nil))
}

// parseAuth splits "Digest a=b, c="d"" into its scheme and parameters. Keys are
// lower case. Commas may be missing, values quoted or not (quirk C-30).
func parseAuth(s string) (scheme string, params map[string]string) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	params = map[string]string{}
	for {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return scheme, params
		}
		var value string
		value, rest = cutAuthValue(strings.TrimLeft(after, " \t"))
		params[strings.ToLower(strings.Trim(key, " ,\t\r\n"))] = value
	}
}

// cutAuthValue reads a token or a quoted string off the front of s.
func cutAuthValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		if end := strings.IndexAny(s, ", \t"); end >= 0 {
			return s[:end], s[end:]
		}
		return s, ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
