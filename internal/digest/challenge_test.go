package digest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseChallenges(t *testing.T) {
	digest := func(edit func(*Challenge)) Challenge {
		c := Challenge{Scheme: SchemeDigest, Realm: "r", Nonce: "n"}
		if edit != nil {
			edit(&c)
		}
		return c
	}
	auth := []string{"auth"}
	for name, tt := range map[string]struct {
		fields []string
		want   []Challenge
	}{
		"RFC 2069": {[]string{`Digest realm="r", nonce="n"`}, []Challenge{digest(nil)}},
		"everything": {
			[]string{`Digest realm="r", domain="/", nonce="n", opaque="o", stale=TRUE, algorithm=MD5-sess, qop="auth,auth-int"`},
			[]Challenge{digest(func(c *Challenge) {
				c.Opaque, c.Stale, c.Algorithm, c.QOP = "o", true, "MD5-sess", []string{"auth", "auth-int"}
			})},
		},
		"C-87: netcwmp, no commas": {
			[]string{`Digest qop="auth" nonce="c4ca4238a0b923820dcc509a6f75849b" opaque="" realm="cwmpd"`},
			[]Challenge{{Scheme: SchemeDigest, Realm: "cwmpd", Nonce: "c4ca4238a0b923820dcc509a6f75849b", QOP: auth}},
		},
		"C-87: tr069agent, folded and not unfolded": {
			[]string{"Digest\n   realm=\"liveboxrealm\",\n   qop=\"auth\",\n   nonce=\"Mr\",\n   opaque=\"Em\"\n"},
			[]Challenge{{Scheme: SchemeDigest, Realm: "liveboxrealm", Nonce: "Mr", Opaque: "Em", QOP: auth}},
		},
		"easycwmp, no blanks": {
			[]string{`Digest realm="realm@easycwmp",qop="auth",nonce="8c9d",opaque="3284"`},
			[]Challenge{{Scheme: SchemeDigest, Realm: "realm@easycwmp", Nonce: "8c9d", Opaque: "3284", QOP: auth}},
		},
		"two in one field": {
			[]string{`Basic realm="b", Digest realm="r", nonce="n", qop=auth`},
			[]Challenge{{Scheme: SchemeBasic, Realm: "b"}, digest(func(c *Challenge) { c.QOP = auth })},
		},
		"two in one field without a comma": {
			[]string{`Basic realm="b" Digest realm="r" nonce="n"`},
			[]Challenge{{Scheme: SchemeBasic, Realm: "b"}, digest(nil)},
		},
		"two fields": {
			[]string{`Digest realm="r",nonce="n",algorithm=SHA-256`, `digest realm="r",nonce="n"`},
			[]Challenge{digest(func(c *Challenge) { c.Algorithm = "SHA-256" }), digest(nil)},
		},
		"nothing quoted": {
			[]string{`Digest realm=r, qop=auth,auth-int, nonce=n`},
			[]Challenge{digest(func(c *Challenge) { c.QOP = []string{"auth", "auth-int"} })},
		},
		"realm of several words, not quoted": {
			[]string{`Digest realm=My Home Router, nonce=n`},
			[]Challenge{digest(func(c *Challenge) { c.Realm = "My Home Router" })},
		},
		"blanks around =": {[]string{`Digest realm = "r" , nonce	=	"n"`}, []Challenge{digest(nil)}},
		"the first of two counts": {
			[]string{`Digest realm="r", nonce="n", nonce="other", realm="s"`}, []Challenge{digest(nil)},
		},
		"empty qop is none":   {[]string{`Digest realm="r", nonce="n", qop=""`}, []Challenge{digest(nil)}},
		"quotes in the realm": {[]string{`Digest realm="a \"b\" c\\d\e", nonce="n"`}, []Challenge{digest(func(c *Challenge) { c.Realm = `a "b" c\d\e` })}},
		"comma in the realm":  {[]string{`Digest realm="a, Basic b=c", nonce="n"`}, []Challenge{digest(func(c *Challenge) { c.Realm = `a, Basic b=c` })}},
		"last quote missing":  {[]string{`Digest realm="r", nonce="n`}, []Challenge{digest(nil)}},
		"token68 of a stranger": {
			[]string{`Negotiate YII+/==, Digest realm="r", nonce="n"`},
			[]Challenge{{Scheme: "negotiate"}, digest(nil)},
		},
		"no scheme": {[]string{`realm="r", nonce="n"`}, nil},
		"nothing":   {[]string{"", " , ,", `"="`, "=="}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := ParseChallenges(tt.fields)
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Challenge{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseChallengesIsBounded(t *testing.T) {
	many := strings.Repeat("Digest realm=r, ", 10_000)
	if got := len(ParseChallenges([]string{many, many})); got != maxChallenges {
		t.Errorf("%d challenges, want %d", got, maxChallenges)
	}
	var b strings.Builder
	for i := range 10_000 {
		b.WriteString("k" + strings.Repeat("x", i%100) + "=v ")
	}
	if got := len(scan("Digest " + b.String())[0].params); got != maxParams {
		t.Errorf("%d parameters, want %d", got, maxParams)
	}
}

func TestAnswerForm(t *testing.T) {
	base := Challenge{Scheme: SchemeDigest, Realm: "r", Nonce: "n"}
	with := func(edit func(*Challenge)) Challenge { c := base; edit(&c); return c }
	for name, tt := range map[string]struct {
		challenge  Challenge
		has, lacks []string
	}{
		"C-81: no qop": {base, nil, []string{"qop", "nc=", "cnonce", "opaque", "algorithm"}},
		"auth first": {
			with(func(c *Challenge) { c.QOP = []string{"auth-int", "auth"} }),
			[]string{", qop=auth,", ", nc=00000001,", `, cnonce="c",`}, []string{"auth-int"},
		},
		"auth-int alone":    {with(func(c *Challenge) { c.QOP = []string{"auth-int"} }), []string{", qop=auth-int,"}, nil},
		"algorithm is bare": {with(func(c *Challenge) { c.Algorithm = "md5" }), []string{", algorithm=md5,"}, nil},
		"MD5-sess needs the cnonce, without qop too": {
			with(func(c *Challenge) { c.Algorithm = "MD5-sess" }), []string{`cnonce="c"`}, []string{"qop", "nc="},
		},
		"empty opaque is returned": {ParseChallenges([]string{`Digest realm="r",nonce="n",opaque=""`})[0], []string{`, opaque=""`}, nil},
		"quotes":                   {with(func(c *Challenge) { c.Realm = `a"b\` }), []string{`realm="a\"b\\"`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			field, err := tt.challenge.Answer("u", "p", "GET", "/a:b?c=%20", "c", 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, has := range append(tt.has, `Digest username="u", `, `uri="/a:b?c=%20"`) {
				if !strings.Contains(field, has) {
					t.Errorf("%s lacks %s", field, has)
				}
			}
			for _, lacks := range tt.lacks {
				if strings.Contains(field, lacks) {
					t.Errorf("%s has %s", field, lacks)
				}
			}
			if a, ok := ParseAnswer(field); !ok || !a.Verify("GET", "p") || a.Verify("GET", "q") {
				t.Errorf("%s does not verify", field)
			}
		})
	}
}

func TestAnswerRefuses(t *testing.T) {
	base := Challenge{Scheme: SchemeDigest, Realm: "r", Nonce: "n"}
	for name, edit := range map[string]func(*Challenge){
		"Basic":              func(c *Challenge) { c.Scheme = SchemeBasic },
		"no nonce":           func(c *Challenge) { c.Nonce = "" },
		"unknown algorithm":  func(c *Challenge) { c.Algorithm = "SHA-1" },
		"session of nothing": func(c *Challenge) { c.Algorithm = "-sess" },
		"unknown qop":        func(c *Challenge) { c.QOP = []string{"auth-conf"} },
		"line end in realm":  func(c *Challenge) { c.Realm = "a\r\nX: y" },
	} {
		c := base
		edit(&c)
		if field, err := c.Answer("u", "p", "GET", "/", "c", 1); err == nil {
			t.Errorf("%s: answered %q", name, field)
		}
	}
	if _, err := base.Answer("u\n", "p", "GET", "/", "c", 1); err == nil {
		t.Error("line end in user name accepted")
	}
}
