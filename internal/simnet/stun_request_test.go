package simnet

import (
	"crypto/hmac"
	"crypto/sha1"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const crUser, crPassword = "cruser", "crpass"

// crSign is the signature of a request.
func crSign(key string, parts ...string) string {
	h := hmac.New(sha1.New, []byte(key))
	h.Write([]byte(strings.Join(parts, "")))
	return fmt.Sprintf("%X", h.Sum(nil))
}

// crDatagram is a request in the golden form of protocol notes 4.6.
func crDatagram(ts, id string) string {
	const cn = "f9c42c656b55ba54"
	return fmt.Sprintf("GET http://192.0.2.7:7547?ts=%s&id=%s&un=%s&cn=%s&sig=%s HTTP/1.1\r\nHost: 192.0.2.7:7547\r\n\r\n",
		ts, id, crUser, cn, crSign(crPassword, ts, id, crUser, cn))
}

func ruleOf(err error) string {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused.Rule
	}
	return ""
}

// TestS31_GoldenFormServesAll: what the notes recommend wakes every client.
func TestS31_GoldenFormServesAll(t *testing.T) {
	for _, p := range STUNProfiles() {
		c := p.NewRequestChecker(crUser, crPassword)
		now := time.Unix(1_795_000_000, 0)
		for i := range 3 {
			ts := now.Add(time.Duration(i) * 31 * time.Second)
			d := crDatagram(fmt.Sprint(ts.Unix()), fmt.Sprint(1000+i))
			if err := c.Check([]byte(d), ts); err != nil {
				t.Errorf("%s refuses the golden form: %v", p.Name, err)
			}
			if err := c.Check([]byte(d), ts.Add(time.Second)); err == nil {
				t.Errorf("%s takes a copy for a new request", p.Name)
			}
		}
	}
}

// TestCapturedRequestOfGenieACS is one that real clients took.
func TestCapturedRequestOfGenieACS(t *testing.T) {
	const d = "GET http://127.0.0.1:26557?ts=1795229054&id=2812238097&un=cruser&cn=f9c42c656b55ba54&sig=a972402636853d18d7754a7636bf7afaa44b7619 HTTP/1.1\r\nHost: 127.0.0.1:26557\r\n\r\n"
	for _, p := range STUNProfiles() {
		want := ""
		if p.Name == "cwmpc" {
			want = RuleForm // 32 bits, quirk S-34
		}
		if err := p.NewRequestChecker(crUser, crPassword).Check([]byte(d), time.Unix(1795229054, 0)); ruleOf(err) != want {
			t.Errorf("%s: %v, want %q", p.Name, err, want)
		}
	}
}

