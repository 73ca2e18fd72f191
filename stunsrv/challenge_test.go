package stunsrv

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// nth returns a transaction id.
func nth(n int) []byte { return fmt.Appendf(nil, "transaction%05d", n) }

func unsigned(n int, extra ...[]byte) []byte {
	return request(nth(n), append([][]byte{attribute(attrUsername, "cpe1"), bindingAttr}, extra...)...)
}

func signedNth(n int, key string, extra ...[]byte) []byte {
	p := unsigned(n, extra...)
	return signed(p, key, len(p)+4, false)
}

// TestS06_Policy is who is answered what, by policy. The answers are of one
// packet to a fresh handler.
func TestS06_Policy(t *testing.T) {
	stranger := request(nth(1), attribute(attrUsername, "stranger"), bindingAttr, changeAttr)
	unnamed := request(nth(1), bindingAttr, changeAttr)
	for _, c := range []struct {
		name                  string
		packet                []byte
		off, onChange, always disposition
	}{
		{"no 0xC001", request(nth(1), attribute(attrUsername, "cpe1"), changeAttr), answered, answered, answered},
		{"keep-alive, quirk S-21", unsigned(1), answered, answered, challenged},
		{"change", unsigned(1, changeAttr), answered, challenged, challenged},
		{"signed", signedNth(1, "secret"), verified, verified, verified},
		{"signed change", signedNth(1, "secret", changeAttr), verified, verified, verified},
		{"wrong", signedNth(1, "wrong", changeAttr), answered, badSignature, badSignature},
		{"wrong keep-alive", signedNth(1, "wrong"), answered, badSignature, badSignature},
		{"stranger, who may be of a model that breaks", stranger, answered, answered, answered},
		{"signed stranger", signed(stranger, "secret", len(stranger)+4, false), answered, unknownUser, unknownUser},
		{"unnamed", unnamed, answered, challenged, challenged},
		{"signed unnamed", signed(unnamed, "secret", len(unnamed)+4, false), answered, nameless, nameless},
	} {
		for policy, want := range map[string]disposition{AuthOff: c.off, AuthOnChange: c.onChange, AuthAlways: c.always} {
			o := run(knowing(policy, "cpe1", "secret"), c.packet, oneAddress, primaryAddr, clock)
			if o.disposition != want {
				t.Errorf("%s, %s: %v, want %v", policy, c.name, o.disposition, want)
			}
			let := want == answered || want == verified
			if c.name != "no 0xC001" && o.sighted != let {
				t.Errorf("%s, %s: sighted %v", policy, c.name, o.sighted)
			}
			if o.sighted && o.sighting.Verified != (want == verified) {
				t.Errorf("%s, %s: verified %v", policy, c.name, o.sighting.Verified)
			}
			if let && (len(o.reply) == 56+integritySize) != (want == verified) {
				t.Errorf("%s, %s: reply of %d bytes", policy, c.name, len(o.reply))
			}
		}
		// Where no password is known to anybody, nobody is challenged.
		if o := run(newHandler(Config{Authentication: AuthAlways}, Deps{}), c.packet, oneAddress, primaryAddr, clock); o.disposition != answered {
			t.Errorf("no passwords, %s: %v", c.name, o.disposition)
		}
	}
}

// TestS06_NeverChallenge is for clients that a 401 kills.
func TestS06_NeverChallenge(t *testing.T) {
	h := newHandler(Config{Authentication: AuthAlways}, Deps{
		Password:       func([]byte) ([]byte, bool) { return []byte("secret"), true },
		NeverChallenge: func(username []byte) bool { return string(username) == "cpe1" },
	})
	for name, packet := range map[string][]byte{"unsigned": unsigned(1, changeAttr), "wrong": signedNth(2, "wrong")} {
		if o := run(h, packet, oneAddress, primaryAddr, clock); o.disposition != answered || !o.sighted || o.sighting.Verified {
			t.Errorf("%s: %v", name, o.disposition)
		}
	}
	if o := run(h, signedNth(3, "secret"), oneAddress, primaryAddr, clock); o.disposition != verified {
		t.Errorf("signed: %v", o.disposition)
	}
	if o := run(h, request(nth(4), attribute(attrUsername, "cpe2"), bindingAttr), oneAddress, primaryAddr, clock); o.disposition != challenged {
		t.Errorf("another user: %v", o.disposition)
	}
}

