package simnet

import (
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// TestCookieModes plays the same three replies to every kind of jar.
func TestCookieModes(t *testing.T) {
	challenge := []string{"gw=early; Path=/"}
	inform := []string{`session="s1"; Path=/cwmp; HttpOnly`, "route=7; Max-Age=5"}
	later := []string{"session=s2"}
	tests := []struct {
		name                            string
		mode                            CookieMode
		afterChallenge, onEmpty, onLast []string
	}{
		{"all", CookiesAll, []string{"gw=early"}, []string{"gw=early; session=s1; route=7"}, []string{"gw=early; session=s2; route=7"}},
		{"none", CookiesNone, nil, nil, nil},
		{"first", CookiesFirst, []string{"gw=early"}, []string{"gw=early; session=s1"}, []string{"gw=early; session=s2"}},
		{"from the InformResponse", CookiesFromInform, nil, []string{`session="s1"; Path=/cwmp; HttpOnly`}, []string{`session="s1"; Path=/cwmp; HttpOnly`}},
		{"replace", CookiesReplace, []string{"gw=early"}, []string{"session=s1; route=7"}, []string{"session=s2"}},
		{"echo", CookiesEcho, []string{"gw=early; Path=/"}, []string{`session="s1"; Path=/cwmp; HttpOnly`}, []string{"session=s2"}},
		{"RFC 2965", CookiesRFC2965, []string{`$Version="1"; gw="early"; $Path="/"`},
			[]string{`$Version="1"; gw="early"; $Path="/"; session="s1"; $Path="/cwmp"; route="7"`},
			[]string{`$Version="1"; gw="early"; $Path="/"; session="s2"; route="7"`}},
		{"comma", CookiesComma, []string{"gw=early"}, []string{"gw=early, session=s1, route=7"}, []string{"gw=early, session=s2, route=7"}},
		{"separate", CookiesSeparate, []string{"gw=early"}, []string{"gw=early", "session=s1", "route=7"}, []string{"gw=early", "session=s2", "route=7"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := jar{mode: tt.mode}
			for i, step := range []struct {
				set         []string
				afterInform bool
				want        []string
			}{{nil, false, nil}, {challenge, false, tt.afterChallenge}, {inform, true, tt.onEmpty}, {nil, false, tt.onEmpty}, {later, false, tt.onLast}} {
				j.store(step.set, step.afterInform)
				if got := j.lines(); !slices.Equal(got, step.want) {
					t.Errorf("step %d: %q, want %q", i, got, step.want)
				}
			}
		})
	}
}

// TestC06_RDKJarHoldsEight: more than eight cookies are lost.
func TestC06_RDKJarHoldsEight(t *testing.T) {
	var set []string
	for _, c := range "abcdefghij" {
		set = append(set, string(c)+"=1")
	}
	j := jar{mode: CookiesReplace}
	j.store(set, false)
	if got := j.lines(); len(got) != 1 || strings.Count(got[0], "=") != 8 {
		t.Errorf("jar %q", got)
	}
}

// TestC07_CookieForms: the ACS reads a cookie in all of its spellings, and the
// simulated makes produce them.
func TestC07_CookieForms(t *testing.T) {
	for _, value := range []string{
		"session=x", `session="x"`, `$Version="1"; session="x"; $Path="/"`, "a=b, session=x", "session=x; Path=/; HttpOnly", " a=b;session=x",
	} {
		got := cookies(httpwire.Fields{{Name: "X", Value: "session=y"}, {Name: "cookie", Value: value}})
		if got["session"] != "x" {
			t.Errorf("%q is read as %q", value, got)
		}
	}
	if got := cookies(nil); got != nil {
		t.Errorf("no field gives %q", got)
	}
	for mode := CookiesAll; mode <= CookiesSeparate; mode++ {
		m := generic()
		m.Cookies = mode
		a := startACS(t, ACSConfig{Script: testScript, CookieAttributes: "; Path=/; HttpOnly"})
		mustSucceed(t, newTestCPE(t, a, m, nil))
		for i, x := range a.Exchanges() {
			if want := i > 0 && mode != CookiesNone; (x.Cookies["session"] == x.Session) != want {
				t.Errorf("mode %d, request %d: cookies %q", mode, i, x.Cookies)
			}
		}
	}
}

// TestCookiesEndWithTheSession but for makes that keep them.
func TestCookiesEndWithTheSession(t *testing.T) {
	for name, kept := range map[string]bool{"generic": false, "genieacs-sim": true} {
		a := startACS(t, ACSConfig{})
		c := newTestCPE(t, a, known(t, name), nil)
		mustSucceed(t, c)
		r := mustSucceed(t, c)
		if got := r.Legs[0].Cookies != nil; got != kept {
			t.Errorf("%s: cookies %q in the second Inform", name, r.Legs[0].Cookies)
		}
	}
}
