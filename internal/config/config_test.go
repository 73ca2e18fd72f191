package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/configs"
)

const minimal = `listen: [{name: cpe, address: ":7547"}]
acs: [{name: north, url: "http://10.0.0.5:7547/"}]
`

func problemsOf(t *testing.T, text string) string {
	t.Helper()
	_, err := Parse("test.yaml", []byte(text))
	if err == nil {
		t.Fatalf("no problem in:\n%s", text)
	}
	return strings.TrimSpace(strings.ReplaceAll(err.Error(), "test.yaml:", ""))
}

func TestParse_ZeroIsNotAbsent(t *testing.T) {
	c := mustParse(t, minimal+"limits: {connections_per_source: 0}\ndrain: {timeout: 0s}\n")
	if c.Limits.ConnectionsPerSource != 0 || c.Drain.Timeout != 0 {
		t.Errorf("limit %d, drain %s; want what the file says", c.Limits.ConnectionsPerSource, c.Drain.Timeout)
	}
	c = mustParse(t, minimal)
	if c.Limits.ConnectionsPerSource != 1024 || c.Drain.Timeout != 30*time.Second {
		t.Errorf("limit %d, drain %s; want the defaults", c.Limits.ConnectionsPerSource, c.Drain.Timeout)
	}
}

func TestParse_TextStaysAsWritten(t *testing.T) {
	c := mustParse(t, minimal+`
routes:
  - {name: r, acs: north, match: {serial: [0012, 1e5, 0x1F, true, 1_000, "a, b", 'it''s'], oui: [001122, 00E092]}}
  - acs: north
`)
	want := "0012|1e5|0x1F|true|1_000|a, b|it's"
	if got := strings.Join(c.Routes[0].Match.Serial, "|"); got != want {
		t.Errorf("serials %s, want %s", got, want)
	}
	if got := strings.Join(c.Routes[0].Match.OUI, "|"); got != "001122|00E092" {
		t.Errorf("ouis %s", got)
	}
	checkRoundTrip(t, c)
}

func TestParse_AnchorsAndMergeKeys(t *testing.T) {
	c := mustParse(t, `
listen: [{name: cpe, address: ":7547"}]
acs:
  - &north
    name: north
    url: http://10.0.0.5:7547/
    probe: &slow {interval: 20s, fall: 5}
  - <<: *north
    name: south
  - <<: [{redirects: pass, response_timeout: 5s}, *north]
    name: west
    probe: {<<: *slow, fall: 7}
routes: [{acs: north}]
`)
	south, west := c.ACS[1], c.ACS[2]
	if south.Policy.Name != "south" || south.Upstream.URL != c.ACS[0].Upstream.URL || south.Policy.Probe.Fall != 5 {
		t.Errorf("south is %+v", south)
	}
	if west.Upstream.Redirects != "pass" || west.Upstream.ResponseTimeout != 5*time.Second ||
		west.Policy.Probe.Fall != 7 || west.Policy.Probe.Interval != 20*time.Second {
		t.Errorf("west is %+v", west)
	}
	checkRoundTrip(t, c)
}

