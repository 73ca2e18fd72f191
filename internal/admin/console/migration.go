package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
)

// migrationPage is the form that makes a campaign.
type migrationPage struct {
	*form
	ACS     []acsChoice
	Preview *preview // where it was asked for without script
}

// acsChoice is an ACS that devices may leave.
type acsChoice struct {
	Name, State string
	On          bool
}

func (c *Console) migrationForm(v *visit) error {
	return c.showMigration(v, http.StatusOK, newMigration(v.r.URL.Query()), nil)
}

// showMigration answers with the form as it was filled in.
func (c *Console) showMigration(v *visit, status int, f *form, found *preview) error {
	if c.api.ACSs == nil || c.api.Campaigns == nil {
		return absent("campaigns")
	}
	body := migrationPage{form: f, Preview: found}
	for _, a := range c.api.ACSs() {
		body.ACS = append(body.ACS, acsChoice{a.Name, a.State, f.Is("from", a.Name)})
	}
	c.page(v, status, "migration", page{Title: "New campaign", Nav: "/campaigns", Body: body})
	return nil
}

// Targets are where devices may go.
func (p migrationPage) Targets() choice {
	pairs := []string{"", "choose one"}
	for _, a := range p.ACS {
		label := a.Name
		if a.State != "up" {
			label += " (" + a.State + ")"
		}
		pairs = append(pairs, a.Name, label)
	}
	return choice{"to", "f-to", p.Options("to", pairs...)}
}

// Modes are how devices are moved.
func (p migrationPage) Modes() choice {
	return choice{"mode", "f-mode", p.Options("mode", "route", "Route", "rewrite", "Rewrite the URL", "route_then_rewrite", "Route, then rewrite")}
}

// Kinds are what a campaign is for.
func (p migrationPage) Kinds() choice {
	return choice{"kind", "f-kind", p.Options("kind", "migration", "Migration", "drain", "Drain")}
}

// Failures are what becomes of a campaign that misses its criteria.
func (p migrationPage) Failures() choice {
	return choice{"on_failure", "f-on_failure", p.Options("on_failure", "halt", "Halt", "rollback", "Roll back")}
}

func (c *Console) previewMigration(v *visit) error {
	if c.api.Campaigns == nil {
		return absent("campaigns")
	}
	f, request := readMigration(v.r)
	var found *preview
	var err error
	if len(f.Problems) == 0 {
		if found, err = c.previewOf(v, request); err != nil {
			f.refused(err)
		}
	}
	status := f.status(err)
	if v.partial() {
		c.fragment(v, status, "migration", "outcome", migrationPage{form: f, Preview: found})
		return nil
	}
	return c.showMigration(v, status, f, found)
}

func (c *Console) createMigration(v *visit) error {
	if c.api.Campaigns == nil {
		return absent("campaigns")
	}
	f, request := readMigration(v.r)
	if len(f.Problems) > 0 {
		return c.showMigration(v, http.StatusBadRequest, f, nil)
	}
	extend(v.w, wakeTimeout)
	view, err := c.api.Campaigns.Create(v.r.Context(), request)
	if c.result(v, err, fmt.Sprintf("campaign %q to %s", request.Name, request.To)) != nil {
		f.refused(err)
		return c.showMigration(v, f.status(err), f, nil)
	}
	return c.done(v, "ok", "The campaign is a draft: nothing moves until you start it here.", "/campaigns/"+url.PathEscape(view.Name))
}

// status is that of the answer to a form.
func (f *form) status(err error) int {
	switch {
	case err != nil:
		return statusOf(err)
	case len(f.Problems) > 0:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// refused notes why the engine does not do what was asked for, one problem a line.
func (f *form) refused(err error) {
	for line := range strings.Lines(reasonOf(err)) {
		line = strings.TrimSpace(line)
		f.wrong(fieldOf(line), line)
	}
}

// reasonOf is an error of the engine without the words that say that it is one.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if !errors.Is(err, admin.ErrRefused) {
		return text
	}
	text = strings.ReplaceAll(text, admin.ErrRefused.Error()+": ", "")
	if _, rest, found := strings.Cut(text, `": `); found && strings.HasPrefix(text, `campaign "`) {
		return rest
	}
	return text
}

// fieldOf finds the field that a sentence of the engine is about, "" for none. Most
// begin with the key of the API, such as waves[1].criteria.within.
func fieldOf(line string) string {
	for begin, field := range sentences {
		if strings.HasPrefix(line, begin) {
			return field
		}
	}
	key, _, found := strings.Cut(line, ": ")
	if before, _, missing := strings.Cut(line, " is missing"); missing {
		key, found = before, true
	}
	if !found || strings.Contains(key, " ") {
		return ""
	}
	first, last := key, key[strings.LastIndexByte(key, '.')+1:]
	first, _, _ = strings.Cut(strings.TrimPrefix(first, "selector."), "[")
	switch {
	case strings.Contains(key, "criteria."):
		return last
	case first == "rate_per_second":
		return "rate"
	case slices.Contains(keyFields, first):
		return first
	}
	return ""
}

// keyFields are keys of the API that are fields of the form.
var keyFields = []string{
	"name", "kind", "from", "to", "mode", "oui", "product_class", "serial", "software_version", "manufacturer", "source", "acs", "percent",
	"devices", "waves", "mirror", "arrive_within", "rewrite_after",
}

// sentences are how the engine begins to speak of fields, where that is no key.
var sentences = map[string]string{
	"there is one of that name": "name", "its waves ": "waves", "the selector asks for nothing": "everything",
	"the selector takes all": "everything", "the selector lists": "devices",
}
