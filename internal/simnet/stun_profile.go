package simnet

import (
	"slices"
	"time"
)

// STUNProfile is the STUN side of one real CPE software: what it sends, what
// it accepts in a reply, and which UDP Connection Requests it takes, with its
// bugs. Where nothing is known of a client it keeps to TR-111.
type STUNProfile struct {
	Name, Summary string

	ID        STUNID
	Pad       STUNPadding   // of USERNAME
	Integrity STUNIntegrity // after a 401
	// BindingFirst puts CONNECTION-REQUEST-BINDING before USERNAME.
	BindingFirst bool
	// ShortText leaves the space off the end of CONNECTION-REQUEST-BINDING (S-09).
	ShortText bool
	// Extra sends the optional attributes 0xC800 and 0xC801 (S-09).
	Extra bool
	// ChangeWithAddress puts RESPONSE-ADDRESS into packets with BINDING-CHANGE.
	ChangeWithAddress bool
	// StickyChange never takes BINDING-CHANGE back once it was sent.
	StickyChange bool

	// ForgetsChallenged reports no address while a keep-alive is challenged (S-21).
	ForgetsChallenged bool

	Reply   STUNReplyRules
	Request RequestRules

	// Retransmits are the times of the copies of a request after the first, from
	// its start; GiveUp is when the client does.
	Retransmits []time.Duration
	GiveUp      time.Duration
	// RetryAfter is how long it then waits.
	RetryAfter time.Duration
	// SpareSockets makes timeout discovery use two sockets of its own instead of
	// the primary port (S-20); Step is by how much it raises the period.
	SpareSockets bool
	Step         time.Duration
}

// STUNID is how a client makes its transaction ids.
type STUNID uint8

// The ways.
const (
	IDRandom       STUNID = iota
	IDDigits              // ASCII digits of the clock and a random number (S-01)
	IDKept                // the same in all requests of a socket
	IDFresh               // another one in each copy of a request
	IDWithoutMagic        // begins with 01 01 in place of the magic cookie
)

// STUNPadding is how a client brings USERNAME to a multiple of four bytes, S-08.
type STUNPadding uint8

// The ways.
const (
	PadSpaces  STUNPadding = iota // counted in the length
	PadNULs                       // counted in the length
	PadMemory                     // a NUL and whatever follows it in memory
	PadFixed                      // NULs up to 32 bytes
	PadOutside                    // not counted in the length, as RFC 5389 has it
)

// classicRetransmits are those of RFC 3489 9.3.
var classicRetransmits = milliseconds(100, 300, 700, 1500, 3100, 4700, 6300, 7900)

func milliseconds(ms ...int) []time.Duration {
	list := make([]time.Duration, len(ms))
	for i, n := range ms {
		list[i] = time.Duration(n) * time.Millisecond
	}
	return list
}

// STUNProfiles returns the known clients. The sources are those of quirks.md
// part 3; the first one keeps to the standard in everything.
func STUNProfiles() []STUNProfile {
	return []STUNProfile{
		{
			Name: "standard", Summary: "keeps to TR-111 and RFC 3489",
			Integrity: IntegrityPadded, Reply: STUNReplyRules{Signed: true},
			Request: RequestRules{form: parseAnyOrder, rules: strictRules},
		},
		{
			Name: "works", Summary: "Works Systems agent",
			ID: IDDigits, Pad: PadNULs, Integrity: IntegrityPadded, BindingFirst: true,
			Reply:   STUNReplyRules{Max: 128, MappedFirst: true, ErrorFirst: true, Signed: true},
			Request: RequestRules{form: parseWorks, max: 255, rules: worksRules, window: 30 * time.Second},
			Step:    10 * time.Second,
		},
		{
			Name: "cwmpc", Summary: "CWMPc",
			Integrity: IntegrityPadded, RetryAfter: 5 * time.Minute,
			Reply:   STUNReplyRules{ErrorFirst: true, Aligned: true, Signed: true},
			Request: RequestRules{form: parseCWMPc, rules: cwmpcRules},
		},
		{
			Name: "icwmp", Summary: "icwmp_stund and stunc (PIVA, iopsys)",
			ID: IDKept, Integrity: IntegrityPadded, StickyChange: true,
			Reply:       STUNReplyRules{Signed: true},
			Request:     RequestRules{form: parseICWMP, rules: icwmpRules, unguarded: true},
			Retransmits: milliseconds(3000, 6000), GiveUp: 9 * time.Second, RetryAfter: time.Second,
		},
		{
			Name: "rdkb", Summary: "RDK-B CCSP",
			Pad: PadMemory, Integrity: IntegrityZero,
			Reply:      STUNReplyRules{Max: 256, OldXOR: true, NeverSigned: true},
			Request:    RequestRules{form: parseRDKB, min: 40, max: 256, rules: rdkbRules},
			RetryAfter: 30 * time.Second,
		},
		{
			Name: "tr069agent", Summary: "Orange's generic agent",
			Pad: PadOutside, Integrity: IntegrityExact, SpareSockets: true, ForgetsChallenged: true,
			Reply:   STUNReplyRules{NeedAll: true, NeedReflected: true, NoUnknown: true, Aligned: true, Signed: true},
			Request: RequestRules{form: parseOrange, rules: orangeRules},
		},
		{
			Name: "tecom", Summary: "Tecom tcmagent",
			Integrity: IntegritySwapped, ChangeWithAddress: true,
			Reply:   STUNReplyRules{NoErrors: true},
			Request: RequestRules{form: parseAnyOrder, rules: strictRules},
		},
		{
			Name: "evcpe", Summary: "evcpe and an Android client",
			ID: IDFresh, Pad: PadFixed, Integrity: IntegrityPadded, ShortText: true, Extra: true,
			Reply:   STUNReplyRules{Max: 256, Signed: true},
			Request: RequestRules{form: parseAnyOrder, rules: strictRules},
		},
		{
			Name: "huawei", Summary: "Huawei ATP",
			Integrity: IntegrityPadded,
			Reply:     STUNReplyRules{NeedAll: true, Signed: true},
			Request:   RequestRules{form: parseAnyOrder, rules: strictRules},
		},
		{
			Name: "netdoop", Summary: "the client of netdoop",
			ID: IDWithoutMagic, Integrity: IntegrityPadded, Reply: STUNReplyRules{Signed: true},
			Request: RequestRules{form: parseAnyOrder, rules: strictRules},
		},
	}
}

// STUNProfileNamed returns a profile of STUNProfiles by its name.
func STUNProfileNamed(name string) (STUNProfile, bool) {
	all := STUNProfiles()
	i := slices.IndexFunc(all, func(p STUNProfile) bool { return p.Name == name })
	if i < 0 {
		return STUNProfile{}, false
	}
	return all[i], true
}

// setDefaults fills in the times of RFC 3489 9.3.
func (p *STUNProfile) setDefaults() {
	if p.Retransmits == nil {
		p.Retransmits = classicRetransmits
	}
	setDefault(&p.GiveUp, 9500*time.Millisecond)
	setDefault(&p.RetryAfter, 30*time.Second)
	setDefault(&p.Step, 10*time.Second)
}
