package gateway

import (
	"slices"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
)

// TestMigration_Mirror: the new ACS is shown Informs before the move, and serves
// the device after it.
func TestMigration_Mirror(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	c, other := w.known("", 1), w.known("", 2)
	r := admin.CampaignRequest{
		Name: "m", From: []string{"north"}, To: "south", Mirror: true, Selector: admin.CampaignDevices{Devices: []string{c.Device().String()}},
	}
	if v, err := w.api.CreateCampaign(t.Context(), r); err != nil || v.Status != "draft" || !v.Mirror {
		t.Fatalf("%+v, %v", v, err)
	}
	shown := []string{"Inform>InformResponse", "empty>GetParameterValues"}
	want(t, w.live(c), "north")
	want(t, w.live(other), "north")
	w.eventually("the Inform is shown", func() bool {
		return w.metric(`acsgate_mirrored_informs_total{acs="south",result="shown"} 1`)
	})
	if got := shape(w.south, c, 0); !slices.Equal(got, shown) {
		t.Errorf("south saw %q, want %q", got, shown)
	}
	if n := len(w.south.Of(other.Device())); n > 0 {
		t.Errorf("south saw %d requests of a device that is in no campaign", n)
	}
	w.pastStart()
	w.act("m", "start")
	w.member("m", c, "asked")
	want(t, w.live(c), "south")
	w.member("m", c, "arrived")
	want(t, w.live(c), "south")
	if w.metric(`acsgate_mirrored_informs_total{acs="south",result="shown"} 2`) {
		t.Error("south is shown what it serves")
	}
}
