package main

import (
	"fmt"
	"os"
	"strings"
)

// markdown is the report as it stands in docs/benchmarks.md.
func (r *report) markdown(judge bool) string {
	var parts []string
	if len(r.table.rows) > 0 {
		parts = append(parts, r.table.markdown())
	}
	if len(r.figures) > 0 {
		parts = append(parts, r.judged(judge).markdown())
	}
	for _, note := range r.notes {
		parts = append(parts, note+"\n")
	}
	return strings.Join(parts, "\n")
}

func (t table) markdown() string {
	var out strings.Builder
	line := func(cells []string) { out.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.header)
	rule := make([]string, len(t.header))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
	return out.String()
}

// splice replaces what stands between the markers of a section by text.
func splice(document, section, text string) (string, error) {
	open, end := "<!-- bench:"+section+" -->", "<!-- /bench:"+section+" -->"
	before, rest, ok := strings.Cut(document, open)
	if !ok {
		return "", fmt.Errorf("the document has no line %q", open)
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("the document has no line %q", end)
	}
	return before + open + "\n\n" + strings.TrimSpace(text) + "\n\n" + end + after, nil
}

// named tells whether a document names a machine.
func named(document string) bool {
	_, rest, _ := strings.Cut(document, "<!-- bench:machine -->")
	text, _, ok := strings.Cut(rest, "<!-- /bench:machine -->")
	return ok && strings.Contains(text, "|")
}

// updateDocument writes the reports, and the machine they were made on, into
// the sections of a document; sections that were not measured stay, and where there
// are such of another machine its name stays too: the reports then name theirs.
func updateDocument(path string, m machine, reports []report, judge bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	document := string(text)
	if other := named(document) && !strings.Contains(document, m.markdown()); !other || len(reports) == len(sectionNames) {
		if document, err = splice(document, "machine", m.markdown()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	} else {
		for i := range reports {
			reports[i].note("Measured on another machine than the one above: %s.", m.short())
		}
	}
	for _, r := range reports {
		if document, err = splice(document, r.section, r.markdown(judge)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return os.WriteFile(path, []byte(document), 0o644)
}
