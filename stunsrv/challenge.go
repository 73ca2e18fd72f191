package stunsrv

import (
	"net/netip"
	"time"
)

const (
	// maxChallenges is how many transactions of one user at one IP address are
	// challenged in a row before it is taken for a client that cannot sign.
	maxChallenges = 3
	// excuseFor is how long such a client is let through unsigned.
	excuseFor = 24 * time.Hour
	// transactionFor is a little longer than a client tries for (RFC 3489 9.3:
	// 9.5 s), after which the same transaction id is a new attempt: icwmp has one
	// id for as long as it runs.
	transactionFor = 10 * time.Second

	// How many of each are remembered, at 16 bytes each.
	rememberChallenges  = 1 << 16
	rememberSignatures  = 1 << 17
	rememberConventions = 1 << 16
)

// guard decides who must sign, and whether who signed is believed.
//
// TR-111 has no nonce, so that a signed packet that was overheard is good
// forever. The guard remembers where it first saw each of the last 131072
// signatures and does not believe one that comes from elsewhere. The limits: who
// sends a copy before the original arrives wins; an old packet can be replayed
// once 131072 others were believed since, or after a restart; and a client that
// repeats its transaction id behind a NAT that changed its mapping, as icwmp
// does, looks like a replay. So what is not verified must be corroborated, not
// thrown away.
type guard struct {
	policy         string
	password       func(username []byte) ([]byte, bool)
	neverChallenge func(username []byte) bool

	challenges  *recall // user and IP address: how often, and for which transaction
	signatures  *recall // user and signature: where it was first seen
	conventions *recall // user: the convention that it signs in
}

func newGuard(cfg Config, deps Deps) *guard {
	g := &guard{policy: cfg.Authentication, password: deps.Password, neverChallenge: deps.NeverChallenge}
	if g.password == nil {
		g.policy = AuthOff
		return g
	}
	g.signatures = newRecall(rememberSignatures)
	g.conventions = newRecall(rememberConventions)
	if g.policy != AuthOff {
		g.challenges = newRecall(rememberChallenges)
	}
	return g
}

// verdict is what the guard makes of a request.
type verdict struct {
	refusal  disposition // answered: there is none
	verified bool        // the signature is right and was not first seen elsewhere
	replayed bool        // the signature is right but was first seen elsewhere
	// With key the reply must be signed, in this convention.
	key        []byte
	convention convention
}

// judge applies the authentication policy. It costs nothing where there is no
// signature and none is wanted. A signature that is wrong is an error only where
// signing is the policy: without, the answer matters more (quirks S-05, S-06).
func (g *guard) judge(m *message, source netip.AddrPort, now time.Time) verdict {
	if m.integrity == 0 {
		if g.wantsSignature(m) && !g.excused(m, source, now) {
			return verdict{refusal: challenged}
		}
		return verdict{}
	}
	if g.password == nil {
		return verdict{}
	}
	v := g.check(m, source, now)
	if v.refusal != answered && !g.enforces(m) {
		return verdict{}
	}
	return v
}

// enforces tells that m must not carry a wrong signature.
func (g *guard) enforces(m *message) bool {
	return g.policy != AuthOff && m.binding && (g.neverChallenge == nil || !g.neverChallenge(m.username))
}

// wantsSignature tells that m must carry a signature. Challenged keep-alives make
// tr069agent report its address as lost and back again, so that on-change is the
// mode to choose (quirk S-21). A user whose password is not known could sign as he
// likes and not be verified; he may also be of a model that a challenge breaks and
// that is only known after its first session (quirk S-06).
func (g *guard) wantsSignature(m *message) bool {
	if g.policy != AuthAlways && !(g.policy == AuthOnChange && m.change) || !g.enforces(m) {
		return false
	}
	if len(m.username) == 0 {
		return true
	}
	_, known := g.password(m.username)
	return known
}

// check judges a signed request (RFC 3489 8.1).
func (g *guard) check(m *message, source netip.AddrPort, now time.Time) verdict {
	if len(m.username) == 0 {
		return verdict{refusal: nameless}
	}
	key, ok := g.password(m.username)
	if !ok || len(key) == 0 { // anybody can sign with an empty key
		return verdict{refusal: unknownUser}
	}
	c, ok := verify(m, key)
	if !ok {
		return verdict{refusal: badSignature}
	}
	v := verdict{key: key, convention: g.settle(m, c, now)}
	v.replayed = g.seenElsewhere(m, source, now)
	v.verified = !v.replayed
	if v.verified && g.challenges != nil {
		g.challenges.update(g.challengeKey(m, source), now, func(uint32, time.Duration) uint32 { return 0 })
	}
	return v
}

// settle returns the convention to answer in. Where the request does not show
// whether its sender fills up the text, what was seen of that user counts; else
// who fills up USERNAME with spaces fills up the text too (quirk S-08: icwmp and
// its kin), and nobody else does.
func (g *guard) settle(m *message, c convention, now time.Time) convention {
	unsure := ambiguous(m)
	g.conventions.update(g.conventions.key(m.username, nil, netip.AddrPort{}), now,
		func(value uint32, _ time.Duration) uint32 {
			switch {
			case !unsure:
				return uint32(c) + 1
			case value != 0 && convention(value-1)&^padded == c&^padded:
				c = convention(value - 1)
			case m.spaced:
				c |= padded
			}
			return value
		})
	return c
}

// seenElsewhere tells whether the signature of m was first seen from another
// address, and remembers where it was seen if not.
func (g *guard) seenElsewhere(m *message, source netip.AddrPort, now time.Time) bool {
	here := uint32(g.signatures.key(nil, nil, source)>>32) | 1
	elsewhere := false
	signature := m.raw[m.integrity+attrHeaderSize:][:integritySize-attrHeaderSize]
	g.signatures.update(g.signatures.key(m.username, signature, netip.AddrPort{}), now,
		func(value uint32, _ time.Duration) uint32 {
			if value == 0 {
				return here
			}
			elsewhere = value != here
			return value
		})
	return elsewhere
}

func (g *guard) challengeKey(m *message, source netip.AddrPort) uint64 {
	return g.challenges.key(m.username, nil, netip.AddrPortFrom(source.Addr(), 0))
}

// excused tells whether the sender of an unsigned request has shown that it
// cannot sign, and counts the request if not. All copies of a request have the
// same answer (quirk S-15).
func (g *guard) excused(m *message, source netip.AddrPort, now time.Time) bool {
	// The value is the number of challenges in the two lowest bits, and above a
	// hash of the last one's transaction id.
	transaction := uint32(g.challenges.key(nil, m.raw[4:headerSize], netip.AddrPort{})>>32) &^ 3
	excused := false
	g.challenges.update(g.challengeKey(m, source), now, func(value uint32, age time.Duration) uint32 {
		n := value & 3
		switch {
		case n > 0 && value&^3 == transaction && age <= transactionFor:
			return value
		case n == 0 || age > excuseFor:
			return transaction | 1
		case n < maxChallenges:
			return transaction | (n + 1)
		}
		excused = true
		return value
	})
	return excused
}
