package gateway

import (
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/config"
)

// newFailoverWorld rewrites URLs while north is down.
func newFailoverWorld(t *testing.T) *moveWorld {
	t.Helper()
	return newMoveWorld(t, moveSetup{north: ", backup: south, failover: {mode: rewrite}"})
}

// TestFailover_Rewrites: while the ACS is down, sessions at the backup set the URL
// to the backup's, and once it is up they set it back.
func TestFailover_Rewrites(t *testing.T) {
	t.Parallel()
	w := newFailoverWorld(t)
	c, silent, stubborn := w.known("", 1), w.known("", 2), w.known("invalid-value", 3)
	w.northIs(true)
	w.campaign("failover-north", "running")
	w.member("failover-north", c, "asked")
	want(t, w.live(c), "south", "south") // the second is at the new URL
	if m := w.member("failover-north", c, "arrived"); m.OldURL != w.url("north") {
		t.Errorf("%+v", m)
	}
	if c.URL() != w.url("south") {
		t.Errorf("the CPE has %q", c.URL())
	}
	w.member("failover-north", stubborn, "asked")
	want(t, w.live(stubborn), "south") // is routed there whatever its URL is
	if m := w.member("failover-north", stubborn, "failed"); !strings.Contains(m.Reason, "9007") {
		t.Errorf("%+v", m)
	}
	want(t, w.live(stubborn), "south")

	w.northIs(false)
	w.member("failover-north", c, "undoing")
	want(t, w.live(c), "south", "north")
	w.member("failover-north", c, "undone")
	if c.URL() != w.url("north") {
		t.Errorf("after the return the CPE has %q", c.URL())
	}
	want(t, w.live(silent), "north")
	want(t, w.live(stubborn), "north")
	if m := w.member("failover-north", silent, "skipped"); m.ACS != "" {
		t.Errorf("%+v", m)
	}
	w.campaign("failover-north", "rolled_back")
}

// TestFailover_DownAgain: the second outage moves those who are back, and leaves
// who never returned where they are.
func TestFailover_DownAgain(t *testing.T) {
	t.Parallel()
	w := newFailoverWorld(t)
	back, away := w.known("", 1), w.known("", 2)
	w.northIs(true)
	w.member("failover-north", back, "asked")
	w.member("failover-north", away, "asked")
	want(t, w.live(back), "south", "south")
	want(t, w.live(away), "south", "south")
	w.northIs(false)
	w.member("failover-north", back, "undoing")
	w.member("failover-north", away, "undoing")
	want(t, w.live(back), "south", "north")
	w.member("failover-north", back, "undone")
	w.northIs(true)
	w.member("failover-north", away, "arrived")
	want(t, w.live(away), "south")
	w.member("failover-north", back, "asked")
	want(t, w.live(back), "south", "south")
	w.northIs(false)
	w.eventually("it sets URLs back again", func() bool {
		v, err := w.api.Campaign(t.Context(), "failover-north")
		return err == nil && (v.Status == "rolling_back" || v.Status == "rolled_back")
	})
	w.member("failover-north", away, "undoing")
	w.member("failover-north", back, "undoing")
	want(t, w.live(away), "south", "north")
	want(t, w.live(back), "south", "north")
	w.campaign("failover-north", "rolled_back")
	for _, c := range []string{back.URL(), away.URL()} {
		if c != w.url("north") {
			t.Errorf("a CPE has %q", c)
		}
	}
}

// TestFailover_IsAskedForOnlyWhereItIsMeant: without mode rewrite no URL is set.
func TestFailover_IsAskedForOnlyWhereItIsMeant(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{north: ", backup: south"})
	c := w.known("", 1)
	w.northIs(true)
	want(t, w.live(c), "south")
	if c.URL() != w.url("north") {
		t.Errorf("the CPE has %q", c.URL())
	}
	if all, err := w.api.Campaigns(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
	want(t, w.live(c), "south")
}

