// Package commandline is the frame of our programs: subcommands with flags of
// their own, errors in one voice, exit codes, and completion in shells. It knows
// nothing of what the commands do.
package commandline

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2 // wrong arguments or configuration
)

// Run does a command. The context ends at an interrupt; args are what is no flag;
// what is asked for goes to out, everything else to errs.
type Run func(ctx context.Context, args []string, out, errs io.Writer) error

// Command is one subcommand.
type Command struct {
	Name, Summary string
	// Synopsis is what follows the name in its usage, and its whole manual if it
	// has more lines.
	Synopsis string
	// Args are the kinds of the words that are no flags, for completion: the last
	// one is for all further words. See Program.Values. A command without takes
	// flags alone.
	Args []string
	// Define declares the flags and returns what runs once they are parsed.
	Define func(flags *flag.FlagSet) Run
}

// Program is a program made of subcommands.
type Program struct {
	Name     string
	Purpose  string // a sentence
	Examples string // behind the list of commands; may be empty
	Commands []Command
	// Values lists the values of a kind, for completion: a kind is how the usage of
	// a flag names its value, such as `ACS`. Kinds that need no entry are file, and
	// words separated by "|".
	Values map[string]Values
}

// Values returns values that may begin with what was typed of them; others do no
// harm. The flags are those that were typed before.
type Values func(ctx context.Context, flags *flag.FlagSet, begun string) []string

// UsageError is a mistake of the person at the keyboard.
type UsageError struct{ Err error }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the mistake.
func (e UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// ErrSilent ends with ExitFailure; what there is to say has been said.
var ErrSilent = errors.New("failed")

// Plain is a UsageError whose text stands alone on its lines, such as one that
// begins with file:line:col, which editors take one to.
type Plain struct{ Err error }

// Error implements error.
func (e Plain) Error() string { return e.Err.Error() }

// Unwrap returns the problem.
func (e Plain) Unwrap() error { return e.Err }

// Dispatch runs the subcommand that the arguments name, says what went wrong,
// and returns the exit code.
func (p Program) Dispatch(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		p.usage(out)
		return ExitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		p.usage(out)
		return ExitOK
	case completeCommand:
		p.printCandidates(ctx, args[1:], out)
		return ExitOK
	}
	for _, c := range p.all() {
		if c.Name == args[0] {
			return p.report(p.run(ctx, c, args[1:], out, errs), errs)
		}
	}
	fmt.Fprintf(errs, "%s: error: there is no command %q\n%s: hint: see %s help\n", p.Name, args[0], p.Name, p.Name)
	return ExitUsage
}

// all are the commands of the program and those that every program has.
func (p Program) all() []Command {
	return append(p.Commands[:len(p.Commands):len(p.Commands)], p.completion())
}

func (p Program) run(ctx context.Context, c Command, args []string, out, errs io.Writer) error {
	flags, run := p.define(c, errs)
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(c.Args) == 0 && len(rest) > 0:
		return Usagef("%s takes flags only, not %q", flags.Name(), strings.Join(rest, " "))
	}
	return run(ctx, rest, out, errs)
}

// define returns the flags of a command.
func (p Program) define(c Command, errs io.Writer) (*flag.FlagSet, Run) {
	flags := flag.NewFlagSet(p.Name+" "+c.Name, flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "Usage: %s\n\n", strings.TrimSpace(flags.Name()+" "+c.Synopsis))
		flags.PrintDefaults()
	}
	return flags, c.Define(flags)
}

// report says an error and returns the exit code for it.
func (p Program) report(err error, errs io.Writer) int {
	var plain Plain
	var wrong UsageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.Is(err, ErrSilent):
		return ExitFailure
	case errors.As(err, &plain):
		fmt.Fprintln(errs, err)
		return ExitUsage
	}
	fmt.Fprintf(errs, "%s: error: %v\n", p.Name, err)
	if errors.As(err, &wrong) {
		return ExitUsage
	}
	return ExitFailure
}

func (p Program) usage(out io.Writer) {
	width := 0
	for _, c := range p.all() {
		width = max(width, len(c.Name))
	}
	fmt.Fprintf(out, "%s\n\nUsage:\n\n", p.Purpose)
	for _, c := range p.all() {
		fmt.Fprintf(out, "  %s %-*s %s\n", p.Name, width, c.Name, c.Summary)
	}
	fmt.Fprintf(out, "\n%s%s COMMAND -h lists the flags of a command.\n", p.Examples, p.Name)
}

// parse parses arguments and returns those that are no flags. Flags may stand
// before, between and after them; what follows "--" is none. Mistakes are
// UsageErrors, a plea for help is flag.ErrHelp.
func parse(flags *flag.FlagSet, args []string) (rest []string, err error) {
	errs := flags.Output()
	flags.SetOutput(io.Discard)
	defer flags.SetOutput(errs)
	for len(args) > 0 {
		err = flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			flags.SetOutput(errs)
			flags.Usage()
			return nil, err
		case err != nil:
			return nil, Usagef("%w (%s -h lists the flags)", err, flags.Name())
		}
		ended := len(args) > flags.NArg() && args[len(args)-flags.NArg()-1] == "--"
		if args = flags.Args(); ended {
			return append(rest, args...), nil
		}
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}
