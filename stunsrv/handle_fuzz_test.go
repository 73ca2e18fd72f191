package stunsrv

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/pion/stun/v2"
)

// seedPackets starts the fuzzers with every packet that is known.
func seedPackets(f *testing.F, add func(packet []byte)) {
	for _, group := range []string{"stun_classic", "stun_malformed", "stun_message_integrity", "stun_rfc5389", "rfc5769"} {
		for _, v := range vectors(f, group) {
			add(v.packet(f))
		}
	}
	for _, packet := range fixtures(f) {
		add(packet)
	}
	for _, packet := range steady() {
		add(packet)
	}
	add(request(nil, attribute(attrPadding, "0123456789"), []byte{0, 0}))
	add(request(nil, attribute(attrResponsePort, "\x86\xd0")))
	add(request(nil, addressAttr(attrResponseAddress, "198.51.100.23:34512"), changeRequest(6)))
}

// FuzzHandle sends anything from anywhere to every kind of handler. Whatever
// comes: nothing is sent to another IP address, nothing from a socket that does
// not exist, nothing longer than was asked for, the same for the same request,
// and classic clients see attributes of RFC 3489 alone.
func FuzzHandle(f *testing.F) {
	seedPackets(f, func(packet []byte) {
		f.Add(packet, uint16(34512), byte(0))
		f.Add(packet, uint16(40001), byte(0xFF))
	})
	topologies := []*topology{oneAddress, fourSockets, oneAddress6, {ownSocket: serverAddr, otherPort: fourSockets[otherPort]}}
	policies := []string{AuthOff, AuthOnChange, AuthAlways}
	var handlers []*handler
	for _, policy := range policies {
		handlers = append(handlers, newHandler(Config{Authentication: policy}, Deps{
			Password: func(u []byte) ([]byte, bool) { return []byte("1234"), len(u) < 10 },
		}))
	}
	f.Fuzz(func(t *testing.T, packet []byte, port uint16, choice byte) {
		at := topologies[choice&3]
		ip := primaryAddr.Addr()
		if at == oneAddress6 {
			ip = source6.Addr()
		}
		source := netip.AddrPortFrom(ip, port)
		h := handlers[int(choice>>2)%len(handlers)]
		before := bytes.Clone(packet)
		o := run(h, packet, at, source, clock)
		again := run(h, packet, at, source, clock)
		switch {
		case !bytes.Equal(before, packet):
			t.Fatal("the packet was written to")
		case !bytes.Equal(o.reply, again.reply) || o.destination != again.destination || o.from != again.from:
			t.Fatalf("%x, then %x", o.reply, again.reply)
		case o.disposition >= rateLimited:
			t.Fatalf("%v is the server's to say", o.disposition)
		case (len(o.reply) > 0) != (o.disposition < notSTUN):
			t.Fatalf("%v with %d bytes", o.disposition, len(o.reply))
		case o.sighted && (o.sighting.Source != source || o.sighting.Local != at[ownSocket]):
			t.Fatalf("sighting %+v", o.sighting)
		}
		if len(o.reply) > 0 {
			checkReply(t, packet, at, source, o)
		}
	})
}

func checkReply(t *testing.T, packet []byte, at *topology, source netip.AddrPort, o *outcome) {
	t.Helper()
	reply := o.reply
	switch {
	case o.destination.Addr() != source.Addr() || o.destination != source && o.destination.Port() < minPort:
		t.Fatalf("to %v, not %v", o.destination, source)
	case !at[o.from].IsValid():
		t.Fatalf("from socket %d", o.from)
	case !bytes.Equal(reply[4:headerSize], packet[4:headerSize]) || reply[0] != packet[0]|1 || reply[1]&0xEF != packet[1]:
		t.Fatalf("header %x", reply[:headerSize])
	case int(binary.BigEndian.Uint16(reply[2:])) != len(reply)-headerSize:
		t.Fatalf("length %x of %d", reply[2:4], len(reply))
	}
	cookie := binary.BigEndian.Uint32(packet[4:]) == magicCookie
	types := attrs(t, reply)
	// What each may cost is what each was asked for.
	address := 12
	if source.Addr().Is6() {
		address = 24
	}
	size := headerSize
	for _, typ := range types {
		switch typ {
		case attrMappedAddress, attrSourceAddress, attrChangedAddress:
			size += address
		case attrReflectedFrom:
			if o.disposition != reflected {
				t.Fatal("REFLECTED-FROM without cause")
			}
			size += address
		case attrMessageIntegrity:
			if !bytes.Contains(packet, []byte{0, attrMessageIntegrity}) {
				t.Fatal("signed without cause")
			}
			size += integritySize
		case attrErrorCode:
			size += 4 + 4 + 28
		default:
			if !cookie {
				t.Fatalf("attribute %#x to a classic client", typ)
			}
			size += max(address, 4+16)
			if typ == attrPadding {
				size += min(len(packet), maxPadding)
			}
		}
	}
	switch {
	case len(reply) > size:
		t.Fatalf("%d bytes, at most %d are explained: %x", len(reply), size, reply)
	case len(reply) > maxReply && len(reply) > len(packet)+100:
		t.Fatalf("%d bytes for %d", len(reply), len(packet))
	case !cookie && source.Addr().Is4() && len(reply) > 100:
		t.Fatalf("%d bytes to a classic client", len(reply))
	case !cookie && types[0] != attrMappedAddress && types[0] != attrErrorCode:
		t.Fatalf("first attribute %#x", types[0])
	case types[0] == attrErrorCode && (reply[1] < 0x11 || o.sighted):
		t.Fatalf("error of type %x, sighted %v", reply[:2], o.sighted)
	}
	if cookie {
		m := stun.Message{Raw: reply}
		if err := m.Decode(); err != nil {
			t.Fatalf("pion cannot read %x: %v", reply, err)
		}
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(&m); reply[1] < 0x11 && (err != nil || mapped.Port != int(source.Port()) || mapped.IP.String() != source.Addr().String()) {
			t.Fatalf("pion reads %v, %v", mapped, err)
		}
	}
}

