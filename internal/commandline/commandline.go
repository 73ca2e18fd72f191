// Package commandline is the frame of our programs: subcommands with flags of
// their own, errors in one voice, and exit codes. It knows nothing of what the
// commands do.
package commandline

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2 // wrong arguments or configuration
)

// Command is one subcommand.
type Command struct {
	Name, Summary string
	// Run does it. The context ends at an interrupt; what is asked for goes to
	// out, everything else to errs.
	Run func(ctx context.Context, args []string, out, errs io.Writer) error
}

// Program is a program made of subcommands.
type Program struct {
	Name     string
	Purpose  string // a sentence
	Examples string // behind the list of commands; may be empty
	Commands []Command
}

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
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		p.usage(out)
		return ExitOK
	}
	for _, c := range p.Commands {
		if c.Name == args[0] {
			return p.report(c.Run(ctx, args[1:], out, errs), errs)
		}
	}
	fmt.Fprintf(errs, "%s: error: there is no command %q\n%s: hint: see %s help\n", p.Name, args[0], p.Name, p.Name)
	return ExitUsage
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
	fmt.Fprintf(out, "%s\n\nUsage:\n\n", p.Purpose)
	for _, c := range p.Commands {
		fmt.Fprintf(out, "  %s %-9s %s\n", p.Name, c.Name, c.Summary)
	}
	fmt.Fprintf(out, "\n%s%s COMMAND -h lists the flags of a command.\n", p.Examples, p.Name)
}

// NewFlags returns the flags of a command, which is named with its program:
// "acsgate check".
func NewFlags(command, synopsis string, errs io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "Usage: %s\n\n", strings.TrimSpace(command+" "+synopsis))
		flags.PrintDefaults()
	}
	return flags
}

// Parse parses the arguments of a command that takes flags alone. Mistakes are
// UsageErrors, a plea for help is flag.ErrHelp.
func Parse(flags *flag.FlagSet, args []string) error {
	rest, err := ParseArgs(flags, args)
	if err == nil && len(rest) > 0 {
		return Usagef("%s takes flags only, not %q", flags.Name(), strings.Join(rest, " "))
	}
	return err
}

// ParseArgs is Parse for a command that takes more than flags: it returns the
// rest. Flags may stand before, between and after it; what follows "--" is none.
func ParseArgs(flags *flag.FlagSet, args []string) (rest []string, err error) {
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
