package connreq

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// What GenieACS 1.2.16 sends, from its wire; the password is crpass.
const genieDatagram = "GET http://127.0.0.1:26557?ts=1795229054&id=2812238097&un=cruser&cn=f9c42c656b55ba54&sig=a972402636853d18d7754a7636bf7afaa44b7619 HTTP/1.1\r\nHost: 127.0.0.1:26557\r\n\r\n"

// The printed example of TR-111.
const tr111Query = "ts=1120673700&id=1234&un=CPE57689&cn=XTGRWIPC6D3IPXS3&sig=3545F7B5820D76A3DF45A3A509DA8D8C38F13512"

func sign(password, text string) string {
	mac := hmac.New(sha1.New, []byte(password))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestParseDatagram_GenieACS(t *testing.T) {
	d, err := ParseDatagram([]byte(genieDatagram))
	if err != nil {
		t.Fatal(err)
	}
	want := Datagram{
		Authority: "127.0.0.1:26557", Host: "127.0.0.1:26557",
		Query: "ts=1795229054&id=2812238097&un=cruser&cn=f9c42c656b55ba54&sig=a972402636853d18d7754a7636bf7afaa44b7619",
		TS:    1795229054, ID: 2812238097, UN: "cruser", CN: "f9c42c656b55ba54", Sig: "a972402636853d18d7754a7636bf7afaa44b7619",
		tsText: "1795229054", idText: "2812238097",
	}
	if d != want {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	if got := sign("crpass", d.Signed()); got != d.Sig {
		t.Errorf("signature over the parsed fields is %s, want %s", got, d.Sig)
	}
	if got := string(d.To(netip.MustParseAddrPort("127.0.0.1:26557"))); got != genieDatagram {
		t.Errorf("rebuilt %q", got)
	}
}

func TestS31_DatagramBecomesGolden(t *testing.T) {
	to := netip.MustParseAddrPort("198.51.100.7:1024")
	tests := []struct{ name, in, want string }{
		{
			"FreeACS: slash and milliseconds stay",
			"GET http://t.example.net:7551/?ts=1795229054123&id=7&un=u&cn=c&sig=" + strings.Repeat("A", 40) + " HTTP/1.1\r\nHost: t.example.net\r\n\r\n",
			"GET http://198.51.100.7:1024/?ts=1795229054123&id=7&un=u&cn=c&sig=" + strings.Repeat("A", 40) + " HTTP/1.1\r\nHost: 198.51.100.7:1024\r\n\r\n",
		},
		{
			"HTTP/1.0, further headers and no Host",
			"GET http://t.example.net?" + tr111Query + " HTTP/1.0\r\nUser-Agent: x\r\nContent-Length: 0\r\n\r\n",
			"GET http://198.51.100.7:1024?" + tr111Query + " HTTP/1.1\r\nHost: 198.51.100.7:1024\r\n\r\n",
		},
		{
			"bare LF",
			"GET http://t.example.net:1?" + tr111Query + " HTTP/1.1\nHost: t\n\n",
			"GET http://198.51.100.7:1024?" + tr111Query + " HTTP/1.1\r\nHost: 198.51.100.7:1024\r\n\r\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ParseDatagram([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(d.To(to)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	d, err := ParseDatagram([]byte(genieDatagram))
	if err != nil {
		t.Fatal(err)
	}
	six := netip.MustParseAddrPort("[2001:db8::1]:7547") // quirk S-43
	if got := string(d.To(six)); !strings.HasPrefix(got, "GET http://[2001:db8::1]:7547?ts=") || !strings.Contains(got, "\r\nHost: [2001:db8::1]:7547\r\n") {
		t.Errorf("IPv6: %q", got)
	}
}

func TestParseDatagram_Refusals(t *testing.T) {
	with := func(query string) string {
		return "GET http://h:1?" + query + " HTTP/1.1\r\nHost: h:1\r\n\r\n"
	}
	sig := strings.Repeat("0", 40)
	tests := []struct {
		name, in string
		want     Refusal
	}{
		{"empty", "", RefusedSize},
		{"short", "GET http://h:1?ts=1 HTTP/1.1\r\n\r\n", RefusedSize},
		{"oversized", with("ts=1&id=1&un=" + strings.Repeat("u", 500) + "&cn=c&sig=" + sig), RefusedSize},
		{"STUN", "\x00\x01\x00\x20" + strings.Repeat("\x00", 48), RefusedForm},
		{"POST", strings.Replace(genieDatagram, "GET", "POST", 1), RefusedForm},
		{"https", strings.Replace(genieDatagram, "http:", "https:", 1), RefusedForm},
		{"path", strings.Replace(genieDatagram, "?", "/tr069?", 1), RefusedForm},
		{"relative", strings.Replace(genieDatagram, "http://127.0.0.1:26557", "/", 1), RefusedForm},
		{"no authority", strings.Replace(genieDatagram, "127.0.0.1:26557?", "?", 1), RefusedForm},
		{"user info", strings.Replace(genieDatagram, "http://", "http://a@", 1), RefusedForm},
		{"version", strings.Replace(genieDatagram, "HTTP/1.1", "HTTP/2.0", 1), RefusedForm},
		{"space in target", strings.Replace(genieDatagram, "cruser", "cr user", 1), RefusedForm},
		{"control character", strings.Replace(genieDatagram, "cruser", "cr\x00user", 1), RefusedForm},
		{"fragment", strings.Replace(genieDatagram, "cruser", "cr#user", 1), RefusedForm},
		{"no end of headers", strings.TrimSuffix(genieDatagram, "\r\n"), RefusedForm},
		{"body", genieDatagram + "x", RefusedForm},
		{"content length", strings.Replace(genieDatagram, "Host: ", "Content-Length: 5\r\nHost: ", 1), RefusedForm},
		{"two hosts", strings.Replace(genieDatagram, "\r\n\r\n", "\r\nHost: b\r\n\r\n", 1), RefusedForm},
		{"no header", strings.Replace(genieDatagram, "Host: ", "Host ", 1), RefusedForm},
		{"no parameters", with(strings.Repeat("x", 40)), RefusedParameter},
		{"missing", with("ts=1&id=1&un=u&sig=" + sig), RefusedParameter},
		{"twice", with("ts=1&id=1&un=u&cn=c&cn=c&sig=" + sig), RefusedParameter},
		{"further", with("ts=1&id=1&un=u&cn=c&sig=" + sig + "&x=1"), RefusedParameter},
		{"S-44 zero-led id", with("ts=1&id=01&un=u&cn=c&sig=" + sig), RefusedParameter},
		{"S-44 hex id", with("ts=1&id=0x1&un=u&cn=c&sig=" + sig), RefusedParameter},
		{"S-34 id of 33 bits", with("ts=1&id=4294967296&un=u&cn=c&sig=" + sig), RefusedParameter},
		{"id 0", with("ts=1&id=0&un=u&cn=c&sig=" + sig), RefusedParameter},
		{"sign", with("ts=+1&id=1&un=u&cn=c&sig=" + sig), RefusedParameter},
		{"ts with 14 digits", with("ts=10000000000000&id=1&un=u&cn=c&sig=" + sig), RefusedParameter},
		{"S-35 long un", with("ts=1&id=1&un=" + strings.Repeat("u", 64) + "&cn=c&sig=" + sig), RefusedParameter},
		{"S-35 long cn", with("ts=1&id=1&un=u&cn=" + strings.Repeat("c", 64) + "&sig=" + sig), RefusedParameter},
		{"S-35 short sig", with("ts=1&id=1&un=u&cn=c&sig=" + sig[1:]), RefusedParameter},
		{"sig of other letters", with("ts=1&id=1&un=u&cn=c&sig=" + sig[1:] + "g"), RefusedParameter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseDatagram([]byte(tt.in)); err != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// FuzzDatagram: what is parsed and rebuilt parses to the same, rebuilding changes
// no golden datagram, and the fields sign as they did.
func FuzzDatagram(f *testing.F) {
	f.Add(genieDatagram)
	f.Add("GET http://t.example.net:7551/?ts=1795229054123&id=7&un=&cn=c&sig=" + strings.Repeat("A", 40) + " HTTP/1.0\nX: y\n\n")
	f.Add("GET http://[::1]:7?sig=" + strings.Repeat("b", 40) + "&cn==&un=%41&id=1&ts=2 HTTP/1.1\r\nhost:x\r\n\r\n")
	to := netip.MustParseAddrPort("198.51.100.7:1024")
	f.Fuzz(func(t *testing.T, in string) {
		d, err := ParseDatagram([]byte(in))
		if err != nil {
			if d != (Datagram{}) {
				t.Errorf("refused, and yet %+v", d)
			}
			return
		}
		if !strings.Contains(in, "?"+d.Query+" HTTP/1.") {
			t.Errorf("query %q is not of the datagram", d.Query)
		}
		if want := fmt.Sprint(d.TS) + fmt.Sprint(d.ID) + d.UN + d.CN; d.Signed() != want {
			t.Errorf("signs %q, want %q", d.Signed(), want)
		}
		once := d.To(to)
		again, err := ParseDatagram(once)
		if err != nil {
			if len(once) <= maxDatagram {
				t.Fatalf("rebuilt %q: %v", once, err)
			}
			return
		}
		if string(again.To(to)) != string(once) {
			t.Errorf("rebuilt %q, and then %q", once, again.To(to))
		}
		again.Authority, again.Host = d.Authority, d.Host
		if again != d {
			t.Errorf("rebuilt %+v of %+v", again, d)
		}
	})
}
