package cwmp

import (
	"fmt"
	"strings"
)

// QuirkTable finds the quirks of a CPE. It is immutable and safe for
// concurrent use; a nil table knows no quirks.
type QuirkTable struct{ rules []QuirkRule }

// NewQuirkTable compiles rules. The error joins the problems that
// QuirkRule.Validate reports.
func NewQuirkTable(rules []QuirkRule) (*QuirkTable, error) {
	var problems []string
	t := &QuirkTable{rules: make([]QuirkRule, len(rules))}
	for i, rule := range rules {
		rule.Validate(func(key, value, problem string) {
			problems = append(problems, fmt.Sprintf("quirk rule %q: %s: %q %s", rule.Name, key, value, problem))
		})
		t.rules[i] = rule.compiled()
	}
	if problems != nil {
		return nil, fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	return t, nil
}

// compiled returns r with lists of its own and OUIs in their normal form.
func (r QuirkRule) compiled() QuirkRule {
	r.Manufacturer = append([]string(nil), r.Manufacturer...)
	r.ProductClass = append([]string(nil), r.ProductClass...)
	r.SoftwareVersion = append([]string(nil), r.SoftwareVersion...)
	ouis := make([]string, len(r.OUI))
	for i, oui := range r.OUI {
		ouis[i] = oui
		if !strings.ContainsAny(oui, "*?") {
			ouis[i] = NormalizeOUI(oui)
		}
	}
	r.OUI = ouis
	return r
}

// For returns the sum of the quirks of all rules that match. Where two rules
// contradict each other about an empty reply, the earlier one stands.
func (t *QuirkTable) For(id DeviceID, softwareVersion string) Quirks {
	var q Quirks
	if t == nil {
		return q
	}
	for i := range t.rules {
		if t.rules[i].matches(&id, softwareVersion) {
			q = q.plus(t.rules[i].Quirks)
		}
	}
	return q
}

func (r *QuirkRule) matches(id *DeviceID, softwareVersion string) bool {
	return matchAny(r.Manufacturer, id.Manufacturer) &&
		matchAny(r.OUI, id.OUI) &&
		matchAny(r.ProductClass, id.ProductClass) &&
		matchAny(r.SoftwareVersion, softwareVersion)
}

func matchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if MatchGlob(p, s, true) {
			return true
		}
	}
	return len(patterns) == 0
}

func (q Quirks) plus(more Quirks) Quirks {
	decided := q.EmptyAs200 || q.EmptyAs204
	return Quirks{
		StripXMLDeclaration: q.StripXMLDeclaration || more.StripXMLDeclaration,
		EmptyAs204:          q.EmptyAs204 || more.EmptyAs204 && !decided,
		EmptyAs200:          q.EmptyAs200 || more.EmptyAs200 && !decided,
		CloseAtEnd:          q.CloseAtEnd || more.CloseAtEnd,
		NoSTUNChallenge:     q.NoSTUNChallenge || more.NoSTUNChallenge,
		RequestMilliseconds: q.RequestMilliseconds || more.RequestMilliseconds,
		RequestSlash:        q.RequestSlash || more.RequestSlash,
		RequestBasic:        q.RequestBasic || more.RequestBasic,
	}
}

// Validate reports each problem of the rule: the key relative to the rule, its
// value and what is wrong with it.
func (r *QuirkRule) Validate(report func(key, value, problem string)) {
	lists := [...]struct {
		key    string
		values []string
	}{
		{"manufacturer", r.Manufacturer},
		{"oui", r.OUI},
		{"product_class", r.ProductClass},
		{"software_version", r.SoftwareVersion},
	}
	for _, list := range lists {
		for i, v := range list.values {
			if strings.TrimSpace(v) == "" {
				report(fmt.Sprintf("%s[%d]", list.key, i), v, "is empty: leave the key out to match every device, or write a glob")
			}
		}
	}
	if r.EmptyAs204 && r.EmptyAs200 {
		report("empty_as_200", "true", "contradicts empty_as_204: set one of them")
	}
	if r.Quirks == (Quirks{}) {
		report("name", r.Name, "sets no quirk: add one, such as strip_xml_declaration: true")
	}
}
