package commandline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	const fruit = "apple apricot pear kiwi:green"
	for _, test := range []struct{ words, want string }{
		{"", "flags words fail wrong plain silent completion"},
		{"w", "words wrong"},
		{"nothing ", ""},
		{"nothing -", ""},
		{"flags ", ""}, // takes flags alone
		{"flags -", "-n"},
		{"flags --", "--n"},
		{"flags -n ", ""}, // of no known kind
		{"words ", "go stop"},
		{"words s", "stop"},
		{"words stop ", fruit},
		{"words stop ap", "apple apricot"},
		{"words stop pear k", "kiwi:green"}, // the last kind is for all further words
		{"words -", "-colour -from -garden -list -ripe"},
		{"words stop -r", "-ripe"},
		{"words -ripe ", "go stop"}, // a switch waits for no value
		{"words -ripe=", "-ripe=true -ripe=false"},
		{"words -from ", fruit},
		{"words -from p", "pear"},
		{"words -from=p", "-from=pear"},
		{"words --from=p", "--from=pear"},
		{"words -from pear ", "go stop"},
		{"words -colour r", "red"},
		{"words -colour=", "-colour=red -colour=green"},
		{"words -list ", ":file"},
		{"words -list=a", ":file"},
		{"words -none=", ""},
		{"words -garden palace stop ", "pineapple"}, // what is typed counts; a line feed is none
		{"words -- ", "go stop"},
		{"words -- stop -", ""},
		{"completion z", "zsh"},
	} {
		var out bytes.Buffer
		args := append([]string{completeCommand}, strings.Split(test.words, " ")...)
		if code := program().Dispatch(t.Context(), args, &out, io.Discard); code != ExitOK {
			t.Errorf("%q: exit %d", test.words, code)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			got = append(got, word)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q: %q, want %q", test.words, got, test.want)
		}
	}
	if got, _ := program().Complete(t.Context(), nil); len(got) != 7 || got[0].About != "takes a flag" {
		t.Errorf("of nothing: %v", got)
	}
}

// TestMain lets the test binary be prog, which shells ask.
func TestMain(m *testing.M) {
	if os.Getenv("BE_PROG") != "" {
		os.Exit(program().Dispatch(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// missing skips a test for want of a program, or fails where none may be missing.
func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("ACSGATE_INTEROP") == "required" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}

// shell runs a script in a shell that finds prog, in a directory with one file.
func shell(t *testing.T, name, script string, args ...string) string {
	t.Helper()
	if raced {
		t.Skip("under the race detector each start of the program takes a second")
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name)
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "prog")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "guava.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append(args, script)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "BE_PROG=yes", "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%s: %v\n%s%s", name, err, out.String(), errs.String())
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// lines are typed lines and what a shell must offer for them.
var lines = []struct{ line, want string }{
	{"prog fl", "flags"},
	{"prog words stop ap", "apple apricot"},
	{"prog words stop kiwi:", "kiwi:green"},
	{"prog words -from=p", "-from=pear"},
	{"prog words -list g", "guava.txt"},
	{"prog words -garden palace stop ", "pineapple"},
}

// offers completes all lines in one shell, by what the script does with $line.
func offers(t *testing.T, name, script string, want func(string) string, args ...string) {
	t.Helper()
	var typed []string
	for _, l := range lines {
		typed = append(typed, "'"+l.line+"'")
	}
	got := strings.Split(shell(t, name, fmt.Sprintf(script, strings.Join(typed, " ")), args...), "; ")
	for i, l := range lines {
		if i >= len(got) || strings.TrimRight(got[i], " ;") != want(l.want) {
			t.Errorf("%q: %s offers %q, want %q", l.line, name, got[min(i, len(got)-1)], want(l.want))
		}
	}
}

func TestCompletion_Bash(t *testing.T) {
	offers(t, "bash", `prog completion bash >completion && bash -n completion && source completion || exit 1
complete -p prog >/dev/null || exit 1
for line in %s; do
	COMP_LINE=$line COMP_POINT=${#line}
	_prog_complete
	printf '%%s\n' "${COMPREPLY[@]}" ';'
done`, func(want string) string {
		// bash puts a word together again behind what it takes for a break.
		return strings.TrimPrefix(strings.TrimPrefix(want, "-from="), "kiwi:")
	}, "--norc", "-c")
}

// A real terminal completes a word as somebody types it.
func TestCompletion_AtTheKeyboard(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		missing(t, "script")
	}
	for name, start := range map[string]string{
		"bash": "bash --norc --noprofile -i",
		"zsh":  "zsh -f -i",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				missing(t, name)
			}
			got := shell(t, "bash", `prog completion `+name+` >completion
{
	[[ `+name+` == zsh ]] && printf 'autoload -U compinit && compinit -D\n'
	printf 'source completion\nprog words stop pe\t\nprog words -from=pe\t go\nexit\n'
} | script -qc '`+start+`' /dev/null`, "--norc", "-c")
			for _, want := range []string{"[stop pear]", "pear [go]"} {
				if !strings.Contains(got, want) {
					t.Errorf("prog did not print %s:\n%s", want, got)
				}
			}
		})
	}
}

func TestCompletion_ZshParses(t *testing.T) {
	shell(t, "zsh", "prog completion zsh >completion && zsh -n completion", "-f", "-c")
}

func TestCompletion_Fish(t *testing.T) {
	offers(t, "fish", `prog completion fish >completion; and fish -n completion; and source completion; or exit 1
for line in %s
	complete -C $line | cut -f1
	echo ';'
end`, func(want string) string { return want }, "--no-config", "-c")
}
