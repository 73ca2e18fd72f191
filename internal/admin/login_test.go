package admin

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestAuthenticator_KnowsTokensByTheirHashes(t *testing.T) {
	const word = "a-long-random-word-of-somebody"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(word)))
	for name, c := range map[string]TokenConfig{
		"file":           {TokenFile: writeToken(t, word)},
		"hash in a file": {TokenFile: writeToken(t, "sha256:"+sum)},
		"hash":           {TokenSHA256: sum},
		"capital hash":   {TokenSHA256: strings.ToUpper(sum)},
	} {
		c.Name, c.Role = "x", RoleOperator
		a, err := NewAuthenticator(&Config{Tokens: []TokenConfig{c}})
		if err != nil {
			t.Fatal(name, err)
		}
		if who, ok := a.Token(word); !ok || who.Name != "x" || !who.May(RoleViewer) || !who.May(RoleOperator) || who.May(RoleAdmin) {
			t.Errorf("%s: %+v %v", name, who, ok)
		}
		for _, wrong := range []string{"", word + "x", word[1:], sum, "sha256:" + sum} {
			if who, ok := a.Token(wrong); ok || who.May(RoleViewer) {
				t.Errorf("%s: %q is %+v", name, wrong, who)
			}
		}
		if strings.Contains(fmt.Sprintf("%+v", a), word) {
			t.Errorf("%s: the token is kept", name)
		}
	}
	if (Identity{}).May("") || (Identity{Role: "root"}).May(RoleViewer) {
		t.Error("who is nobody may something")
	}
}

func TestLogins_WrongTokensOfOneAddressAreFew(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLogins()
	l.now = func() time.Time { return now }
	here, there := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	if err := l.admit(here, "early", true); err != nil {
		t.Fatal(err)
	}
	for i := range failedBurst {
		if err := l.admit(here, "", false); err != nil {
			t.Fatalf("wrong token %d: %v", i, err)
		}
	}
	var many *TooManyError
	if err := l.admit(here, "", false); !errors.As(err, &many) || many.After != failedEvery {
		t.Errorf("one more: %v", err)
	}
	if err := l.admit(here, "late", true); !errors.As(err, &many) {
		t.Errorf("a right token after too many wrong ones: %v", err)
	}
	if err := l.admit(here, "early", true); err != nil {
		t.Errorf("one that came from there before: %v", err)
	}
	if err := l.admit(there, "late", true); err != nil {
		t.Errorf("another address: %v", err)
	}
	now = now.Add(failedEvery)
	if err := l.admit(here, "late", true); err != nil {
		t.Errorf("later: %v", err)
	}
	for i := range maxSources + 10 {
		if err := l.admit(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), "", false); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.sources) != maxSources || l.order.Len() != maxSources {
		t.Errorf("%d sources", len(l.sources))
	}
}

func TestSourceOf(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1/32", "[::ffff:192.0.2.1]:5": "192.0.2.1/32", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64", "[fe80::1%eth0]:5": "fe80::/64", "@": "invalid Prefix",
	} {
		if got := sourceOf(from).String(); got != want {
			t.Errorf("%s: %s", from, got)
		}
	}
}

func TestAPI_TooManyWrongTokens(t *testing.T) {
	_, s := startFake(t, nil)
	api(t, s, viewerToken, "GET", "whoami", "").wantStatus(t, 200)
	for range failedBurst {
		api(t, s, "wrong", "GET", "whoami", "").wantStatus(t, 401)
	}
	if got := api(t, s, "wrong", "GET", "whoami", "").wantStatus(t, 429); got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	api(t, s, adminToken, "GET", "whoami", "").wantStatus(t, 429)
	api(t, s, viewerToken, "GET", "whoami", "").wantStatus(t, 200)
	ask(t, s, "", "GET", PathReady, "").wantStatus(t, 200)
	ask(t, s, "", "GET", PathMetrics, "").wantStatus(t, 200).
		wantText(t, "acsgate_admin_login_failures_total 12\n").
		wantText(t, `acsgate_admin_requests_total{code="4xx",route="whoAmI"} 12`).
		wantText(t, `acsgate_admin_requests_total{code="2xx",route="whoAmI"} 2`)
}

func TestAPI_EachTokenHasItsRate(t *testing.T) {
	_, s := startFake(t, func(c *Config) { c.RequestsPerSecond = 0.001 })
	api(t, s, viewerToken, "GET", "whoami", "").wantStatus(t, 200)
	got := api(t, s, viewerToken, "GET", "whoami", "").wantStatus(t, 429)
	if got.Header.Get("Retry-After") != "1000" {
		t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
	}
	api(t, s, adminToken, "GET", "whoami", "").wantStatus(t, 200)
	ask(t, s, "", "GET", PathLive, "").wantStatus(t, 200)
}
