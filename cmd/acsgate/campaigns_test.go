package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

func TestPrintCampaign(t *testing.T) {
	var out strings.Builder
	printCampaign(&out, admin.CampaignView{
		CampaignRequest: admin.CampaignRequest{Name: "m", Kind: "migration", From: []string{"south"}, To: "north", Mode: "route"},
		Status:          "running", Reason: "started", Verdict: "3 of 4 devices tried", Phase: 1, Wave: 1, Total: 6, Moved: 5,
		Counts:     map[string]int{"arrived": 4, "pending": 1, "failed": 1},
		WaveTotals: []int{2, 4}, WaveCounts: []map[string]int{{"arrived": 2}, {"arrived": 2, "pending": 1, "failed": 1}},
	})
	for _, want := range []string{
		"wave      2  3 of 4 devices tried\n", "  1       2 devices: 2 tried, 2 arrived, 0 failed, 0 waiting\n",
		"  2       4 devices: 3 tried, 2 arrived, 1 failed, 1 waiting\n", "moved     sessions of 5 devices go to north\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
}

// wanted is what a command asks a gateway to create or preview.
func wanted(t *testing.T, command ...string) (code int, r admin.CampaignRequest, errs string) {
	t.Helper()
	code, _, errs = speak(t, func(w http.ResponseWriter, q *http.Request) {
		if err := json.NewDecoder(q.Body).Decode(&r); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(admin.CampaignView{CampaignRequest: r, Status: "draft"})
	}, command...)
	return code, r, errs
}

// A list that is empty takes no device. It must reach the gateway as such, where no
// list means that any device is taken.
func TestCampaigns_EmptyListIsAList(t *testing.T) {
	definition := filepath.Join(t.TempDir(), "m.json")
	for text, isList := range map[string]bool{`"devices": []`: true, `"oui": ["00D09E"]`: false} {
		write(t, definition, `{"name": "m", "to": "south", "selector": {`+text+`}}`)
		if _, r, errs := wanted(t, "campaigns", "create", definition); r.Name != "m" || isList != (r.Selector.Devices != nil) {
			t.Errorf("%s: %#v %s", text, r.Selector, errs)
		}
	}
}

// TestCampaigns_ListFile: the devices of a campaign come from a file of their own,
// mistakes in which are told with their line.
func TestCampaigns_ListFile(t *testing.T) {
	dir := t.TempDir()
	definition, list := filepath.Join(dir, "m.json"), filepath.Join(dir, "devices.txt")
	for _, test := range []struct {
		selector, list string
		want           []string
		problem        string
	}{
		{"", "# the pilot\r\n00D09E-HG1-SN1\r\n\n  00D09E-SN2  \n", []string{"00D09E-HG1-SN1", "00D09E-SN2"}, ""},
		{"", "# nobody yet\n", []string{}, ""},
		{"", "00D09E-HG1-SN1\nwhat\n", nil, list + ":2: device \"what\""},
		{`"devices": ["00D09E-HG1-SN1"]`, "00D09E-HG1-SN1\n", nil, "lists devices itself"},
	} {
		write(t, definition, `{"name": "m", "to": "south", "selector": {`+test.selector+`}}`)
		write(t, list, test.list)
		for _, command := range []string{"create", "preview"} {
			code, r, errs := wanted(t, "campaigns", "-devices", list, command, definition)
			switch {
			case test.problem != "":
				if code != commandline.ExitUsage || !strings.Contains(errs, test.problem) || r.Name != "" {
					t.Errorf("%q: exit %d, %q", test.list, code, errs)
				}
			case r.Selector.Devices == nil || !slices.Equal(r.Selector.Devices, test.want):
				t.Errorf("%q: %#v, want %#v; %s", test.list, r.Selector.Devices, test.want, errs)
			}
		}
	}
	write(t, definition, `{"name": "m", "to": "south"}`)
	if code, _, errs := wanted(t, "campaigns", "-devices", filepath.Join(dir, "none"), "create", definition); code != commandline.ExitUsage || !strings.Contains(errs, "no such file") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if code, _, errs := wanted(t, "campaigns", "-devices", list, "list"); code != commandline.ExitUsage || !strings.Contains(errs, "-devices") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDrain_NumbersThatAreNone are refused before anybody is asked.
func TestDrain_NumbersThatAreNone(t *testing.T) {
	for _, args := range []string{"-rate NaN", "-rate Inf", "-rate 0/s", "-rate -3", "-rate 5/m", "-canary NaN", "-canary 100", "-canary -1"} {
		code, r, errs := wanted(t, append([]string{"drain", "north", "-to", "south", "-detach"}, strings.Fields(args)...)...)
		if value := strings.Fields(args)[1]; code != commandline.ExitUsage || r.Name != "" || !strings.Contains(errs, strconv.Quote(value)) {
			t.Errorf("%s: exit %d, %q", args, code, errs)
		}
	}
}
