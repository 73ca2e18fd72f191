package commandline

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"io"
	"strings"
)

//go:embed shell
var shells embed.FS

const completionSynopsis = `bash | zsh | fish

  bash  source <(PROGRAM completion bash), in ~/.bashrc
  zsh   source <(PROGRAM completion zsh), in ~/.zshrc after compinit
  fish  PROGRAM completion fish > ~/.config/fish/completions/PROGRAM.fish
`

// completion is the command that prints the script of a shell. The scripts know
// nothing of the program: they ask it.
func (p Program) completion() Command {
	return Command{
		Name: "completion", Summary: "print what lets a shell complete its commands and flags",
		Synopsis: strings.ReplaceAll(completionSynopsis, "PROGRAM", p.Name),
		Args:     []string{"bash|zsh|fish"},
		Define: func(*flag.FlagSet) Run {
			return func(_ context.Context, args []string, out, _ io.Writer) error {
				if len(args) != 1 {
					return Usagef("give one shell: bash, zsh or fish")
				}
				script, err := shells.ReadFile("shell/" + args[0])
				if err != nil || strings.Contains(args[0], "/") {
					return Usagef("there is no completion for %q, but for bash, zsh and fish", args[0])
				}
				_, err = fmt.Fprint(out, strings.ReplaceAll(string(script), "PROGRAM", p.Name))
				return err
			}
		},
	}
}
