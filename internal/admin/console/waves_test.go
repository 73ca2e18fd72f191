package console

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

func TestCampaign_Waves(t *testing.T) {
	w := newWorld(t)
	page := w.as(viewerToken).get("/campaigns/move-2026", 200)
	mustSay(t, "campaign", page, "Wave 1 done up to 1 %", "tried 3 300", "at least 95 % arrived, at most 2 % failed, within 24h; if not it halts",
		"Wave 3 running up to 50 %: 132 408 devices", "115 818", "111 320", "4 300", "198", "16 590", "Now: wave 3: 71.2 % of 90 % arrived", "in 19 h",
		"Wave 4 later all devices: 165 510 devices", "sessions of 147 900 devices go to north")
	if strings.Count(page, "Now:") != 1 || strings.Count(page, "aria-current=\"step\"") != 1 {
		t.Error("more than one wave is the present one")
	}
}

func TestWaves_Bars(t *testing.T) {
	for _, test := range []struct {
		n    admin.WaveProgress
		want []stretch
	}{
		{admin.WaveProgress{}, nil},
		{admin.WaveProgress{Total: 10, Waiting: 10}, nil},
		{admin.WaveProgress{Total: 10, Tried: 8, Arrived: 5, Failed: 1, Waiting: 2}, []stretch{{"", 0, 500}, {"second", 500, 200}, {"bad", 700, 100}}},
		{admin.WaveProgress{Total: 1e6, Tried: 1e6, Arrived: 1e6 - 1, Failed: 1}, []stretch{{"", 0, 999}, {"bad", 996, 4}}},
		{admin.WaveProgress{Total: 2, Back: 2}, []stretch{{"warn", 0, 1000}}},
	} {
		if got := barOf(test.n); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.n, got, test.want)
		}
	}
}

func TestGoalsText(t *testing.T) {
	none := 0.0
	for want, g := range map[string]admin.CampaignGoals{
		"at most 5 % failed, within 24h; if not it halts":                                                      {},
		"at least 90 % arrived, at least 50.5 % came twice, at most 0 % failed, within 1h30m; if not it halts": {Arrived: 90, SecondSession: 50.5, FaultRate: &none, Within: admin.Duration(90 * time.Minute)},
		"at most 5 % failed, within 30m, judged from 3 devices on; if not it is rolled back":                   {Within: admin.Duration(30 * time.Minute), MinSample: 3, OnFailure: "rollback"},
	} {
		if got := goalsText(&g); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
