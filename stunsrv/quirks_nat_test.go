package stunsrv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// TestS04_XORIsForTheCookieAlone: a classic client never sees an address that is
// XORed, whatever it sends; one with the cookie does, and a CPE of that kind has
// MAPPED-ADDRESS before it.
func TestS04_XORIsForTheCookieAlone(t *testing.T) {
	extras := map[string][][]byte{
		"plain": nil, "binding": {bindingAttr}, "binding and change": {bindingAttr, changeAttr},
		"RESPONSE-ADDRESS": {addressAttr(attrResponseAddress, primaryAddr.String())},
		"CHANGE-REQUEST":   {changeRequest(0)}, "XOR-MAPPED-ADDRESS": {addressAttr(attrXORMappedAddress, primaryAddr.String())},
	}
	for name, extra := range extras {
		for _, at := range []*topology{oneAddress, fourSockets} {
			for _, id := range []string{string(classicID), "\x21\x12\xA4\x43aaaaaaaaaaaa", strings.Repeat("\x00", 16)} {
				o := run(plain(), request([]byte(id), extra...), at, secondaryAddr, clock)
				for _, typ := range attrs(t, o.reply) {
					if typ == attrXORMappedAddress || typ == 0x8020 {
						t.Errorf("%s, id %q: attribute %#x", name, id, typ)
					}
				}
			}
			o := run(plain(), request(nil, extra...), at, secondaryAddr, clock)
			// 0x2112 and the cookie, by hand.
			xored := binary.BigEndian.AppendUint16([]byte{0, 0x20, 0, 8, 0, 1}, secondaryAddr.Port()^0x2112)
			ip := secondaryAddr.Addr().As4()
			xored = append(xored, ip[0]^0x21, ip[1]^0x12, ip[2]^0xA4, ip[3]^0x42)
			if !bytes.Contains(o.reply, xored) {
				t.Errorf("%s with the cookie: %x lacks %x", name, o.reply, xored)
			}
			if types := attrs(t, o.reply); strings.HasPrefix(name, "binding") && types[0] != attrMappedAddress {
				t.Errorf("%s with the cookie: attributes %v", name, types)
			}
		}
	}
}

// TestS05_AnsweredOnTheWire: each of these has an answer with the address of the
// sender, of the kind that it can read, from the socket that it asked.
func TestS05_AnsweredOnTheWire(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	c, local := newCPE(t, "127.0.0.1"), s.Addrs()[0]
	for name, attrs := range map[string][][]byte{
		"nothing": nil, "CHANGE-REQUEST": {changeRequest(0)}, "binding": {bindingAttr}, "change without binding": {changeAttr},
		"binding and change": {bindingAttr, changeAttr}, "binding and CHANGE-REQUEST": {changeRequest(0), bindingAttr},
		"user": {attribute(attrUsername, "cpe1")}, "wrong signature": {attribute(attrUsername, "cpe1"), attribute(attrMessageIntegrity, strings.Repeat("x", 20))},
	} {
		reply, from := c.ask(local, request(classicID, attrs...))
		mapped := appendAddress(nil, attrMappedAddress, c.address())
		if from != local || len(reply) != 56 || !bytes.HasPrefix(reply[headerSize:], mapped) || !bytes.Equal(reply[4:20], classicID) {
			t.Errorf("%s, classic: %x from %v", name, reply, from)
		}
		reply, from = c.ask(local, request(nil, attrs...))
		xored := appendXORAddress(bytes.Clone(reply[:headerSize]), attrXORMappedAddress, c.address())[headerSize:]
		if from != local || !bytes.Contains(reply, xored) {
			t.Errorf("%s, cookie: %x from %v", name, reply, from)
		}
	}
}

// TestS14_ListensOnThePortOfTheACS: besides the STUN port there is one with the
// number of the ACS's TCP port. Each answers from itself, a binding is noted with
// the one that saw it, and Connection Requests leave from there.
func TestS14_ListensOnThePortOfTheACS(t *testing.T) {
	acs, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer acs.Close()
	sighted := make(chan Sighting, 1)
	deps := quiet()
	deps.Sighted = func(s []Sighting) { sighted <- s[0] }
	s, err := New(Config{Listen: []string{"127.0.0.1:0", acs.Addr().String()}}, TURNConfig{}, deps)
	if err != nil {
		t.Skipf("the UDP port of that number is taken: %v", err)
	}
	t.Cleanup(s.Close)
	runServer(t, s)
	addrs := s.Addrs()
	if len(addrs) != 2 || addrs[1].String() != acs.Addr().String() {
		t.Fatalf("addresses %v", addrs)
	}
	for _, local := range addrs {
		c := newCPE(t, "127.0.0.1")
		if reply, from := c.ask(local, classicChange); from != local || !bytes.Contains(reply, appendAddress(nil, attrMappedAddress, c.address())) {
			t.Errorf("asked %v: %x from %v", local, reply, from)
		}
		seen := <-sighted
		if seen.Local != local || seen.Source != c.address() || string(seen.Username) != "cpe1" {
			t.Errorf("asked %v: %+v", local, seen)
		}
		if err := s.SendFrom(seen.Local, seen.Source, []byte("GET http://x")); err != nil {
			t.Fatal(err)
		}
		if payload, from := c.receive(); string(payload) != "GET http://x" || from != local {
			t.Errorf("%q from %v, want %v", payload, from, local)
		}
	}
}

