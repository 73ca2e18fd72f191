package stunsrv

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// vector is one entry of testdata/vectors.json, of any group.
type vector struct {
	Desc       string `json:"desc"`
	Hex        string `json:"hex"`
	MessageHex string `json:"message_hex"`
	HMAC       string `json:"hmac"`
	Username   string `json:"username"`
	Trimmed    string `json:"username_trimmed"`
	Password   string `json:"password"`
	KeyMD5     string `json:"key_md5_hex"`
	XORMapped  string `json:"xor_mapped"`
}

func (v vector) packet(t testing.TB) []byte { return unhex(t, v.Hex+v.MessageHex) }

// vectors returns a group of testdata/vectors.json by the first word of each
// description.
func vectors(t testing.TB, group string) map[string]vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string][]vector
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	byName := map[string]vector{}
	for _, v := range groups[group] {
		name := strings.Fields(v.Desc)[0]
		if group == "stun_message_integrity" {
			name = strings.Join(strings.Fields(v.Desc)[:2], " ")
		}
		byName[name] = v
	}
	if len(byName) == 0 || len(byName) != len(groups[group]) {
		t.Fatalf("group %s has %d vectors, %d names", group, len(groups[group]), len(byName))
	}
	return byName
}

// fixtures returns the packets of real clients in testdata/fixtures.txt.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/fixtures.txt")
	if err != nil {
		t.Fatal(err)
	}
	packets := map[string][]byte{}
	for _, m := range regexp.MustCompile(`(?m)^## (.*)\n(?:'.*\n)?([0-9a-f]+)$`).FindAllStringSubmatch(string(text), -1) {
		packets[m[1]] = unhex(t, m[2])
	}
	if len(packets) != 15 {
		t.Fatalf("%d fixtures, want 15", len(packets))
	}
	return packets
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The addresses that the vectors are made with.
var (
	serverAddr    = netip.MustParseAddrPort("203.0.113.1:3478")
	primaryAddr   = netip.MustParseAddrPort("198.51.100.23:34512")
	secondaryAddr = netip.MustParseAddrPort("198.51.100.23:40001")
	server6       = netip.MustParseAddrPort("[2001:db8::1]:3478")
	source6       = netip.MustParseAddrPort("[2001:db8:1234::7]:40001")

	oneAddress  = &topology{ownSocket: serverAddr}
	oneAddress6 = &topology{ownSocket: server6}
	fourSockets = &topology{
		serverAddr,
		netip.MustParseAddrPort("203.0.113.1:3479"),
		netip.MustParseAddrPort("203.0.113.2:3478"),
		netip.MustParseAddrPort("203.0.113.2:3479"),
	}
	clock = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
)

// run gives one packet to a handler.
func run(h *handler, packet []byte, at *topology, source netip.AddrPort, now time.Time) *outcome {
	o := new(outcome)
	h.handle(packet, at, source, now, o)
	return o
}

// plain returns a handler as it is by default: no authentication.
func plain() *handler { return newHandler(Config{Authentication: AuthOff}, Deps{}) }

// knowing returns a handler that knows one password.
func knowing(policy, username, password string) *handler {
	known := []byte(password)
	return newHandler(Config{Authentication: policy}, Deps{Password: func(u []byte) ([]byte, bool) {
		return known, string(u) == username
	}})
}

func wantReply(t *testing.T, o *outcome, want []byte) {
	t.Helper()
	if !bytes.Equal(o.reply, want) {
		t.Errorf("%v, reply\n %x, want\n %x", o.disposition, o.reply, want)
	}
}

