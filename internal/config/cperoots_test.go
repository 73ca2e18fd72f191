package config

import (
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
	"github.com/acsgate/acsgate/policy"
)

// TestACS_CPERoots are of use to check an https cpe_url alone.
func TestACS_CPERoots(t *testing.T) {
	file := tlstest.Must(tlstest.Must(tlstest.NewCA("Root")).WriteFile(t.TempDir(), "roots"))
	for cpeURL, problem := range map[string]string{
		"https://acs.isp.example/": "", "HTTPS://acs.isp.example/": "", "http://acs.isp.example/": "no effect", "": "no effect",
	} {
		c := ACS{CPEURL: cpeURL, CPERootCAFile: file}
		c.URLGuard, c.AsBackup = policy.URLPass, BackupFull
		var problems []string
		c.Validate(func(key, _, problem string) { problems = append(problems, key+" "+problem) })
		all := strings.Join(problems, "\n")
		if (problem == "") != (all == "") || problem != "" && !strings.Contains(all, "cpe_root_ca_file has "+problem) {
			t.Errorf("cpe_url %q: %q, want %q", cpeURL, all, problem)
		}
		if pool, err := c.CPERoots(); pool == nil || err != nil {
			t.Errorf("%v, %v", pool, err)
		}
	}
}
