package credential

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// The variables of a template.
const (
	varOUI          = "oui"
	varProductClass = "product_class"
	varSerial       = "serial"
)

// template is a user name with variables of the device in it.
type template []piece

// piece is a text, or a variable.
type piece struct {
	text     string
	variable bool
}

// parseTemplate reads "text{variable}text".
func parseTemplate(s string) (template, error) {
	var t template
	for {
		text, rest, found := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return nil, fmt.Errorf("has a } without a {")
		}
		if text != "" {
			t = append(t, piece{text: text})
		}
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		switch {
		case !closed:
			return nil, fmt.Errorf("has a { without a }")
		case name != varOUI && name != varProductClass && name != varSerial:
			return nil, fmt.Errorf("has the variable {%s}: use {%s}, {%s} and {%s}", name, varOUI, varProductClass, varSerial)
		}
		t = append(t, piece{name, true})
		s = after
	}
}

// expand returns the user name of a device.
func (t template) expand(id cwmp.DeviceID) string {
	var b strings.Builder
	for _, p := range t {
		if !p.variable {
			b.WriteString(p.text)
			continue
		}
		switch p.text {
		case varOUI:
			b.WriteString(id.OUI)
		case varProductClass:
			b.WriteString(id.ProductClass)
		case varSerial:
			b.WriteString(id.SerialNumber)
		}
	}
	return b.String()
}

// pattern returns what matches the user names of all devices with one of the
// OUIs, or with any. It matches in time linear in the name.
func (t template) pattern(ouis []string) *regexp.Regexp {
	oui := "[0-9A-F]{6}"
	if len(ouis) > 0 {
		quoted := slices.Clone(ouis)
		for i := range quoted {
			quoted[i] = regexp.QuoteMeta(quoted[i])
		}
		oui = "(?:" + strings.Join(quoted, "|") + ")"
	}
	expr := `(?s)\A`
	for _, p := range t {
		switch {
		case !p.variable:
			expr += regexp.QuoteMeta(p.text)
		case p.text == varOUI:
			expr += oui
		default:
			expr += ".*" // a product class may be empty
		}
	}
	return regexp.MustCompile(expr + `\z`)
}
