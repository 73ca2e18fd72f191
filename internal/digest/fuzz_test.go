package digest

import (
	"strings"
	"testing"

	other "github.com/icholy/digest"
)

// TestAgainstIcholyDigest answers the same challenges as another implementation.
func TestAgainstIcholyDigest(t *testing.T) {
	for _, algorithm := range []string{"", "MD5", "SHA-256", "SHA-512-256"} {
		for _, qop := range []string{"", `, qop="auth"`, `, qop="auth-int"`, `, qop="auth,auth-int"`} {
			field := `Digest realm="a realm", nonce="n/+=", opaque="o"` + qop
			if algorithm != "" {
				field += ", algorithm=" + algorithm
			}
			compare(t, field, "us er", `p:"w`, "/cr:1?x=%20", "cn", 7)
		}
	}
}

func compare(t *testing.T, field, username, password, uri, cnonce string, nc uint32) {
	t.Helper()
	theirs, err := other.ParseChallenge(field)
	if err != nil || !other.CanDigest(theirs) {
		t.Fatalf("%s: %v", field, err)
	}
	want, err := other.Digest(theirs, other.Options{
		Method: "GET", URI: uri, Count: int(nc), Username: username, Password: password, Cnonce: cnonce,
	})
	if err != nil {
		t.Fatal(err)
	}
	ours := ParseChallenges([]string{field})
	if len(ours) != 1 {
		t.Fatalf("%s reads as %+v", field, ours)
	}
	answer, err := ours[0].Answer(username, password, "GET", uri, cnonce, nc)
	if err != nil {
		t.Fatalf("%s: %v", field, err)
	}
	if !strings.Contains(answer, `response="`+want.Response+`"`) {
		t.Errorf("%s: %s, want %s", field, answer, want)
	}
	back, err := other.ParseCredentials(answer)
	if err != nil || back.Username != username || back.URI != uri || back.Nonce != ours[0].Nonce || back.Response != want.Response {
		t.Errorf("%s is read as %v, %v", answer, back, err)
	}
	if a, ok := ParseAnswer(want.String()); !ok || !a.Verify("GET", password) {
		t.Errorf("%s does not verify", want)
	}
}

// FuzzChallenge wants every challenge that was read to be answered so that the
// answer reads back and verifies, and to read the same again when it is written
// as RFC 7616 has it.
func FuzzChallenge(f *testing.F) {
	for _, seed := range []string{
		`Digest qop="auth" nonce="c4ca" opaque="" realm="cwmpd"`,
		"Digest\n   realm=\"liveboxrealm\",\n   qop=\"auth\",\n   nonce=\"Mr\",\n",
		`Basic realm="b", Digest realm="r", nonce="n", qop=auth,auth-int, algorithm=MD5-sess, stale=true`,
		`Digest realm=My Router, nonce=n`, `Digest realm="a\"\\b\c", nonce="n`, `Negotiate x==`, `,=",`,
	} {
		f.Add(seed, "user", "/cr?x=1")
	}
	f.Fuzz(func(t *testing.T, field, username, uri string) {
		list := ParseChallenges([]string{field})
		if len(list) > maxChallenges {
			t.Fatalf("%d challenges", len(list))
		}
		for _, c := range list {
			if strings.ContainsAny(c.Realm+c.Nonce+c.Opaque+c.Algorithm, "\r\n") {
				t.Fatalf("line end in %+v", c)
			}
			checkAnswer(t, c, username, uri)
			again := ParseChallenges([]string{write(c)})
			if len(again) != 1 || again[0].Realm != c.Realm || again[0].Nonce != c.Nonce || again[0].Opaque != c.Opaque ||
				again[0].Stale != c.Stale || strings.Join(again[0].QOP, ",") != strings.Join(c.QOP, ",") {
				t.Errorf("%q: %+v reads again as %+v", field, c, again)
			}
		}
	})
}

func checkAnswer(t *testing.T, c Challenge, username, uri string) {
	answer, err := c.Answer(username, "secret", "GET", uri, "cnonce", 1)
	if err != nil {
		return
	}
	if !clean(answer) {
		t.Fatalf("control character in %q", answer)
	}
	a, ok := ParseAnswer(answer)
	if !ok || a.Username != username || a.URI != uri || a.Realm != c.Realm || a.Nonce != c.Nonce || a.Opaque != c.Opaque {
		t.Fatalf("%q reads as %+v, %v", answer, a, ok)
	}
	if !a.Verify("GET", "secret") || a.Verify("GET", "Secret") {
		t.Errorf("%q verifies wrongly", answer)
	}
}

func write(c Challenge) string {
	b := appendQuoted([]byte("Digest "), "realm", c.Realm)
	b = appendQuoted(append(b, ", "...), "nonce", c.Nonce)
	b = appendQuoted(append(b, ", "...), "opaque", c.Opaque)
	b = appendQuoted(append(b, ", "...), "qop", strings.Join(c.QOP, ","))
	if c.Stale {
		b = append(b, ", stale=true"...)
	}
	return string(b)
}

// FuzzAnswer wants an answer that was read to be written in the plain form of
// RFC 7616 and read back the same, by us and, where it can, by another
// implementation, and a wrong password never to verify.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`Digest username="cpe1", realm="lab", nonce="c6df", uri="", response="e2012a2d59d7d5f2e1f1e384e08249bc"`,
		`Digest username=u, nonce=n, qop="auth", nc="00000001", cnonce=c, response=ab, algorithm="MD5-sess"`,
		"Digest\r\n username=\"a\\\"b\",\r\n\tnonce=\"n\" response=\"ab\"", "Basic dTpwOnE=", "basic OnA", "Digest ==",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		a, ok := ParseAnswer(field)
		if !ok {
			return
		}
		if a.Scheme == SchemeBasic {
			if back, ok := ParseAnswer(Basic(a.Username, a.password)); !ok || back != a || !a.Verify("GET", a.password) || a.Verify("GET", a.password+"x") {
				t.Errorf("%q: %+v", field, a)
			}
			return
		}
		if a.Verify("GET", "a password that nobody has guessed") {
			t.Errorf("%q verifies", field)
		}
		var b []byte
		for _, p := range []param{
			{"username", a.Username}, {"realm", a.Realm}, {"nonce", a.Nonce}, {"uri", a.URI}, {"algorithm", a.Algorithm},
			{"qop", a.QOP}, {"nc", a.NC}, {"cnonce", a.CNonce}, {"opaque", a.Opaque}, {"response", a.response},
		} {
			b = appendQuoted(append(b, ", "...), p.key, p.value)
		}
		plain := "Digest " + string(b[2:])
		if back, ok := ParseAnswer(plain); !ok || back != a {
			t.Errorf("%q: %+v reads back as %+v", field, a, back)
		}
	})
}
