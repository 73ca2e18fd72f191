// Package docs tests what can be tested of the documentation: that it names
// nothing that does not exist.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/config"
)

const root = ".."

// pages returns the text of every Markdown page of the repository by its path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "dist"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			text, err := os.ReadFile(path)
			found[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Fatalf("only %d pages found", len(found))
	}
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var (
	fence     = regexp.MustCompile("(?ms)^```.*?^```$")
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	ourPath   = regexp.MustCompile(`^(\.ci|cmd|configs|docs|internal|policy|proxy)(/[A-Za-z0-9_.*-]+)*/?$`)
	heading   = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors returns the link targets of a page's headings, as code hosts make them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		plain := notAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(plain, " ", "-")] = true
	}
	return found
}

func TestLinks_LeadSomewhere(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			to := page
			if target != "" {
				to = filepath.Join(filepath.Dir(page), target)
			}
			if !exists(to) {
				t.Errorf("%s: link to %s, which does not exist", page, m[1])
			} else if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s: link to %s, which has no such heading", page, m[1])
			}
		}
	}
}

func TestPaths_Exist(t *testing.T) {
	seen := 0
	for page, text := range pages(t) {
		for _, m := range codeSpan.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if !ourPath.MatchString(m[1]) {
				continue
			}
			seen++
			if matches, err := filepath.Glob(filepath.Join(root, m[1])); err != nil || len(matches) == 0 {
				t.Errorf("%s: names `%s`, which does not exist", page, m[1])
			}
		}
	}
	if seen == 0 {
		t.Error("no page names a path: the pattern is wrong")
	}
}

func TestMakeTargets_Exist(t *testing.T) {
	makefile := readFile(t, "Makefile")
	for page, text := range pages(t) {
		for _, m := range regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
				t.Errorf("%s: names make %s, which is no target", page, m[1])
			}
		}
	}
}

func TestLibraries_EachDirectOneHasAReason(t *testing.T) {
	record := readFile(t, "docs/adr/0001-libraries.md")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(record, -1) {
		listed[m[1]] = true
	}
	for _, line := range strings.Split(readFile(t, "go.mod"), "\n") {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) < 2 || !strings.HasPrefix(fields[1], "v") || strings.Contains(line, "// indirect") {
			continue
		}
		if !listed[fields[0]] {
			t.Errorf("go.mod requires %s, for which the record gives no reason", fields[0])
		}
		delete(listed, fields[0])
	}
	for module := range listed {
		t.Errorf("the record lists %s, which go.mod does not require directly", module)
	}
}

func TestYAML_IsAccepted(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	seen := 0
	for page, text := range pages(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			seen++
			yaml := m[1]
			if !strings.Contains(yaml, "listen:") {
				yaml = "listen: [{name: cpe, address: \":7547\"}]\n" + yaml
			}
			if _, err := config.Parse("acsgate.yaml", []byte(yaml)); err != nil {
				t.Errorf("%s: configuration that is refused: %v\n%s", page, err, yaml)
			}
		}
	}
	if seen < 2 {
		t.Errorf("only %d examples found", seen)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