func TestParse_WhatEditorsMakeOfIt(t *testing.T) {
	want := mustParse(t, minimal).Effective()
	for name, text := range map[string]string{
		"byte order mark": "\ufeff" + minimal,
		"CRLF":            strings.ReplaceAll(minimal, "\n", "\r\n"),
		"no last newline": strings.TrimSpace(minimal),
		"document marks":  "%YAML 1.2\n---\n" + minimal + "...\n",
		"JSON":            `{"listen": [{"name": "cpe", "address": ":7547"}], "acs": [{"name": "north", "url": "http://10.0.0.5:7547/"}]}`,
		"turn off":        minimal + "turn: {enabled: false}\n",
		"empty sections":  minimal + "tls:\nroutes:\nsession:\nquirks: []\n",
	} {
		c, err := Parse("test.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := c.Effective(); got != want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestParse_CRLFPositions(t *testing.T) {
	got := problemsOf(t, "\ufeff"+strings.ReplaceAll(minimal+"log:\n  level: loud\n", "\n", "\r\n"))
	if !strings.HasPrefix(got, "4:10: log.level:") {
		t.Errorf("got %s", got)
	}
}

func TestLoad_FilesAreRelativeToTheFile(t *testing.T) {
	dir := referenceFiles(t)
	file := filepath.Join(dir, "acsgate.yaml")
	text := `data_dir: state
listen: [{name: tls, address: ":7548", tls: {client_auth: if_given, client_ca_file: cpe-ca.crt}}]
tls: {certificates: [{cert_file: acs.isp.example.crt, key_file: acs.isp.example.key}]}
acs: [{name: north, url: "https://10.0.0.5/", root_ca_file: ` + filepath.Join(dir, "north-ca.crt") + `}]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.DataDir:                      "state",
		c.Listen[0].TLS.ClientCAFile:   "cpe-ca.crt",
		c.TLS.Certificates[0].CertFile: "acs.isp.example.crt",
		c.TLS.Certificates[0].KeyFile:  "acs.isp.example.key",
		c.ACS[0].Upstream.RootCAFile:   "north-ca.crt",
	} {
		if got != filepath.Join(dir, want) {
			t.Errorf("%s is not %s in the directory of the file", got, want)
		}
	}
}

func TestLoad_FileThatCannotBeRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "acsgate.yaml")
	for file, want := range map[string]string{
		missing:               missing + ": cannot be read: no such file or directory\n1 problem",
		filepath.Dir(missing): filepath.Dir(missing) + ": cannot be read: is a directory\n1 problem",
	} {
		_, err := Load(file)
		var problems Problems
		if !errors.As(err, &problems) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestConfig_NamesUpstreams(t *testing.T) {
	c := mustParse(t, minimal)
	if up := c.Upstreams(); len(up) != 1 || up[0].Name != "north" {
		t.Errorf("upstreams %+v", up)
	}
	if p := c.PolicyConfig(); len(p.ACS) != 1 || p.ACS[0].Name != "north" {
		t.Errorf("policy %+v", p)
	}
}

func TestEffective_HidesSecrets(t *testing.T) {
	c := mustParse(t, minimal)
	c.ACS[0].CPEURL = "https://user:hunter2@acs.isp.example/"
	if text := c.Effective(); strings.Contains(text, "hunter2") || !strings.Contains(text, "https://user:***@acs.isp.example/") {
		t.Errorf("got:\n%s", text)
	}
}

func TestEffective_KeepsOddText(t *testing.T) {
	c := mustParse(t, minimal+"quirks: [{name: x, close_at_end: true}]\nstore: {memory: {}}\n")
	c.Quirks[0].Manufacturer = []string{"on", "null", "~", "true", "0012", "1e5", "0x1F", ".5", " x ", "a: b", "a #b", "#b", "- a",
		"? a", "%a", "@a", "*a", "&a", "!a", "[a", "]", "{a", "}", "a,b", "'a'", "\"a\"", "a\\b", "a\nb", "a\tb", "\u00e9", "\u4e2d", "|", ">", "<<", "=", ":", "-"}
	checkRoundTrip(t, c)
	again := mustParse(t, c.Effective())
	for i, want := range c.Quirks[0].Manufacturer {
		if got := again.Quirks[0].Manufacturer[i]; got != want {
			t.Errorf("%q was read back as %q", want, got)
		}
	}
}

func TestParse_IsTheSameEachTime(t *testing.T) {
	text := uncomment(configs.Reference) + "stun: {}\n"
	first := problemsOf(t, text)
	for range 20 {
		if again := problemsOf(t, text); again != first {
			t.Fatalf("first:\n%s\nthen:\n%s", first, again)
		}
	}
}
