package connreq

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // TR-069 Annex G prescribes it
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// cnLength is the length of cn, in characters.
const cnLength = 16

// udp sends UDP Connection Requests (TR-069 Annex G).
type udp struct {
	send    func(local, to netip.AddrPort, payload []byte) error
	now     func() time.Time
	metrics *metrics
}

// Name returns "udp".
func (*udp) Name() string { return UDP }

// Check returns the binding's address.
func (u *udp) Check(t *Target) (to, reason string) {
	if !t.Remote.IsValid() {
		if t.NoBinding != "" {
			return "", t.NoBinding
		}
		return "", "the device has no binding"
	}
	if err := checkUDPTarget(t); err != nil {
		return "", err.Error()
	}
	to = authority(t.Remote)
	if len(t.Logins) == 0 {
		return to, "ConnectionRequestUsername and ConnectionRequestPassword of the device are not known"
	}
	return to, checkSize(to, t.Slash, t.Logins[0].Username)
}

// Send sends one copy. All copies are the same bytes (quirk S-36).
func (u *udp) Send(_ context.Context, j *Job) error {
	if j.payload == nil {
		login := &j.Target.Logins[0]
		j.payload = fields{
			authority: j.to, slash: j.Target.Slash, un: login.Username, cn: newCN(),
			ts: timestamp(j.seq, j.millis, u.now()), id: requestID(j.seq),
		}.datagram(login.Password)
	}
	j.CountSent() // before it leaves: its CPE may be here before send returns
	if err := u.send(j.Target.Local, j.Target.Remote, j.payload); err != nil {
		j.sent.Add(-1)
		u.metrics.datagramsFailed.Inc()
		return fmt.Errorf("datagram cannot be sent: %w", err)
	}
	u.metrics.datagrams.Inc()
	return nil
}

// fields are what a UDP Connection Request is made of.
type fields struct {
	authority string
	slash     bool // before the "?", as FreeACS has it (quirk S-31)
	ts        int64
	id        uint32
	un, cn    string
}

// datagram returns the request in the one form that all CPEs read: ts first, then
// id, un, cn and sig, no Content-Length (quirk S-31). The signature is over the
// values before percent-encoding.
func (f fields) datagram(password string) []byte {
	ts, id := strconv.FormatInt(f.ts, 10), strconv.FormatUint(uint64(f.id), 10)
	mac := hmac.New(sha1.New, []byte(password))
	mac.Write([]byte(ts + id + f.un + f.cn))
	sum := mac.Sum(nil)

	b := make([]byte, 0, maxToCPE)
	b = append(append(b, "GET http://"...), f.authority...)
	if f.slash {
		b = append(b, '/')
	}
	b = append(append(b, "?ts="...), ts...)
	b = append(append(b, "&id="...), id...)
	b = append(append(b, "&un="...), escape(f.un)...)
	b = append(append(b, "&cn="...), f.cn...)
	b = append(append(b, "&sig="...), strings.ToUpper(hex.EncodeToString(sum))...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), f.authority...)
	return append(b, "\r\n\r\n"...)
}

// checkSize says why a request for that user name would be too long, or "". It
// reckons with the longest ts and id, so that the answer does not change by
// itself.
func checkSize(authority string, slash bool, username string) (reason string) {
	un := len(escape(username))
	if un > maxParameter {
		return fmt.Sprintf("ConnectionRequestUsername has %d bytes in a URL, want at most %d: icwmp has no room for more", un, maxParameter)
	}
	size := len("GET http://?ts=&id=&un=&cn=&sig= HTTP/1.1\r\nHost: \r\n\r\n") + 2*len(authority) + un +
		len("1795000000000") + len("2147483646") + cnLength + sigLength
	if slash {
		size++
	}
	if size > maxToCPE {
		return fmt.Sprintf("datagram would have %d bytes, want at most %d: shorten the ConnectionRequestUsername", size, maxToCPE)
	}
	return ""
}

// authority writes an address as a URL has it, IPv6 in brackets (quirk S-43).
func authority(a netip.AddrPort) string {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()).String()
}

// escape percent-encodes what would break a URI or a form. All else stays, for
// most CPEs compare without decoding.
func escape(s string) string {
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	const digits = "0123456789ABCDEF"
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~@:!$*,()'", c) >= 0
}

// newCN returns a random cn of 16 letters and digits, about 80 bits.
func newCN() string { return rand.Text()[:cnLength] }
