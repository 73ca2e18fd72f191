package policy

import (
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// FuzzGlob compares the quick way with cwmp.MatchGlob.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"", "a"}, {"*", ""}, {"**", ""}, {"?", ""}, {"a", ""},
		{"HG*", "hg532"}, {"HG*", "xg"}, {"*e", "HG532E"}, {"*e", "HG532x"}, {"?b?", "abc"},
		{"V*k", "V\u212a"}, {"K*", "\u212ax"}, {"*s", "x\u017f"}, // ASCII letters that others fold to
		{"é*", "É"}, {"*\xff", "a\xff"}, {"a*a", "a"}, {"[", "["}, {"@", "`"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		for _, fold := range []bool{false, true} {
			g := newGlob(pattern, fold)
			if got, want := g.matches(s), cwmp.MatchGlob(pattern, s, fold); got != want {
				t.Errorf("%q matches %q (fold %v): %v, want %v", pattern, s, fold, got, want)
			}
		}
	})
}
