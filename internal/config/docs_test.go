package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/configs"
)

const page = "../../docs/configuration.md"

// example is the file of the example of docs/configuration.md.
const example = `listen:
  - {name: cpe, adress: ":7547"}
acs:
  - name: north
    url: http://10.0.0.5:7547/cwmp
    probe: {interval: 10}
routes:
  - {name: pilot, match: {oui: 00D09E}, acs: nort}
  - {acs: north}
`

// TestPage_IsInStep: what docs/configuration.md says of keys is what
// configs/acsgate.yaml says, and its examples are true.
func TestPage_IsInStep(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	_, problems := Parse("acsgate.yaml", []byte(example))
	want = between(t, want, "<!-- minimal -->\n", "\nEverything else", "\n```yaml\n"+configs.Minimal+"```\n")
	want = between(t, want, "<!-- example -->\n", "\n`acsgate check -print", "\n```\n"+example+"```\n\n```\n"+problems.Error()+"\n```\n")
	want = between(t, want, "-update\" -->\n", "<!-- end keys -->", keyTables(t))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Errorf("%s is not in step with configs/acsgate.yaml: run go test ./internal/config -update", page)
	}
}

// between replaces what stands between two marks.
func between(t *testing.T, text, begin, end, content string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q before %q", page, begin, end)
	}
	return before + begin + content + end + after
}

// keyTables writes a table for each section, in the order of the reference.
func keyTables(t *testing.T) string {
	t.Helper()
	text, all := descriptions(t), defaults(t)
	var top, rest strings.Builder
	top.WriteString("\n| key | default | |\n|---|---|---|\n")
	sections := []string{}
	rows := map[string]string{}
	listed := map[string]bool{}
	for _, s := range settings(t) {
		if listed[s.key] {
			continue
		}
		listed[s.key] = true
		section := s.key[:max(0, strings.LastIndexByte(s.key, '.'))]
		if children(s.value) {
			sections = append(sections, headed(s))
			rows[headed(s)] = "\n### `" + headed(s) + "`\n\n" + markdown(text[s.key]) + "\n\n| key | default | |\n|---|---|---|\n" + rows[headed(s)]
			if section == "" {
				continue
			}
		}
		row := fmt.Sprintf("| `%s` | %s | %s |\n", lastName(s.key), code(all[s.key], s.required), markdown(text[s.key]))
		if children(s.value) {
			row = fmt.Sprintf("| `%s` | | see [`%s`](#%s) |\n", lastName(s.key), headed(s), strings.NewReplacer("[", "", "]", "", ".", "").Replace(headed(s)))
		}
		if section == "" {
			top.WriteString(row)
		} else {
			rows[section] += row
		}
	}
	for _, section := range sections {
		rest.WriteString(rows[section])
	}
	return top.String() + rest.String() + "\n"
}

// children tells whether a value is a section or a list of sections.
func children(n *node) bool {
	return n.kind == section || len(n.items) > 0 && n.items[0].kind == section
}

// headed is the key of a section as the keys in it begin.
func headed(s setting) string {
	if s.value.kind == list {
		return s.key + "[]"
	}
	return s.key
}

func code(text string, required bool) string {
	switch {
	case required:
		return "required"
	case text == "" || text == "[]":
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

func markdown(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;").Replace(text)
}

// TestPage_SaysWhatNeedsARestart changes every value of a configuration, one at
// a time, and compares what Diff says with what the reference says of its key.
func TestPage_SaysWhatNeedsARestart(t *testing.T) {
	text := descriptions(t)
	says := func(key string) bool {
		for key = pattern(key); key != ""; key = strings.TrimSuffix(parent(key), "[]") {
			if strings.Contains(text[key], "Needs a restart.") {
				return true
			}
		}
		return false
	}
	checked := 0
	old, updated := everything(t), everything(t)
	walk(reflect.ValueOf(updated), "", func(v reflect.Value, key string) {
		if isSection(v.Type()) || v.Kind() == reflect.Slice && v.Len() > 0 && isSection(v.Type().Elem()) {
			return
		}
		before := reflect.ValueOf(v.Interface())
		change(v)
		keys := Diff(old, updated)
		v.Set(before)
		if needs := len(keys) > 0; needs != says(key) {
			t.Errorf("%s: Diff returns %v, the reference says %v: %s", key, keys, says(key), text[pattern(key)])
		}
		checked++
	})
	if checked < 80 {
		t.Errorf("only %d values", checked)
	}
}

// everything returns a configuration with something in every section.
func everything(t *testing.T) *Config {
	t.Helper()
	found := newCollector("acsgate.yaml")
	c := &Config{}
	decoder{found}.value(readTree([]byte(uncomment(configs.Reference)), found), reflect.ValueOf(c).Elem(), "")
	c.setDefaults()
	if err := found.problems(nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	default:
		v.SetInt(v.Int() + 1)
	}
}
