package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quirkIDs are the requirements that quirks.md must answer for.
func quirkIDs() []string {
	var ids []string
	for n := 1; n <= 14; n++ {
		ids = append(ids, fmt.Sprintf("U%d", n))
	}
	for _, r := range []struct {
		letter      string
		first, last int
	}{
		{"C", 1, 14}, {"C", 20, 39}, {"C", 50, 77}, {"C", 80, 87},
		{"S", 1, 22}, {"S", 30, 44},
	} {
		for n := r.first; n <= r.last; n++ {
			ids = append(ids, fmt.Sprintf("%s-%02d", r.letter, n))
		}
	}
	return ids
}

var (
	quirkRow  = regexp.MustCompile(`(?m)^\| ([UCS]-?[0-9]+) \| (.+?) \| (.+) \|$`)
	testName  = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	testStart = regexp.MustCompile(`(?m)((?:^//.*\n)*)^func (Test\w+)\(t \*testing\.T\)`)
)

// testFuncs returns the comment of each test function in the repository, by its
// name. Those of the same name count as one.
func testFuncs(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range testStart.FindAllStringSubmatch(string(text), -1) {
			found[m[2]] += m[1]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestQuirksPage_AnswersForEachID: no id is missing or unknown, each names tests
// that exist, and one of them says so in its name or comment.
func TestQuirksPage_AnswersForEachID(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("quirks.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, rows := testFuncs(t), map[string][]string{}
	for _, row := range quirkRow.FindAllStringSubmatch(string(page), -1) {
		id := row[1]
		if rows[id] != nil {
			t.Errorf("%s has two rows", id)
		}
		for _, m := range testName.FindAllStringSubmatch(row[3], -1) {
			rows[id] = append(rows[id], m[1])
			if _, ok := tests[m[1]]; !ok {
				t.Errorf("%s names %s, which does not exist", id, m[1])
			}
		}
	}
	for _, id := range quirkIDs() {
		if !carried(id, rows[id], tests) {
			t.Errorf("%s: none of the tests %q carries the id", id, rows[id])
		}
		delete(rows, id)
	}
	for id := range rows {
		t.Errorf("%s is not in the range of this page", id)
	}
}

// carried tells whether one of the tests names the id, as "C07" in its name or
// as "C-07" in its comment.
func carried(id string, names []string, comments map[string]string) bool {
	inName := regexp.MustCompile(`(^Test|_)` + strings.ReplaceAll(id, "-", "") + `(_|$)`)
	inComment := regexp.MustCompile(`\b` + id + `\b`)
	for _, name := range names {
		if inName.MatchString(name) || inComment.MatchString(comments[name]) {
			return true
		}
	}
	return false
}
