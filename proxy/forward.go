package proxy

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// appendRequest builds the head of a request to the ACS: the CPE's own fields
// as they are spelled and ordered, without those that concern one connection or
// that are not the CPE's to say, then ours (quirks U4, U5, U9 to U11).
func (s *session) appendRequest(b []byte, c *cpeConn, r *request) []byte {
	b = append(b, r.head.Method...)
	b = append(b, ' ')
	b = append(b, s.to.pathFor(r.path)...)
	b = append(b, " HTTP/1.1\r\n"...)
	host := r.head.Fields.Get("Host")
	b = httpwire.AppendField(b, "Host", s.hostFor(host))
	for i := range r.head.Fields {
		f := &r.head.Fields[i]
		if s.passes(r, f.Name) {
			b = httpwire.AppendField(b, f.Name, f.Value)
		}
	}
	b = s.jar.appendTo(b)
	b = appendForwarded(b, c.remote.Addr(), host, s.protoFor(c))
	if c.clientCert != "" {
		b = httpwire.AppendField(b, "Client-Cert", c.clientCert)
		if c.clientChain != "" {
			b = httpwire.AppendField(b, "Client-Cert-Chain", c.clientChain)
		}
	}
	b = httpwire.AppendLength(b, len(r.body))
	return append(b, "\r\n"...)
}

// passes tells whether a field of the CPE's request goes to the ACS.
func (s *session) passes(r *request, name string) bool {
	if s.withheld && strings.EqualFold(name, "Authorization") {
		return false
	}
	return !dropsToACS(name, r) && !named(r.head.Fields, name)
}

// hostFor chooses the Host that the ACS sees: GenieACS and others build file
// URLs from it, so the CPE's own is right unless configured (quirk U11).
func (s *session) hostFor(cpeHost string) string {
	switch s.up.cfg.Host {
	case "":
		if s.to != s.up.base || !isHost(cpeHost) {
			return s.to.authority()
		}
		return cpeHost
	case "url":
		return s.to.authority()
	}
	return s.up.cfg.Host
}

// protoFor is the scheme to announce, or "" (quirk U10).
func (s *session) protoFor(c *cpeConn) string {
	switch {
	case !s.up.cfg.AnnounceProto:
		return ""
	case c.tls != nil:
		return "https"
	}
	return "http"
}

// isHost tells whether a Host field may be repeated in other fields.
func isHost(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alphanumeric && !strings.ContainsRune(".-_:[]", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) < 256
}

// appendForwarded says who the CPE is in every form that ACSs read: GenieACS
// reads only Forwarded, FreeACS and Oktopus only X-Real-IP (quirk U9).
func appendForwarded(b []byte, addr netip.Addr, host, proto string) []byte {
	addr = addr.Unmap()
	text := addr.WithZone("").String()
	b = append(b, "Forwarded: for="...)
	if addr.Is6() {
		b = append(append(append(b, `"[`...), text...), `]"`...)
	} else {
		b = append(b, text...)
	}
	if proto != "" {
		b = append(append(b, ";proto="...), proto...)
	}
	if hosted := isHost(host); hosted {
		b = append(append(append(b, `;host="`...), host...), '"')
	}
	b = append(b, "\r\n"...)
	b = httpwire.AppendField(b, "X-Real-IP", text)
	b = httpwire.AppendField(b, "X-Forwarded-For", text)
	if isHost(host) {
		b = httpwire.AppendField(b, "X-Forwarded-Host", host)
	}
	if proto != "" {
		b = httpwire.AppendField(b, "X-Forwarded-Proto", proto)
	}
	return b
}

// dropped are the fields of a CPE's request that never reach the ACS, in lower
// case with dashes.
var dropped = map[string]bool{
	"host": true, "content-length": true, "transfer-encoding": true, "connection": true, "keep-alive": true,
	"proxy-connection": true, "proxy-authorization": true, "te": true, "trailer": true, "upgrade": true, "expect": true,
	"cookie": true, "cookie2": true, // the session's jar answers
	"accept-encoding": true, // replies must be readable
	"forwarded":       true,
	"x-client-ip":     true, "x-cluster-client-ip": true, "true-client-ip": true,
}

// hashes are the fields that would no longer fit a body that was edited.
var hashes = map[string]bool{"content-md5": true, "digest": true, "content-digest": true, "repr-digest": true}

// forgeries begin the names of fields that say who the client is: no CPE is to
// say that itself.
var forgeries = []string{"x-forwarded-", "x-real-", "x-original-", "x-client-cert", "x-ssl-", "client-cert", "ssl-client-"}

func dropsToACS(name string, r *request) bool {
	var lower [24]byte
	key := foldName(&lower, name[:min(len(name), len(lower))])
	for _, start := range forgeries {
		if bytes.HasPrefix(key, []byte(start)) {
			return true
		}
	}
	if len(name) > len(lower) {
		return false
	}
	return dropped[string(key)] || r.decoded && string(key) == "content-encoding" || r.edited && hashes[string(key)]
}

// foldName lowers a field name and makes underscores dashes, since some servers
// take X_Real_IP for X-Real-IP. Names longer than any that we know fold to nil.
func foldName(buf *[24]byte, name string) []byte {
	if len(name) > len(buf) {
		return nil
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		buf[i] = c
	}
	return buf[:len(name)]
}

// maxConnection bounds a Connection field that is looked into, in bytes, since
// that is done for every other field.
const maxConnection = 512

// named tells whether the Connection field names another field, which then
// concerns this connection alone (RFC 9110 7.6.1). What the session needs stays,
// whatever a Connection field says.
func named(fields httpwire.Fields, name string) bool {
	if len(fields.Get("Connection")) > maxConnection || !fields.Token("Connection", name) {
		return false
	}
	return !strings.EqualFold(name, "Authorization") && !strings.EqualFold(name, "Content-Type") &&
		!strings.EqualFold(name, "SOAPAction")
}
