package connreq

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type udpVectors struct {
	Requests []struct {
		Desc, Authority, UN, CN, Password, Sig string
		TS                                     int64
		ID                                     uint32
		Golden                                 string `json:"golden_datagram_hex"`
	} `json:"udp_connection_request"`
	Negative []struct{ Desc, Text, Key, Sig, TS, ID, UN, CN string }
}

func readVectors(t *testing.T) (v udpVectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/udp_connection_request.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Requests) != 9 || len(v.Negative) != 4 {
		t.Fatalf("%d and %d vectors, want 9 and 4", len(v.Requests), len(v.Negative))
	}
	return v
}

func TestS31_DatagramsAreGolden(t *testing.T) {
	for _, v := range readVectors(t).Requests {
		want, err := hex.DecodeString(v.Golden)
		if err != nil {
			t.Fatal(err)
		}
		f := fields{authority: v.Authority, ts: v.TS, id: v.ID, un: v.UN, cn: v.CN}
		got := f.datagram(v.Password)
		if string(got) != string(want) {
			t.Errorf("%s:\n got %q\nwant %q", v.Desc, got, want)
		}
		f.slash = true
		slash := strings.Replace(string(want), "?ts=", "/?ts=", 1)
		if got := f.datagram(v.Password); string(got) != slash {
			t.Errorf("%s, with a slash:\n got %q\nwant %q", v.Desc, got, slash)
		}
	}
}

func TestS35_WrongSignaturesAreNotOurs(t *testing.T) {
	v := readVectors(t)
	right := v.Requests[0].Sig
	for _, n := range v.Negative[:3] {
		mac := hmac.New(sha1.New, []byte(n.Key))
		mac.Write([]byte(n.Text))
		if sum := strings.ToUpper(hex.EncodeToString(mac.Sum(nil))); sum != n.Sig || sum == right {
			t.Errorf("%s: %s", n.Desc, sum)
		}
	}
}

func TestEscapeLeavesWhatCPEsCompareRaw(t *testing.T) {
	for in, want := range map[string]string{
		"00D09E-0123456789AB": "00D09E-0123456789AB",
		"a@b:c_d.e~f":         "a@b:c_d.e~f",
		"a b+c&d=e#f%g/h?i;j": "a%20b%2Bc%26d%3De%23f%25g%2Fh%3Fi%3Bj",
		"é\x00\"":             "%C3%A9%00%22",
		"":                    "",
	} {
		got := escape(in)
		if got != want {
			t.Errorf("escape(%q) = %q, want %q", in, got, want)
		}
		if back, err := url.QueryUnescape(got); err != nil || back != in {
			t.Errorf("escape(%q) reads back as %q, %v", in, back, err)
		}
	}
}

func TestUDPCheck(t *testing.T) {
	good := Target{
		Local: netip.MustParseAddrPort("192.0.2.1:3478"), Remote: netip.MustParseAddrPort("198.51.100.7:1024"),
		Logins: []Login{{"user", "secret"}},
	}
	for name, c := range map[string]struct {
		change     func(*Target)
		to, reason string // reason: a part of it
	}{
		"usable":          {func(*Target) {}, "198.51.100.7:1024", ""},
		"S-43 IPv6":       {func(t *Target) { t.Remote = netip.MustParseAddrPort("[2001:db8::5]:80") }, "[2001:db8::5]:80", ""},
		"mapped IPv4":     {func(t *Target) { t.Remote = netip.MustParseAddrPort("[::ffff:198.51.100.7]:9") }, "198.51.100.7:9", ""},
		"no binding":      {func(t *Target) { t.Remote, t.NoBinding = netip.AddrPort{}, "no STUN packet" }, "", "no STUN packet"},
		"nothing said":    {func(t *Target) { t.Remote = netip.AddrPort{} }, "", "no binding"},
		"no login":        {func(t *Target) { t.Logins = nil }, "198.51.100.7:1024", "not known"},
		"63 bytes":        {func(t *Target) { t.Logins[0].Username = strings.Repeat("u", 63) }, "198.51.100.7:1024", ""},
		"S-35 64 bytes":   {func(t *Target) { t.Logins[0].Username = strings.Repeat("u", 64) }, "198.51.100.7:1024", "64 bytes"},
		"22 times a star": {func(t *Target) { t.Logins[0].Username = strings.Repeat("/", 22) }, "198.51.100.7:1024", "66 bytes"},
		"too long": {func(t *Target) {
			t.Logins[0].Username = strings.Repeat("u", 63)
			t.Remote = netip.MustParseAddrPort("[2001:db8:1111:2222:3333:4444:5555:6666]:65535")
		}, "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", "want at most 255"},
		"own socket": {func(t *Target) { t.Remote = t.Local }, "", "own socket"},
	} {
		target := good
		target.Logins = []Login{good.Logins[0]}
		c.change(&target)
		to, reason := (&udp{}).Check(&target)
		if to != c.to || (reason == "") != (c.reason == "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %q, %q; want %q, %q", name, to, reason, c.to, c.reason)
		}
	}
}

