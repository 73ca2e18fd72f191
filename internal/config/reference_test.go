package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/configs"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

var commentedOut = regexp.MustCompile(`(?m)^( *)#(\S.*)$`)

// uncomment takes the "#" away from every setting of the reference.
func uncomment(text string) string { return commentedOut.ReplaceAllString(text, "$1$2") }

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMinimal_IsComplete(t *testing.T) {
	if n := strings.Count(configs.Minimal, "\n"); n != 6 {
		t.Errorf("%d lines, want six", n)
	}
	c := mustParse(t, configs.Minimal)
	if len(c.Listen) != 1 || len(c.ACS) != 1 || c.ACS[0].Upstream.URL != "http://10.0.0.5:7547/cwmp" {
		t.Errorf("unexpected configuration:\n%s", c.Effective())
	}
	checkRoundTrip(t, c)
}

func TestQuirks_AreValid(t *testing.T) {
	c := mustParse(t, configs.Minimal+configs.Quirks)
	if len(c.Quirks) < 3 || !c.Quirks[0].StripXMLDeclaration {
		t.Errorf("unexpected quirks: %+v", c.Quirks)
	}
}

// TestReference_ChangesNothing: what is not commented out is what a file needs.
func TestReference_ChangesNothing(t *testing.T) {
	c := mustParse(t, configs.Reference)
	minimal := mustParse(t, configs.Minimal)
	minimal.ACS[0].Upstream.URL = c.ACS[0].Upstream.URL
	if got, want := c.Effective(), minimal.Effective(); got != want {
		t.Errorf("the reference is\n%s\na minimal file is\n%s", got, want)
	}
}

func TestReference_IsValidWithEverySetting(t *testing.T) {
	dir := referenceFiles(t)
	c, err := Parse(dir+"/acsgate.yaml", []byte(uncomment(configs.Reference)))
	if err != nil {
		t.Fatal(err)
	}
	if c.ACS[0].Policy.Backup != "south" || c.TLS.ACME == nil || c.Routes[0].Match.Percent == nil {
		t.Errorf("settings are missing:\n%s", c.Effective())
	}
	checkRoundTrip(t, c)
}

// setting is one key in the reference.
type setting struct {
	key      string // a pattern
	value    *node
	at       position
	example  bool // marked as one
	required bool // marked so
}

// settings lists the keys of the reference, with everything uncommented.
func settings(t *testing.T) []setting {
	t.Helper()
	text := uncomment(configs.Reference)
	lines := strings.Split(text, "\n")
	found := newCollector("acsgate.yaml")
	root := readTree([]byte(text), found)
	if err := found.problems([]byte(text)); err != nil {
		t.Fatal(err)
	}
	var all []setting
	var visit func(n *node, key string)
	visit = func(n *node, key string) {
		for i, item := range n.items {
			visit(item, element(key, i))
		}
		for _, p := range n.pairs {
			name := join(key, p.key)
			line := lines[p.at.line-1]
			all = append(all, setting{pattern(name), p.value, p.at,
				strings.HasSuffix(line, " # example"), strings.HasSuffix(line, " # required")})
			visit(p.value, name)
		}
	}
	visit(root, "")
	return all
}

// TestReference_HasEveryKey and no other, and says the default of each.
func TestReference_HasEveryKey(t *testing.T) {
	inFile := map[string]bool{}
	for _, s := range settings(t) {
		inFile[s.key] = true
	}
	if strings.Contains(configs.Reference, `"memory: {}"`) {
		inFile["store.memory"] = true // it excludes store.bolt
	}
	for key := range defaults(t) {
		if !inFile[key] {
			t.Errorf("configs/acsgate.yaml does not have %s", key)
		}
	}
}

func TestReference_SaysTheDefaults(t *testing.T) {
	all := defaults(t)
	checked := 0
	for _, s := range settings(t) {
		want, known := all[s.key]
		if !known {
			t.Errorf("line %d: there is no key %s", s.at.line, s.key)
			continue
		}
		if s.value.kind == section || len(s.value.items) > 0 && s.value.items[0].kind == section {
			continue
		}
		got := s.value.text
		if s.value.kind == list {
			got = fmt.Sprint(texts(s.value))
		}
		switch checked++; {
		case (s.example || s.required) && got == want:
			t.Errorf("line %d: %s is at its default and marked as something else", s.at.line, s.key)
		case !s.example && !s.required && got != want:
			t.Errorf("line %d: %s is %s, the default is %s", s.at.line, s.key, got, want)
		}
	}
	if checked < 80 {
		t.Errorf("only %d settings", checked)
	}
}