// TestS03_ClassicGolden holds the classic replies byte for byte.
func TestS03_ClassicGolden(t *testing.T) {
	v := vectors(t, "stun_classic")
	for _, c := range []struct {
		request, reply string
		source, to     netip.AddrPort
		want           disposition
		sighted        bool
	}{
		{"C3", "C9", primaryAddr, primaryAddr, answered, true},
		{"C8", "C10", secondaryAddr, primaryAddr, reflected, false},
		{"C13", "C14", secondaryAddr, secondaryAddr, sharedSecret, false}, // quirk S-17
	} {
		o := run(plain(), v[c.request].packet(t), oneAddress, c.source, clock)
		wantReply(t, o, v[c.reply].packet(t))
		if o.disposition != c.want || o.destination != c.to || o.from != ownSocket || o.sighted != c.sighted {
			t.Errorf("%s: %v to %v from %d, sighted %v", c.request, o.disposition, o.destination, o.from, o.sighted)
		}
	}
	o := run(knowing(AuthAlways, "", ""), v["C3"].packet(t), oneAddress, primaryAddr, clock)
	wantReply(t, o, v["C11"].packet(t))
	o = &outcome{}
	o.refuse(&message{raw: v["C3"].packet(t), typ: bindingRequest, unknown: [8]uint16{0x21, 0x22}, unknowns: 2}, unknownAttr)
	wantReply(t, o, v["C12"].packet(t))
}

// TestS08_ClassicRequests reads what the requests say.
func TestS08_ClassicRequests(t *testing.T) {
	v := vectors(t, "stun_classic")
	for name, want := range map[string]message{
		"C1": {},
		"C2": {},
		"C3": {binding: true},
		"C4": {binding: true, change: true},
		"C5": {binding: true, named: true},
		"C6": {binding: true, named: true},
		"C7": {binding: true, named: true},
		"C8": {elsewhere: true, responseAddress: primaryAddr},
	} {
		var m message
		if d := m.parse(v[name].packet(t)); d != answered {
			t.Errorf("%s: %v", name, d)
		}
		if m.binding != want.binding || m.change != want.change || m.named != want.named ||
			m.elsewhere != want.elsewhere || m.responseAddress != want.responseAddress {
			t.Errorf("%s: got %+v", name, m)
		}
		if string(m.username) != v[name].Trimmed {
			t.Errorf("%s: username %q, want %q", name, m.username, v[name].Trimmed)
		}
		o := run(plain(), v[name].packet(t), oneAddress, primaryAddr, clock)
		if len(o.reply) == 0 || o.sighted != want.binding || string(o.sighting.Username) != v[name].Trimmed {
			t.Errorf("%s: %d bytes, sighted %v as %q", name, len(o.reply), o.sighted, o.sighting.Username)
		}
	}
	for _, reply := range []string{"C9", "C10", "C11", "C12", "C14", "C15"} {
		if o := run(plain(), v[reply].packet(t), oneAddress, primaryAddr, clock); o.disposition != notRequest || len(o.reply) > 0 {
			t.Errorf("%s: a response is answered: %v", reply, o.disposition)
		}
	}
}

// TestMalformedIsMetWithSilence is M1 to M5.
func TestMalformedIsMetWithSilence(t *testing.T) {
	want := map[string]disposition{"M1": malformed, "M2": malformed, "M3": notSTUN, "M4": notSTUN, "M5": notSTUN}
	for name, v := range vectors(t, "stun_malformed") {
		o := run(plain(), v.packet(t), oneAddress, primaryAddr, clock)
		if o.disposition != want[name] || len(o.reply) > 0 || o.sighted {
			t.Errorf("%s: %v, %x", name, o.disposition, o.reply)
		}
	}
}

