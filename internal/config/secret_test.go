package config

import (
	"strings"
	"testing"
)

// TestProblems_DoNotRepeatSecrets: they are logged, and shown by the API.
func TestProblems_DoNotRepeatSecrets(t *testing.T) {
	const secret = "HUNTER2SECRET0123456789"
	_, err := Parse("f.yaml", []byte(`
listen: [{name: cpe, address: ":7547"}]
acs: [{name: north, url: "http://noc:`+secret+`@10.0.0.5:7547/"}]
admin:
  tokens:
    - {name: a, role: admin, token_sha256: `+secret+`}
    - {name: b, role: admin, token: `+secret+`}
events:
  webhooks:
    - {name: one, url: "https://noc.example/`+secret+`#x", secret_file: f}
    - {name: two, url: "ftp://noc.example/`+secret+`", secret_file: f}
    - {name: three, url: ["https://noc.example/`+secret+`"], secret_file: f}
`))
	if err == nil {
		t.Fatal("no problem")
	}
	text := err.Error()
	if strings.Contains(text, secret) {
		t.Error(text)
	}
	for _, want := range []string{"acs[0].url: ", "tokens[0].token_sha256: is not 64", "tokens[1].token: unknown key", "webhooks[0].url: has a fragment", "webhooks[1].url: is not a URL"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
}
