package policy

import (
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// glob is a pattern of * and ? made ready. Most sessions do not match most
// rules, and most of these are told by their first or last letter.
type glob struct {
	pattern     string
	fold        bool
	first, last byte // ASCII letters that a match begins and ends with; 0 where they are open
}

func newGlob(pattern string, fold bool) glob {
	g := glob{pattern: pattern, fold: fold}
	if pattern != "" {
		g.first, g.last = fixed(pattern[0], fold), fixed(pattern[len(pattern)-1], fold)
	}
	return g
}

// fixed returns the character that c stands for in a pattern, 0 when that may
// be several or is not ASCII.
func fixed(c byte, fold bool) byte {
	if c == '*' || c == '?' || c >= 0x80 {
		return 0
	}
	return folded(c, fold)
}

func (g *glob) matches(s string) bool {
	if s == "" {
		return strings.Trim(g.pattern, "*") == ""
	}
	if g.excludes(g.first, s[0]) || g.excludes(g.last, s[len(s)-1]) {
		return false
	}
	return cwmp.MatchGlob(g.pattern, s, g.fold)
}

// excludes tells whether a character is certainly another than the pattern's.
// One that is not ASCII may still fold to it, as the Kelvin sign does to k.
func (g *glob) excludes(want, c byte) bool {
	return want != 0 && c < 0x80 && folded(c, g.fold) != want
}

// folded returns an ASCII character in lower case when fold is set.
func folded(c byte, fold bool) byte {
	if fold && 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isGlob(entry string) bool { return strings.ContainsAny(entry, "*?") }
