package stunsrv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// attrs returns the types of a message's attributes in order.
func attrs(t testing.TB, b []byte) []int {
	t.Helper()
	var types []int
	for at := headerSize; at < len(b); {
		types = append(types, int(binary.BigEndian.Uint16(b[at:])))
		at += attrHeaderSize + (int(binary.BigEndian.Uint16(b[at+2:]))+3)&^3
	}
	return types
}

func addressAttr(typ uint16, a string) []byte {
	return appendAddress(nil, typ, netip.MustParseAddrPort(a))
}

func changeRequest(flags byte) []byte {
	return attribute(attrChangeRequest, string([]byte{0, 0, 0, flags}))
}

// TestS01_AnyTransactionID takes ids that are text, and one that has the cookie's
// first bytes only.
func TestS01_AnyTransactionID(t *testing.T) {
	for _, id := range []string{"0123456789012345", "0101aaaaaaaaaaaa", strings.Repeat("\x00", 16), "\x21\x12\xA4\x43aaaaaaaaaaaa"} {
		o := run(plain(), request([]byte(id), bindingAttr), oneAddress, primaryAddr, clock)
		if o.disposition != answered || string(o.reply[4:20]) != id || len(o.reply) != 56 {
			t.Errorf("%q: %v %x", id, o.disposition, o.reply)
		}
	}
}

