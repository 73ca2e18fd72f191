package proxy

import (
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// reply is what a CPE is sent. The body is valid until release.
type reply struct {
	status int
	reason string
	fields httpwire.Fields // of the ACS, filtered when written
	plain  bool            // body was decompressed: Content-Encoding is gone
	edited bool            // body is not what the ACS wrote
	// location replaces the ACS's Location.
	location string
	body     []byte
	cookie   string // Set-Cookie value to offer, "" for none
	retry    int    // Retry-After of our own, seconds
	allow    string
	close    bool
	// zeroLength keeps the "Content-Length: 0" that the ACS sent with its 204.
	zeroLength bool
	release    func()
}

// refusal is a reply of our own that ends the CPE's attempt. CPEs know only
// success and failure, so the status is one that all of them know (quirk C-26).
func refusal(status int, text string) reply {
	return reply{status: status, body: []byte(text + "\n"), fields: plainText, close: true}
}

var plainText = httpwire.Fields{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}}

// unavailable asks the CPE to come back later (quirk C-13).
func unavailable(text string, retry int) reply {
	r := refusal(503, text)
	r.retry = retry
	return r
}

// knownStatus maps what an ACS answers to what every CPE understands: RDK-B
// knows 200, 204, 301, 302, 307 and 401, icwmp less (quirks C-26, C-27).
func knownStatus(status, redirect int) int {
	switch {
	case status == 204, status == 400, status == 401, status == 405, status == 415, status == 503:
		return status
	case status < 300:
		return 200
	case status == 304:
		return 503
	case status < 400:
		return redirect
	case status < 500:
		return 400
	}
	return 503
}

// limits of the weakest CPE's header parser, netcwmp's (quirk C-23).
const (
	maxCPEField  = 1000
	maxCPEFields = 56
)

// append builds the head of the reply.
func (p *reply) append(b []byte, minor int, keepAlive bool) []byte {
	b = httpwire.AppendStatus(b, min(minor, 1), p.status, p.reason)
	written := 0
	for i := range p.fields {
		f := &p.fields[i]
		if written >= maxCPEFields && !isChallenge(f) || p.drops(f) || named(p.fields, f.Name) {
			continue
		}
		b = httpwire.AppendField(b, f.Name, f.Value)
		written++
	}
	if p.location != "" {
		b = httpwire.AppendField(b, "Location", p.location)
	}
	if p.retry > 0 {
		b = httpwire.AppendField(b, "Retry-After", strconv.Itoa(p.retry))
	}
	if p.allow != "" {
		b = httpwire.AppendField(b, "Allow", p.allow)
	}
	if p.cookie != "" {
		b = httpwire.AppendField(b, "Set-Cookie", p.cookie)
	}
	if p.status != 204 || p.zeroLength {
		b = httpwire.AppendLength(b, len(p.body))
	}
	switch {
	case !keepAlive:
		b = httpwire.AppendField(b, "Connection", "close")
	case minor == 0:
		b = httpwire.AppendField(b, "Connection", "keep-alive")
	}
	return append(b, "\r\n"...)
}

// hidden are the ACS's fields that a CPE never sees: those of one connection
// (quirk C-66), its cookies (C-06), and what would bind a CPE (C-23).
var hidden = map[string]bool{
	"content-length": true, "transfer-encoding": true, "connection": true, "keep-alive": true, "proxy-connection": true,
	"trailer": true, "upgrade": true, "set-cookie": true, "set-cookie2": true, "alt-svc": true,
	"strict-transport-security": true, "via": true, "proxy-authenticate": true,
}

// isChallenge tells a field that is passed whatever its size and number: a 401
// without it would be nothing but a failure to the CPE (quirk C-29).
func isChallenge(f *httpwire.Field) bool { return strings.EqualFold(f.Name, "WWW-Authenticate") }

func (p *reply) drops(f *httpwire.Field) bool {
	if len(f.Name)+len(f.Value) > maxCPEField && !isChallenge(f) {
		return true
	}
	if strings.EqualFold(f.Name, "Strict-Transport-Security") {
		return true
	}
	var lower [24]byte
	key := string(foldName(&lower, f.Name))
	switch {
	case hidden[key]:
		return true
	case key == "content-encoding":
		return p.plain
	case hashes[key]:
		return p.edited
	case key == "content-type":
		return p.status == 204 || len(p.body) == 0 && p.status == 200
	case key == "location":
		return p.location != "" || p.status == 503
	case key == "retry-after":
		return p.retry > 0
	}
	return false
}