// TestReference_SaysWhatIsRequired empties each key of an entry in turn.
func TestReference_SaysWhatIsRequired(t *testing.T) {
	file := referenceFiles(t) + "/acsgate.yaml"
	lines := strings.Split(uncomment(configs.Reference), "\n")
	besideOthers := []string{"admin.tokens[].token_file", "admin.tokens[].token_sha256", "admin.tokens[].client_cert",
		"listen[].tls.client_ca_file", "acs[].cert_file", "acs[].key_file", "acs[].cpe_login.username", "acs[].cpe_login.password_file",
		"credentials.logins[].username", "credentials.logins[].password_file",
		"credentials.logins[].stun_username", "credentials.logins[].stun_password_file"}
	for _, s := range settings(t) {
		if slices.Contains(besideOthers, s.key) || !strings.Contains(s.key, "[].") && s.key != "tls.acme.names" || children(s.value) {
			continue
		}
		line := lines[s.at.line-1]
		empty := `""`
		if s.value.kind == list {
			empty = "[]"
		}
		lines[s.at.line-1] = line[:strings.Index(line, ": ")+2] + empty
		_, err := Parse(file, []byte(strings.Join(lines, "\n")))
		lines[s.at.line-1] = line
		refused := err != nil && strings.Contains(err.Error(), lastName(s.key)+": is missing")
		refused = refused || err != nil && strings.Contains(err.Error(), lastName(s.key)+": is empty")
		if first := firstOf(t, s.key); refused != first.required {
			t.Errorf("%s: required: %v, without it: %v", s.key, first.required, err)
		}
	}
}

// firstOf returns the first setting of a key, the one that is explained.
func firstOf(t *testing.T, key string) setting {
	t.Helper()
	for _, s := range settings(t) {
		if s.key == key {
			return s
		}
	}
	t.Fatalf("no %s", key)
	return setting{}
}

func texts(n *node) []string {
	out := []string{}
	for _, item := range n.items {
		out = append(out, item.text)
	}
	return out
}

// defaults returns the text of the default of every key, by its pattern: what
// SetDefaults makes of a section without keys.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	sections := map[string]reflect.Type{"": reflect.TypeFor[Config]()}
	eachKey(reflect.TypeFor[Config](), "", func(parent string, f field) {
		key, inner := join(parent, f.key), f.typ
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			if inner.Kind() == reflect.Slice {
				key += "[]"
			}
			inner = inner.Elem()
		}
		if isSection(inner) {
			sections[key] = inner
		}
		section := reflect.New(sections[parent])
		walk(section, "", func(v reflect.Value, _ string) {
			if d, ok := v.Addr().Interface().(defaulter); ok {
				d.SetDefaults()
			}
		})
		value := section.Elem().FieldByIndex(f.index)
		text := ""
		if value.Kind() != reflect.Pointer {
			text = fmt.Sprint(dump(value))
		}
		all[join(parent, f.key)] = text
	})
	if len(all) < 90 {
		t.Fatalf("only %d keys", len(all))
	}
	return all
}

func TestReference_ReadsWell(t *testing.T) {
	for i, line := range strings.Split(configs.Reference, "\n") {
		if len(line) > 86 && !strings.Contains(line, "token_sha256") { // which has its length by nature
			t.Errorf("line %d is %d characters long", i+1, len(line))
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("line %d ends in blanks", i+1)
		}
	}
	var without []string
	described := descriptions(t)
	for _, s := range settings(t) {
		if described[s.key] == "" && !slices.Contains(without, s.key) {
			without = append(without, s.key)
		}
	}
	if len(without) > 0 {
		t.Errorf("no comment above %s", strings.Join(without, ", "))
	}
}

// descriptions returns the comment above each key of the reference, on its
// first occurrence, by the pattern of the key.
func descriptions(t *testing.T) map[string]string {
	t.Helper()
	lines := strings.Split(configs.Reference, "\n")
	all := map[string]string{}
	for _, s := range settings(t) {
		if all[s.key] != "" {
			continue
		}
		var text []string
		for i := s.at.line - 2; i >= 0; i-- {
			prose, ok := strings.CutPrefix(strings.TrimSpace(lines[i]), "# ")
			if !ok {
				break
			}
			text = append([]string{prose}, text...)
		}
		all[s.key] = strings.Join(text, " ")
	}
	return all
}

// referenceFiles makes the files that the reference names, in a directory.
func referenceFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ca := tlstest.Must(tlstest.NewCA("test"))
	for _, name := range []string{"cpe-ca", "acme-ca", "north-ca", "cpe-roots", "crm-ca", "noc-ca"} {
		tlstest.Must(ca.WriteFile(dir, name))
	}
	for _, name := range []string{"acs.isp.example", "gateway"} {
		leaf := tlstest.Must(ca.Issue(tlstest.Spec{Names: []string{name}}))
		if _, _, err := leaf.WriteFiles(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"stun-relay.password", "cpe.password", "stun.password", "turn.password", "turn.secret", "noc.token", "crm.secret",
		"north-cpe.password"} {
		write(t, filepath.Join(dir, name), strings.Repeat("0123456789", 4))
	}
	write(t, filepath.Join(dir, "north-cpes.csv"), "00D09E-HG100-SN1,user,password")
	write(t, filepath.Join(dir, "secret.key"), strings.Repeat("5a", 32))
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
