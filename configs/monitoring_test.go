package configs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promtool runs Prometheus's own checker.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("ACSGATE_INTEROP") == "required" {
			t.Fatal("promtool is not installed: Debian's package prometheus has it")
		}
		t.Skip("promtool is not installed: Debian's package prometheus has it")
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlerts_PromtoolTakesThem(t *testing.T) {
	promtool(t, "check", "rules", "prometheus/alerts.yaml")
}

func TestAlerts_FireWhenTheyShould(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	promtool(t, "test", "rules", "prometheus/alerts_test.yaml")
}

// TestAlerts_AreComplete: each alert has all that who is woken by it needs, a test
// in which it fires for one gateway and not for another, and a place in the manual.
func TestAlerts_AreComplete(t *testing.T) {
	rules := strings.Split(read(t, "prometheus/alerts.yaml"), "- alert: ")[1:]
	tests := read(t, "prometheus/alerts_test.yaml")
	manual := read(t, "../docs/monitoring.md")
	seen := map[string]bool{}
	for _, rule := range rules {
		name, text, _ := strings.Cut(rule, "\n")
		if seen[name] {
			t.Errorf("%s stands there twice", name)
		}
		seen[name] = true
		for _, want := range []string{
			"severity: ", "summary: ", "description: ",
			"runbook_url: https://github.com/acsgate/acsgate/blob/main/docs/monitoring.md#" + strings.ToLower(name) + "\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		if !regexp.MustCompile(`severity: (critical|warning)\b`).MatchString(text) {
			t.Errorf("%s: severity is neither critical nor warning", name)
		}
		if !strings.Contains(manual, "\n### "+name+"\n") {
			t.Errorf("docs/monitoring.md has no section %s", name)
		}
		checkAlertTest(t, name, tests)
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Acsgate\w+)$`).FindAllStringSubmatch(manual, -1) {
		if !seen[m[1]] {
			t.Errorf("docs/monitoring.md has a section %s, which is no alert", m[1])
		}
	}
	if len(rules) < 20 {
		t.Errorf("only %d alerts found", len(rules))
	}
}

func checkAlertTest(t *testing.T, name, tests string) {
	t.Helper()
	parts := strings.Split(tests, "  - name: "+name+"\n")[1:]
	if len(parts) == 0 {
		t.Errorf("%s has no test", name)
	}
	for _, part := range parts {
		part, _, _ = strings.Cut(part, "\n  - name: ")
		fires := strings.Contains(part, `alertname="`+name+`"`)
		// That there is no gateway at all is said by time alone.
		spared := strings.Contains(part, `instance="good"`) || strings.Contains(part, "exp_samples: []")
		if !fires || !spared {
			t.Errorf("a test of %s does not say that it fires, and where it does not", name)
		}
	}
}

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ UID string }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct {
		Expr, LegendFormat, RefID string
		Datasource                struct{ UID string }
	}
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []struct{ Name, Type string } }
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "grafana/acsgate.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboard_PanelsAreComplete: each panel says what it shows, in which unit, and
// finds its place and its data source.
func TestDashboard_PanelsAreComplete(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 || len(d.Panels) < 50 {
		t.Errorf("uid %q, title %q, schema %d, %d panels", d.UID, d.Title, d.SchemaVersion, len(d.Panels))
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if !slices.Equal(variables, []string{"datasource", "job", "instance", "acs"}) || d.Templating.List[0].Type != "datasource" {
		t.Errorf("variables: %v", variables)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.Title == "" || ids[p.ID] {
			t.Errorf("panel %d %q: no title, or the id of another", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if taken[[2]int{x, y}] != "" || x >= 24 {
					t.Fatalf("panel %q lies upon %q, or beyond the edge", p.Title, taken[[2]int{x, y}])
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q lacks a description, a unit, a query or the data source", p.Title)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if q.Expr == "" || q.LegendFormat == "" || refs[q.RefID] || q.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: query %q is not complete", p.Title, q.Expr)
			}
			refs[q.RefID] = true
			if !strings.Contains(q.Expr, `instance=~"$instance"`) {
				t.Errorf("panel %q: query %q does not heed the variable instance", p.Title, q.Expr)
			}
		}
	}
}

// TestDashboard_PromtoolTakesItsQueries writes them as recording rules, which are
// what promtool parses.
func TestDashboard_PromtoolTakesItsQueries(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*", "$acs", ".*").Replace(q.Expr)
			quoted, err := json.Marshal(expr)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&rules, "  - {record: \"panel:%d:%s\", expr: %s}\n", p.ID, q.RefID, quoted)
		}
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
