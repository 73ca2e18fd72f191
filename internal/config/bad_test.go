package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected output of tests anew")

// TestLoad_SaysWhatIsWrong compares what is said of each bad file, word for
// word: these lines are all that most users see of this package.
func TestLoad_SaysWhatIsWrong(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			c, err := Load(file)
			var problems Problems
			if !errors.As(err, &problems) || c != nil {
				t.Fatalf("a configuration (%v), error %v", c != nil, err)
			}
			checkGolden(t, strings.TrimSuffix(file, ".yaml")+".want", problems.Error()+"\n")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkProblems(t, problems, data)
		})
	}
}

func checkGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// checkProblems checks what holds for the problems of any file.
func checkProblems(t *testing.T, problems Problems, data []byte) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	for _, p := range problems {
		if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len([]rune(lines[p.Line-1]))+1 {
			t.Fatalf("%s: not in the file of %d lines", p, len(lines))
		}
		if p.Text == "" || strings.ContainsAny(p.String(), "\n\r\x00") {
			t.Errorf("%q is not one line of text", p.String())
		}
	}
	if !slices.IsSortedFunc(problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	}) {
		t.Errorf("not sorted:\n%s", problems)
	}
}

// TestLoad_PointsAtWhatIsMeant checks that columns are those of an editor.
func TestLoad_PointsAtWhatIsMeant(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		_, err := Load(file)
		data, _ := os.ReadFile(file)
		lines := bytes.Split(data, []byte("\n"))
		for _, p := range err.(Problems) {
			there := string([]rune(string(lines[p.Line-1]))[p.Column-1:])
			name := lastName(p.Key)
			if strings.HasSuffix(p.Key, "_file") && !strings.HasPrefix(there, "/") { // shown with its directory
				there = filepath.Join("testdata/bad", there)
			}
			for _, start := range []string{p.Value, `"` + p.Value, name, strings.TrimRight(name, "[]0123456789")} {
				if p.Value != "" && start != "" && strings.HasPrefix(there, start) {
					checked++
					there = ""
				}
			}
			if p.Value != "" && there != "" && !strings.Contains(p.Text, "(the default)") {
				t.Errorf("%s\npoints at %q", p, there)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d positions could be checked", checked)
	}
}
