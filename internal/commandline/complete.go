package commandline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// completeCommand is what the scripts of shells ask for candidates. It is in no
// list of commands.
const completeCommand = "__complete"

// patience is how long a shell waits for values.
const patience = time.Second

// Candidate is a word that may stand where the cursor is.
type Candidate struct{ Word, About string }

// Complete returns the candidates for the last of words, which are what has been
// typed behind the program's name. files says that names of files fit as well.
// Nothing fails: what cannot be found out has no candidates.
func (p Program) Complete(ctx context.Context, words []string) (found []Candidate, files bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if len(words) < 2 {
		begun := ""
		if len(words) == 1 {
			begun = words[0]
		}
		for _, c := range p.all() {
			found = append(found, Candidate{c.Name, c.Summary})
		}
		return beginning(found, begun), false
	}
	for _, c := range p.all() {
		if c.Name == words[0] {
			return p.completeCommand(ctx, c, words[1:])
		}
	}
	return nil, false
}

func (p Program) completeCommand(ctx context.Context, c Command, words []string) ([]Candidate, bool) {
	flags, _ := p.define(c, io.Discard)
	typed, last := words[:len(words)-1], words[len(words)-1]
	count, waiting, ended := walk(flags, typed)
	switch {
	case waiting != nil:
		return p.values(ctx, flags, kindOf(waiting), "", last)
	case !ended && strings.HasPrefix(last, "-"):
		if name, begun, has := strings.Cut(last, "="); has {
			if f := flags.Lookup(strings.TrimLeft(name, "-")); f != nil {
				return p.values(ctx, flags, kindOf(f), name+"=", begun)
			}
			return nil, false
		}
		return beginning(flagNames(flags, last), last), false
	case len(c.Args) == 0:
		return nil, false
	}
	return p.values(ctx, flags, c.Args[min(count, len(c.Args)-1)], "", last)
}

// walk sets the flags among words. It returns how many words were none, the flag
// that waits for its value, and whether "--" has ended the flags.
func walk(flags *flag.FlagSet, words []string) (count int, waiting *flag.Flag, ended bool) {
	for _, w := range words {
		switch {
		case waiting != nil:
			_ = waiting.Value.Set(w) // a wrong value is told when the command runs
			waiting = nil
		case ended || len(w) < 2 || w[0] != '-':
			count++
		case w == "--":
			ended = true
		default:
			name, value, has := strings.Cut(strings.TrimLeft(w, "-"), "=")
			f := flags.Lookup(name)
			switch {
			case f == nil:
			case has:
				_ = f.Value.Set(value)
			case !isBool(f):
				waiting = f
			}
		}
	}
	return count, waiting, ended
}

// values returns the values of a kind that begin with begun, each behind before.
func (p Program) values(ctx context.Context, flags *flag.FlagSet, kind, before, begun string) (found []Candidate, files bool) {
	var words []string
	switch list := p.Values[kind]; {
	case list != nil:
		words = list(ctx, flags, begun)
	case strings.Contains(kind, "|"):
		words = strings.Split(kind, "|")
	case kind == "file":
		return nil, true
	}
	for _, w := range words {
		found = append(found, Candidate{before + w, ""})
	}
	return beginning(found, before+begun), false
}

// kindOf is how the usage of a flag names its value.
func kindOf(f *flag.Flag) string {
	if isBool(f) {
		return "true|false"
	}
	kind, _ := flag.UnquoteUsage(f)
	return kind
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// flagNames lists the flags with as many dashes as have been typed.
func flagNames(flags *flag.FlagSet, begun string) (found []Candidate) {
	dashes := "-"
	if strings.HasPrefix(begun, "--") {
		dashes = "--"
	}
	flags.VisitAll(func(f *flag.Flag) {
		_, about := flag.UnquoteUsage(f)
		found = append(found, Candidate{dashes + f.Name, about})
	})
	return found
}

func beginning(all []Candidate, begun string) (found []Candidate) {
	for _, c := range all {
		if strings.HasPrefix(c.Word, begun) {
			found = append(found, c)
		}
	}
	return found
}

// printCandidates answers the script of a shell: a candidate a line with what it
// is about behind a tab, and ":file" where names of files fit.
func (p Program) printCandidates(ctx context.Context, words []string, out io.Writer) {
	found, files := p.Complete(ctx, words)
	for _, c := range found {
		// What comes from a gateway must not become further lines.
		if !strings.ContainsFunc(c.Word, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			fmt.Fprintf(out, "%s\t%s\n", c.Word, c.About)
		}
	}
	if files {
		fmt.Fprintln(out, ":file")
	}
}
