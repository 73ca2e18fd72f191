package browsertest

import (
	_ "embed" // check.js
	"testing"
)

//go:embed check.js
var script string

// Flaws returns what keeps people from using the page as it is now: what has no
// name, text that is hard to read, content that is wider than the page. The rules
// are those of WCAG 2.2 AA that can be computed.
func (p *Page) Flaws() []string {
	p.t.Helper()
	return Evaluate[[]string](p, script)
}

// Check reports errors and flaws of the page to a test, by a name.
func (p *Page) Check(t testing.TB, name string) {
	t.Helper()
	for _, text := range p.Flaws() {
		t.Errorf("%s: %s", name, text)
	}
	for _, text := range p.Errors() {
		t.Errorf("%s: %s", name, text)
	}
}
