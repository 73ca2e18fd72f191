package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFigureVerdicts(t *testing.T) {
	for _, c := range []struct {
		value, limit float64
		bound        bound
		target, want string
	}{
		{0.64, 0.65, atMost, "at most 0.65", "reached"},
		{0.65, 0.65, atMost, "at most 0.65", "reached"},
		{0.66, 0.65, atMost, "at most 0.65", "missed"},
		{0.95, 0.95, atLeast, "at least 0.95", "reached"},
		{0.90, 0.95, atLeast, "at least 0.95", "missed"},
	} {
		f := newFigure("x", "%.2f", c.value, c.limit, c.bound)
		if f.target != c.target || f.verdict() != c.want {
			t.Errorf("%v against %v: %q, %s; want %q, %s", c.value, c.limit, f.target, f.verdict(), c.target, c.want)
		}
	}
}

func sampleReport() report {
	r := report{section: "tls", title: "Sample", table: table{
		header: []string{"proxy", "CPU µs"},
		rows:   [][]string{{"acsgate", "7"}, {"nginx, keepalive", "123"}},
	}}
	r.figures = append(r.figures, newFigure("ratio", "%.1f", 1, 2, atMost))
	r.note("A note.")
	return r
}

func TestPrintTextAlignsColumns(t *testing.T) {
	var out strings.Builder
	r := sampleReport()
	r.printText(&out, true)
	want := `
== Sample

proxy             CPU µs
acsgate                7
nginx, keepalive     123

figure  measured       target
ratio        1.0  at most 2.0  reached

A note.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSmokeDoesNotJudge(t *testing.T) {
	var out strings.Builder
	r := sampleReport()
	r.printText(&out, false)
	if text := out.String(); strings.Contains(text, "reached") || !strings.Contains(text, "not judged") {
		t.Errorf("judged all the same: %s", text)
	}
}

func TestUpdateDocumentReplacesOnlyTheMeasuredSections(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d.md")
	section := func(name, text string) string {
		return "<!-- bench:" + name + " -->\n" + text + "\n<!-- /bench:" + name + " -->\n"
	}
	document := "# Title\n" + section("machine", "old") + "between\n" + section("tls", "old") + section("body", "kept") + "end\n"
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing more
		if err := updateDocument(file, machine{cpu: "Example", cores: 2}, []report{sampleReport()}, true); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"# Title\n<!-- bench:machine -->\n\n| machine |", "Example, 2 cores", "between\n",
		"| nginx, keepalive | 123 |\n", "| ratio | 1.0 | at most 2.0 | reached |\n", section("body", "kept") + "end\n",
	} {
		if strings.Count(string(text), part) != 1 {
			t.Errorf("not exactly one %q in\n%s", part, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Errorf("old text is left:\n%s", text)
	}
}

func TestSpliceNeedsItsMarkers(t *testing.T) {
	for _, document := range []string{"", "<!-- bench:tls -->", "<!-- /bench:tls --><!-- bench:tls -->"} {
		if _, err := splice(document, "tls", "x"); err == nil {
			t.Errorf("spliced into %q", document)
		}
	}
}

// TestDocumentHasEverySection keeps docs/benchmarks.md and the sections together.
func TestDocumentHasEverySection(t *testing.T) {
	text, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range append([]string{"machine"}, sectionNames...) {
		if _, err := splice(string(text), section, ""); err != nil {
			t.Error(err)
		}
	}
}
