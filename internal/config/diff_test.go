package config

import (
	"slices"
	"strings"
	"testing"
)

func TestDiff_NamesWhatNeedsARestart(t *testing.T) {
	const base = `
listen:
  - {name: cpe, address: ":7547"}
  - {name: old, address: ":7548", proxy_protocol: [10.0.0.0/8]}
acs: [{name: north, url: "http://10.0.0.5:7547/"}]
`
	for _, test := range []struct{ name, updated, want string }{
		{"nothing", base, ""},
		{"what is reloadable", `
listen:
  - {name: cpe, address: ":7547", max_connections: 9}
  - {name: old, address: ":7548", proxy_protocol: [10.0.0.0/8]}
acs:
  - {name: north, url: "https://10.0.0.6:7547/", probe: {interval: 9s}, limits: {sessions: 5}}
  - {name: south, url: "http://10.0.0.7/"}
routes: [{acs: south}]
session: {idle: 5m, max_sessions: 5, cookie: x}
limits: {body_bytes: 1MB}
quirks: [{name: x, close_at_end: true}]
drain: {timeout: 1m}
`, ""},
		{"order of listeners", `
listen:
  - {name: old, address: ":7548", proxy_protocol: [10.0.0.0/8]}
  - {name: cpe, address: ":7547"}
acs: [{name: north, url: "http://10.0.0.5:7547/"}]
`, ""},
		{"address", strings.Replace(base, ":7547\"}", ":7549\"}", 1), "listen[0].address"},
		{"name", strings.Replace(base, "name: old", "name: new", 1), "listen[1].name"},
		{"proxy_protocol", strings.Replace(base, "10.0.0.0/8", "10.0.0.0/9", 1), "listen[1].proxy_protocol"},
		{"a listener more", strings.Replace(base, "acs:", "  - {name: new, address: \":7550\"}\nacs:", 1), "listen[2]"},
		{"a listener less", strings.Replace(base, "  - {name: cpe, address: \":7547\"}\n", "", 1), "listen[cpe]"},
		{"another listener", strings.Replace(base, "{name: cpe, address: \":7547\"}", "{name: dsl, address: \":80\"}", 1), "listen[0] listen[cpe]"},
		{"data_dir", base + "data_dir: /srv\n", "data_dir"},
		{"store", base + "store: {memory: {}}\n", "store.bolt store.memory"},
		{"database", base + "store: {bolt: {path: /srv/x.db}}\n", "store.bolt.path"},
		{"admin", base + "admin: {address: \"127.0.0.1:8081\"}\n", "admin.address"},
		{"log", base + "log: {level: debug, format: json}\n", "log.level log.format"},
	} {
		keys := Diff(mustParse(t, base), mustParse(t, test.updated))
		if got := strings.Join(keys, " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestDiff_TLS(t *testing.T) {
	dir := referenceFiles(t)
	parse := func(listen, acme string) *Config {
		t.Helper()
		c, err := Parse(dir+"/acsgate.yaml", []byte(`
listen: [`+listen+`]
tls:
  certificates: [{cert_file: acs.isp.example.crt, key_file: acs.isp.example.key}]
`+acme+`
acs: [{name: north, url: "http://10.0.0.5:7547/"}]
`))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	plain := parse(`{name: cpe, address: ":7547"}`, "")
	tls := parse(`{name: cpe, address: ":7547", tls: {}}`, "")
	legacy := parse(`{name: cpe, address: ":7547", tls: {profile: legacy-cpe}}`, "  acme: {names: [a.example]}")
	acme := parse(`{name: cpe, address: ":7547", tls: {}}`, `  acme: {names: [a.example], http_address: ":80"}`)
	for _, test := range []struct {
		name         string
		old, updated *Config
		want         []string
	}{
		{"on", plain, tls, []string{"listen[0].tls"}},
		{"off", tls, plain, []string{"listen[0].tls"}},
		{"profile and certificates", tls, legacy, nil},
		{"address of challenges", legacy, acme, []string{"tls.acme.http_address"}},
	} {
		if keys := Diff(test.old, test.updated); !slices.Equal(keys, test.want) {
			t.Errorf("%s: %v, want %v", test.name, keys, test.want)
		}
	}
}
