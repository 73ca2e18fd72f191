package credential

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestTemplate(t *testing.T) {
	id := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG.1", SerialNumber: "S-N"}
	for text, want := range map[string]string{
		"": "", "acs": "acs", "{oui}-{product_class}-{serial}": "00D09E-HG.1-S-N", "x{serial}{serial}y": "xS-NS-Ny",
	} {
		tmpl, err := parseTemplate(text)
		if err != nil || tmpl.expand(id) != want {
			t.Errorf("%q: %q %v, want %q", text, tmpl.expand(id), err, want)
		}
		if want != "" && !tmpl.pattern(nil).MatchString(want) {
			t.Errorf("%q: its own names do not match", text)
		}
	}
	for _, bad := range []string{"{", "}", "{oui", "a}b", "{mac}", "{OUI}", "{}", "{{oui}}"} {
		if _, err := parseTemplate(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzTemplate: the names that a template makes match its pattern.
func FuzzTemplate(f *testing.F) {
	f.Add("{oui}-{product_class}-{serial}", "HG1", "SN1")
	f.Add("a.*(b{serial}", "\n", "ü")
	f.Fuzz(func(t *testing.T, text, class, serial string) {
		tmpl, err := parseTemplate(text)
		if err != nil {
			return
		}
		id := cwmp.DeviceID{OUI: "00D09E", ProductClass: class, SerialNumber: serial}
		name := tmpl.expand(id)
		if strings.ToValidUTF8(name, "") != name {
			return // a pattern is text
		}
		if !tmpl.pattern(nil).MatchString(name) || !tmpl.pattern([]string{"FFFFFF", "00D09E"}).MatchString(name) {
			t.Errorf("%q of %q does not match", name, text)
		}
		if strings.Contains(text, "{oui}") && !strings.Contains(text+class+serial, "FFFFFF") && tmpl.pattern([]string{"FFFFFF"}).MatchString(name) {
			t.Errorf("%q of %q matches another OUI", name, text)
		}
	})
}

// TestLogins: the first entry for the OUI, under what was learned, field by field.
func TestLogins(t *testing.T) {
	cfg := Config{Logins: []LoginConfig{
		{OUI: []string{"00:d0:9e"}, Username: "{serial}", PasswordFile: passwordFile(t, "one\n"), STUNUsername: "{oui}-{serial}", STUNPasswordFile: passwordFile(t, "two\r\n")},
		{OUI: []string{"ABCDEF", "123456"}, STUNUsername: "{serial}@{oui}", STUNPasswordFile: passwordFile(t, " three ")},
		{Username: "acs", PasswordFile: passwordFile(t, "four")},
	}}
	v := mustOpen(t, cfg, "", depsFor(t, newStore(t)))
	if got := mustGet(t, v, device("7")); got != (Set{Login{"7", "one"}, Login{"00D09E-7", "two"}}) {
		t.Errorf("by OUI: %v", got)
	}
	if got := mustGet(t, v, cwmp.DeviceID{OUI: "FFFFFF", SerialNumber: "1"}); got != (Set{ConnectionRequest: Login{"acs", "four"}}) {
		t.Errorf("any OUI: %v", got)
	}
	v.Learn(device("7"), Set{ConnectionRequest: Login{Password: "learned"}, STUN: Login{"u", "p"}})
	if got := mustGet(t, v, device("7")); got != (Set{Login{"7", "learned"}, Login{"u", "p"}}) {
		t.Errorf("learned: %v", got)
	}
	for name, want := range map[string]string{
		"00D09E-9": "two", "u": "p", "00D09F-9": "", "x00D09E-9": "", "5@ABCDEF": " three ", "5@123456": " three ", "5@00D09E": "", "acs": "",
	} {
		if got, ok := v.STUNPassword([]byte(name)); string(got) != want || ok != (want != "") {
			t.Errorf("STUN password of %q: %q %v, want %q", name, got, ok, want)
		}
	}
}

func TestReload(t *testing.T) {
	file := passwordFile(t, "before")
	cfg := Config{Logins: []LoginConfig{{Username: "u", PasswordFile: file}}}
	v := mustOpen(t, cfg, t.TempDir(), depsFor(t, newStore(t)))
	if err := os.WriteFile(file, []byte("after"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, v, device("1")).ConnectionRequest; got != (Login{"u", "before"}) {
		t.Errorf("%v", got)
	}
	if err := v.Reload(cfg); err != nil || mustGet(t, v, device("1")).ConnectionRequest != (Login{"u", "after"}) {
		t.Errorf("%v", err)
	}
	for _, bad := range []Config{{KeyFile: "other"}, {Logins: []LoginConfig{{Username: "{x}"}}}, {Logins: []LoginConfig{{PasswordFile: "/nonexistent"}}}} {
		if err := v.Reload(bad); err == nil || mustGet(t, v, device("1")).ConnectionRequest != (Login{"u", "after"}) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestValidate(t *testing.T) {
	good, empty := passwordFile(t, "p"), passwordFile(t, "\n")
	open := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(open, []byte(strings.Repeat("00", 32)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cfg  Config
		want []string // key and a part of the problem
	}{
		"nothing":            {Config{}, nil},
		"good":               {Config{Logins: []LoginConfig{{OUI: []string{"00D09E"}, Username: "{serial}", PasswordFile: good}, {STUNUsername: "a", STUNPasswordFile: good}}}, nil},
		"key file":           {Config{KeyFile: "/nonexistent/key"}, []string{"key_file", "no such file"}},
		"open key file":      {Config{KeyFile: open}, []string{"key_file", "chmod 600"}},
		"template":           {Config{Logins: []LoginConfig{{Username: "{mac}", PasswordFile: good}}}, []string{"logins[0].username", "{serial}"}},
		"STUN template":      {Config{Logins: []LoginConfig{{STUNUsername: "{", STUNPasswordFile: good}}}, []string{"logins[0].stun_username", "without a }"}},
		"OUI":                {Config{Logins: []LoginConfig{{OUI: []string{"0x1"}, Username: "a", PasswordFile: good}}}, []string{"logins[0].oui[0]", "six"}},
		"no file":            {Config{Logins: []LoginConfig{{Username: "a", PasswordFile: "/nonexistent"}}}, []string{"logins[0].password_file", "no such file"}},
		"empty file":         {Config{Logins: []LoginConfig{{STUNUsername: "a", STUNPasswordFile: empty}}}, []string{"logins[0].stun_password_file", "no password"}},
		"name without file":  {Config{Logins: []LoginConfig{{Username: "a"}}}, []string{"logins[0].password_file", "missing"}},
		"file without name":  {Config{Logins: []LoginConfig{{PasswordFile: good}}}, []string{"logins[0].username", "missing"}},
		"empty entry":        {Config{Logins: []LoginConfig{{}}}, []string{"logins[0]", "needs"}},
		"behind a catch-all": {Config{Logins: []LoginConfig{{Username: "a", PasswordFile: good}, {Username: "b", PasswordFile: good}}}, []string{"logins[1]", "never"}},
	} {
		var got []string
		tc.cfg.Validate(func(key, _, problem string) { got = append(got, key, problem) })
		if len(got) != len(tc.want) || len(got) > 0 && (got[0] != tc.want[0] || !strings.Contains(got[1], tc.want[1])) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestSTUNPassword_OfNoNameThatIsTooLong: a template takes 25 microseconds for a name
// of a whole datagram, and anybody can send one.
func TestSTUNPassword_OfNoNameThatIsTooLong(t *testing.T) {
	names, err := parseTemplate("cpe-{serial}")
	if err != nil {
		t.Fatal(err)
	}
	logins := []login{{stunNames: names.pattern(nil), stunPasswordText: []byte("secret")}}
	for length, want := range map[int]bool{maxSTUNUser: true, maxSTUNUser + 1: false} {
		name := append([]byte("cpe-"), bytes.Repeat([]byte("a"), length-len("cpe-"))...)
		if _, ok := stunPasswordOf(logins, name); ok != want {
			t.Errorf("a name of %d bytes: %v", length, ok)
		}
	}
}
