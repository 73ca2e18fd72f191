package cwmp

import (
	"unicode"
	"unicode/utf8"
)

// MatchGlob reports whether the whole of s matches pattern, in which * stands
// for any text, also none, and ? for one character; fold ignores case. It
// never tries a star again once a later one was reached, so the time is at
// most proportional to len(s) for a given pattern, and it does not allocate.
func MatchGlob(pattern, s string, fold bool) bool {
	p, i := 0, 0         // next in pattern, next in s
	star, retry := -1, 0 // after the last star; where in s its rest was tried
	for i < len(s) {
		c, width := glyph(s[i:])
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, retry = p, i
			continue
		}
		if p < len(pattern) {
			want, n := glyph(pattern[p:])
			if want == '?' || sameGlyph(want, c, fold) {
				p, i = p+n, i+width
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, width = glyph(s[retry:])
		retry += width
		p, i = star, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// glyph returns the first character of s and its width. A byte that is not
// UTF-8 becomes a negative value of its own.
func glyph(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	r, width := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && width == 1 {
		return -rune(s[0]), 1
	}
	return r, width
}

func sameGlyph(a, b rune, fold bool) bool {
	return a == b || fold && unicode.ToLower(a) == unicode.ToLower(b)
}
