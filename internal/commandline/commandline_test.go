package commandline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func program() Program {
	fail := func(err error) func(context.Context, []string, io.Writer, io.Writer) error {
		return func(context.Context, []string, io.Writer, io.Writer) error { return err }
	}
	return Program{Name: "prog", Purpose: "prog is for tests.", Commands: []Command{
		{"flags", "takes a flag", func(_ context.Context, args []string, out, errs io.Writer) error {
			flags := NewFlags("prog flags", "[-n NUMBER]", errs)
			n := flags.Int("n", 1, "a `number`")
			if err := Parse(flags, args); err != nil {
				return err
			}
			_, err := fmt.Fprintln(out, *n)
			return err
		}},
		{"fail", "fails", fail(errors.New("no luck"))},
		{"wrong", "is wrong", fail(fmt.Errorf("about it: %w", Usagef("bad %q", "x")))},
		{"plain", "speaks for itself", fail(Plain{errors.New("file:1:2: bad")})},
		{"silent", "says nothing", fail(ErrSilent)},
	}}
}

func TestDispatch(t *testing.T) {
	for args, want := range map[string]struct {
		code      int
		out, errs string
	}{
		"flags":       {ExitOK, "1\n", ""},
		"flags -n 5":  {ExitOK, "5\n", ""},
		"flags -n x":  {ExitUsage, "", "prog: error: invalid value \"x\" for flag -n: parse error (prog flags -h lists the flags)\n"},
		"flags -h":    {ExitOK, "", "Usage: prog flags [-n NUMBER]\n\n  -n number\n    \ta number (default 1)\n"},
		"flags extra": {ExitUsage, "", "prog: error: prog flags takes flags only, not \"extra\"\n"},
		"fail":        {ExitFailure, "", "prog: error: no luck\n"},
		"wrong":       {ExitUsage, "", "prog: error: about it: bad \"x\"\n"},
		"plain":       {ExitUsage, "", "file:1:2: bad\n"},
		"silent":      {ExitFailure, "", ""},
		"none":        {ExitUsage, "", "prog: error: there is no command \"none\"\nprog: hint: see prog help\n"},
	} {
		var out, errs bytes.Buffer
		code := program().Dispatch(t.Context(), strings.Fields(args), &out, &errs)
		if code != want.code || out.String() != want.out || errs.String() != want.errs {
			t.Errorf("%q: exit %d, out %q, errors %q", args, code, out.String(), errs.String())
		}
	}
}

func TestHelp(t *testing.T) {
	for args, code := range map[string]int{"": ExitUsage, "help": ExitOK, "-h": ExitOK, "--help": ExitOK} {
		var out bytes.Buffer
		if got := program().Dispatch(t.Context(), strings.Fields(args), &out, io.Discard); got != code {
			t.Errorf("%q: exit %d", args, got)
		}
		if !strings.Contains(out.String(), "prog is for tests.") || !strings.Contains(out.String(), "  prog silent    says nothing\n") {
			t.Errorf("%q printed %q", args, out.String())
		}
	}
}

func TestParseArgs_TakesFlagsAnywhere(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []string
		on   bool
	}{
		{nil, nil, false},
		{[]string{"-on"}, nil, true},
		{[]string{"a", "-on", "b"}, []string{"a", "b"}, true},
		{[]string{"-on", "a", "b"}, []string{"a", "b"}, true},
		{[]string{"a", "b", "-on"}, []string{"a", "b"}, true},
		{[]string{"a", "--", "-on"}, []string{"a", "-on"}, false},
		{[]string{"--", "-on", "a"}, []string{"-on", "a"}, false},
	} {
		flags := NewFlags("prog cmd", "", io.Discard)
		on := flags.Bool("on", false, "")
		rest, err := ParseArgs(flags, test.args)
		if err != nil || !slices.Equal(rest, test.want) || *on != test.on {
			t.Errorf("%q: %q, %v, %v", test.args, rest, *on, err)
		}
	}
	if _, err := ParseArgs(NewFlags("prog cmd", "", io.Discard), []string{"a", "-off"}); err == nil {
		t.Error("a flag that is not there was taken")
	}
}
