package admin

import (
	"context"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestAssignment_StaleTagsChangeNothing(t *testing.T) {
	f, s := startFake(t, nil)
	device := "devices/" + oddDevice.String()
	put := func(body string, headers ...string) reply {
		t.Helper()
		return api(t, s, adminToken, "PUT", device+"/assignment", body, headers...)
	}
	put(`{"acs":"south"}`).wantStatus(t, 428).wantText(t, "If-Match")
	first := api(t, s, adminToken, "GET", device, "").wantStatus(t, 200).Header.Get("ETag")
	if again := api(t, s, adminToken, "GET", device+"/assignment", "").Header.Get("ETag"); again != first {
		t.Errorf("device %s, assignment %s", first, again)
	}
	second := put(`{"acs":"south"}`, "If-Match", first).wantStatus(t, 200).wantText(t, `"acs":"south"`).Header.Get("ETag")
	if second == first {
		t.Error("the ETag has stayed")
	}
	put(`{"acs":"north"}`, "If-Match", first).wantStatus(t, 412).wantText(t, second[1:len(second)-1])
	put(`{"acs":"north"}`, "If-Match", "W/"+second).wantStatus(t, 412)
	api(t, s, adminToken, "DELETE", device+"/assignment", "", "If-Match", first).wantStatus(t, 412)
	if f.assigned[oddDevice.Key()] != "south" {
		t.Errorf("assigned to %q", f.assigned[oddDevice.Key()])
	}
	put(`{"acs":"north"}`, "If-Match", `"x", `+second).wantStatus(t, 200)
	api(t, s, adminToken, "DELETE", device+"/assignment", "", "If-Match", "*").wantStatus(t, 200)
	if f.assigned[oddDevice.Key()] != "" {
		t.Errorf("assigned to %q", f.assigned[oddDevice.Key()])
	}
}

// TestAssignment_ARaceIsAConflict: another one writes between the look and the write.
func TestAssignment_ARaceIsAConflict(t *testing.T) {
	f, s := startFake(t, nil)
	inner, tries := f.Assign, 0
	f.Assign = func(ctx context.Context, id cwmp.DeviceID, was, acs string) error {
		if tries++; tries <= 2 {
			return ErrConflict
		}
		return inner(ctx, id, was, acs)
	}
	path := "devices/" + oddDevice.String() + "/assignment"
	tag := api(t, s, adminToken, "GET", path, "").Header.Get("ETag")
	api(t, s, adminToken, "PUT", path, `{"acs":"south"}`, "If-Match", tag).wantStatus(t, 412)
	api(t, s, adminToken, "PUT", path, `{"acs":"south"}`, "If-Match", "*").wantStatus(t, 200)
	if tries != 3 {
		t.Errorf("%d tries", tries)
	}
}

// TestAssignment_ATenantStaysAtItsACSs: an admin of a tenant cannot move devices to
// the ACS of another one.
func TestAssignment_ATenantStaysAtItsACSs(t *testing.T) {
	token := "tenant-admin-0123456789abcdef"
	f, s := startFake(t, func(c *Config) {
		c.Tokens = append(c.Tokens,
			TokenConfig{Name: "t1", Role: RoleAdmin, TokenFile: writeToken(t, token+"1"), ScopeConfig: ScopeConfig{ACS: []string{"north"}}},
			TokenConfig{Name: "t2", Role: RoleAdmin, TokenFile: writeToken(t, token+"2"), ScopeConfig: ScopeConfig{OUI: []string{"AABBCC"}}})
	})
	path := "devices/" + tenantDevice.String() + "/assignment"
	api(t, s, token+"1", "PUT", path, `{"acs":"south"}`, "If-Match", "*").wantStatus(t, 403)
	api(t, s, token+"2", "PUT", path, `{"acs":"north"}`, "If-Match", "*").wantStatus(t, 403)
	api(t, s, token+"2", "DELETE", path, "", "If-Match", "*").wantStatus(t, 403)
	if len(f.assigned) != 0 {
		t.Errorf("%v", f.assigned)
	}
	api(t, s, token+"1", "PUT", path, `{"acs":"north"}`, "If-Match", "*").wantStatus(t, 200)
}

func TestCampaigns_ActionsNeedTheRevisionThatWasRead(t *testing.T) {
	f, s := startFake(t, nil)
	api(t, s, adminToken, "POST", "campaigns/move/start", "").wantStatus(t, 428)
	api(t, s, adminToken, "POST", "campaigns/move/start", "", "If-Match", `"6"`).wantStatus(t, 412).wantText(t, `\"7\"`)
	if f.campaign.Status != "draft" {
		t.Errorf("status %s", f.campaign.Status)
	}
	tag := api(t, s, adminToken, "GET", "campaigns/move", "").Header.Get("ETag")
	if tag != `"7"` {
		t.Errorf("ETag %s", tag)
	}
	// Of many with one ETag one acts.
	const many = 8
	answers := make(chan int, many)
	for range many {
		go func() {
			status, _, _ := doWith(s, adminToken, "POST", PathAPI+"campaigns/move/start", "If-Match", tag)
			answers <- status
		}()
	}
	acted := 0
	for range many {
		switch status := <-answers; status {
		case 200:
			acted++
		case 412:
		default:
			t.Errorf("status %d", status)
		}
	}
	if acted != 1 || f.campaign.Revision != 8 {
		t.Errorf("%d have acted, revision %d", acted, f.campaign.Revision)
	}
}
