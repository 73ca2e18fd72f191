package commandline

import (
	"flag"
	"fmt"
	"slices"
	"strings"
)

// Choice declares a flag that takes one of some words, or nothing as long as it is
// not given.
func Choice(flags *flag.FlagSet, p *string, name, usage string, words ...string) {
	flags.Var(choice{p, words}, name, usage+": `"+strings.Join(words, "|")+"`")
}

type choice struct {
	p     *string
	words []string
}

func (c choice) String() string {
	if c.p == nil { // as package flag makes one to find out what zero is
		return ""
	}
	return *c.p
}

func (c choice) Set(text string) error {
	if !slices.Contains(c.words, text) {
		return oneOf(c.words)
	}
	*c.p = text
	return nil
}

// Choices declares a flag that takes some of the words, separated by commas.
func Choices(flags *flag.FlagSet, p *[]string, name, usage string, words ...string) {
	flags.Var(choices{p, words}, name, usage+", separated by commas: `"+strings.Join(words, "|")+"`")
}

type choices struct {
	p     *[]string
	words []string
}

func (c choices) String() string {
	if c.p == nil {
		return ""
	}
	return strings.Join(*c.p, ",")
}

func (c choices) Set(text string) error {
	*c.p = nil
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); !slices.Contains(c.words, word) {
			return oneOf(c.words)
		}
		*c.p = append(*c.p, word)
	}
	return nil
}

func oneOf(words []string) error { return fmt.Errorf("want %s", strings.Join(words, ", ")) }