// TestRFC5389Vectors is S1 to S5.
func TestRFC5389Vectors(t *testing.T) {
	v := vectors(t, "stun_rfc5389")
	id := "2112a442b7e7a701bc34d686fa87dfae"
	mapped, xored := "00010008000186d0c6336417", "002000080001a7c2e721c055"
	h := knowing(AuthOff, "tr069_stun", v["S5"].Password)
	for name, want := range map[string]string{
		"S1": "0101000c" + id + xored,
		"S2": "01010018" + id + mapped + xored,
	} {
		wantReply(t, run(h, v[name].packet(t), oneAddress, primaryAddr, clock), unhex(t, want))
	}
	if o := run(h, v["S2"].packet(t), oneAddress, primaryAddr, clock); !o.sighted || !o.sighting.Change {
		t.Errorf("S2: sighted %v %+v", o.sighted, o.sighting)
	}
	o := run(h, v["S5"].packet(t), oneAddress, primaryAddr, clock)
	if o.disposition != verified || !o.sighting.Verified || string(o.sighting.Username) != "tr069_stun" {
		t.Errorf("S5: %v %+v", o.disposition, o.sighting)
	}

	// S4 is built of the codec's own parts.
	b := appendHeader(nil, &message{raw: v["S1"].packet(t), typ: bindingRequest}, successClass)
	b = appendAddress(b, attrMappedAddress, primaryAddr)
	b = appendXORAddress(b, attrXORMappedAddress, primaryAddr)
	b = appendAddress(b, attrSourceAddress, serverAddr)
	b = appendAddress(b, attrChangedAddress, serverAddr)
	if b = appendFingerprint(b); !bytes.Equal(b, v["S4"].packet(t)) {
		t.Errorf("S4:\n %x", b)
	}

	broken := v["S3"].packet(t)
	broken[len(broken)-1] ^= 1
	if o := run(h, broken, oneAddress, primaryAddr, clock); o.disposition != malformed || len(o.reply) > 0 {
		t.Errorf("S3 with a wrong FINGERPRINT: %v", o.disposition)
	}
}

// TestFingerprintIffAsked sends S3, and S5 whose reply is signed as well.
func TestFingerprintIffAsked(t *testing.T) {
	v := vectors(t, "stun_rfc5389")
	h := knowing(AuthOff, "tr069_stun", v["S5"].Password)
	for name, want := range map[string]bool{"S1": false, "S2": false, "S3": true, "S5": true} {
		reply := run(h, v[name].packet(t), oneAddress, primaryAddr, clock).reply
		at := len(reply) - fingerprintSize
		if got := bytes.HasPrefix(reply[at:], []byte{0x80, 0x28, 0, 4}); got != want {
			t.Errorf("%s: FINGERPRINT %v: %x", name, got, reply)
		}
		if want && !bytes.Equal(appendFingerprint(bytes.Clone(reply[:at])), reply) {
			t.Errorf("%s: wrong FINGERPRINT: %x", name, reply)
		}
	}
}

// TestRFC5769 verifies the published signatures, and builds the mapped addresses.
func TestRFC5769(t *testing.T) {
	v := vectors(t, "rfc5769")
	for name, vector := range v {
		m := message{raw: vector.packet(t), cookie: true}
		if !m.walk(true) || m.integrity == 0 {
			t.Fatalf("%s: not read", name)
		}
		key := []byte(vector.Password)
		if vector.KeyMD5 != "" {
			key = unhex(t, vector.KeyMD5)
		}
		if c, ok := verify(&m, key); !ok || c != withIntegrity {
			t.Errorf("%s: convention %x, %v", name, c, ok)
		}
		if f := m.fingerprint; f != 0 && !bytes.Equal(appendFingerprint(bytes.Clone(m.raw[:f])), m.raw) {
			t.Errorf("%s: wrong FINGERPRINT", name)
		}
	}
	for name, mapped := range map[string]string{"2.2": "192.0.2.1:32853", "2.3": "[2001:db8:1234:5678:11:2233:4455:6677]:32853"} {
		raw := v[name].packet(t)
		got := appendXORAddress(bytes.Clone(raw[:headerSize]), attrXORMappedAddress, netip.MustParseAddrPort(mapped))
		if !bytes.Contains(raw, got[headerSize:]) {
			t.Errorf("%s: XOR-MAPPED-ADDRESS %x", name, got[headerSize:])
		}
	}
	// PRIORITY must be understood and is ICE's (RFC 8445 7.1.1).
	if o := run(plain(), v["2.1"].packet(t), oneAddress, primaryAddr, clock); o.disposition != unknownAttr {
		t.Errorf("2.1: %v", o.disposition)
	}
}
