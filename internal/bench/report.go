package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// report is what one section found.
type report struct {
	section string
	title   string
	table   table
	figures []figure
	notes   []string
	failed  bool // sessions failed or a part did not run: the figures mean little
}

// table is rows under a header; the first column is text, the others numbers.
type table struct {
	header []string
	rows   [][]string
}

// figure is a measured value beside the target for it.
type figure struct {
	name   string
	value  string
	target string
	met    bool
}

// newFigure compares a value with the most (or, with atLeast, the least) that
// it may be; format prints both.
func newFigure(name, format string, value, limit float64, bound bound) figure {
	f := figure{
		name: name, value: fmt.Sprintf(format, value),
		target: bound.String() + " " + fmt.Sprintf(format, limit),
	}
	if bound == atLeast {
		f.met = value >= limit
	} else {
		f.met = value <= limit
	}
	return f
}

// bound is which side of a target is the good one.
type bound bool

const (
	atMost  bound = false
	atLeast bound = true
)

func (b bound) String() string {
	if b == atLeast {
		return "at least"
	}
	return "at most"
}

func (f figure) verdict() string {
	if f.met {
		return "reached"
	}
	return "missed"
}

// note adds a line below the tables, once.
func (r *report) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

func (r *report) fail(format string, args ...any) {
	r.failed = true
	r.note(format, args...)
}

// judged is the table of the figures with their targets.
func (r *report) judged(judge bool) table {
	t := table{header: []string{"figure", "measured", "target", ""}}
	for _, f := range r.figures {
		verdict := f.verdict()
		if !judge {
			verdict = "not judged"
		}
		t.rows = append(t.rows, []string{f.name, f.value, f.target, verdict})
	}
	return t
}

// printText writes the report for a terminal.
func (r *report) printText(w io.Writer, judge bool) {
	fmt.Fprintf(w, "\n== %s\n\n", r.title)
	r.table.printText(w)
	if len(r.figures) > 0 {
		fmt.Fprintln(w)
		t := r.judged(judge)
		t.printText(w)
	}
	for _, note := range r.notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
}

func (t table) printText(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	widths := t.widths()
	for _, row := range append([][]string{t.header}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

func (t table) widths() []int {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}
