package cwmp

import (
	"strings"
	"testing"
)

func TestMatchGlob(t *testing.T) {
	tests := []struct {
		pattern, s string
		exact      bool // with regard to case
		folded     bool
	}{
		{"", "", true, true},
		{"", "a", false, false},
		{"*", "", true, true},
		{"*", "anything", true, true},
		{"**", "x", true, true},
		{"?", "", false, false},
		{"?", "a", true, true},
		{"?", "\u00e9", true, true},
		{"?", "\xff", true, true},
		{"??", "\u00e9", false, false},
		{"HG*", "HG8245", true, true},
		{"hg*", "HG8245", false, true},
		{"*45", "HG8245", true, true},
		{"*8*5", "HG8245", true, true},
		{"H?8?45", "HG8245", true, true},
		{"HG8245", "HG8245H", false, false},
		{"*a*b", "xaxbxb", true, true},
		{"*a*b", "xaxbxbx", false, false},
		{"a*a", "a", false, false},
		{"*?", "", false, false},
		{"*?a", "ba", true, true},
		{"\u00c9*", "\u00e9x", false, true},
		{"\xfe", "\xff", false, false},
		{"\xff", "\xff", true, true},
		{"\uFFFD", "\xff", false, false},
		{"[a-c]", "b", false, false},
		{".", "x", false, false},
	}
	for _, tt := range tests {
		if got := MatchGlob(tt.pattern, tt.s, false); got != tt.exact {
			t.Errorf("%q %q: %v", tt.pattern, tt.s, got)
		}
		if got := MatchGlob(tt.pattern, tt.s, true); got != tt.folded {
			t.Errorf("%q %q folded: %v", tt.pattern, tt.s, got)
		}
	}
}

// TestMatchGlob_ManyStars would not end with a backtracking matcher.
func TestMatchGlob_ManyStars(t *testing.T) {
	if MatchGlob(strings.Repeat("a*", 60)+"b", strings.Repeat("a", 1<<16), false) {
		t.Error("matched")
	}
	s := strings.Repeat("a", 100)
	if n := testing.AllocsPerRun(10, func() { MatchGlob("*a*a?*b*", s, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
