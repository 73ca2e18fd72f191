package binding

import (
	"strings"
	"testing"
)

func TestTemplates(t *testing.T) {
	st := state{oui: []byte("00AA01"), class: []byte("Box"), serial: []byte("V")}
	tests := []struct{ template, want string }{
		{"{oui}-{product_class}-{serial}", "00AA01-Box-V"}, {"{serial}", "V"}, {"stun", "stun"}, {"a{oui}b{oui}", "a00AA01b00AA01"},
	}
	for _, tt := range tests {
		tmpl, err := parseTemplate(tt.template)
		if got := string(tmpl.append(nil, &st)); err != nil || got != tt.want {
			t.Errorf("%q is %q, %v, want %q", tt.template, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "{oui", "{mac}", "{}"} {
		if _, err := parseTemplate(bad); err == nil || !strings.Contains(err.Error(), `"`+bad+`"`) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestValidate(t *testing.T) {
	var problems []string
	c := Config{Usernames: []string{"{oui}", "{what}"}, Max: -1}
	c.Validate(func(key, _, _ string) { problems = append(problems, key) })
	if got := strings.Join(problems, " "); got != "usernames[1] max" {
		t.Errorf("problems of %q", got)
	}
	c = Config{}
	c.SetDefaults()
	c.Validate(func(key, _, problem string) { t.Errorf("default of %v %v", key, problem) })
}
