package proxy

import (
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// digestAnswer is what recognition needs of an Authorization field. The proxy
// passes digest answers untouched and never checks them (quirks C-29, C-30).
type digestAnswer struct {
	username, nonce string
	authInt         bool // the body is part of the answer: it must not change
}

// parseDigestAnswer reads the answer in a request, in the forms that CPEs send:
// quoted or not, in any order, folded, without qop.
func parseDigestAnswer(fields httpwire.Fields) (a digestAnswer, ok bool) {
	value := fields.Get("Authorization")
	if len(value) < 7 || !strings.EqualFold(value[:7], "digest ") {
		return a, false
	}
	eachParam(value[7:], func(key, value string) {
		switch {
		case strings.EqualFold(key, "username"):
			a.username = value
		case strings.EqualFold(key, "nonce"):
			a.nonce = value
		case strings.EqualFold(key, "qop"):
			a.authInt = strings.EqualFold(value, "auth-int")
		}
	})
	return a, a.nonce != ""
}

// challengeNonces calls fn with the nonce of each digest challenge in a 401.
func challengeNonces(fields httpwire.Fields, fn func(nonce string)) {
	for i := range fields {
		if !strings.EqualFold(fields[i].Name, "WWW-Authenticate") {
			continue
		}
		eachParam(fields[i].Value, func(key, value string) {
			if strings.EqualFold(key, "nonce") && value != "" {
				fn(value)
			}
		})
	}
}

// eachParam walks key=value pairs. A scheme name before a key ("Digest realm")
// is dropped; pairs may be separated by commas or only by blanks.
func eachParam(s string, fn func(key, value string)) {
	for {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return
		}
		key = strings.TrimRight(key, " \t") // RFC 9110 11.2 allows blanks around "="
		if i := strings.LastIndexAny(key, " \t,"); i >= 0 {
			key = key[i+1:]
		}
		var value string
		value, s = cutValue(strings.TrimLeft(rest, " \t"))
		fn(key, value)
	}
}

// cutValue cuts a quoted string or a token from s.
func cutValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, ", \t")
		if i < 0 {
			return s, ""
		}
		return s[:i], s[i:]
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return strings.ReplaceAll(s[1:i], `\`, ""), s[i+1:]
		}
	}
	return s[1:], ""
}
