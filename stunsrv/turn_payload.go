package stunsrv

import (
	"bytes"
	"strings"
)

const (
	maxConnectionRequest = 255 // bytes: CPEs read no more (quirk S-44)
	signatureDigits      = 40  // hexadecimal, of HMAC-SHA1
)

// isConnectionRequest tells whether a datagram is a UDP Connection Request
// (TR-069 Annex G.2.2.3): a GET of an absolute http URL with an empty path or "/",
// whose query holds ts, id, un, cn and sig once each and nothing else, and no
// body. What passes can be taken by nobody for STUN, nor for a reply of anything.
func isConnectionRequest(payload []byte) bool {
	if len(payload) > maxConnectionRequest || bytes.ContainsFunc(payload, outsideText) {
		return false
	}
	head, body, whole := strings.Cut(string(payload), "\r\n\r\n")
	if !whole || body != "" {
		return false
	}
	line, headers, _ := strings.Cut(head, "\r\n")
	target, isGET := strings.CutPrefix(line, "GET http://")
	target, version, hasVersion := strings.Cut(target, " ")
	authority, query, hasQuery := strings.Cut(target, "?")
	authority = strings.TrimSuffix(authority, "/")
	return isGET && hasVersion && (version == "HTTP/1.1" || version == "HTTP/1.0") &&
		hasQuery && authority != "" && !strings.ContainsAny(authority, "/@#\r\n") &&
		isRequestQuery(query) && areHeaders(headers)
}

// outsideText tells what has no place in a request: all but printable ASCII and
// the ends of lines.
func outsideText(c rune) bool { return (c < ' ' || c > '~') && c != '\r' && c != '\n' }

// isRequestQuery takes the parameters in any order, as ACSs send them.
func isRequestQuery(query string) bool {
	seen := 0
	for more := true; more; {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		name, value, hasValue := strings.Cut(pair, "=")
		bit, ok := 0, false
		switch name {
		case "ts":
			bit, ok = 1, isNumber(value, 13) // FreeACS counts milliseconds (quirk S-33)
		case "id":
			bit, ok = 2, isNumber(value, 10)
		case "un":
			bit, ok = 4, true
		case "cn":
			bit, ok = 8, value != ""
		case "sig":
			bit, ok = 16, len(value) == signatureDigits && strings.Trim(value, "0123456789abcdefABCDEF") == ""
		}
		if !ok || !hasValue || seen&bit != 0 || strings.ContainsAny(value, "#\r\n") {
			return false
		}
		seen |= bit
	}
	return seen == 1|2|4|8|16
}

func isNumber(s string, digits int) bool {
	return s != "" && len(s) <= digits && strings.Trim(s, "0123456789") == ""
}

// areHeaders takes lines of a name, a colon and a value, none of which announces a
// body.
func areHeaders(lines string) bool {
	for more := lines != ""; more; {
		var line string
		line, lines, more = strings.Cut(lines, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \r\n") || strings.ContainsAny(value, "\r\n") {
			return false
		}
		if strings.EqualFold(name, "Content-Length") && strings.TrimSpace(value) != "0" || strings.EqualFold(name, "Transfer-Encoding") {
			return false
		}
	}
	return true
}
