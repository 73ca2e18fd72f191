package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-only", "tls,scan", "-rounds", "3"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"tls", "scan"}, o.sections()); diff != "" || o.rounds != 3 || o.devices != 1_000_000 {
		t.Errorf("options = %+v %s", o, diff)
	}
	o, err = parseOptions([]string{"-smoke"}, io.Discard)
	if err != nil || o.rounds != 1 || o.devices > 10_000 || len(o.sections()) != len(sectionNames) {
		t.Errorf("-smoke = %+v, %v; want one small round of everything", o, err)
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"-only tls,tsl":    `unknown section "tsl"`,
		"-rounds 0":        "at least 1",
		"-smoke -markdown": "not worth",
		"tls":              `unexpected argument "tls"`,
		"-nonsense":        "not defined",
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
