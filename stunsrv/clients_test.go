package stunsrv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// client is a test double of how a real client reads a reply, with its known
// defects. It returns the mapped address, or an error if that client could make
// no use of the reply.
type client func(reply []byte, id string) (netip.AddrPort, error)

// classicClients are the readers that quirks S-03, S-04 and S-22 come from.
var classicClients = map[string]client{
	"works systems": worksSystems,
	"tr069agent":    tr069agent,
	"vovida":        vovida,
	"rdk":           rdk,
	"evcpe":         evcpe,
}

var errUnreadable = errors.New("of no use to this client")

// head checks what all of them check.
func head(reply []byte, id string, limit int) error {
	if len(reply) < headerSize || len(reply) > limit || string(reply[4:headerSize]) != id ||
		int(binary.BigEndian.Uint16(reply[2:])) != len(reply)-headerSize {
		return errUnreadable
	}
	return nil
}

// first returns the type and value of the attribute that reply[at:] starts with.
func first(reply []byte, at int) (uint16, []byte) {
	n := int(binary.BigEndian.Uint16(reply[at+2:]))
	if at+4+n > len(reply) {
		return 0, nil
	}
	return binary.BigEndian.Uint16(reply[at:]), reply[at+4 : at+4+n]
}

// worksSystems never gets past the first attribute: its loop does not advance.
func worksSystems(reply []byte, id string) (netip.AddrPort, error) {
	if err := head(reply, id, 128); err != nil {
		return netip.AddrPort{}, err
	}
	typ, value := first(reply, headerSize)
	if typ == attrErrorCode && reply[1] == 0x11 {
		return netip.AddrPort{}, fmt.Errorf("code %d", int(value[2])*100+int(value[3]))
	}
	if typ != attrMappedAddress || len(value) != 8 {
		return netip.AddrPort{}, fmt.Errorf("%w: hangs at attribute %#x", errUnreadable, typ)
	}
	return parseAddress(value), nil
}

// each calls f with every attribute as clients do that skip no padding.
func each(reply []byte, f func(typ uint16, value []byte) error) error {
	for at := headerSize; at < len(reply); {
		if len(reply)-at < 4 {
			return errUnreadable
		}
		typ, value := first(reply, at)
		if value == nil {
			return errUnreadable
		}
		if err := f(typ, value); err != nil {
			return err
		}
		at += 4 + len(value)
	}
	return nil
}

// tr069agent asserts that three attributes are there, and drops a message with
// one that RFC 3489 does not know.
func tr069agent(reply []byte, id string) (netip.AddrPort, error) {
	if err := head(reply, id, 1500); err != nil {
		return netip.AddrPort{}, err
	}
	seen := map[uint16]netip.AddrPort{}
	err := each(reply, func(typ uint16, value []byte) error {
		if typ > attrReflectedFrom && typ < optional {
			return fmt.Errorf("%w: attribute %#x", errUnreadable, typ)
		}
		seen[typ] = parseAddress(value)
		return nil
	})
	for _, typ := range []uint16{attrMappedAddress, attrSourceAddress, attrChangedAddress} {
		if !seen[typ].IsValid() && reply[1] == 1 {
			return netip.AddrPort{}, fmt.Errorf("%w: aborts without %#x", errUnreadable, typ)
		}
	}
	return seen[attrMappedAddress], err
}

// vovida, and whoever is derived from it, rejects the whole message at once.
func vovida(reply []byte, id string) (netip.AddrPort, error) {
	if err := head(reply, id, 2048); err != nil {
		return netip.AddrPort{}, err
	}
	var mapped netip.AddrPort
	err := each(reply, func(typ uint16, value []byte) error {
		switch {
		case typ == attrMappedAddress || typ == attrSourceAddress || typ == attrChangedAddress || typ == attrReflectedFrom:
			if len(value) != 8 || value[1] != familyIPv4 {
				return fmt.Errorf("%w: address of %d bytes", errUnreadable, len(value))
			}
			if typ == attrMappedAddress {
				mapped = parseAddress(value)
			}
		case typ == attrMessageIntegrity && len(value) != 20:
			return errUnreadable
		case typ > attrReflectedFrom && typ < optional:
			return fmt.Errorf("%w: attribute %#x", errUnreadable, typ)
		}
		return nil
	})
	return mapped, err
}

