package connreq

import (
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

var device1 = cwmp.DeviceID{Manufacturer: "Acme", OUI: "00D09E", ProductClass: "IGD", SerialNumber: "0123456789"}

func TestC61_Token(t *testing.T) {
	tokens := NewTokens([]byte("0123456789abcdef"))
	token := tokens.Of(device1)
	// python3: base64.b32encode(hmac.new(b"0123456789abcdef", b"00D09E-IGD-0123456789", "sha256").digest()[:16]).lower().rstrip(b"=")
	if want := "jeffqf47bm7lq6o5zq6db5waau"; token != want {
		t.Errorf("token is %q, want %q", token, want)
	}
	if got, ok := asToken(strings.ToUpper(token)); !ok || got != token {
		t.Errorf("asToken gives %q, %v", got, ok)
	}
	if !tokens.Is(token, device1) || tokens.Is("b"+token[1:], device1) || tokens.Is("", device1) {
		t.Error("Is does not tell its own token from others")
	}
	if p := Prefix(token); p == 0 || p == Prefix(NewTokens([]byte("another key 1234")).Of(device1)) {
		t.Errorf("prefix is %x", p)
	}
	renamed := device1
	renamed.Manufacturer = "Another"
	if tokens.Of(renamed) != token {
		t.Error("the manufacturer is no part of the identity, and changes the token")
	}
	for _, s := range []string{"", token[1:], token + "a", strings.Repeat("1", 26), strings.Repeat("é", 13), "../../../../../etc/passwd"} {
		if _, ok := asToken(s); ok || Prefix(s) != 0 {
			t.Errorf("%q is taken for a token", s)
		}
	}
}
