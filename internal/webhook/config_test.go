package webhook

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	good := Hook{Name: "noc", URL: "https://noc.example/hook", SecretFile: secretFile(t), Kinds: []string{"acs", "move"}}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		edit func(*Hook)
		want []string
	}{
		"good":       {func(*Hook) {}, nil},
		"http":       {func(h *Hook) { h.URL = "http://10.0.0.1:8080/" }, nil},
		"empty":      {func(h *Hook) { *h = Hook{Timeout: time.Second} }, []string{"name", "url", "secret_file"}},
		"name":       {func(h *Hook) { h.Name = "a b" }, []string{"name"}},
		"scheme":     {func(h *Hook) { h.URL = "ftp://a/" }, []string{"url"}},
		"not a url":  {func(h *Hook) { h.URL = "https://%zz/" }, []string{"url"}},
		"login":      {func(h *Hook) { h.URL = "https://u:hunter2@a/" }, []string{"url"}},
		"fragment":   {func(h *Hook) { h.URL = "https://a/#x" }, []string{"url"}},
		"kinds":      {func(h *Hook) { h.Kinds = []string{"acs", "what"} }, []string{"kinds[1]"}},
		"no secret":  {func(h *Hook) { h.SecretFile = filepath.Join(dir, "none") }, []string{"secret_file"}},
		"short":      {func(h *Hook) { h.SecretFile = write("short", "hunter2") }, []string{"secret_file"}},
		"words":      {func(h *Hook) { h.SecretFile = write("words", strings.Repeat("two words ", 5)) }, []string{"secret_file"}},
		"no roots":   {func(h *Hook) { h.RootCAFile = write("roots", "x") }, []string{"root_ca_file"}},
		"timeout":    {func(h *Hook) { h.Timeout = time.Hour }, []string{"timeout"}},
		"no timeout": {func(h *Hook) { h.Timeout = -1 }, []string{"timeout"}},
	} {
		h := good
		h.Timeout = time.Second
		test.edit(&h)
		var got []string
		c := Config{Webhooks: []Hook{h}}
		c.Validate(func(key, value, problem string) {
			got = append(got, strings.TrimPrefix(key, "webhooks[0]."))
			if strings.Contains(value+problem, "hunter2") {
				t.Errorf("%s: a secret in %q %q", name, value, problem)
			}
		})
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: problems with %v, want %v", name, got, test.want)
		}
	}
	twice := Config{Webhooks: make([]Hook, maxHooks+1)}
	for i := range twice.Webhooks {
		twice.Webhooks[i] = good
	}
	twice.SetDefaults()
	n := 0
	twice.Validate(func(string, string, string) { n++ })
	if n != maxHooks+1 {
		t.Errorf("%d problems", n)
	}
}
