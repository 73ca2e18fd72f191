package gateway

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// everything is a configuration with all that has metrics.
func everything(t *testing.T) string {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a-secret-of-some-length"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`stun: {listen: ["127.0.0.1:%d"]}
turn: {enabled: true, users: [{name: north}], secret_file: %q}
credentials: {learn: true}
connection_request:
  url_base: http://127.0.0.1:%d
  acs_networks: [127.0.0.1]
  relay: {listen: "127.0.0.1:%[5]d", ports: "20000-20009"}
  stun_relay: {username: relay, password_file: %[4]q}
stun_provisioning: {enabled: true}
`, freePort(t, "udp"), secret, freePort(t, "tcp"), secret, freePort(t, "udp"))
}

var (
	desc     = regexp.MustCompile(`fqName: "([^"]+)".*constLabels: \{(.*)\}, variableLabels: \{([^}]*)\}`)
	constant = regexp.MustCompile(`([a-z_]+)="`)
)

// metricsOf returns the labels of all metrics that a gateway can show, whether or
// not anything has happened yet.
func metricsOf(t *testing.T) map[string][]string {
	t.Helper()
	w := &world{t: t, north: startACS(t, "north"), south: startACS(t, "south"), file: filepath.Join(t.TempDir(), "acsgate.yaml")}
	w.extra = everything(t)
	w.start()
	ch := make(chan *prometheus.Desc)
	go func() { defer close(ch); w.metrics.Describe(ch) }()
	metrics := map[string][]string{}
	for d := range ch {
		m := desc.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("not understood: %s", d)
		}
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' })
		for _, c := range constant.FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, c[1])
		}
		metrics[m[1]] = labels
	}
	return metrics
}

// TestMetrics_LabelsAreDocumented: the table of docs/operations.md names the labels
// that metrics have.
func TestMetrics_LabelsAreDocumented(t *testing.T) {
	metrics := metricsOf(t)
	rows := regexp.MustCompile("(?m)^\\| `(acsgate_[a-z0-9_]+)` \\| [a-z]+ \\| ([^|]*)\\|").FindAllStringSubmatch(read(t, "docs/operations.md"), -1)
	if len(rows) < 20 {
		t.Fatalf("%d rows found", len(rows))
	}
	for _, row := range rows {
		want, ok := metrics[row[1]]
		got := strings.FieldsFunc(row[2], func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(want)
		slices.Sort(got)
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s: labels %q are documented, it has %q", row[1], got, want)
		}
	}
}

// question is PromQL with what is printed beside its answer.
type question struct{ where, text string }

func dashboardQuestions(t *testing.T) (questions []question) {
	type target struct{ Expr, LegendFormat string }
	var dashboard struct {
		Annotations struct{ List []target }
		Panels      []struct {
			Title   string
			Targets []target
		}
		Templating struct {
			List []struct {
				Name  string
				Query any
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, "configs/grafana/acsgate.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, a := range dashboard.Annotations.List {
		questions = append(questions, question{"annotation", a.Expr})
	}
	for _, p := range dashboard.Panels {
		for _, q := range p.Targets {
			questions = append(questions, question{"panel " + p.Title, q.Expr + " " + q.LegendFormat})
		}
	}
	for _, v := range dashboard.Templating.List {
		if q, ok := v.Query.(map[string]any); ok {
			questions = append(questions, question{"variable " + v.Name, fmt.Sprint(q["query"])})
		}
	}
	return questions
}

// alertQuestions are the rules without being parsed: what a rule asks and what it
// prints stand between its name and the next one.
func alertQuestions(t *testing.T) (questions []question) {
	for _, rule := range strings.Split(read(t, "configs/prometheus/alerts.yaml"), "- alert: ")[1:] {
		name, text, _ := strings.Cut(rule, "\n")
		questions = append(questions, question{"alert " + name, text})
	}
	return questions
}

var (
	selector = regexp.MustCompile(`\b((?:acsgate|go|process)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+) *(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`\b(?:by|on|ignoring|without|group_left|group_right) *\(([^)]*)\)`)
	printed  = regexp.MustCompile(`\{\{ *(?:\$labels\.)?([a-z_]+)`)
	argument = regexp.MustCompile(`, *([a-z_]+)\)$`) // of label_values
	ofScrape = []string{"job", "instance"}
)

// TestMonitoring_AsksForWhatThereIs: dashboard and alerts know no metric and no label
// that the gateway has not.
func TestMonitoring_AsksForWhatThereIs(t *testing.T) {
	metrics := metricsOf(t)
	asked := map[string]bool{}
	questions := append(dashboardQuestions(t), alertQuestions(t)...)
	for _, q := range questions {
		known := slices.Clone(ofScrape)
		for _, s := range selector.FindAllStringSubmatch(q.text, -1) {
			labels, ok := labelsOf(metrics, s[1])
			if !ok {
				t.Errorf("%s: there is no metric %s", q.where, s[1])
			}
			asked[s[1]] = true
			known = append(known, labels...)
			for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(append(labels, ofScrape...), m[1]) {
					t.Errorf("%s: %s has no label %s", q.where, s[1], m[1])
				}
			}
		}
		var names []string
		for _, g := range grouping.FindAllStringSubmatch(q.text, -1) {
			names = append(names, strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' })...)
		}
		for _, p := range append(printed.FindAllStringSubmatch(q.text, -1), argument.FindAllStringSubmatch(q.text, -1)...) {
			names = append(names, p[1])
		}
		for _, name := range names {
			if !slices.Contains(known, name) {
				t.Errorf("%s: no metric in it has a label %s", q.where, name)
			}
		}
	}
	if len(questions) < 100 || len(asked) < 70 {
		t.Errorf("%d questions with %d metrics found, which are too few", len(questions), len(asked))
	}
}

// parts of histograms and summaries.
var parts = []string{"_bucket", "_sum", "_count"}

func labelsOf(metrics map[string][]string, name string) ([]string, bool) {
	labels, ok := metrics[name]
	for _, part := range parts {
		if base, is := strings.CutSuffix(name, part); is && !ok {
			labels, ok = metrics[base]
			labels = append(slices.Clone(labels), "le")
		}
	}
	if name == "go_gc_duration_seconds" {
		labels = append(slices.Clone(labels), "quantile")
	}
	return slices.Clone(labels), ok
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
