package main

import (
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
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
