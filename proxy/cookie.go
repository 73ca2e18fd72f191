package proxy

import (
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"net/http"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// newCookie returns a value that cannot be guessed, 22 characters long: CPEs
// are known to keep as little as 512 bytes of cookies (quirk C-23).
func newCookie() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// eachCookie calls fn with the values of the named cookie in a CPE's request,
// in every form that is seen: several headers, RFC 2965 attributes, commas,
// quotes, echoed attributes (quirk C-07).
func eachCookie(fields httpwire.Fields, name string, fn func(value string)) {
	for i := range fields {
		if len(fields[i].Name) != len("Cookie") || !strings.EqualFold(fields[i].Name, "Cookie") {
			continue
		}
		rest := fields[i].Value
		for rest != "" {
			var pair string
			pair, rest = cutPair(rest)
			key, value, _ := strings.Cut(pair, "=")
			if strings.TrimSpace(key) == name {
				fn(strings.Trim(strings.TrimSpace(value), `"`))
			}
		}
	}
}

func cutPair(s string) (pair, rest string) {
	if i := strings.IndexAny(s, ";,"); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// jar holds the cookies that the ACS set in one session. They never reach the
// CPE: many CPEs keep one cookie, or none (quirks U4, C-05, C-06).
type jar struct{ names, values []string }

// store takes the Set-Cookie fields of a reply.
func (j *jar) store(fields httpwire.Fields, now time.Time) {
	for i := range fields {
		name := fields[i].Name
		if strings.EqualFold(name, "Set-Cookie") || strings.EqualFold(name, "Set-Cookie2") {
			j.set(fields[i].Value, now)
		}
	}
}

// set takes one Set-Cookie value. The value is kept as it is spelled.
func (j *jar) set(line string, now time.Time) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return
	}
	j.remove(name)
	if !expired(attributes, now) && len(j.names) < maxJar && len(pair) <= maxJarPair {
		j.names = append(j.names, strings.Clone(name)) // clones, to let the head go
		j.values = append(j.values, strings.Clone(strings.TrimSpace(value)))
	}
}

// maxJar bounds the cookies of one session, and maxJarPair the name and value of
// each in bytes, as RFC 6265 6.1 does.
const (
	maxJar     = 32
	maxJarPair = 4 << 10
)

func (j *jar) remove(name string) {
	for i := range j.names {
		if j.names[i] == name {
			j.names = append(j.names[:i], j.names[i+1:]...)
			j.values = append(j.values[:i], j.values[i+1:]...)
			return
		}
	}
}

// expired tells whether Set-Cookie attributes delete the cookie.
func expired(attributes string, now time.Time) bool {
	dated := false
	for attribute := range strings.SplitSeq(attributes, ";") {
		key, value, _ := strings.Cut(attribute, "=")
		switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(key)) {
		case "max-age":
			seconds, err := strconv.Atoi(value)
			return err == nil && seconds <= 0 // Max-Age wins, RFC 6265 5.3
		case "expires":
			at, err := http.ParseTime(value)
			dated = err == nil && !at.After(now)
		}
	}
	return dated
}

// appendTo appends the Cookie field for a request to the ACS, if there is one.
func (j *jar) appendTo(b []byte) []byte {
	if len(j.names) == 0 {
		return b
	}
	b = append(b, "Cookie: "...)
	for i := range j.names {
		if i > 0 {
			b = append(b, "; "...)
		}
		b = append(b, j.names[i]...)
		b = append(b, '=')
		b = append(b, j.values[i]...)
	}
	return append(b, "\r\n"...)
}