// rdk prefers 0x8020 and undoes its XOR with its own transaction id.
func rdk(reply []byte, id string) (netip.AddrPort, error) {
	if err := head(reply, id, 255); err != nil {
		return netip.AddrPort{}, err
	}
	var mapped netip.AddrPort
	err := each(reply, func(typ uint16, value []byte) error {
		switch typ {
		case 0x8020:
			b := []byte(string(value))
			for i := range 4 {
				b[4+i] ^= id[i]
			}
			b[2], b[3] = b[2]^id[0], b[3]^id[1]
			mapped = parseAddress(b)
		case attrMappedAddress:
			if !mapped.IsValid() {
				mapped = parseAddress(value)
			}
		}
		return nil
	})
	return mapped, err
}

// evcpe takes addresses of eight bytes alone.
func evcpe(reply []byte, id string) (netip.AddrPort, error) {
	if err := head(reply, id, 256); err != nil {
		return netip.AddrPort{}, err
	}
	typ, value := first(reply, headerSize)
	if reply[1] == 1 && (typ != attrMappedAddress || len(value) != 8) {
		return netip.AddrPort{}, errUnreadable
	}
	return parseAddress(value), nil
}

// TestS03_RealClientsReadTheReply sends what each kind of client sends, on every
// topology, signed and not, and has each of them read the reply.
func TestS03_RealClientsReadTheReply(t *testing.T) {
	user := attribute(attrUsername, "cpe1    ")
	base := request(classicID, user, bindingAttr)
	requests := map[string][]byte{
		"plain":     request(classicID),
		"binding":   base,
		"change":    request(classicID, user, bindingAttr, changeAttr),
		"timeout":   request(classicID, addressAttr(attrResponseAddress, primaryAddr.String())),
		"vovida":    request(classicID, changeRequest(6)),
		"signed":    signed(base, "secret", len(base)+4, true),
		"unsigned":  signed(base, "wrong", len(base)+4, true),
		"mandatory": request(classicID, attribute(0x7F00, "abcd")),
	}
	for name, packet := range requests {
		for _, at := range []*topology{oneAddress, fourSockets} {
			o := run(knowing(AuthOff, "cpe1", "secret"), packet, at, secondaryAddr, clock)
			if name == "vovida" && at == oneAddress {
				continue // silence
			}
			for who, read := range classicClients {
				if got, err := read(o.reply, string(classicID)); err != nil || got != secondaryAddr {
					t.Errorf("%s reads %v, %v from the reply to %s: %x", who, got, err, name, o.reply)
				}
			}
		}
	}
}

// TestS06_ErrorCodeIsFirst has the client that reads one attribute read errors.
func TestS06_ErrorCodeIsFirst(t *testing.T) {
	signedAs := func(user string) []byte {
		p := request(classicID, attribute(attrUsername, user), bindingAttr)
		return signed(p, "wrong", len(p)+4, false)
	}
	for code, packet := range map[string][]byte{
		"code 401": classicChange,
		"code 430": signedAs("nobody  "),
		"code 431": signedAs("cpe1"),
		"code 432": signedAs("    "),
	} {
		o := run(knowing(AuthAlways, "cpe1", "secret"), packet, oneAddress, primaryAddr, clock)
		if _, err := worksSystems(o.reply, string(classicID)); err == nil || err.Error() != code {
			t.Errorf("got %v, want %s", err, code)
		}
		for who, read := range classicClients {
			if _, err := read(o.reply, string(classicID)); errors.Is(err, errUnreadable) {
				t.Errorf("%s cannot read %s: %v", who, code, err)
			}
		}
		if o.sighted {
			t.Errorf("%s: a refused request is a sighting", code)
		}
	}
}

// TestDoublesAreStrict shows that the doubles would notice: they refuse what
// Debian's stund answers, or a cookie reply.
func TestDoublesAreStrict(t *testing.T) {
	var stund []byte
	for name, packet := range fixtures(t) {
		if strings.HasPrefix(name, "answer of Debian stund") {
			stund = packet
		}
	}
	for who, read := range map[string]client{"tr069agent": tr069agent, "vovida": vovida} {
		if _, err := read(stund, string(stund[4:20])); !errors.Is(err, errUnreadable) {
			t.Errorf("%s reads stund's answer: %v", who, err)
		}
	}
	cookie := run(plain(), request(nil), oneAddress, primaryAddr, clock).reply
	for who, read := range classicClients {
		if got, err := read(cookie, string(cookie[4:20])); err == nil && got == primaryAddr {
			t.Errorf("%s reads XOR-MAPPED-ADDRESS", who)
		}
	}
	informative := vectors(t, "stun_classic")["C15"].packet(t)
	if got, err := rdk(informative, string(informative[4:20])); err != nil || got != primaryAddr {
		t.Errorf("rdk reads %v, %v", got, err)
	}
}
