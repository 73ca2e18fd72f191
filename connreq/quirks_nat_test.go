package connreq

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestS43_IPv6: a device with an IPv6 binding is called there, from the socket
// that has the binding, with the address in brackets in both places.
func TestS43_IPv6(t *testing.T) {
	remote := netip.MustParseAddrPort("[2001:db8::7]:7547")
	local := netip.MustParseAddrPort("[2001:db8::1]:3478")
	inWorld(t, func(w *world) {
		w.change(1, func(t *Target) { t.Remote, t.Local = remote, local })
	}, func(t *testing.T, w *world) {
		p := w.begin(1)
		after(100 * time.Millisecond)
		w.inform(1, six)
		want(t, p, true, UDP, "", "no ConnectionRequestURL")
		sent := w.packets()[0]
		form := regexp.MustCompile(`^GET http://\[2001:db8::7\]:7547\?ts=\d{10}&id=[1-9]\d*&un=cpe&cn=[A-Z0-9]{16}&sig=[0-9A-F]{40} HTTP/1\.1\r\nHost: \[2001:db8::7\]:7547\r\n\r\n$`)
		if sent.to != remote || sent.local != local || !form.MatchString(sent.payload) {
			t.Errorf("%q from %v to %v", sent.payload, sent.local, sent.to)
		}
		if d := w.last(); !strings.EqualFold(d.Sig, sign("secret", d.Signed())) {
			t.Errorf("signature %s of %q", d.Sig, d.Signed())
		}
	})
}

// TestS35_SignatureAndNonce: what every client can hold and read, over many
// requests: 40 digits of one case that are the HMAC over the four values, a cn of
// at most 32 letters and digits, nothing of 64 bytes.
func TestS35_SignatureAndNonce(t *testing.T) {
	cn := map[string]bool{}
	inWorld(t, nil, func(t *testing.T, w *world) {
		for range 50 {
			w.begin(1)
			w.inform(1, six)
			after(time.Minute)
			d := w.last()
			if len(d.Sig) != 40 || d.Sig != strings.ToUpper(sign("secret", d.Signed())) {
				t.Errorf("signature %s of %q", d.Sig, d.Signed())
			}
			if len(d.CN) == 0 || len(d.CN) > 32 || strings.Trim(d.CN, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
				t.Errorf("cn %q", d.CN)
			}
			cn[d.CN] = true
		}
	})
	if len(cn) != 50 {
		t.Errorf("%d different cn in 50 requests", len(cn))
	}
}

// TestS44_NothingPoisonsAClient looks at all that leaves for a device that has come
// once, with restarts, crashes and a clock that is set: each ts is of seconds and
// higher than the last, no id is zero-led or has more than 31 bits, and the order
// of the parameters and the version are those that tr069agent reads.
func TestS44_NothingPoisonsAClient(t *testing.T) {
	form := regexp.MustCompile(`^GET http://[0-9.]+:\d+\?ts=[1-9]\d{9}&id=[1-9]\d{0,9}&un=[^&]+&cn=[^&]+&sig=[0-9A-F]{40} HTTP/1\.1\r\nHost: [0-9.]+:\d+\r\n\r\n$`)
	inWorld(t, nil, func(t *testing.T, w *world) {
		w.begin(1)
		w.inform(1, six)
		after(time.Minute)
		for n := range 60 {
			w.wake(1)
			switch n % 4 {
			case 0:
				w.kill()
				w.start()
			case 1:
				w.end()
				w.start()
			case 2:
				w.mu.Lock()
				w.skew = time.Duration(n%7-3) * time.Second
				w.mu.Unlock()
			}
			after(time.Minute)
		}
		last, payload, different := int64(0), "", 0
		for _, p := range w.packets() {
			if p.payload == payload {
				continue
			}
			payload = p.payload
			different++
			d, err := ParseDatagram([]byte(payload))
			if err != nil || !form.MatchString(payload) || d.TS <= last || d.ID >= 1<<31-1 {
				t.Fatalf("%q after ts %d: %v", payload, last, err)
			}
			last = d.TS
		}
		if different < 50 {
			t.Errorf("only %d requests", different)
		}
	})
}