// TestS44_WhoRefusesWhat sends each client a good request and then, a minute
// later, another one. The rules are the reasons why it is refused, "" if it is
// not.
func TestS44_WhoRefusesWhat(t *testing.T) {
	const ts, id, cn = "1795000060", "77", "0f1e2d3c4b5a6978"
	sig := crSign(crPassword, ts, id, crUser, cn)
	head := "GET http://192.0.2.7:7547"
	tail := " HTTP/1.1\r\nHost: 192.0.2.7:7547\r\n\r\n"
	args := func(ts, id, un, cn, sig string) string {
		return head + "?ts=" + ts + "&id=" + id + "&un=" + un + "&cn=" + cn + "&sig=" + sig + tail
	}
	signed := func(ts, id string) string { return args(ts, id, crUser, cn, crSign(crPassword, ts, id, crUser, cn)) }
	// The order is standard, works, cwmpc, icwmp, rdkb, tr069agent.
	names := []string{"standard", "works", "cwmpc", "icwmp", "rdkb", "tr069agent"}
	for _, test := range []struct {
		name, datagram string
		want           [6]string
	}{
		{"good", signed(ts, id), [6]string{}},
		{"lower case signature", args(ts, id, crUser, cn, strings.ToLower(sig)), [6]string{}},
		{"wrong signature", args(ts, id, crUser, cn, crSign("wrong", ts, id, crUser, cn)), [6]string{RuleSignature, RuleSignature, RuleSignature, RuleSignature, "", RuleSignature}},
		{"wrong second half of the signature", args(ts, id, crUser, cn, sig[:20]+strings.Repeat("0", 20)), [6]string{RuleSignature, RuleSignature, RuleSignature, RuleSignature, "", ""}},
		{"short signature", args(ts, id, crUser, cn, sig[:39]), [6]string{RuleSignature, RuleSignature, RuleSignature, RuleSignature, RuleSignature, ""}},
		{"user name of another", args(ts, id, "other", cn, crSign(crPassword, ts, id, "other", cn)), [6]string{RuleUsername, RuleUsername, RuleUsername, RuleUsername, RuleUsername, RuleUsername}},
		{"same ts, new id", signed("1795000000", id), [6]string{RuleTimestamp, RuleTimestamp, "", RuleTimestamp, "", ""}},
		{"older ts", signed("1794999999", id), [6]string{RuleTimestamp, RuleTimestamp, "", RuleTimestamp, RuleTimestamp, RuleTimestamp}},
		{"newer ts, same id", signed(ts, "1"), [6]string{RuleID, RuleID, "", RuleID, RuleCopy, RuleID}},
		{"milliseconds", signed("1795000060000", id), [6]string{"", "", RuleForm, RuleSignature, "", ""}},
		{"leading zero", signed(ts, "077"), [6]string{RuleForm, "", "", RuleSignature, "", RuleSignature}},
		{"hex id", signed(ts, "4d"), [6]string{RuleForm, "", "", RuleSignature, "", RuleSignature}},
		{"id first", head + "?id=" + id + "&ts=" + ts + "&un=" + crUser + "&cn=" + cn + "&sig=" + sig + tail, [6]string{"", "", "", "", "", RuleForm}},
		{"slash before the query", strings.Replace(signed(ts, id), "?", "/?", 1), [6]string{RuleForm, "", "", "", "", ""}},
		{"HTTP/1.0", strings.Replace(signed(ts, id), "HTTP/1.1", "HTTP/1.0", 1), [6]string{RuleForm, RuleForm, "", "", "", RuleForm}},
		{"relative URI", strings.Replace(signed(ts, id), "http://192.0.2.7:7547", "/", 1), [6]string{RuleForm, "", RuleForm, "", RuleForm, ""}},
		{"no line feed", strings.NewReplacer("\r", "", "\n", "").Replace(signed(ts, id)), [6]string{RuleForm, "", "", "", RuleForm, ""}},
		{"argument twice", strings.Replace(signed(ts, id), "&cn=", "&cn=x&cn=", 1), [6]string{RuleForm, RuleForm, "", RuleSignature, "", RuleForm}},
		{"more than 256 bytes", strings.Replace(signed(ts, id), "\r\n\r\n", "\r\nX: "+strings.Repeat("x", 150)+"\r\n\r\n", 1), [6]string{"", RuleLength, "", "", RuleLength, ""}},
		{"cn of 64 bytes", args(ts, id, crUser, strings.Repeat("c", 64), crSign(crPassword, ts, id, crUser, strings.Repeat("c", 64))), [6]string{"", "", "", RuleLength, "", ""}},
		{"id 0", signed(ts, "0"), [6]string{"", "", "", RuleID, "", ""}},
		{"no arguments", head + tail, [6]string{RuleForm, RuleForm, RuleForm, RuleForm, RuleForm, RuleForm}},
	} {
		for i, name := range names {
			p := profile(t, name)
			c := p.NewRequestChecker(crUser, crPassword)
			at := time.Unix(1_795_000_000, 0)
			if err := c.Check([]byte(crDatagram("1795000000", "1")), at); err != nil {
				t.Fatalf("%s: first request: %v", name, err)
			}
			err := c.Check([]byte(test.datagram), at.Add(time.Minute))
			if ruleOf(err) != test.want[i] {
				t.Errorf("%s, %s: %v, want %q", test.name, name, err, test.want[i])
			}
		}
	}
}

