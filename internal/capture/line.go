package capture

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxText bounds a text that is kept, in bytes: what is longer is an image, a log
// or a configuration, and nobody knows what is in it.
const maxText = 2 << 10

// maskText masks what is secret in a text that stands by itself: a text that names
// a secret, since the secret may be beside it, what holds markup, and parts of
// URLs.
func maskText(text string) string {
	switch {
	case len(text) > maxText:
		return fmt.Sprintf("[%d bytes left out]", len(text))
	case strings.ContainsRune(text, '<'), strings.Contains(text, "&lt;"), strings.Contains(text, "&#"):
		return masked
	case isName(strings.TrimSpace(text)): // nothing stands beside it
		return text
	}
	if text = maskURLs(text); namesSecret(text) {
		return masked
	}
	return text
}

// maskLine does so for a text of one line of a message's head.
func maskLine(text string) string { return maskText(text) }

// authority is where user info stands in a URL. It ends where the path begins; what
// a careless client leaves unescaped is taken with it up to the last @.
var authority = regexp.MustCompile(`//[^/?#\s]*@`)

// maskURLs masks user info and queries in all URLs of a text: a query may hold a
// token.
func maskURLs(text string) string {
	if escaped := strings.ToLower(text); strings.Contains(escaped, "%40") && strings.Contains(escaped, "%3a") {
		return masked // a URL in a URL, perhaps
	}
	if strings.Contains(text, "@") {
		text = authority.ReplaceAllLiteralString(text, "//"+masked+"@")
		if rest := strings.ReplaceAll(text, masked+"@", ""); strings.Contains(rest, "@") && strings.Contains(rest, "//") {
			return masked // a password with a slash in it
		}
		text = login.ReplaceAllStringFunc(text, maskLogin)
	}
	if strings.Contains(text, ";") {
		text = pathSession.ReplaceAllString(text, "$1"+masked)
	}
	if strings.Contains(text, "/") {
		text = maskQuery(text)
	}
	return text
}

// login is user info where no // is before it. A scheme may be its first part.
var login = regexp.MustCompile(`[^\s/\\@]+:[^\s@]*@`)

// maskLogin masks a login, but for one of a scheme whose URLs have users and no
// passwords.
func maskLogin(text string) string {
	scheme, rest, _ := strings.Cut(text, ":")
	if strings.HasPrefix(rest, "//") || slices.Contains([]string{"sip", "sips", "mailto", "xmpp"}, strings.ToLower(scheme)) && !strings.Contains(rest, ":") {
		return text
	}
	return masked + "@"
}

// pathSession is the session of a client as a parameter of a path (RFC 3986 3.3).
var pathSession = regexp.MustCompile(`(?i)(;[a-z0-9_.$-]*(?:sess|sid|token|auth)[a-z0-9_.$-]*=)[^\s/?#;&"]+`)

// query is that of a URL or of a path, with the fragment.
var query = regexp.MustCompile(`[?#]\S+`)

func maskQuery(text string) string { return query.ReplaceAllLiteralString(text, "?"+masked) }

// shortest is how long a secret must be to be looked for in other texts: shorter
// ones are found in many a word.
const shortest = 4

// maxSecrets and maxSecret bound the secrets of a session that are remembered while
// it runs, and the bytes of each.
const (
	maxSecrets = 256
	maxSecret  = 256
)

// secrets are those that a session has told so far. A CPE may repeat one in the
// text of a fault.
type secrets struct{ texts []string }

func (s *secrets) add(text string) {
	if text = strings.TrimSpace(text); len(text) < shortest || len(text) > maxSecret || len(s.texts) == maxSecrets || slices.Contains(s.texts, text) {
		return
	}
	s.texts = append(s.texts, text)
}

// in tells whether a text repeats a secret.
func (s *secrets) in(text string) bool {
	for _, secret := range s.texts {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// mask makes the record of a message.
func (s *secrets) mask(m *Message) record {
	rec := record{Message: *m}
	rec.Body = nil
	rec.ACS, rec.Method = strings.Clone(m.ACS), strings.Clone(m.Method)
	rec.Target, rec.Reason, rec.Error = maskLine(m.Target), maskLine(m.Reason), maskLine(m.Error)
	rec.Header = maskHeader(m.Header)
	rec.body = s.maskBody(m)
	return rec
}
