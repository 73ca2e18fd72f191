package simnet

import (
	"maps"
	"strings"
	"testing"
)

// TestDigestVectors: RFC 2617 3.5, RFC 7616 3.9.1, and values made with another
// implementation for CPEs.
func TestDigestVectors(t *testing.T) {
	rfc := digest{Username: "Mufasa", Method: "GET", URI: "/dir/index.html", NC: "00000001", QOP: "auth"}
	rfc2617, md5 := rfc, rfc
	rfc2617.Realm, rfc2617.Password = "testrealm@host.com", "Circle Of Life"
	rfc2617.Nonce, rfc2617.CNonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b"
	md5.Realm, md5.Password = "http-auth@example.org", "Circle of Life"
	md5.Nonce, md5.CNonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	sha := md5
	sha.Algorithm = "SHA-256"
	cpe := digest{Username: "00D09E-HG100-0123456789AB", Realm: "acs.example.net", Password: "device-pass", Method: "POST", URI: "/cwmp",
		Nonce: "5f1d7e0b9c", NC: "00000002", CNonce: "4b3c2d1e", QOP: "auth"}
	rfc2069 := digest{Username: "cpe", Realm: "realm", Password: "pw", Method: "POST", URI: "/acs", Nonce: "abcdef"}
	absolute := digest{Username: "cpe", Realm: "acs.example.net", Password: "pw", Method: "POST", URI: "http://acs.example.net:7547/cwmp?x=1",
		Nonce: "n0nce", NC: "00000001", CNonce: "cn0nce", QOP: "auth"}
	netcwmp := digest{Username: "cpe1", Realm: "lab", Password: "cpepw", Method: "POST", Nonce: "c6df408a71ab2c73"} // of its capture
	for want, d := range map[string]digest{
		"6629fae49393a05397450978507c4ef1":                                 rfc2617,
		"8ca523f5e9506fed4657c9700eebdbec":                                 md5,
		"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1": sha,
		"ff2f626cbe730dfc64d5ba8a6882783c":                                 cpe,
		"2c6ad51b8e486e0ac9d2a3ed866c9569":                                 rfc2069,
		"d2ef0be6630311895195a21ff7c7e7a6":                                 absolute,
		"e2012a2d59d7d5f2e1f1e384e08249bc":                                 netcwmp,
	} {
		if got := d.response(); got != want {
			t.Errorf("%s: %s, want %s", d.Username, got, want)
		}
	}
}

