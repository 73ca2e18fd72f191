package commandline

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table prints rows below a heading, in columns, each row no longer than the
// terminal is wide. Rows can be flushed now and then: columns only become wider.
type Table struct {
	to      Terminal
	heading []string
	widths  []int
	rows    [][]string
	begun   bool
}

// NewTable returns a table with a heading.
func NewTable(to Terminal, heading ...string) *Table {
	t := &Table{to: to, heading: heading, widths: make([]int, len(heading))}
	t.measure(heading)
	return t
}

// Row adds a row, whose cells are printed by fmt.Sprint and shown clean.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(t.heading))
	for i := range row {
		row[i] = Clean(fmt.Sprint(cells[i]))
	}
	t.measure(row)
	t.rows = append(t.rows, row)
}

func (t *Table) measure(row []string) {
	for i, cell := range row {
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
	}
}

// Flush prints the rows that were added since the last time. A heading without rows
// is printed as well, but once.
func (t *Table) Flush() error {
	var out strings.Builder
	if !t.begun {
		t.begun = true
		t.line(&out, t.heading, func(cell string) string {
			if t.to.Colour {
				return bold + cell + plain
			}
			return cell
		})
	}
	for _, row := range t.rows {
		t.line(&out, row, t.to.Mood)
	}
	t.rows = nil
	_, err := fmt.Fprint(t.to, out.String())
	return err
}

// line prints cells two blanks apart. What does not fit ends in "…".
func (t *Table) line(out *strings.Builder, row []string, show func(string) string) {
	last := len(row) - 1
	for last > 0 && row[last] == "" {
		last--
	}
	at := 0
	for i, cell := range row[:last+1] {
		width := utf8.RuneCountInString(cell)
		if room := t.to.Width - at; t.to.Width > 0 && (width > room || i < last && t.widths[i]+2 >= room) {
			out.WriteString(show(cut(cell, room, i < last)))
			break
		}
		out.WriteString(show(cell))
		if i < last {
			out.WriteString(strings.Repeat(" ", t.widths[i]-width+2))
			at += t.widths[i] + 2
		}
	}
	out.WriteByte('\n')
}

// cut shortens a cell to so many columns. More cells behind it have no room.
func cut(cell string, room int, more bool) string {
	runes := []rune(cell)
	if len(runes) < room || len(runes) == room && !more {
		if more {
			return cell + "…"
		}
		return cell
	}
	return string(runes[:max(0, room-1)]) + "…"
}