// What Check lets through fits, whatever the clock says.
func TestS31_LargestDatagramFits(t *testing.T) {
	target := Target{
		Remote: netip.MustParseAddrPort("255.255.255.255:65535"), Slash: true,
		Logins: []Login{{strings.Repeat("u", 63), ""}},
	}
	if reason := checkSize(authority(target.Remote), true, target.Logins[0].Username); reason != "" {
		t.Fatal(reason)
	}
	f := fields{authority: authority(target.Remote), slash: true, ts: 9_999_999_999_999, id: idModulus - 1, un: target.Logins[0].Username, cn: newCN()}
	if n := len(f.datagram("")); n > 255 {
		t.Errorf("%d bytes", n)
	}
}

func TestS36_CopiesAreTheSameBytes(t *testing.T) {
	var sent []string
	m, err := newMetrics(&Service{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	u := &udp{metrics: m, now: time.Now, send: func(local, to netip.AddrPort, payload []byte) error {
		sent = append(sent, local.String()+" "+to.String()+" "+string(payload))
		return nil
	}}
	j := &Job{seq: 1795000000, Target: Target{
		Local: netip.MustParseAddrPort("192.0.2.1:3478"), Remote: netip.MustParseAddrPort("198.51.100.7:1024"),
		Logins: []Login{{"first", "secret"}, {"second", "other"}},
	}}
	j.to, _ = u.Check(&j.Target)
	for range 3 {
		if err := u.Send(context.Background(), j); err != nil {
			t.Fatal(err)
		}
	}
	form := regexp.MustCompile(`^192\.0\.2\.1:3478 198\.51\.100\.7:1024 GET http://198\.51\.100\.7:1024\?ts=1795000000&id=\d+&un=first&cn=[A-Z0-9]{16}&sig=[0-9A-F]{40} HTTP/1\.1\r\nHost: 198\.51\.100\.7:1024\r\n\r\n$`)
	if sent[0] != sent[1] || sent[1] != sent[2] || !form.MatchString(sent[0]) || j.sent.Load() != 3 {
		t.Errorf("sent %q", sent)
	}
	if first, second := newCN(), newCN(); first == second {
		t.Error("cn comes twice")
	}
}

// TestUDP_CountedAsItLeaves: a CPE nearby has come before the call that sends is
// over, and its datagram counts; one that cannot be sent does not.
func TestUDP_CountedAsItLeaves(t *testing.T) {
	m, err := newMetrics(&Service{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	j := &Job{seq: 1795000000, Target: Target{Remote: netip.MustParseAddrPort("198.51.100.7:1024"), Logins: []Login{{"first", "secret"}}}}
	var failure error
	u := &udp{metrics: m, now: time.Now, send: func(netip.AddrPort, netip.AddrPort, []byte) error {
		if n := j.sent.Load(); n != 1 {
			t.Errorf("while it is being sent %d are counted", n)
		}
		return failure
	}}
	j.to, _ = u.Check(&j.Target)
	failure = errors.New("no route")
	if err := u.Send(t.Context(), j); !errors.Is(err, failure) || j.sent.Load() != 0 {
		t.Errorf("%v, %d are counted", err, j.sent.Load())
	}
	failure = nil
	if err := u.Send(t.Context(), j); err != nil || j.sent.Load() != 1 {
		t.Errorf("%v, %d are counted", err, j.sent.Load())
	}
}