// TestEmptyPassword is one that anybody could sign with.
func TestEmptyPassword(t *testing.T) {
	h := newHandler(Config{Authentication: AuthAlways}, Deps{Password: func([]byte) ([]byte, bool) { return nil, true }})
	if o := run(h, signedNth(1, ""), oneAddress, primaryAddr, clock); o.disposition != unknownUser {
		t.Errorf("%v", o.disposition)
	}
}

// TestS06_FallBack lets a client through that goes on unsigned.
func TestS06_FallBack(t *testing.T) {
	h, now, n := knowing(AuthAlways, "cpe1", "secret"), clock, 0
	elsewhere := netip.MustParseAddrPort("198.51.100.24:34512")
	expect := func(source netip.AddrPort, packet []byte, want disposition) {
		t.Helper()
		if o := run(h, packet, oneAddress, source, now); o.disposition != want || o.sighted != (want != challenged) || o.sighting.Verified != (want == verified) {
			t.Errorf("transaction %d: %v, sighted %v, want %v", n, o.disposition, o.sighted, want)
		}
	}
	next := func(source netip.AddrPort, want disposition) {
		t.Helper()
		n++
		for range 9 { // RFC 3489 9.3: as many copies, which are one attempt
			expect(source, unsigned(n), want)
		}
		now = now.Add(30 * time.Second)
	}
	for range maxChallenges {
		next(primaryAddr, challenged)
	}
	next(primaryAddr, answered)
	next(secondaryAddr, answered)                                 // the same user and IP address
	next(elsewhere, challenged)                                   // another one
	expect(primaryAddr, request(nth(n), bindingAttr), challenged) // another user, who is not named
	now = now.Add(excuseFor - 4*time.Minute)
	next(primaryAddr, answered)
	now = now.Add(5 * time.Minute)
	for range maxChallenges {
		next(primaryAddr, challenged)
	}
	next(primaryAddr, answered)

	// Whoever signs after all is held to it.
	expect(primaryAddr, signedNth(90, "secret"), verified)
	next(primaryAddr, challenged)
	expect(primaryAddr, signedNth(91, "secret"), verified)
	for range maxChallenges {
		next(primaryAddr, challenged)
	}
	next(primaryAddr, answered)
}

// TestFallBackOfOneTransactionID is of icwmp, whose id never changes.
func TestFallBackOfOneTransactionID(t *testing.T) {
	h, now := knowing(AuthAlways, "cpe1", "secret"), clock
	for i := range maxChallenges + 1 {
		want := challenged
		if i == maxChallenges {
			want = answered
		}
		for range 3 {
			if o := run(h, unsigned(1), oneAddress, primaryAddr, now); o.disposition != want {
				t.Errorf("attempt %d: %v, want %v", i, o.disposition, want)
			}
		}
		now = now.Add(transactionFor + time.Second)
	}
}

// TestReplay believes a signature only where it was first seen.
func TestReplay(t *testing.T) {
	h := knowing(AuthOff, "cpe1", "secret")
	for _, c := range []struct {
		n      int
		source netip.AddrPort
		want   disposition
	}{
		{1, primaryAddr, verified},
		{1, primaryAddr, verified},
		{1, secondaryAddr, replayed},
		{1, netip.MustParseAddrPort("192.0.2.9:34512"), replayed},
		{1, primaryAddr, verified},
		{2, secondaryAddr, verified},
		{2, primaryAddr, replayed},
	} {
		o := run(h, signedNth(c.n, "secret", changeAttr), oneAddress, c.source, clock)
		if o.disposition != c.want || !o.sighted || o.sighting.Verified != (c.want == verified) {
			t.Errorf("%d from %v: %v, verified %v", c.n, c.source, o.disposition, o.sighting.Verified)
		}
		assertSignedAs(t, o.reply, "secret", withIntegrity)
	}
}

// TestUnsignedTail ignores what an attacker appends to a signed request.
func TestUnsignedTail(t *testing.T) {
	p := request(classicID, attribute(attrUsername, "cpe1"))
	packet := signed(p, "secret", len(p)+4, false)
	packet = append(packet, bindingAttr...)
	packet = append(packet, addressAttr(attrResponseAddress, secondaryAddr.String())...)
	packet = append(packet, changeRequest(6)...)
	setLength(packet, 0)
	o := run(knowing(AuthOff, "cpe1", "secret"), packet, fourSockets, primaryAddr, clock)
	if o.disposition != verified || o.sighted || o.destination != primaryAddr || o.from != ownSocket {
		t.Errorf("%v to %v from %d, sighted %v", o.disposition, o.destination, o.from, o.sighted)
	}
}
