package connreq

import (
	"net/netip"
	"strconv"
	"strings"
)

// Sizes of a UDP Connection Request, in bytes.
const (
	minDatagram  = 40  // RDK drops what is shorter
	maxDatagram  = 512 // of what an ACS may send to the relay
	maxToCPE     = 255 // of what goes to a CPE: WKS reads no more (protocol 4.6)
	maxParameter = 63  // of un and cn, for which icwmp has 64 bytes of stack (quirk S-35)
	sigLength    = 40  // hexadecimal digits of HMAC-SHA1
)

// Refusal is why a datagram is not relayed: a word for a metric's label.
type Refusal string

// The refusals of ParseDatagram.
const (
	RefusedSize      Refusal = "size"      // shorter or longer than any Connection Request
	RefusedForm      Refusal = "form"      // no HTTP GET of an absolute http URL
	RefusedParameter Refusal = "parameter" // not ts, id, un, cn and sig once each, with sane values
)

// Error returns the reason in words.
func (r Refusal) Error() string { return "datagram is refused: " + string(r) }

// Datagram is a UDP Connection Request (TR-069 Annex G) as an ACS made it.
type Datagram struct {
	Authority string // host or host:port of the request line
	Slash     bool   // there was a "/" before the "?"
	Query     string // after the "?", byte for byte
	Host      string // of the header, "" if there is none

	TS             int64 // seconds, or milliseconds in FreeACS's requests (quirk S-33)
	ID             uint32
	UN, CN, Sig    string // as sent, not decoded
	tsText, idText string
}

// ParseDatagram reads a UDP Connection Request, strictly but for what shipping
// ACSs do: an id of 32 bits (GenieACS), ts in milliseconds and a slash (FreeACS),
// signatures in either case, and parameters in any order. The error is a Refusal.
func ParseDatagram(payload []byte) (Datagram, error) {
	if len(payload) < minDatagram || len(payload) > maxDatagram {
		return Datagram{}, RefusedSize
	}
	line, headers, ok := cutLine(string(payload))
	if !ok {
		return Datagram{}, RefusedForm
	}
	var d Datagram
	if !d.requestLine(line) || !d.headers(headers) {
		return Datagram{}, RefusedForm
	}
	if !d.parameters() {
		return Datagram{}, RefusedParameter
	}
	return d, nil
}

// To writes the request as the strictest CPEs want it (quirks S-31, S-44), for the
// address that it goes to. The query, and so the signature, stays as it is. The
// result may be longer than a CPE reads.
func (d *Datagram) To(remote netip.AddrPort) []byte {
	authority := authority(remote)
	b := make([]byte, 0, len("GET http:///? HTTP/1.1\r\nHost: \r\n\r\n")+2*len(authority)+len(d.Query))
	b = append(b, "GET http://"...)
	b = append(b, authority...)
	if d.Slash {
		b = append(b, '/')
	}
	b = append(b, '?')
	b = append(b, d.Query...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, authority...)
	return append(b, "\r\n\r\n"...)
}

// Signed returns the text that the signature is over.
func (d *Datagram) Signed() string { return d.tsText + d.idText + d.UN + d.CN }

func (d *Datagram) requestLine(line string) bool {
	target, ok := strings.CutPrefix(line, "GET http://")
	if !ok {
		return false
	}
	target, version, ok := strings.Cut(target, " ")
	if !ok || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return false
	}
	if strings.IndexFunc(target, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) >= 0 {
		return false
	}
	var before string
	before, d.Query, ok = strings.Cut(target, "?")
	if !ok {
		return false
	}
	d.Authority, d.Slash = strings.CutSuffix(before, "/")
	return d.Authority != "" && !strings.ContainsAny(d.Authority, "/@")
}

// headers reads the header lines to the end of the datagram. A body has no place.
func (d *Datagram) headers(s string) bool {
	seen := false
	for {
		line, rest, ok := cutLine(s)
		switch {
		case !ok:
			return false
		case line == "":
			return rest == ""
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(name, " \t") {
			return false
		}
		value = strings.Trim(value, " \t")
		switch {
		case strings.EqualFold(name, "Host"):
			if seen {
				return false
			}
			d.Host, seen = value, true
		case strings.EqualFold(name, "Content-Length"):
			if value != "0" {
				return false
			}
		}
		s = rest
	}
}

// parameters reads the query: ts, id, un, cn and sig, each once and nothing else.
func (d *Datagram) parameters() bool {
	query := d.Query
	seen := 0
	for more := true; more; {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		bit, ok := 0, false
		switch name {
		case "ts":
			var ts uint64
			ts, ok = canonical(value, 1e13)
			bit, d.TS, d.tsText = 1, int64(ts), value
		case "id":
			var id uint64
			id, ok = canonical(value, 1<<32)
			bit, d.ID, d.idText = 2, uint32(id), value
		case "un":
			bit, d.UN, ok = 4, value, len(value) <= maxParameter
		case "cn":
			bit, d.CN, ok = 8, value, value != "" && len(value) <= maxParameter
		case "sig":
			bit, d.Sig, ok = 16, value, isSignature(value)
		}
		if !ok || seen&bit != 0 {
			return false
		}
		seen |= bit
	}
	return seen == 31
}

// canonical reads a number from 1 to below limit as every CPE reads it: decimal,
// no sign, no leading zero.
func canonical(s string, limit uint64) (n uint64, ok bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n < limit && s[0] != '0'
}

func isSignature(s string) bool {
	return len(s) == sigLength && strings.IndexFunc(s, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F')
	}) < 0
}

// cutLine splits s after its first line, which ends in LF or CRLF.
func cutLine(s string) (line, rest string, ok bool) {
	line, rest, ok = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest, ok
}
