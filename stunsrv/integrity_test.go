package stunsrv

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// request builds a Binding Request of raw attributes, with the cookie if id is
// nil.
func request(id []byte, attrs ...[]byte) []byte {
	if id == nil {
		id = []byte("\x21\x12\xA4\x42transaction!")
	}
	body := bytes.Join(attrs, nil)
	b := binary.BigEndian.AppendUint16([]byte{0, 1}, uint16(len(body)))
	return append(append(b, id[:16]...), body...)
}

// attribute builds one, its value as it is.
func attribute(typ uint16, value string) []byte {
	return append(appendAttr(nil, typ, len(value)), value...)
}

var (
	classicID     = []byte("0101202605040301") // ASCII digits, as Works Systems has them (quirk S-01)
	bindingAttr   = attribute(attrConnectionRequest, "dslforum.org/TR-111 ")
	changeAttr    = attribute(attrBindingChange, "")
	classicChange = request(classicID, attribute(attrUsername, "cpe1"), bindingAttr, changeAttr)
)

// signed appends MESSAGE-INTEGRITY to a request by a straightforward HMAC: header
// is the length that the signed text has, pad whether it is filled up.
func signed(packet []byte, key string, header int, pad bool) []byte {
	text := bytes.Clone(packet)
	binary.BigEndian.PutUint16(text[2:], uint16(header))
	if pad {
		text = append(text, make([]byte, -len(text)&63)...)
	}
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write(text)
	b := append(bytes.Clone(packet), attribute(attrMessageIntegrity, string(mac.Sum(nil)))...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-headerSize))
	return b
}

// TestS07_Vectors verifies every convention of the vectors and answers in kind.
func TestS07_Vectors(t *testing.T) {
	conventions := map[string]convention{
		"len_incl_mi/pad64": withIntegrity | padded, "len_incl_mi/nopad": withIntegrity,
		"len_excl_mi/pad64": withoutIntegrity | padded, "len_excl_mi/nopad": withoutIntegrity,
		"len_zero/pad64": zeroLength | padded, "len_zero/nopad": zeroLength,
	}
	group := vectors(t, "stun_message_integrity")
	seen := 0
	for name, v := range group {
		kind, variant, _ := strings.Cut(name, " ")
		if kind != "I-req" {
			continue
		}
		seen++
		want, known := conventions[variant]
		m := message{}
		if d := m.parse(v.packet(t)); d != answered || !known {
			t.Fatalf("%s: %v", name, d)
		}
		if c, ok := verify(&m, []byte(v.Password)); !ok || c != want {
			t.Errorf("%s: convention %x, %v; want %x", name, c, ok, want)
		}
		if _, ok := verify(&m, []byte(v.Password+"x")); ok {
			t.Errorf("%s: another password verifies too", name)
		}
		o := run(knowing(AuthOff, v.Username, v.Password), v.packet(t), oneAddress, primaryAddr, clock)
		if o.disposition != verified || !o.sighting.Verified {
			t.Errorf("%s: %v", name, o.disposition)
		}
		if response, ok := group["I-resp "+variant]; ok {
			wantReply(t, o, response.packet(t))
		}
		assertSignedAs(t, o.reply, v.Password, want)
	}
	if seen != 6 {
		t.Errorf("%d request vectors, want 6", seen)
	}
	boundary := group["I-boundary: USERNAME(12)+0xC001+0xC002"]
	o := run(knowing(AuthOff, boundary.Username, boundary.Password), boundary.packet(t), oneAddress, primaryAddr, clock)
	if o.disposition != verified {
		t.Errorf("I-boundary: %v", o.disposition)
	}
	assertSignedAs(t, o.reply, boundary.Password, withIntegrity|padded) // its USERNAME has spaces
}

// assertSignedAs recomputes the signature that ends a classic reply.
func assertSignedAs(t *testing.T, reply []byte, key string, c convention) {
	t.Helper()
	n := len(reply) - integritySize
	if n < headerSize || int(binary.BigEndian.Uint16(reply[2:])) != len(reply)-headerSize {
		t.Errorf("reply of %d bytes says %d", len(reply), binary.BigEndian.Uint16(reply[2:]))
		return
	}
	header := map[convention]int{
		withIntegrity: n + 4, zeroLength: 0, withoutIntegrity: n - 20, onWire: n + 4,
		fourMore: n - 16, fourTooMany: n + 8, fortyFourLess: n - 40,
	}[c&lengthMask]
	if want := signed(reply[:n], key, header, c&padded != 0); !bytes.Equal(reply, want) {
		t.Errorf("reply is not signed in convention %x:\n %x, want\n %x", c, reply, want)
	}
}

