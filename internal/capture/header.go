package capture

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// maskHeader returns the fields in their order with their secrets masked.
func maskHeader(fields httpwire.Fields) httpwire.Fields {
	out := make(httpwire.Fields, len(fields))
	for i := range fields {
		name := strings.Clone(fields[i].Name)
		out[i] = httpwire.Field{Name: name, Value: strings.Clone(maskField(name, fields[i].Value))}
	}
	return out
}

// maskField masks the value of one field.
func maskField(name, value string) string {
	key := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	switch {
	case value == "":
		return ""
	case key == "authorization", key == "proxy-authorization":
		return maskCredentials(value)
	case key == "www-authenticate", key == "proxy-authenticate":
		return maskParams(value, challengeParams)
	case key == "authentication-info", key == "proxy-authentication-info":
		return masked
	case key == "cookie", key == "set-cookie":
		return maskCookies(value, key == "set-cookie")
	case key == "cookie2", key == "set-cookie2", secretName(key), strings.Contains(key, "auth"), strings.Contains(key, "session"), strings.Contains(key, "csrf"):
		return masked
	case strings.HasPrefix(key, "client-cert"):
		return fmt.Sprintf("[%d bytes left out]", len(value))
	}
	return maskLine(value)
}

// What is kept of a digest answer and of a challenge: no part of it is secret, nor
// lets a password be guessed without the rest (RFC 7616 3.3, 3.4).
var (
	answerParams = map[string]bool{
		"username": true, "realm": true, "nonce": true, "uri": true, "qop": true, "nc": true, "algorithm": true, "userhash": true,
	}
	challengeParams = map[string]bool{
		"realm": true, "nonce": true, "qop": true, "algorithm": true, "opaque": true, "stale": true, "domain": true,
		"charset": true, "userhash": true,
	}
)

// maskCredentials keeps the scheme, and of a digest answer what is in
// answerParams.
func maskCredentials(value string) string {
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || !token.MatchString(scheme) {
		return masked
	}
	if !strings.EqualFold(scheme, "Digest") {
		return scheme + " " + masked
	}
	return scheme + " " + maskParams(rest, answerParams)
}

var token = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,31}$`)

// param is one parameter, with what may stand before its name: a comma, or in
// challenges a scheme. What does not look like parameters is masked as a whole.
var (
	param  = regexp.MustCompile(`(?:^|[\s,])([A-Za-z][A-Za-z0-9-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)`)
	params = regexp.MustCompile(`^(?:\s*(?:[A-Za-z][A-Za-z0-9-]*\s+)?[A-Za-z][A-Za-z0-9-]*\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]+)\s*(?:,|$))+\s*$`)
)

func maskParams(value string, keep map[string]bool) string {
	if !params.MatchString(value) {
		return masked
	}
	var b strings.Builder
	done := 0
	for _, at := range param.FindAllStringSubmatchIndex(value, -1) {
		name := strings.ToLower(value[at[2]:at[3]])
		b.WriteString(value[done:at[4]])
		done = at[5]
		switch text := value[at[4]:at[5]]; {
		case !keep[name]:
			b.WriteString(masked)
		case name == "uri":
			b.WriteString(`"` + maskLine(strings.Trim(text, `"`)) + `"`)
		default:
			b.WriteString(text)
		}
	}
	b.WriteString(value[done:])
	return b.String()
}

// cookieParts are the attributes of a cookie that are kept.
var cookieParts = map[string]bool{
	"path": true, "domain": true, "expires": true, "max-age": true, "version": true, "$path": true, "$domain": true, "$version": true, "samesite": true,
}

// maskCookies keeps the names of cookies and their attributes: in Set-Cookie what
// follows the first part, in Cookie what has a dollar sign.
func maskCookies(value string, set bool) string {
	parts := strings.Split(value, ";")
	for i, part := range parts {
		name, text, ok := strings.Cut(part, "=")
		switch key := strings.TrimSpace(name); {
		case ok && cookieParts[strings.ToLower(key)] && (set && i > 0 || strings.HasPrefix(key, "$")):
			parts[i] = name + "=" + maskLine(text)
		case ok && len(key) <= 64 && isName(strings.TrimPrefix(key, "$")):
			parts[i] = name + "=" + masked
		case !ok && (strings.EqualFold(key, "Secure") || strings.EqualFold(key, "HttpOnly") || key == ""):
		default:
			parts[i] = " " + masked
		}
	}
	return strings.Join(parts, ";")
}
