package webhook

import (
	"strings"
	"testing"
	"time"
)

// TestSign_Known holds the format: the value is what
//
//	printf '%s' '1767225600.[{"id":1}]' | openssl dgst -sha256 -hmac SECRET
//
// prints.
func TestSign_Known(t *testing.T) {
	const want = "t=1767225600,v1=8ece17fe26222880265c08661f383d16d3bbb7e114fca0e0c62878f5f5ba9f83"
	if got := Sign([]byte(secret), time.Unix(1767225600, 999), []byte(`[{"id":1}]`)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	now, body := time.Unix(1767225600, 0), []byte(`[{"id":1}]`)
	good := Sign([]byte(secret), now, body)
	hex := strings.TrimPrefix(good, "t=1767225600,v1=")
	for name, test := range map[string]struct {
		header string
		secret string
		body   string
		now    time.Time
		want   string // "" for none
	}{
		"good":          {good, secret, string(body), now, ""},
		"in time":       {good, secret, string(body), now.Add(time.Minute), ""},
		"another too":   {"t=1767225600, v1=00,v1=" + hex + ",v0=1", secret, string(body), now, ""},
		"late":          {good, secret, string(body), now.Add(6 * time.Minute), "away from now"},
		"early":         {good, secret, string(body), now.Add(-6 * time.Minute), "away from now"},
		"another body":  {good, secret, `[{"id":2}]`, now, "not one of this body"},
		"another key":   {good, secret + "x", string(body), now, "not one of this body"},
		"another time":  {"t=1767225601,v1=" + hex, secret, string(body), now, "not one of this body"},
		"two times":     {"t=1767225600,t=1767225600,v1=" + hex, secret, string(body), now, "two times"},
		"no time":       {"v1=" + hex, secret, string(body), now, "no time"},
		"no digest":     {"t=1767225600", secret, string(body), now, "not one of this body"},
		"cut":           {good[:len(good)-2], secret, string(body), now, "not one of this body"},
		"nothing":       {"", secret, string(body), now, "no time"},
		"far from time": {"t=9223372036854775807,v1=" + hex, secret, string(body), now, "not one"},
	} {
		err := Verify([]byte(test.secret), test.header, []byte(test.body), test.now, 5*time.Minute)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("t=1767225600,v1=00", []byte("x"))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		now := time.Unix(1767225600, 0)
		if Verify([]byte(secret), header, body, now, time.Minute) == nil {
			t.Errorf("%q is taken for a signature", header)
		}
		if err := Verify([]byte(secret), Sign([]byte(secret), now, body), body, now, 0); err != nil {
			t.Error(err)
		}
	})
}