// TestS07_EveryConvention signs in all ways, those of no vector included.
func TestS07_EveryConvention(t *testing.T) {
	base := request(classicID, attribute(attrUsername, "cpe1"), bindingAttr)
	for length := range lengths {
		for _, pad := range []bool{false, true} {
			n := len(base)
			header := map[convention]int{
				withIntegrity: n + 4, zeroLength: 0, withoutIntegrity: n - 20, onWire: n + 4,
				fourMore: n - 16, fourTooMany: n + 8, fortyFourLess: n - 40,
			}[length]
			want := length
			if length == onWire { // nothing follows: the same as withIntegrity
				want = withIntegrity
			}
			if pad {
				want |= padded
			}
			t.Run(fmt.Sprintf("%x", want), func(t *testing.T) {
				packet := signed(base, "secret", header, pad)
				o := run(knowing(AuthAlways, "cpe1", "secret"), packet, oneAddress, primaryAddr, clock)
				if o.disposition != verified {
					t.Fatalf("%v", o.disposition)
				}
				assertSignedAs(t, o.reply, "secret", want)
				o = run(knowing(AuthAlways, "cpe1", "other"), packet, oneAddress, primaryAddr, clock)
				if o.disposition != badSignature {
					t.Errorf("with another password: %v", o.disposition)
				}
			})
		}
	}
}

// TestS07_Tecom has a length of 64 before its 20 bytes, and each word reversed.
func TestS07_Tecom(t *testing.T) {
	base := request(classicID, attribute(attrUsername, "cpe1"), bindingAttr)
	packet := signed(base, "secret", len(base)+4, true)
	sum := packet[len(packet)-20:]
	for i := 0; i < 20; i += 4 {
		binary.LittleEndian.PutUint32(sum[i:], binary.BigEndian.Uint32(sum[i:]))
	}
	packet[len(packet)-21] = 64
	o := run(knowing(AuthAlways, "cpe1", "secret"), packet, oneAddress, primaryAddr, clock)
	if o.disposition != verified {
		t.Fatalf("%v", o.disposition)
	}
	mine := run(knowing(AuthAlways, "cpe1", "secret"), signed(base, "secret", len(base)+4, true), oneAddress, primaryAddr, clock)
	got, plain := o.reply[len(o.reply)-20:], mine.reply[len(mine.reply)-20:]
	for i := 0; i < 20; i += 4 {
		if binary.LittleEndian.Uint32(got[i:]) != binary.BigEndian.Uint32(plain[i:]) {
			t.Fatalf("not answered in kind: %x, %x", got, plain)
		}
	}
}

// TestS07_OnWireLength is of a client that counts what follows its signature.
func TestS07_OnWireLength(t *testing.T) {
	base := request(nil, attribute(attrUsername, "cpe1"), bindingAttr)
	packet := signed(base, "secret", len(base)-headerSize+integritySize+fingerprintSize, false)
	packet = appendFingerprint(packet)
	o := run(knowing(AuthAlways, "cpe1", "secret"), packet, oneAddress, primaryAddr, clock)
	if o.disposition != verified {
		t.Fatalf("%v", o.disposition)
	}
	n := len(o.reply) - fingerprintSize - integritySize
	want := appendFingerprint(signed(o.reply[:n], "secret", len(o.reply)-headerSize, false))
	wantReply(t, o, want)
}

// TestS07_Fixtures verifies what real clients signed.
func TestS07_Fixtures(t *testing.T) {
	signatures := 0
	for name, packet := range fixtures(t) {
		var m message
		if m.parse(packet) != answered || m.integrity == 0 {
			continue
		}
		signatures++
		want := withIntegrity
		if strings.HasPrefix(name, "icwmp") && !ambiguous(&m) {
			want |= padded
		}
		if c, ok := verify(&m, []byte("1234")); !ok || c != want {
			t.Errorf("%s: convention %x, %v; want %x", name, c, ok, want)
		}
	}
	if signatures != 4 {
		t.Errorf("%d signed fixtures, want 4", signatures)
	}
}

// TestAmbiguousConventionIsRemembered has a request whose text is 64 bytes long
// answered in the convention that its sender showed before.
func TestAmbiguousConventionIsRemembered(t *testing.T) {
	name := attribute(attrUsername, "twelve-bytes")
	unsure := request(classicID, name, bindingAttr, changeAttr)
	if len(unsure) != 64 {
		t.Fatalf("%d bytes", len(unsure))
	}
	sure := request(classicID, name, bindingAttr)
	h := knowing(AuthOff, "twelve-bytes", "secret")
	for _, c := range []convention{withIntegrity, withIntegrity | padded, withIntegrity} {
		run(h, signed(sure, "secret", len(sure)+4, c&padded != 0), oneAddress, primaryAddr, clock)
		o := run(h, signed(unsure, "secret", len(unsure)+4, c&padded != 0), oneAddress, primaryAddr, clock)
		assertSignedAs(t, o.reply, "secret", c)
	}
	o := run(knowing(AuthOff, "twelve-bytes", "secret"), signed(unsure, "secret", len(unsure)+4, true), oneAddress, primaryAddr, clock)
	assertSignedAs(t, o.reply, "secret", withIntegrity)
}

// TestLongKey is longer than a block of SHA-1 (RFC 2104 2).
func TestLongKey(t *testing.T) {
	key := strings.Repeat("k", 65)
	o := run(knowing(AuthAlways, "cpe1", key), signed(classicChange, key, len(classicChange)+4, false), oneAddress, primaryAddr, clock)
	if o.disposition != verified {
		t.Errorf("%v", o.disposition)
	}
}