// FuzzDecode holds the codec against pion's for any attributes of a Binding
// Request with the cookie: what one reads the other reads, and both read the same.
func FuzzDecode(f *testing.F) {
	seedPackets(f, func(packet []byte) { f.Add(packet[min(len(packet), headerSize):]) })
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 0xFFFC {
			return
		}
		packet := request(nil, body[:len(body)&^3])
		theirs := stun.Message{Raw: bytes.Clone(packet)}
		err := theirs.Decode()
		var ours message
		d := ours.parse(packet)
		if err != nil {
			// Tecom's length of 64 is the one thing that we read and pion does not.
			if d == answered && ours.integrity+integritySize != len(packet) {
				t.Fatalf("pion: %v, ours: %+v", err, ours)
			}
			return
		}
		wrongFingerprint := false
		if n := len(theirs.Attributes); n > 0 && theirs.Attributes[n-1].Type == stun.AttrFingerprint && theirs.Attributes[n-1].Length == 4 {
			wrongFingerprint = stun.Fingerprint.Check(&theirs) != nil
		}
		if (d == answered) == wrongFingerprint {
			t.Fatalf("%v, wrong fingerprint %v: %x", d, wrongFingerprint, packet)
		}
		if d == answered {
			compare(t, &ours, &theirs)
		}
	})
}

func compare(t *testing.T, ours *message, theirs *stun.Message) {
	t.Helper()
	var want message
	for _, a := range theirs.Attributes {
		if a.Type == stun.AttrMessageIntegrity && len(a.Value) >= 20 {
			if ours.integrity == 0 || !bytes.HasPrefix(ours.raw[ours.integrity+4:], a.Value[:20]) {
				t.Fatal("MESSAGE-INTEGRITY")
			}
			want.integrity = ours.integrity
			break
		}
		switch {
		case a.Type == stun.AttrUsername && !want.named:
			want.named = true
			name, _, _ := bytes.Cut(a.Value, []byte{0})
			if !bytes.Equal(bytes.TrimRight(name, " "), ours.username) {
				t.Fatalf("USERNAME %q, not %q", ours.username, a.Value)
			}
		case a.Type == attrConnectionRequest:
			want.binding = true
		case a.Type == attrBindingChange:
			want.change = true
		case a.Type == attrResponseAddress && !want.elsewhere:
			want.elsewhere = true
			var address stun.MappedAddress
			if len(a.Value) == 8 && a.Value[0] == 0 && a.Value[1] == familyIPv4 && address.GetFromAs(theirs, attrResponseAddress) == nil &&
				(address.IP.String() != ours.responseAddress.Addr().String() || address.Port != int(ours.responseAddress.Port())) {
				t.Fatalf("RESPONSE-ADDRESS %v, not %v", ours.responseAddress, address)
			}
		}
	}
	if want.named != ours.named || want.binding != ours.binding || want.change != ours.change ||
		want.elsewhere != ours.elsewhere || want.integrity != ours.integrity {
		t.Fatalf("got %+v, want %+v", *ours, want)
	}
}

// FuzzIntegrity signs requests with pion, has them verified here, and has the
// signature of the reply verified by pion.
func FuzzIntegrity(f *testing.F) {
	f.Add("tr069_stun", "tr069_stun_pw", []byte("dslforum.org/TR-111 "), uint16(0))
	f.Add("u", "VOkJxbRl1RmTxUk/WvJxBt", bytes.Repeat([]byte("x"), 65), uint16(300))
	f.Add("twelve-bytes", string(bytes.Repeat([]byte("k"), 64)), []byte(nil), uint16(9))
	var key []byte
	h := newHandler(Config{Authentication: AuthAlways}, Deps{Password: func([]byte) ([]byte, bool) { return key, true }})
	f.Fuzz(func(t *testing.T, username, password string, value []byte, flip uint16) {
		if len(trimUsername([]byte(username))) == 0 || len(username) > 512 || password == "" || len(value) > 1000 {
			return
		}
		m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(username),
			stun.RawAttribute{Type: attrConnectionRequest, Value: value}, stun.NewShortTermIntegrity(password), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		key = []byte(password)
		o := run(h, m.Raw, oneAddress, primaryAddr, clock)
		if o.disposition != verified || !o.sighting.Verified {
			t.Fatalf("%v: %x", o.disposition, m.Raw)
		}
		reply := stun.Message{Raw: bytes.Clone(o.reply)}
		if err := reply.Decode(); err != nil {
			t.Fatal(err)
		}
		// Where the text does not show whether it is filled up, neither need the reply.
		var parsed message
		parsed.parse(m.Raw)
		if !ambiguous(&parsed) {
			if err := stun.NewShortTermIntegrity(password).Check(&reply); err != nil {
				t.Fatalf("pion does not verify %x: %v", o.reply, err)
			}
		}
		if err := stun.Fingerprint.Check(&reply); err != nil {
			t.Fatal(err)
		}

		// One bit of the text or of the signature changed, and it is worth nothing.
		end := parsed.integrity + integritySize
		bit := int(flip) % (8 * end)
		broken := bytes.Clone(m.Raw[:end])
		setLength(broken, 0)
		broken[bit/8] ^= 1 << (bit % 8)
		if o := run(h, broken, oneAddress, primaryAddr, clock); o.sighting.Verified && bit/8 >= 4 {
			t.Fatalf("bit %d of %x changed, and still verified", bit, m.Raw)
		}
	})
}
