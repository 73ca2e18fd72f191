package main

import (
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin/console/browsertest"
)

// migrateInBrowser makes a campaign by the console's form, which says of each
// refusal of the gateway which field it is about, and removes it.
func migrateInBrowser(t *testing.T, p *browsertest.Page, base string) {
	t.Helper()
	fill := func(name, value string) {
		browsertest.Evaluate[string](p, `document.querySelector("[name=`+name+`]").value = "`+value+`"`)
	}
	p.Go(base + "/campaigns/new")
	for _, wrong := range []struct{ name, value, right string }{
		{"name", "a b", "pilots"}, {"to", "", "south"}, {"product_class", "", "easycwmp"}, {"source", "nowhere", ""},
		{"acs", "west", ""}, {"devices", "FFFFFF-nobody-1", ""}, {"waves", "50, 10", "50, 100"}, {"rewrite_after", "1h", ""}, {"within", "9999h", "1h"},
	} {
		fill("name", "pilots")
		fill("to", "south")
		fill("product_class", "easycwmp")
		fill(wrong.name, wrong.value)
		p.Follow("#create")
		field := wrong.name
		if field == "product_class" {
			field = "everything"
		}
		p.Wait("#problems")
		if text := p.Text("#problems"); browsertest.Evaluate[bool](p, `!document.querySelector("#problems a[href='#f-`+field+`'], #f-`+field+`-problem")`) {
			t.Errorf("%s %q: no problem at its field: %s", wrong.name, wrong.value, text)
		}
		fill(wrong.name, wrong.right)
	}
	p.Errors() // the browser notes the answers 400 and 409
	p.Click("#preview-button")
	p.Wait("#found")
	if text := p.Text("#outcome"); !strings.Contains(text, "2 devices would move to south") {
		t.Errorf("the preview says %q", text)
	}
	p.Follow("#create")
	if at := p.Location(); !strings.HasSuffix(at, "/campaigns/pilots") || p.Text("#status") != "draft" {
		t.Errorf("the draft is at %s", at)
	}
	p.Click("#ask-remove")
	p.Follow("#do-remove")
}
