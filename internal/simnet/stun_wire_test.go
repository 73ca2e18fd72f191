package simnet

import (
	"encoding/hex"
	"net/netip"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func profile(t *testing.T, name string) STUNProfile {
	t.Helper()
	p, ok := STUNProfileNamed(name)
	if !ok {
		t.Fatalf("no STUN profile %q", name)
	}
	return p
}

// TestProfilesSendWhatRealClientsSend compares requests with packets of
// tr069agent and icwmp that were captured.
func TestProfilesSendWhatRealClientsSend(t *testing.T) {
	for _, test := range []struct {
		name, profile string
		t             transaction
		want          string
	}{
		{"keep-alive", "tr069agent", transaction{binding: true}, "000100207363d4786e8dc3448ad54130bbf1ed680006000474657374c001001464736c666f72756d2e6f72672f54522d31313120"},
		{"signed", "tr069agent", transaction{binding: true, change: true, signed: true}, "0001003c6ca6003cf4ac713da8d9a47ed34d183a0006000474657374c001001464736c666f72756d2e6f72672f54522d31313120c002000000080014c910f36a65f9845857a9100caf851d287c90ed41"},
		{"change", "tr069agent", transaction{binding: true, change: true}, "00010024f0d7585fe44f795ba28b4a219692f74a0006000474657374c001001464736c666f72756d2e6f72672f54522d31313120c0020000"},
		{"discovery", "tr069agent", transaction{respond: netip.MustParseAddrPort("127.0.0.1:21721")}, "0001000cd1f91c14a4a5606f70efb56bc4ec392c00020008000154d97f000001"},
		{"signed", "icwmp", transaction{binding: true, signed: true}, "00010038b70a3a5f515b0b184972295edebac3340006000474657374c001001464736c666f72756d2e6f72672f54522d31313120000800149da74c0ddaad217d33b19759cf0456697bc425e8"},
		{"signed change", "icwmp", transaction{binding: true, change: true, signed: true}, "0001003cc0bdd66f40abab3fd142b8590912fb0e0006000474657374c001001464736c666f72756d2e6f72672f54522d31313120c002000000080014ae122896cd2a203ec2e7bef4a80263996eb16a90"},
	} {
		t.Run(test.profile+" "+test.name, func(t *testing.T) {
			want := unhex(t, test.want)
			c := &STUNClient{cfg: STUNConfig{Profile: profile(t, test.profile), Username: "test", Password: "1234"}}
			test.t.id = [16]byte(want[4:20])
			if got := hex.EncodeToString(c.request(&test.t)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestS08_UsernamePadding(t *testing.T) {
	for _, test := range []struct {
		pad  STUNPadding
		want string
	}{
		{PadSpaces, "tr069_stun  "},
		{PadNULs, "tr069_stun\x00\x00"},
		{PadMemory, "tr069_stun\x00x"},
		{PadFixed, "tr069_stun" + string(make([]byte, 22))},
		{PadOutside, "tr069_stun"},
	} {
		if got := string(test.pad.pad("tr069_stun")); got != test.want {
			t.Errorf("padding %d: %q, want %q", test.pad, got, test.want)
		}
	}
}

// TestS07_Integrity signs the text of vectors whose MACs are known.
func TestS07_Integrity(t *testing.T) {
	const unsigned = "00010028deadbeef5ca1ab1e0badf00dcafed00d0006000c74723036395f7374756e2020c001001464736c666f72756d2e6f72672f54522d31313120"
	for _, test := range []struct {
		c    STUNIntegrity
		want string
	}{
		{IntegrityPadded, "b1a92f03160444fa194038cd746cf8c84ab69e0d"},
		{IntegrityExact, "d92d76d7a213b339c0935933a241f6add15cedbb"},
		{IntegrityBefore, "761716bf73f9438d3fadd0925fe7b52a79f74a29"},
		{IntegrityZero, "6c69a30952692a41ed1dddfac236104ad72f4855"},
		{IntegritySwapped, "032fa9b1fa440416cd384019c8f86c740d9eb64a"},
	} {
		signed := finishSTUN(test.c.sign(unhex(t, unsigned), "tr069_stun_pw"))
		if got := hex.EncodeToString(signed[len(signed)-20:]); got != test.want {
			t.Errorf("%s: %s, want %s", test.c.Name, got, test.want)
		}
		if test.c.Swapped {
			continue // nobody can read its length
		}
		m, err := parseSTUN(signed, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range stunConventionSet {
			if got := other.verify(m, "tr069_stun_pw"); got != (other == test.c) {
				t.Errorf("signed %s, verified %s: %v", test.c.Name, other.Name, got)
			}
		}
		if test.c.verify(m, "another") {
			t.Errorf("%s: verified with another key", test.c.Name)
		}
	}
}

func TestParseSTUNRefusesWhatIsNotSTUN(t *testing.T) {
	for _, bad := range []string{
		"00010018000102030405060708090a0b0c0d0e0f",
		"00010004000102030405060708090a0b0c0d0e0f00060040",
		"00010000000102030405060708090a0b0c0d0e",
		"c0010000000102030405060708090a0b0c0d0e0f",
		"00010002000102030405060708090a0b0c0d0e0f0006",
	} {
		if _, err := parseSTUN(unhex(t, bad), false); err == nil {
			t.Errorf("%s was parsed", bad)
		}
	}
}

// Replies to a request deadbeef..., mapped 198.51.100.23:34512.
const (
	goldenReply  = "01010024deadbeef5ca1ab1e0badf00dcafed00d00010008000186d0c63364170004000800010d96cb0071010005000800010d96cb007101"
	reflected    = "01010030deadbeef5ca1ab1e0badf00dcafed00d0001000800019c41c63364170004000800010d96cb0071010005000800010d96cb007101000b000800019c41c6336417"
	mappedLast   = "01010024deadbeef5ca1ab1e0badf00dcafed00d0004000800010d96cb0071010005000800010d96cb00710100010008000186d0c6336417"
	mappedAlone  = "0101000cdeadbeef5ca1ab1e0badf00dcafed00d00010008000186d0c6336417"
	withXOR      = "01010030deadbeef5ca1ab1e0badf00dcafed00d00010008000186d0c63364170004000800010d96cb0071010005000800010d96cb00710100200008000158 7d189edaf8"
	withOldXOR   = "01010030deadbeef5ca1ab1e0badf00dcafed00d00010008000100000000000000040008000 10d96cb0071010005000800010d96cb007101802000080001587d189edaf8"
	paddedReply  = "0101002cdeadbeef5ca1ab1e0badf00dcafed00d80220001780000000001000800 0186d0c63364170004000800010d96cb0071010005000800010d96cb007101"
	signedPadded = "0101003cdeadbeef5ca1ab1e0badf00dcafed00d00010008000186d0c63364170004000800010d96cb0071010005000800010d96cb00710100080014f6e923a5ff034f110b0ef804a44a81f4a759b442"
	signedExact  = "0101003cdeadbeef5ca1ab1e0badf00dcafed00d00010008000186d0c63364170004000800010d96cb0071010005000800010d96cb00710100080014e0844de906546d300b66098b48bc08641ee799f4"
	challenge401 = "01110014deadbeef5ca1ab1e0badf00dcafed00d0009001000000401556e617574686f72697a6564"
	anotherID    = "0101000cdeadbeef5ca1ab1e0badf00dcafed00e00010008000186d0c6336417"
)

// TestS03_WhoReadsWhichReply is the table of what clients make of replies.
func TestS03_WhoReadsWhichReply(t *testing.T) {
	all := map[string]bool{}
	for _, p := range STUNProfiles() {
		all[p.Name] = true
	}
	but := func(names ...string) map[string]bool {
		m := map[string]bool{}
		for name := range all {
			m[name] = true
		}
		for _, name := range names {
			delete(m, name)
		}
		return m
	}
	const id = "deadbeef5ca1ab1e0badf00dcafed00d"
	for _, test := range []struct {
		name, reply string
		key         string
		readBy      map[string]bool
	}{
		{"the golden reply", goldenReply, "", but()},
		{"with REFLECTED-FROM", reflected, "", but()},
		{"MAPPED-ADDRESS last", mappedLast, "", but("works")},
		{"MAPPED-ADDRESS alone", mappedAlone, "", but("tr069agent", "huawei")},
		{"S-22: with 0x0020", withXOR, "", but("tr069agent")},
		{"padding between attributes", paddedReply, "", but("works", "cwmpc", "tr069agent")},
		{"of another request", anotherID, "", map[string]bool{}},
		{"signed as RFC 3489, request signed", signedPadded, "tr069_stun_pw", but("tr069agent", "rdkb")},
		{"signed as RFC 5389, request signed", signedExact, "tr069_stun_pw", map[string]bool{"tr069agent": true, "tecom": true}},
		{"unsigned, request signed", goldenReply, "tr069_stun_pw", map[string]bool{"tecom": true}},
		{"401", challenge401, "", but("tecom")},
	} {
		raw := unhexSpaced(t, test.reply)
		for _, p := range STUNProfiles() {
			got, err := p.read(raw, [16]byte(unhex(t, id)), test.key)
			if (err == nil) != test.readBy[p.Name] {
				t.Errorf("%s, read by %s: %v, want %v (%v)", test.name, p.Name, err == nil, test.readBy[p.Name], err)
			}
			if err == nil && test.reply == goldenReply && got.mapped.String() != "198.51.100.23:34512" {
				t.Errorf("%s sees itself as %v", p.Name, got.mapped)
			}
		}
	}
}

// TestS04_OldXORUnderTheOwnID shows why 0x8020 must not be under the cookie.
func TestS04_OldXORUnderTheOwnID(t *testing.T) {
	p := profile(t, "rdkb")
	raw := unhexSpaced(t, withOldXOR)
	got, err := p.read(raw, [16]byte(raw[4:20]), "")
	if err != nil || got.mapped.String() != "198.51.100.23:34512" {
		t.Errorf("mapped %v, %v", got.mapped, err)
	}
}

func unhexSpaced(t *testing.T, s string) []byte {
	t.Helper()
	var b []byte
	for i := range len(s) {
		if s[i] != ' ' {
			b = append(b, s[i])
		}
	}
	return unhex(t, string(b))
}

// FuzzSTUNReply feeds clients with replies: none may panic, and what one
// accepts must be a message that the plain reading of RFC 3489 accepts too.
func FuzzSTUNReply(f *testing.F) {
	for _, seed := range []string{goldenReply, reflected, mappedAlone, signedPadded, challenge401} {
		raw, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	profiles := STUNProfiles()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) < stunHeader {
			return
		}
		for _, p := range profiles {
			reply, err := p.read(raw, [16]byte(raw[4:20]), "")
			if err == nil && reply.code == 0 && !reply.mapped.IsValid() {
				t.Fatalf("%s: no error and no address", p.Name)
			}
			if _, plain := parseSTUN(raw, p.Reply.Aligned); err == nil && plain != nil {
				t.Fatalf("%s accepts what is no message: %v", p.Name, plain)
			}
		}
	})
}
