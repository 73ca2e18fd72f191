package commandline

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func program() Program {
	fail := func(err error) func(*flag.FlagSet) Run {
		return func(*flag.FlagSet) Run {
			return func(context.Context, []string, io.Writer, io.Writer) error { return err }
		}
	}
	return Program{
		Name: "prog", Purpose: "prog is for tests.",
		Commands: []Command{
			{Name: "flags", Summary: "takes a flag", Synopsis: "[-n NUMBER]", Define: func(flags *flag.FlagSet) Run {
				n := flags.Int("n", 1, "a `number`")
				return func(_ context.Context, _ []string, out, _ io.Writer) error {
					_, err := fmt.Fprintln(out, *n)
					return err
				}
			}},
			{Name: "words", Summary: "takes words", Args: []string{"go|stop", "fruit"}, Define: func(flags *flag.FlagSet) Run {
				from := flags.String("from", "", "a `fruit` to begin with")
				flags.String("garden", "home", "the `garden` of fruit")
				flags.String("colour", "", "`red|green`")
				flags.String("list", "", "a `file` with fruit")
				flags.Bool("ripe", false, "ripe ones only")
				return func(_ context.Context, args []string, out, _ io.Writer) error {
					_, err := fmt.Fprintf(out, "%s %v\n", *from, args)
					return err
				}
			}},
			{Name: "fail", Summary: "fails", Define: fail(errors.New("no luck"))},
			{Name: "wrong", Summary: "is wrong", Define: fail(fmt.Errorf("about it: %w", Usagef("bad %q", "x")))},
			{Name: "plain", Summary: "speaks for itself", Define: fail(Plain{errors.New("file:1:2: bad")})},
			{Name: "silent", Summary: "says nothing", Define: fail(ErrSilent)},
		},
		Values: map[string]Values{
			"fruit": func(_ context.Context, flags *flag.FlagSet, _ string) []string {
				if flags.Lookup("garden").Value.String() == "palace" {
					return []string{"pineapple", "fig\nleaf"}
				}
				return []string{"apple", "apricot", "pear", "kiwi:green"}
			},
		},
	}
}

func TestDispatch(t *testing.T) {
	for args, want := range map[string]struct {
		code      int
		out, errs string
	}{
		"flags":           {ExitOK, "1\n", ""},
		"flags -n 5":      {ExitOK, "5\n", ""},
		"flags -n x":      {ExitUsage, "", "prog: error: invalid value \"x\" for flag -n: parse error (prog flags -h lists the flags)\n"},
		"flags -h":        {ExitOK, "", "Usage: prog flags [-n NUMBER]\n\n  -n number\n    \ta number (default 1)\n"},
		"flags extra":     {ExitUsage, "", "prog: error: prog flags takes flags only, not \"extra\"\n"},
		"words a -ripe b": {ExitOK, " [a b]\n", ""},
		"completion":      {ExitUsage, "", "prog: error: give one shell: bash, zsh or fish\n"},
		"completion csh":  {ExitUsage, "", "prog: error: there is no completion for \"csh\", but for bash, zsh and fish\n"},
		"fail":            {ExitFailure, "", "prog: error: no luck\n"},
		"wrong":           {ExitUsage, "", "prog: error: about it: bad \"x\"\n"},
		"plain":           {ExitUsage, "", "file:1:2: bad\n"},
		"silent":          {ExitFailure, "", ""},
		"none":            {ExitUsage, "", "prog: error: there is no command \"none\"\nprog: hint: see prog help\n"},
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
		if !strings.Contains(out.String(), "prog is for tests.") || !strings.Contains(out.String(), "  prog silent     says nothing\n  prog completion print") {
			t.Errorf("%q printed %q", args, out.String())
		}
	}
}

func TestParse_TakesFlagsAnywhere(t *testing.T) {
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
		flags := flag.NewFlagSet("prog cmd", flag.ContinueOnError)
		on := flags.Bool("on", false, "")
		rest, err := parse(flags, test.args)
		if err != nil || !slices.Equal(rest, test.want) || *on != test.on {
			t.Errorf("%q: %q, %v, %v", test.args, rest, *on, err)
		}
	}
	if _, err := parse(flag.NewFlagSet("prog cmd", flag.ContinueOnError), []string{"a", "-off"}); err == nil {
		t.Error("a flag that is not there was taken")
	}
}