func TestParseAuth(t *testing.T) {
	tests := map[string]map[string]string{
		`Digest realm="lab", nonce="n,1", algorithm=MD5, qop="auth,auth-int"`: {"realm": "lab", "nonce": "n,1", "algorithm": "MD5", "qop": "auth,auth-int"},
		`digest qop="auth" nonce="c4" opaque="" realm="cwmpd"`:                {"qop": "auth", "nonce": "c4", "opaque": "", "realm": "cwmpd"}, // netcwmp
		`DIGEST Username = "a\"b" , nc=00000001,uri=/x`:                       {"username": `a"b`, "nc": "00000001", "uri": "/x"},
		`Basic realm=open`: {"realm": "open"},
		`Digest`:           {},
		`Digest a="un`:     {"a": "un"},
	}
	for value, want := range tests {
		if _, got := parseAuth(value); !maps.Equal(got, want) {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

func FuzzParseAuth(f *testing.F) {
	f.Add("a", "b,c=\"d", "e f")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, v := range []string{a, b, c} {
			if strings.ContainsAny(v, `"\`) {
				return
			}
		}
		_, got := parseAuth(`Digest username="` + a + `", nonce="` + b + `",uri="` + c + `"`)
		if got["username"] != a || got["nonce"] != b || got["uri"] != c {
			t.Errorf("%q for %q %q %q", got, a, b, c)
		}
	})
}

// TestC30_DigestForms: each way to spell an answer, as it goes over the wire.
func TestC30_DigestForms(t *testing.T) {
	tests := map[string]struct {
		form  DigestForm
		want  []string
		avoid []string
	}{
		"plain":    {DigestForm{}, []string{`uri="/cwmp?x=1"`, "nc=00000001", "qop=auth,"}, nil},
		"RFC 2069": {DigestForm{RFC2069: true, URI: "empty"}, []string{`uri=""`}, []string{"nc=", "cnonce=", "qop="}},
		"absolute": {DigestForm{URI: "absolute"}, []string{`uri="http://127.0.0.1:`, `/cwmp?x=1"`}, nil},
		"quoted":   {DigestForm{QuotedNC: true}, []string{`nc="00000001"`, `qop="auth"`}, nil},
		"folded":   {DigestForm{Folded: true}, []string{",\r\n   nonce="}, nil},
		"auth-int": {DigestForm{AuthInt: true}, []string{"qop=auth-int"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := startACS(t, ACSConfig{Path: "/cwmp", Auth: ACSAuth{Scheme: "digest", QOP: "auth,auth-int", EveryRequest: true, Password: OneUser("cpe1", "cpepw")}})
			m := generic()
			m.Digest = tt.form
			r := mustSucceed(t, newTestCPE(t, a, m, func(c *CPEConfig) {
				user(c)
				c.URL += "?x=1"
			}))
			head := r.Legs[1].RequestHead
			for _, want := range tt.want {
				if !strings.Contains(head, want) {
					t.Errorf("no %q in %q", want, head)
				}
			}
			for _, avoid := range tt.avoid {
				if strings.Contains(head, avoid) {
					t.Errorf("%q in %q", avoid, head)
				}
			}
			if n := a.Stats().Authorized; n != 2 {
				t.Errorf("%d answers were right", n)
			}
		})
	}
}

// TestC67_NonceCount: an ACS that insists on a growing count has to challenge a
// CPE that repeats itself each time; both get through.
func TestC67_NonceCount(t *testing.T) {
	for fixed, challenges := range map[bool]int{false: 1, true: 4} {
		a := startACS(t, ACSConfig{Script: testScript, Auth: ACSAuth{Scheme: "digest", QOP: "auth", EveryRequest: true, StrictNC: true, Password: OneUser("cpe1", "cpepw")}})
		m := generic()
		m.Digest.FixedNC = fixed
		mustSucceed(t, newTestCPE(t, a, m, user))
		if got := a.Stats().Challenges; got != challenges {
			t.Errorf("fixed nc %t: %d challenges, want %d", fixed, got, challenges)
		}
	}
}

// TestC67_AuthoriseOnce: netcwmp authorises the Inform alone.
func TestC67_AuthoriseOnce(t *testing.T) {
	a := startACS(t, ACSConfig{Script: testScript, Auth: ACSAuth{Scheme: "digest", QOP: "auth", Password: OneUser("cpe1", "cpepw")}})
	r := mustSucceed(t, newTestCPE(t, a, known(t, "netcwmp"), user))
	for i, leg := range r.Legs {
		if leg.Authorized != (leg.Sent == "Inform") {
			t.Errorf("leg %d, %s: authorised %t", i, leg.Sent, leg.Authorized)
		}
	}
	if r.Legs[0].Sent != "probe" || r.Legs[0].Status != 401 {
		t.Errorf("first leg %+v", r.Legs[0])
	}
}

func TestWrongCredentials(t *testing.T) {
	for _, scheme := range []string{"basic", "digest"} {
		a := startACS(t, ACSConfig{Auth: ACSAuth{Scheme: scheme, QOP: "auth", Password: OneUser("cpe1", "other")}})
		r, err := newTestCPE(t, a, generic(), user).Session(t.Context())
		if Reason(err) != "status 401" || len(r.Legs) > maxChallenges+1 {
			t.Errorf("%s: %v after %d legs", scheme, err, len(r.Legs))
		}
	}
	a := startACS(t, ACSConfig{Auth: ACSAuth{Scheme: "basic", Password: OneUser("cpe1", "cpepw")}})
	for _, mode := range []AuthMode{AuthNone, AuthDigest} {
		_, err := newTestCPE(t, a, generic(), func(c *CPEConfig) { user(c); c.Auth = mode }).Session(t.Context())
		if Reason(err) != "status 401" {
			t.Errorf("mode %d: %v", mode, err)
		}
	}
}

// TestC01_NewConnectionAfterChallenge: a FritzBox answers on another connection,
// which GenieACS cannot bear.
func TestC01_NewConnectionAfterChallenge(t *testing.T) {
	auth := ACSAuth{Scheme: "digest", QOP: "auth", Password: OneUser("cpe1", "cpepw")}
	a := startACS(t, ACSConfig{Auth: auth})
	r := mustSucceed(t, newTestCPE(t, a, known(t, "fritzbox"), user))
	if r.Connections != 2 || r.Legs[0].Local == r.Legs[1].Local {
		t.Errorf("%d connections", r.Connections)
	}
	auth.BindNonce = true
	strict := startACS(t, ACSConfig{Mode: Strict, Auth: auth})
	_, err := newTestCPE(t, strict, known(t, "fritzbox"), user).Session(t.Context())
	if reason := Reason(err); reason != "status 401" && reason != "status 400" { // 400 while the old connection is still open
		t.Errorf("strict ACS: %v", err)
	}
}

func TestOfferedSchemes(t *testing.T) {
	a := startACS(t, ACSConfig{Auth: ACSAuth{Scheme: "digest", QOP: "auth", OfferBasic: true, Password: OneUser("cpe1", "cpepw")}})
	for mode, want := range map[AuthMode]string{AuthAny: "Digest ", AuthBasic: "Basic ", AuthDigest: "Digest "} {
		r := mustSucceed(t, newTestCPE(t, a, generic(), func(c *CPEConfig) { user(c); c.Auth = mode }))
		if head := r.Legs[1].RequestHead; !strings.Contains(head, "\r\nAuthorization: "+want) {
			t.Errorf("mode %d: %q", mode, head)
		}
	}
	strictURI := startACS(t, ACSConfig{Auth: ACSAuth{Scheme: "digest", QOP: "auth", CheckURI: true, Password: OneUser("cpe1", "cpepw")}})
	mustSucceed(t, newTestCPE(t, strictURI, generic(), user))
	if _, err := newTestCPE(t, strictURI, known(t, "netcwmp"), user).Session(t.Context()); Reason(err) != "status 401" {
		t.Errorf("empty uri: %v", err)
	}
}
