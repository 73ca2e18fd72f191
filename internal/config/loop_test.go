package config

import (
	"strings"
	"testing"
)

// TestBackupLoop: CPEs whose URL is rewritten must not be sent in a circle.
func TestBackupLoop(t *testing.T) {
	acs := func(name, backup, mode string) string {
		return "  - {name: " + name + ", url: \"http://127.0.0.1:1/\", cpe_url: \"http://gw/" + name + "\", backup: " + backup + ", failover: {mode: " + mode + "}}\n"
	}
	for _, test := range []struct {
		acs  string
		loop bool
	}{
		{acs("a", "b", "rewrite") + acs("b", "a", "rewrite"), true},
		{acs("a", "b", "rewrite") + acs("b", "a", "route"), true},
		{acs("a", "b", "route") + acs("b", "c", "rewrite") + acs("c", "a", "route"), true},
		{acs("a", "b", "route") + acs("b", "a", "route"), false},
		{acs("a", "b", "route") + acs("b", "c", "route") + acs("c", "a", "route"), false},
		{acs("a", "b", "rewrite") + "  - {name: b, url: \"http://127.0.0.1:1/\", cpe_url: \"http://gw/b\"}\n", false},
	} {
		_, err := Parse("/dev/null/acsgate.yaml", []byte("acs:\n"+test.acs+"listen: [{name: cpe, address: \"127.0.0.1:0\"}]\nroutes: [{name: default, acs: a}]\n"))
		if got := err != nil && strings.Contains(err.Error(), "a loop of backups"); got != test.loop || err != nil && !test.loop {
			t.Errorf("%s: %v", test.acs, err)
		}
	}
}