// TestS17_SharedSecretRequest: whoever asks for a shared secret over UDP is told
// 433, with ERROR-CODE alone, as often as it asks, and is served as before then.
// There is no TCP socket to ask.
func TestS17_SharedSecretRequest(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	c, local := newCPE(t, "127.0.0.1"), s.Addrs()[0]
	for _, extra := range [][]byte{nil, bindingAttr, attribute(attrUsername, "cpe1"), attribute(attrMessageIntegrity, strings.Repeat("x", 20))} {
		ask := request(classicID, extra)
		ask[1] = sharedSecretRequest
		reply, _ := c.ask(local, ask)
		types := fmt.Sprint(attrs(t, reply))
		if binary.BigEndian.Uint16(reply) != 0x0112 || types != "[9]" || reply[26] != 4 || reply[27] != 33 || !bytes.Equal(reply[4:20], classicID) {
			t.Errorf("%x", reply)
		}
		c.silent(local)
	}
	if conn, err := net.Dial("tcp4", local.String()); err == nil {
		conn.Close()
		t.Skip("something else listens on the TCP port of that number")
	}
}

// TestS21_OnChangeLeavesKeepAlivesAlone replays the packets of real clients with
// the policy on-change: none without BINDING-CHANGE is ever asked to sign, not
// even after one that was; and those that are signed are believed.
func TestS21_OnChangeLeavesKeepAlivesAlone(t *testing.T) {
	packets := fixtures(t)
	h, challenges, others := knowing(AuthOnChange, "test", "1234"), 0, 0
	for range 3 {
		for name, packet := range packets {
			var m message
			if m.parse(packet) != answered || m.typ != bindingRequest {
				continue
			}
			o := run(h, packet, oneAddress, primaryAddr, clock)
			switch {
			case m.integrity != 0:
				if o.disposition != verified && o.disposition != replayed {
					t.Errorf("%s: %v", name, o.disposition)
				}
			case m.change && o.disposition == challenged:
				challenges++
			case !m.change:
				others++
				if o.disposition == challenged || o.reply[1] != 1 {
					t.Errorf("%s: %v", name, o.disposition)
				}
			}
		}
	}
	if challenges == 0 || others == 0 {
		t.Errorf("%d challenges, %d packets without BINDING-CHANGE", challenges, others)
	}
	always := 0
	for _, packet := range packets {
		var m message
		if m.parse(packet) == answered && !m.change && run(knowing(AuthAlways, "test", "1234"), packet, oneAddress, primaryAddr, clock).disposition == challenged {
			always++
		}
	}
	if always == 0 {
		t.Error("no keep-alive is challenged with the policy always: the test shows nothing")
	}
}

// TestS43_IPv6: the binding of a CPE with IPv6 is noted as such, and the
// Connection Request to it leaves from the socket that saw it.
func TestS43_IPv6(t *testing.T) {
	requireIPv6(t)
	sighted := make(chan Sighting, 1)
	deps := quiet()
	deps.Sighted = func(s []Sighting) { sighted <- s[0] }
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0", "[::1]:0"}}, deps)
	c, local := newCPE(t, "::1"), s.Addrs()[1]
	c.ask(local, classicChange)
	seen := <-sighted
	if want := netip.AddrPortFrom(netip.IPv6Loopback(), c.address().Port()); seen.Source != want || seen.Local != local {
		t.Fatalf("%+v, want %v", seen, want)
	}
	if err := s.SendFrom(seen.Local, seen.Source, []byte("GET http://[::1]")); err != nil {
		t.Fatal(err)
	}
	if payload, from := c.receive(); string(payload) != "GET http://[::1]" || from != local {
		t.Errorf("%q from %v, want %v", payload, from, local)
	}
}
