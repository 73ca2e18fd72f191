package digest

import (
	"strings"
	"testing"
	"time"
)

var epoch = time.Unix(1_800_000_000, 0)

func nonceOf(t *testing.T, field string) string {
	t.Helper()
	list := ParseChallenges([]string{field})
	if len(list) != 1 || list[0].Nonce == "" {
		t.Fatalf("challenge %q reads as %+v", field, list)
	}
	return list[0].Nonce
}

func TestC30_NonceFitsNetcwmp(t *testing.T) {
	n := NewNonces([]byte("key"))
	seen := map[string]bool{}
	for range 1000 {
		nonce := nonceOf(t, n.Challenge("gw", epoch, false))
		if len(nonce) > 32 || seen[nonce] {
			t.Fatalf("nonce %q is too long, or not the first", nonce)
		}
		seen[nonce] = true
	}
}

func TestC31_NonceAges(t *testing.T) {
	n := NewNonces([]byte("key"))
	nonce := nonceOf(t, n.Challenge("gw", epoch, false))
	for _, tt := range []struct {
		at   time.Duration
		want Freshness
	}{
		{0, Fresh}, {5 * time.Minute, Fresh}, {5*time.Minute + time.Second, Stale}, {30 * 24 * time.Hour, Stale},
		{-time.Minute, Fresh}, {-2 * time.Minute, Stale},
	} {
		if got := n.Check(nonce, epoch.Add(tt.at)); got != tt.want {
			t.Errorf("after %v: %v, want %v", tt.at, got, tt.want)
		}
	}
	n.Life = time.Second
	if n.Check(nonce, epoch.Add(2*time.Second)) != Stale {
		t.Error("Life has no effect")
	}
	if got := NewNonces([]byte("key")).Check(nonce, epoch); got != Fresh {
		t.Errorf("another gateway with the same key finds %v", got)
	}
}

func TestNonceOverflow(t *testing.T) {
	n := NewNonces([]byte("key"))
	end := time.Unix(1<<32-10, 0)
	nonce := nonceOf(t, n.Challenge("gw", end, false))
	if got := n.Check(nonce, end.Add(time.Minute)); got != Fresh {
		t.Errorf("beyond 32 bits of seconds: %v", got)
	}
}

func TestNonceForged(t *testing.T) {
	n := NewNonces([]byte("key"))
	nonce := nonceOf(t, n.Challenge("gw", epoch, false))
	for i := range len(nonce) {
		other := byte('A')
		if nonce[i] == other {
			other = 'B'
		}
		forged := nonce[:i] + string(other) + nonce[i+1:]
		if got := n.Check(forged, epoch); got != Forged {
			t.Errorf("changed at %d: %v", i, got)
		}
	}
	for _, forged := range []string{"", nonce[:31], nonce + "A", nonce + "=", strings.Repeat("!", 32), strings.Repeat("A", 1<<16)} {
		if got := n.Check(forged, epoch); got != Forged {
			t.Errorf("%.40q: %v", forged, got)
		}
	}
	if NewNonces([]byte("yek")).Check(nonce, epoch) != Forged {
		t.Error("another key makes no difference")
	}
	a, b := NewNonces(nil), NewNonces(nil)
	if b.Check(nonceOf(t, a.Challenge("gw", epoch, false)), epoch) != Forged {
		t.Error("keys that are made are equal")
	}
}

func TestNoncesChallenge(t *testing.T) {
	n := NewNonces([]byte("key"))
	field := n.Challenge(`a "gateway"`, epoch, true)
	c := ParseChallenges([]string{field})[0]
	if c.Realm != `a "gateway"` || !c.Stale || len(c.QOP) != 1 || c.QOP[0] != "auth" || c.Algorithm != "MD5" {
		t.Errorf("%s reads as %+v", field, c)
	}
	if c := ParseChallenges([]string{n.Challenge("r", epoch, false)})[0]; c.Stale {
		t.Error("stale without need")
	}
	field, err := c.Answer("u", "p", "GET", "/", "c", 1)
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := ParseAnswer(field); !ok || !a.Verify("GET", "p") || n.Check(a.Nonce, epoch) != Fresh {
		t.Errorf("%s is not accepted", field)
	}
}

func TestC31_C67_Replays(t *testing.T) {
	use := func(r *Replays, nonce, nc string) bool { return r.Use(Answer{Nonce: nonce, NC: nc, QOP: "auth"}) }
	r := NewReplays(2)
	for _, step := range []struct {
		nonce, nc string
		want      bool
	}{
		{"a", "00000001", true}, {"a", "00000001", false}, {"a", "00000002", true}, {"a", "1", false},
		{"a", "0000000a", true}, {"a", "00000009", false}, {"b", "", true}, {"b", "zz", false}, {"b", "00000001", false},
		{"c", "00000001", true}, {"a", "00000001", false}, // the older half still knows a
	} {
		if got := use(r, step.nonce, step.nc); got != step.want {
			t.Errorf("nonce %s nc %q: %v", step.nonce, step.nc, got)
		}
	}
	if old := (Answer{Nonce: "o", NC: "7"}); !r.Use(old) || r.Use(old) {
		t.Error("an answer of RFC 2069 is not good once")
	}
	for i := range 1000 {
		use(r, strings.Repeat("x", i), "1")
	}
	if n := len(r.now) + len(r.old); n > 4 {
		t.Errorf("%d nonces are remembered, want at most 4", n)
	}
}