// TestS36_WindowIsPushedOut: a new request within 30 s is refused, and makes
// the wait longer.
func TestS36_WindowIsPushedOut(t *testing.T) {
	p := profile(t, "works")
	c := p.NewRequestChecker(crUser, crPassword)
	start := time.Unix(1_795_000_000, 0)
	for i, step := range []struct {
		after int
		want  string
	}{{0, ""}, {20, RuleRate}, {40, RuleRate}, {71, ""}} {
		d := crDatagram(fmt.Sprint(1_795_000_000+step.after), fmt.Sprint(i+1))
		if err := c.Check([]byte(d), start.Add(time.Duration(step.after)*time.Second)); ruleOf(err) != step.want {
			t.Errorf("after %d s: %v, want %q", step.after, err, step.want)
		}
	}
}

// TestS44_ForgedTimestampLocksICWMPOut: it keeps a ts before it knows whose it is.
func TestS44_ForgedTimestampLocksICWMPOut(t *testing.T) {
	for name, want := range map[string]string{"icwmp": RuleTimestamp, "standard": "", "works": ""} {
		p := profile(t, name)
		c := p.NewRequestChecker(crUser, crPassword)
		forged := strings.Replace(crDatagram("4000000000", "5"), "&sig=", "&sig=0", 1)
		if err := c.Check([]byte(forged), time.Unix(1, 0)); err == nil {
			t.Fatalf("%s takes a forged request", name)
		}
		if err := c.Check([]byte(crDatagram("1795000000", "6")), time.Unix(2, 0)); ruleOf(err) != want {
			t.Errorf("%s, after a forged one: %v, want %q", name, err, want)
		}
	}
}

// TestICWMPWithoutPasswordTakesAnything is its own rule.
func TestICWMPWithoutPasswordTakesAnything(t *testing.T) {
	p := profile(t, "icwmp")
	if err := p.NewRequestChecker("", "").Check([]byte(crDatagram("1795000000", "6")), time.Unix(2, 0)); err != nil {
		t.Error(err)
	}
}

// TestN4_AmbiguousConcatenation: ts and id that sign like others.
func TestN4_AmbiguousConcatenation(t *testing.T) {
	const d = "GET http://10.1.1.1:8080?ts=112067370&id=01234&un=CPE57689&cn=XTGRWIPC6D3IPXS3&sig=C01DFE6666916EE92211384C1E28D3B63EC18E66 HTTP/1.1\r\nHost: 10.1.1.1:8080\r\n\r\n"
	p := profile(t, "standard")
	if err := p.NewRequestChecker("CPE57689", "cpe-secret").Check([]byte(d), time.Unix(2, 0)); ruleOf(err) != RuleForm {
		t.Errorf("standard: %v", err)
	}
	p = profile(t, "works")
	if err := p.NewRequestChecker("CPE57689", "cpe-secret").Check([]byte(d), time.Unix(2, 0)); err != nil {
		t.Errorf("works checks the texts as they stand: %v", err)
	}
}

// FuzzConnectionRequest: no client panics, and what the strictest one takes, the
// others take too, but for what they are known not to take.
func FuzzConnectionRequest(f *testing.F) {
	f.Add(crDatagram("1795000000", "6"))
	f.Add("GET http://a?ts=1&id=2&un=cruser&cn=&sig= HTTP/1.1\r\n\r\n")
	profiles := STUNProfiles()
	f.Fuzz(func(t *testing.T, d string) {
		strict := ruleOf(profiles[0].NewRequestChecker(crUser, crPassword).Check([]byte(d), time.Unix(1, 0)))
		for _, p := range profiles {
			rule := ruleOf(p.NewRequestChecker(crUser, crPassword).Check([]byte(d), time.Unix(1, 0)))
			if strict == "" && (rule == RuleUsername || rule == RuleTimestamp) {
				t.Fatalf("%s refuses a valid request: %s", p.Name, rule)
			}
		}
	})
}