// TestMoves_MistakesAreRefused before anything moves, with the reason.
func TestMoves_MistakesAreRefused(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	c := w.known("", 1)
	good := func() admin.CampaignRequest {
		return admin.CampaignRequest{Name: "m", To: "south", Mode: "rewrite", Selector: admin.CampaignDevices{Devices: []string{c.Device().String()}}, Start: true}
	}
	for _, test := range []struct {
		reason string
		edit   func(*admin.CampaignRequest)
	}{
		{"unknown here: FFFFFF-easycwmp-NOBODY", func(r *admin.CampaignRequest) {
			r.Selector.Devices = append(r.Selector.Devices, "FFFFFF-easycwmp-NOBODY")
		}},
		{"every", func(r *admin.CampaignRequest) { r.Selector = admin.CampaignDevices{} }},
		{"the selector", func(r *admin.CampaignRequest) { r.Selector = admin.CampaignDevices{Serial: []string{"NOBODY*"}} }},
		{`: refused: to: "west" is not an ACS`, func(r *admin.CampaignRequest) { r.To = "west" }},
		{`to: "south" is also in from`, func(r *admin.CampaignRequest) { r.From = []string{"south"} }},
		{"none of the selected devices", func(r *admin.CampaignRequest) { r.To = "north" }},
		{`kind: "flood" must be`, func(r *admin.CampaignRequest) { r.Kind = "flood" }},
		{`mode: "teleport" must be`, func(r *admin.CampaignRequest) { r.Mode = "teleport" }},
	} {
		r := good()
		test.edit(&r)
		_, err := w.api.CreateCampaign(t.Context(), r)
		w.refused(err, test.reason)
		if err != nil && strings.Count(err.Error(), "refused") != 1 {
			t.Errorf("it is said twice: %v", err)
		}
	}
	if all, err := w.api.Campaigns(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
	want(t, w.live(c), "north")
	if c.URL() != w.url("north") {
		t.Errorf("the CPE has %q", c.URL())
	}
}

// TestMoves_TargetIsLookedAt: URLs that lead nowhere are given to nobody.
func TestMoves_TargetIsLookedAt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, reason string }{
		{"http://acs.invalid/cwmp", "name is not found"},
		{"http://127.0.0.1:1/cwmp", "refused"},
		{"", "has no cpe_url"},
		{"of north", `is that of acs "north" too: there is nothing to set`},
	} {
		w := newMoveWorld(t, moveSetup{})
		if test.url == "of north" {
			test.url = w.url("north")
		}
		text := strings.Replace(w.text(""), w.url("south"), test.url, 1)
		cfg, err := config.Parse(w.file, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		w.known("", 1)
		d := drainTo("rewrite")
		d.Start = true
		_, err = w.api.CreateCampaign(t.Context(), d)
		w.refused(err, test.reason)
		if all, err := w.api.Campaigns(t.Context()); err != nil || len(all) > 0 {
			t.Errorf("%+v, %v", all, err)
		}
	}
}

// TestConfig_BackupMistakes are refused when the file is read.
func TestConfig_BackupMistakes(t *testing.T) {
	t.Parallel()
	w := &world{file: "/dev/null/acsgate.yaml"}
	for _, test := range []struct{ north, reason string }{
		{"backup: west", "west"},
		{"backup: north", "backup"},
		{"backup: south, failover: {mode: rewrite}", "needs the cpe_url of this ACS"},
		{"backup: park, cpe_url: \"http://a/\", failover: {mode: rewrite}", "which is as_backup: park"},
		{"backup: park, cpe_url: \"HTTP://B:80\", failover: {mode: rewrite}", "has nothing to set: the backup has the same cpe_url"},
		{"backup: south, cpe_url: \"http://a/" + strings.Repeat("x", 256) + "\"", "longer than 256"},
		{"backup: south, cpe_url: \"acs.example\"", "is not a URL"},
	} {
		text := "acs:\n  - {name: north, url: \"http://127.0.0.1:1/\", " + test.north + "}\n  - {name: south, url: \"http://127.0.0.1:2/\"}\n" +
			"  - {name: park, url: \"http://127.0.0.1:2/\", cpe_url: \"http://b/\", as_backup: park}\n" +
			"listen: [{name: cpe, address: \"127.0.0.1:0\"}]\nroutes: [{name: default, acs: north}]\n"
		_, err := config.Parse(w.file, []byte(text))
		if err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v", test.north, err)
		}
	}
}