// TestS02_Classify tells the four kinds of traffic apart.
func TestS02_Classify(t *testing.T) {
	allocate := request(nil)
	allocate[1] = 3
	for _, c := range []struct {
		name   string
		packet []byte
		want   traffic
	}{
		{"empty", nil, noise},
		{"classic", request(classicID), binding},
		{"classic Shared Secret", append([]byte{0, 2}, request(classicID)[2:]...), binding},
		{"cookie", request(nil), binding},
		{"Allocate", allocate, turnMessage},
		{"Allocate without cookie", append([]byte{0, 3}, request(classicID)[2:]...), binding},
		{"ChannelData", []byte("\x40\x00\x00\x04GET "), channelData},
		{"ChannelData, padded", []byte("\x40\x00\x00\x03GET\x00"), channelData},
		{"ChannelData, cut off", []byte("\x40\x00\x00\x04GET"), noise},
		{"text", []byte("GET http://192.0.2.1:7547?ts=1&id=1&un=a&cn=b&sig=c HTTP/1.1\r\n\r\n"), noise},
		{"RTP", append([]byte{0x80}, make([]byte, 40)...), noise},
		{"19 bytes", make([]byte, 19), noise},
	} {
		if got := classify(c.packet); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestS05_EveryRequestIsAnswered has none of TR-111's attributes.
func TestS05_EveryRequestIsAnswered(t *testing.T) {
	for _, packet := range [][]byte{
		request(classicID), request(classicID, changeRequest(0)), request(nil), request(nil, changeRequest(0)),
		request(classicID, attribute(attrUsername, "x")), request(classicID, changeAttr),
	} {
		if o := run(plain(), packet, oneAddress, primaryAddr, clock); o.disposition != answered || o.sighted || o.destination != primaryAddr {
			t.Errorf("%x: %v to %v, sighted %v", packet, o.disposition, o.destination, o.sighted)
		}
	}
}

// TestS08_Username takes off every padding that ships.
func TestS08_Username(t *testing.T) {
	for value, want := range map[string]string{
		"cpe1": "cpe1", "cpe1    ": "cpe1", "cpe1\x00\x00\x00\x00": "cpe1", "cpe1\x00key": "cpe1",
		"cpe1 \x00\x00\x00": "cpe1", " cpe 1 ": " cpe 1", "": "", "\x00\x00\x00\x00": "",
		strings.Repeat("x", 513): strings.Repeat("x", 513),
	} {
		for _, padding := range []string{"", strings.Repeat("\xFF", -len(value)&3)} {
			packet := request(classicID, attribute(attrUsername, value), []byte(padding), bindingAttr)
			o := run(plain(), packet, oneAddress, primaryAddr, clock)
			if !o.sighted || string(o.sighting.Username) != want {
				t.Errorf("%q padded %q: %v %q, want %q", value, padding, o.disposition, o.sighting.Username, want)
			}
		}
	}
}

// TestS08_MalformedOptionalAttributes are passed over.
func TestS08_MalformedOptionalAttributes(t *testing.T) {
	for name, attr := range map[string][]byte{
		"CHANGE-REQUEST of 0":           attribute(attrChangeRequest, ""),
		"CHANGE-REQUEST of 8":           attribute(attrChangeRequest, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
		"MESSAGE-INTEGRITY of 4":        attribute(attrMessageIntegrity, "abcd"),
		"private":                       attribute(0xC800, "x"),
		"vendor":                        attribute(0xFFFF, ""),
		"FINGERPRINT that is not last":  attribute(attrFingerprint, "abcd"),
		"PASSWORD":                      attribute(0x0007, "secret"),
		"unknown mandatory, quirk S-18": attribute(0x7F00, "x"),
	} {
		packet := request(classicID, attr, bindingAttr)
		if o := run(plain(), packet, oneAddress, primaryAddr, clock); o.disposition != answered || !o.sighted {
			t.Errorf("%s: %v", name, o.disposition)
		}
	}
	for name, value := range map[string]string{"empty": "", "short": "\x00\x01\x00", "family 9": "\x00\x09\x86\xd0\xc6\x33\x64\x17"} {
		packet := request(classicID, attribute(attrResponseAddress, value))
		if o := run(plain(), packet, oneAddress, secondaryAddr, clock); o.disposition != answered || o.destination != secondaryAddr {
			t.Errorf("RESPONSE-ADDRESS %s: %v to %v", name, o.disposition, o.destination)
		}
	}
}

// TestS09_ConnectionRequestBinding is what it is with any value.
func TestS09_ConnectionRequestBinding(t *testing.T) {
	for _, value := range []string{"dslforum.org/TR-111 ", "dslforum.org/TR-111", "dslforum.org/TR-111\x00", "", "x"} {
		for _, id := range [][]byte{classicID, nil} {
			filled := append(attribute(attrConnectionRequest, value), make([]byte, -len(value)&3)...)
			o := run(plain(), request(id, filled), oneAddress, primaryAddr, clock)
			if o.disposition != answered || !o.sighted || o.sighting.Change {
				t.Errorf("%q: %v", value, o.disposition)
			}
		}
		// Without padding, as the last attribute and before another.
		for _, after := range [][]byte{nil, changeAttr} {
			o := run(plain(), request(classicID, attribute(attrConnectionRequest, value), after), oneAddress, primaryAddr, clock)
			if !o.sighted || o.sighting.Change != (after != nil) {
				t.Errorf("%q unpadded: %v", value, o.disposition)
			}
		}
	}
}

// TestDialects holds what is a defect with the cookie against what is none
// without.
func TestDialects(t *testing.T) {
	loose := attribute(attrUsername, "cpe") // no padding
	mark := attribute(attrFingerprint, "abcd")
	tecom := attribute(attrMessageIntegrity, strings.Repeat("x", 20))
	tecom[3] = 64
	longer := bytes.Clone(tecom)
	longer[3] = 63
	secret := func(id []byte) []byte { return append([]byte{0, 2}, request(id)[2:]...) }
	for _, c := range []struct {
		name           string
		packet         func(id []byte) []byte
		classic, other disposition
	}{
		{"length no multiple of 4", func(id []byte) []byte { return request(id, loose) }, answered, malformed},
		{"unpadded before another", func(id []byte) []byte { return request(id, loose, bindingAttr, []byte{0xC0, 2, 0, 1, 0}) }, answered, malformed},
		{"wrong FINGERPRINT", func(id []byte) []byte { return request(id, mark) }, answered, malformed},
		{"FINGERPRINT that is not last", func(id []byte) []byte { return request(id, mark, bindingAttr) }, answered, answered},
		{"signature of 64 bytes that has 20", func(id []byte) []byte { return request(id, tecom) }, answered, answered},
		{"signature of 63 bytes that has 20", func(id []byte) []byte { return request(id, longer) }, malformed, malformed},
		{"Shared Secret Request", secret, sharedSecret, notRequest},
	} {
		for id, want := range map[string]disposition{string(classicID): c.classic, "\x21\x12\xA4\x42transaction!": c.other} {
			if o := run(plain(), c.packet([]byte(id)), oneAddress, primaryAddr, clock); o.disposition != want {
				t.Errorf("%s, id %q: %v, want %v", c.name, id, o.disposition, want)
			}
		}
	}
}

// TestSighting says who was seen where.
func TestSighting(t *testing.T) {
	o := run(plain(), classicChange, fourSockets, primaryAddr, clock)
	s := o.sighting
	if !o.sighted || s.Local != serverAddr || s.Source != primaryAddr || string(s.Username) != "cpe1" || !s.Change || s.Verified || !s.At.Equal(clock) {
		t.Errorf("%v %+v", o.sighted, s)
	}
	mapped := netip.AddrPortFrom(netip.AddrFrom16(primaryAddr.Addr().As16()), primaryAddr.Port())
	if o := run(plain(), classicChange, fourSockets, mapped, clock); o.sighting.Source != primaryAddr || o.destination != primaryAddr {
		t.Errorf("an IPv4 source in IPv6: %v", o.sighting.Source)
	}
}

// TestS10_ResponseAddress reaches no IP address but the source's.
func TestS10_ResponseAddress(t *testing.T) {
	for _, c := range []struct {
		address string
		to      netip.AddrPort
	}{
		{"198.51.100.23:34512", primaryAddr},
		{"198.51.100.23:40001", secondaryAddr},
		{"198.51.100.23:1024", netip.MustParseAddrPort("198.51.100.23:1024")},
		{"198.51.100.23:1023", secondaryAddr},
		{"198.51.100.23:53", secondaryAddr},
		{"198.51.100.24:34512", secondaryAddr},
		{"203.0.113.1:3478", secondaryAddr},
		{"[2001:db8::1]:34512", secondaryAddr},
	} {
		for _, id := range [][]byte{classicID, nil} {
			packet := request(id, addressAttr(attrResponseAddress, c.address), bindingAttr)
			o := run(plain(), packet, oneAddress, secondaryAddr, clock)
			honoured := strings.HasPrefix(c.address, "198.51.100.23:") && o.destination.String() == c.address
			if o.destination != c.to || o.sighted || (o.disposition == reflected) != honoured {
				t.Errorf("%s: %v to %v, sighted %v", c.address, o.disposition, o.destination, o.sighted)
			}
			from := appendAddress(nil, attrReflectedFrom, secondaryAddr)
			if bytes.Contains(o.reply, from) != honoured {
				t.Errorf("%s: REFLECTED-FROM: %x", c.address, o.reply)
			}
		}
	}
}

// TestS10_FirstResponseAddressCounts has two of them.
func TestS10_FirstResponseAddressCounts(t *testing.T) {
	packet := request(classicID, addressAttr(attrResponseAddress, primaryAddr.String()), addressAttr(attrResponseAddress, "198.51.100.23:9999"))
	if o := run(plain(), packet, oneAddress, secondaryAddr, clock); o.destination != primaryAddr {
		t.Errorf("to %v", o.destination)
	}
}

// TestS11_ChangeRequest answers from the socket asked for or not at all.
func TestS11_ChangeRequest(t *testing.T) {
	twoPorts := &topology{ownSocket: serverAddr, otherPort: fourSockets[otherPort]}
	for _, c := range []struct {
		at      *topology
		flags   byte
		from    sender
		silent  bool
		changed netip.AddrPort
	}{
		{oneAddress, 0, ownSocket, false, serverAddr},
		{oneAddress, 2, ownSocket, true, serverAddr},
		{oneAddress, 4, ownSocket, true, serverAddr},
		{oneAddress, 6, ownSocket, true, serverAddr},
		{twoPorts, 0, ownSocket, false, twoPorts[otherPort]},
		{twoPorts, 2, otherPort, false, twoPorts[otherPort]},
		{twoPorts, 4, ownSocket, true, netip.AddrPort{}},
		{twoPorts, 6, ownSocket, true, netip.AddrPort{}},
		{fourSockets, 0, ownSocket, false, fourSockets[otherBoth]},
		{fourSockets, 2, otherPort, false, fourSockets[otherBoth]},
		{fourSockets, 4, otherIP, false, fourSockets[otherBoth]},
		{fourSockets, 6, otherBoth, false, fourSockets[otherBoth]},
	} {
		o := run(plain(), request(classicID, changeRequest(c.flags)), c.at, primaryAddr, clock)
		if c.silent {
			if o.disposition != unmetChange || len(o.reply) > 0 {
				t.Errorf("%v flags %d: %v", c.at, c.flags, o.disposition)
			}
			continue
		}
		want := appendAddress(nil, attrMappedAddress, primaryAddr)
		want = appendAddress(want, attrSourceAddress, c.at[c.from])
		want = appendAddress(want, attrChangedAddress, c.changed)
		if o.from != c.from || !bytes.Equal(o.reply[headerSize:], want) {
			t.Errorf("%v flags %d: from %d %x, want\n %x", c.at, c.flags, o.from, o.reply[headerSize:], want)
		}
	}
	// RFC 5780 6.1: who understands it is told that it cannot be met.
	o := run(plain(), request(nil, changeRequest(6)), oneAddress, primaryAddr, clock)
	if o.disposition != unknownAttr || !bytes.HasSuffix(o.reply, unhex(t, "000a000200030000")) {
		t.Errorf("cookie: %v %x", o.disposition, o.reply)
	}
}

// TestS15_SameRequestSameReply sends each request twice, with other traffic in
// between.
func TestS15_SameRequestSameReply(t *testing.T) {
	for _, policy := range []string{AuthOff, AuthOnChange, AuthAlways} {
		h := knowing(policy, "test", "1234")
		for name, packet := range fixtures(t) {
			one := run(h, packet, fourSockets, primaryAddr, clock)
			run(h, request(nil), oneAddress, secondaryAddr, clock)
			two := run(h, packet, fourSockets, primaryAddr, clock)
			if !bytes.Equal(one.reply, two.reply) || one.disposition != two.disposition || one.sighted != two.sighted {
				t.Errorf("%s, %s: %v %x, then %v %x", policy, name, one.disposition, one.reply, two.disposition, two.reply)
			}
		}
	}
}

// TestS18_UnknownMandatoryAttribute is refused to those alone who expect it.
func TestS18_UnknownMandatoryAttribute(t *testing.T) {
	odd := [][]byte{attribute(0x7F01, "abcd"), attribute(0x0024, "abcd"), attribute(0x7F02, "")}
	if o := run(plain(), request(classicID, odd...), oneAddress, primaryAddr, clock); o.disposition != answered {
		t.Errorf("classic: %v", o.disposition)
	}
	o := run(plain(), request(nil, odd...), oneAddress, primaryAddr, clock)
	if o.disposition != unknownAttr || !bytes.HasSuffix(o.reply, unhex(t, "000a00067f0100247f020000")) || o.reply[1] != 0x11 {
		t.Errorf("cookie: %v %x", o.disposition, o.reply)
	}
	many := make([][]byte, 100)
	for i := range many {
		many[i] = attribute(0x7000+uint16(i), "")
	}
	if o := run(plain(), request(nil, many...), oneAddress, primaryAddr, clock); len(o.reply) != 20+28+4+16 {
		t.Errorf("a hundred of them: %d bytes", len(o.reply))
	}
}

// TestS20_TimeoutDiscovery replays what tr069agent sends from three ports: the
// one with RESPONSE-ADDRESS is no sighting and is answered to the primary port.
func TestS20_TimeoutDiscovery(t *testing.T) {
	packet := fixtures(t)["tr069agent (Orange), timeout discovery on: binding request, attributes 0002(8)"]
	at := &topology{ownSocket: netip.MustParseAddrPort("127.0.0.1:3478")}
	o := run(plain(), packet, at, netip.MustParseAddrPort("127.0.0.1:50003"), clock)
	if o.sighted || o.disposition != reflected || o.destination != netip.MustParseAddrPort("127.0.0.1:21721") {
		t.Errorf("%v to %v, sighted %v", o.disposition, o.destination, o.sighted)
	}
}

// TestS22_FixturesAreAnsweredClassically holds that no classic client ever sees
// an attribute that RFC 3489 does not know, nor a reply of more than 100 bytes.
func TestS22_FixturesAreAnsweredClassically(t *testing.T) {
	for _, at := range []*topology{oneAddress, fourSockets} {
		for name, packet := range fixtures(t) {
			if !strings.Contains(name, "binding request") {
				continue
			}
			o := run(knowing(AuthOff, "test", "1234"), packet, at, primaryAddr, clock)
			want := "[1 4 5]"
			if strings.Contains(name, "0008(20)") {
				want = "[1 4 5 8]"
			}
			if got := fmt.Sprint(attrs(t, o.reply)); got != want || len(o.reply) > 100 {
				t.Errorf("%s: %v, %d bytes with %s, want %s", name, o.disposition, len(o.reply), got, want)
			}
		}
	}
}

// TestRFC5780 needs a second address for what it tells.
func TestRFC5780(t *testing.T) {
	fill := attribute(attrPadding, strings.Repeat("x", 1000))
	port := attribute(attrResponsePort, "\x86\xd0\x00\x00")
	low := attribute(attrResponsePort, "\x00\x35\x00\x00")
	odd := attribute(attrPadding, strings.Repeat("x", 1999)+"x")
	for _, c := range []struct {
		name  string
		attrs [][]byte
		at    *topology
		want  disposition
		reply string
		size  int
		to    netip.AddrPort
	}{
		{"plain", nil, oneAddress, answered, "[32]", 32, secondaryAddr},
		{"plain", nil, fourSockets, answered, "[1 32 32811 32812]", 68, secondaryAddr},
		{"padding", [][]byte{fill}, oneAddress, unknownAttr, "[9 10]", 20 + 28 + 8, secondaryAddr},
		{"padding", [][]byte{fill}, fourSockets, answered, "[1 32 32811 32812 38]", 68 + 1004, secondaryAddr},
		{"too much padding", [][]byte{odd}, fourSockets, answered, "[1 32 32811 32812 38]", 68 + 4 + maxPadding, secondaryAddr},
		{"port", [][]byte{port}, oneAddress, unknownAttr, "[9 10]", 20 + 28 + 8, secondaryAddr},
		{"port", [][]byte{port}, fourSockets, reflected, "[1 32 32811 32812]", 68, primaryAddr},
		{"low port", [][]byte{low}, fourSockets, answered, "[1 32 32811 32812]", 68, secondaryAddr},
		{"both", [][]byte{fill, port}, fourSockets, badRequest, "[9]", 20 + 20, secondaryAddr},
	} {
		o := run(plain(), request(nil, c.attrs...), c.at, secondaryAddr, clock)
		if got := fmt.Sprint(attrs(t, o.reply)); o.disposition != c.want || got != c.reply || len(o.reply) != c.size || o.destination != c.to {
			t.Errorf("%s: %v to %v, %d bytes with %s", c.name, o.disposition, o.destination, len(o.reply), got)
		}
	}
	o := run(plain(), request(nil, changeRequest(4)), fourSockets, secondaryAddr, clock)
	if o.from != otherIP || !bytes.Contains(o.reply, appendAddress(nil, attrResponseOrigin, fourSockets[otherIP])) ||
		!bytes.Contains(o.reply, appendAddress(nil, attrOtherAddress, fourSockets[otherBoth])) {
		t.Errorf("from %d: %x", o.from, o.reply)
	}
	// Classic clients know nothing of it.
	if o := run(plain(), request(classicID, fill, port), fourSockets, secondaryAddr, clock); len(o.reply) != 56 || o.destination != secondaryAddr {
		t.Errorf("classic: %d bytes to %v", len(o.reply), o.destination)
	}
}

// TestIPv6 has XOR-MAPPED-ADDRESS for the cookie, and the family that RFC 5389
// 15.1 added for classic clients.
func TestIPv6(t *testing.T) {
	o := run(plain(), request(nil), oneAddress6, source6, clock)
	want := append([]byte{1, 1, 0, 24}, request(nil)[4:]...)
	wantReply(t, o, appendXORAddress(want, attrXORMappedAddress, source6))
	o = run(plain(), request(classicID, bindingAttr), oneAddress6, source6, clock)
	want = appendAddress(o.reply[:headerSize:headerSize], attrMappedAddress, source6)
	want = appendAddress(want, attrSourceAddress, server6)
	wantReply(t, o, appendAddress(want, attrChangedAddress, server6))
	if !o.sighted || o.sighting.Source != source6 || len(o.reply) > 100 {
		t.Errorf("classic: %v, %d bytes", o.sighted, len(o.reply))
	}
}

// TestImpossibleSources get nothing: no reply could reach a client there.
func TestImpossibleSources(t *testing.T) {
	for _, s := range []string{"198.51.100.23:0", "0.0.0.0:5000", "255.255.255.255:5000", "224.0.0.1:5000", "[::]:5000", "[ff02::1]:5000", "[::ffff:224.0.0.1]:5000"} {
		if o := run(plain(), classicChange, oneAddress, netip.MustParseAddrPort(s), clock); o.disposition != impossible || len(o.reply) > 0 || o.sighted {
			t.Errorf("%s: %v", s, o.disposition)
		}
	}
	if o := run(plain(), classicChange, oneAddress, netip.AddrPort{}, clock); o.disposition != impossible {
		t.Errorf("none: %v", o.disposition)
	}
}

// TestOtherMessages are none of ours.
func TestOtherMessages(t *testing.T) {
	for _, typ := range []uint16{0x0011, 0x0101, 0x0111, 0x0003, 0x0102, 0x0112, 0x0000, 0x3FFF} {
		for _, id := range [][]byte{classicID, nil} {
			packet := request(id)
			binary.BigEndian.PutUint16(packet, typ)
			if o := run(plain(), packet, oneAddress, primaryAddr, clock); o.disposition != notRequest || len(o.reply) > 0 {
				t.Errorf("type %#x: %v", typ, o.disposition)
			}
		}
	}
}

// TestOutcomeIsOverwritten uses one outcome for many packets, as the server does.
func TestOutcomeIsOverwritten(t *testing.T) {
	h, o := plain(), &outcome{reply: make([]byte, 0, 512)}
	h.handle(request(classicID, addressAttr(attrResponseAddress, primaryAddr.String()), changeRequest(6)), fourSockets, secondaryAddr, clock, o)
	h.handle(classicChange, fourSockets, primaryAddr, clock, o)
	memory := &o.reply[0]
	h.handle([]byte("noise"), fourSockets, primaryAddr, clock, o)
	if o.disposition != notSTUN || len(o.reply) != 0 || o.from != ownSocket || o.sighted || o.destination.IsValid() {
		t.Errorf("%+v", o)
	}
	if h.handle(request(nil), oneAddress, primaryAddr, clock, o); &o.reply[0] != memory {
		t.Error("the reply moved")
	}
}

// TestDispositionNames are labels, so none may be missing or double.
func TestDispositionNames(t *testing.T) {
	seen := map[string]bool{}
	for d := range dispositions {
		if name := d.String(); name == "" || seen[name] {
			t.Errorf("disposition %d: %q", d, name)
		}
		seen[d.String()] = true
	}
	for d, p := range problems {
		if len(p.reason)%4 != 0 {
			t.Errorf("%v: reason of %d bytes", disposition(d), len(p.reason))
		}
	}
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	h := knowing(AuthAlways, "test", "1234")
	packets := fixtures(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			o := new(outcome)
			source := netip.AddrPortFrom(primaryAddr.Addr(), uint16(5000+i%2))
			for range 50 {
				for _, packet := range packets {
					h.handle(packet, fourSockets, source, clock, o)
				}
			}
		})
	}
	wg.Wait()
}

// steady are the packets of an ordinary day.
func steady() map[string][]byte {
	return map[string][]byte{
		"tr111":          request(classicID, bindingAttr),
		"tr111 username": request(classicID, attribute(attrUsername, "00D09E-CPE-000001"), []byte("\x00\x00\x00"), bindingAttr),
		"tr111 change":   classicChange,
		"classic":        request(classicID),
		"cookie":         request(nil),
		"cookie tr111":   request(nil, bindingAttr),
	}
}

// TestS15_NoAllocation holds for each of them, whether users have passwords or
// not.
func TestS15_NoAllocation(t *testing.T) {
	for name, packet := range steady() {
		for policy, h := range map[string]*handler{"none": plain(), AuthOff: knowing(AuthOff, "cpe1", "secret"), AuthAlways: knowing(AuthAlways, "cpe1", "secret")} {
			o := &outcome{reply: make([]byte, 0, maxReply)}
			if n := testing.AllocsPerRun(100, func() { h.handle(packet, fourSockets, primaryAddr, clock, o) }); n != 0 {
				t.Errorf("%s, %s: %v allocations a packet", name, policy, n)
			}
		}
	}
}

func BenchmarkHandle(b *testing.B) {
	packets := steady()
	packets["tr111 signed"] = signed(classicChange, "secret", len(classicChange)+4, true)
	packets["tr111 wrong signature"] = signed(classicChange, "other", len(classicChange)+4, true)
	password := []byte("secret")
	h := newHandler(Config{Authentication: AuthOff}, Deps{Password: func([]byte) ([]byte, bool) { return password, true }})
	for name, packet := range packets {
		b.Run(name, func(b *testing.B) {
			o := &outcome{reply: make([]byte, 0, maxReply)}
			b.ReportAllocs()
			for b.Loop() {
				h.handle(packet, oneAddress, primaryAddr, clock, o)
			}
		})
	}
}
