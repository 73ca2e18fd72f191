package commandline

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func printed(t *testing.T, to Terminal, rows ...[]any) string {
	t.Helper()
	var out bytes.Buffer
	to.Writer = &out
	table := NewTable(to, "NAME", "STATE", "NOTE")
	for _, r := range rows {
		table.Row(r...)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := table.Flush(); err != nil { // prints nothing again
		t.Fatal(err)
	}
	return out.String()
}

func TestTable(t *testing.T) {
	rows := [][]any{{"north", "up", ""}, {"south-east", "down", "no answer for 3 minutes"}, {"é", 7, "x"}}
	for _, test := range []struct {
		width int
		want  string
	}{
		{0, "NAME        STATE  NOTE\nnorth       up\nsouth-east  down   no answer for 3 minutes\né           7      x\n"},
		{80, "NAME        STATE  NOTE\nnorth       up\nsouth-east  down   no answer for 3 minutes\né           7      x\n"},
		{42, "NAME        STATE  NOTE\nnorth       up\nsouth-east  down   no answer for 3 minutes\né           7      x\n"},
		{41, "NAME        STATE  NOTE\nnorth       up\nsouth-east  down   no answer for 3 minut…\né           7      x\n"},
		{14, "NAME        S…\nnorth       up\nsouth-east  d…\né           7…\n"},
		{5, "NAME…\nnort…\nsout…\né…\n"},
	} {
		got := printed(t, Terminal{Width: test.width}, rows...)
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); test.width > 0 && n > test.width {
				t.Errorf("width %d: %q has %d", test.width, line, n)
			}
		}
		if got != test.want {
			t.Errorf("width %d:\n%s", test.width, got)
		}
	}
}

func TestTable_ColoursAndCleanText(t *testing.T) {
	if got := printed(t, Terminal{}, []any{"a", "down", "b"}); strings.Contains(got, "\x1b") {
		t.Errorf("colours without a terminal: %q", got)
	}
	got := printed(t, Terminal{Width: 80, Colour: true}, []any{"a", "down", "\x1b[2Jb\u202e"})
	want := "\x1b[1mNAME\x1b[0m  \x1b[1mSTATE\x1b[0m  \x1b[1mNOTE\x1b[0m\na     \x1b[31mdown\x1b[0m   \ufffd[2Jb\ufffd\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTerminalOf_WhatIsNone(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, to := range []Terminal{TerminalOf(&bytes.Buffer{}), TerminalOf(file)} {
		if to.IsTerminal() || to.Colour {
			t.Errorf("%+v is a terminal", to)
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(Terminal{Writer: &out})
	p.Show(1, 4, "1 of 4")
	p.Show(1, 4, "1 of 4")
	p.Show(4, 4, "4 of 4")
	p.End()
	if out.String() != "1 of 4\n4 of 4\n" {
		t.Errorf("without a terminal: %q", out.String())
	}
	out.Reset()
	p = NewProgress(Terminal{Writer: &out, Width: 44})
	p.End()
	p.Show(1, 4, "1 of 4")
	p.Show(5, 4, "5 of 4, and more words than fit")
	p.Show(0, 0, "none")
	p.End()
	want := "\r[######..................]  25 %  1 of 4\x1b[K" +
		"\r[########################] 100 %  5 of 4, …\x1b[K" +
		"\r[########################] 100 %  none\x1b[K\n"
	if out.String() != want {
		t.Errorf("on a terminal: %q", out.String())
	}
}
