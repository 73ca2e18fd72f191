package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const prefix = "acsgate_"

var metricName = regexp.MustCompile(`^` + prefix + `[a-z0-9_]+$`)

// metricsOf returns the metric names in a source file: literals that are one,
// and the first arguments of helpers in files that put the prefix before them.
func metricsOf(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names, calls []string
	prefixed := false
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			text := literal(n)
			if metricName.MatchString(text) {
				names = append(names, text)
			}
			prefixed = prefixed || text == prefix
		case *ast.CallExpr:
			if name, ok := n.Fun.(*ast.Ident); ok && len(n.Args) >= 2 &&
				(name.Name == "counter" || name.Name == "gauge" || name.Name == "histogram") {
				calls = append(calls, prefix+literal(n.Args[0]))
			}
		}
		return true
	})
	if prefixed {
		names = append(names, calls...)
	}
	return names
}

func literal(n ast.Expr) string {
	if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if text, err := strconv.Unquote(lit.Value); err == nil {
			return text
		}
	}
	return ""
}

func TestMetrics_EachOneIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	page := readFile(t, "docs/operations.md")
	for _, m := range regexp.MustCompile("(?m)^\\| `("+prefix+"[a-z0-9_]+)` \\|").FindAllStringSubmatch(page, -1) {
		documented[m[1]] = true
	}
	seen := map[string]bool{}
	for _, dir := range []string{"connreq", "internal", "policy", "proxy", "stunsrv"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "/bench/") {
				return err
			}
			for _, name := range metricsOf(t, path) {
				seen[name] = true
				if !documented[name] {
					t.Errorf("%s: %s is not in docs/operations.md", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range documented {
		if !seen[name] {
			t.Errorf("docs/operations.md lists %s, which no code has", name)
		}
	}
	for _, m := range regexp.MustCompile("`("+prefix+"[a-z0-9_]+)`").FindAllStringSubmatch(page, -1) {
		if !documented[m[1]] {
			t.Errorf("docs/operations.md speaks of %s, which is not in its list", m[1])
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d metrics found in the code", len(seen))
	}
}
