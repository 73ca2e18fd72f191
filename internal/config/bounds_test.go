package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse_BoundsNesting(t *testing.T) {
	const n = 10_000
	for name, text := range map[string]string{
		"flow lists":    "log: " + strings.Repeat("[", n),
		"flow sections": "log: " + strings.Repeat("{a: ", n),
		"lists":         strings.Repeat("- ", n),
		"lists by line": staircase(500, "-"),
		"sections":      staircase(500, "a:"),
		"keys":          strings.Repeat("? ", n),
		"anchors":       "log: " + strings.Repeat("&a ", n),
		"tags":          "log: " + strings.Repeat("!a ", n),
	} {
		got := problemsOf(t, text)
		if !strings.Contains(got, "the file is nested deeper than 40 levels here") {
			t.Errorf("%s: %s", name, clip(got))
		}
	}
}

// staircase indents each line further than the one before.
func staircase(lines int, text string) string {
	var b strings.Builder
	for i := range lines {
		b.WriteString(strings.Repeat(" ", i) + text + "\n")
	}
	return b.String()
}

func TestParse_BoundsKeys(t *testing.T) {
	var block, flow strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&block, "k%d: v\n", i)
		fmt.Fprintf(&flow, "k%d: v, ", i)
	}
	for name, text := range map[string]string{"block": block.String(), "flow": "{" + flow.String() + "}"} {
		if got := problemsOf(t, text); !strings.Contains(got, "there are more than 500 keys in a section") {
			t.Errorf("%s: %s", name, clip(got))
		}
	}
}

func TestParse_BoundsDocuments(t *testing.T) {
	if got := problemsOf(t, strings.Repeat("---\na: b\n", 10_000)); !strings.Contains(got, "too many documents") {
		t.Error(clip(got))
	}
}

func TestParse_BoundsSize(t *testing.T) {
	text := minimal + strings.Repeat("# padding\n", maxFile/10)
	if got := problemsOf(t, text); !strings.Contains(got, "the file is larger than 4 MB") {
		t.Error(clip(got))
	}
}

// TestParse_BoundsAliases: ten lines that stand for a billion values.
func TestParse_BoundsAliases(t *testing.T) {
	var b strings.Builder
	b.WriteString(minimal + "quirks:\n  - &a0 {name: [x, x, x, x, x, x, x, x, x, x]}\n")
	for i := range 9 {
		alias := fmt.Sprintf("*a%d, ", i)
		fmt.Fprintf(&b, "  - &a%d {name: [%s]}\n", i+1, strings.Repeat(alias, 10))
	}
	got := problemsOf(t, b.String())
	if !strings.Contains(got, "makes the file larger than 1000000 values") {
		t.Error(clip(got))
	}
}

func TestParse_BoundsAliasesOfItself(t *testing.T) {
	got := problemsOf(t, minimal+"quirks: &a [*a]\n")
	if !strings.Contains(got, `quirks[0]: "*a" is no known alias`) {
		t.Error(got)
	}
}

func TestParse_BoundsProblems(t *testing.T) {
	got := problemsOf(t, minimal+"quirks:\n"+strings.Repeat("  - {nane: x, colour: y, x: [}, {]}\n", 2000))
	if n := strings.Count(got, "\n"); n > maxProblems {
		t.Errorf("%d problems", n)
	}
	got = problemsOf(t, minimal+"quirks:\n"+strings.Repeat("  - {colour: y}\n", 2000))
	if !strings.HasSuffix(got, "1000 problems") {
		t.Errorf("ends in %s", got[max(0, len(got)-100):])
	}
}

func TestParse_ManyRoutes(t *testing.T) {
	const n = 2000
	var b strings.Builder
	b.WriteString(minimal + "routes:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: r%d, match: {serial: [\"SN%d\"]}, acs: north}\n", i, i)
	}
	b.WriteString("  - {acs: north}\n")
	if c := mustParse(t, b.String()); len(c.Routes) != n+1 {
		t.Errorf("%d routes", len(c.Routes))
	}
}
