package console

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/acsgate/acsgate/internal/admin"
)

// campaignsPage is all campaigns.
type campaignsPage struct {
	Active, Over []admin.CampaignView
}

func (c *Console) campaigns(v *visit) error {
	if c.api.Campaigns == nil {
		return absent("campaigns")
	}
	var body campaignsPage
	for _, x := range c.api.Campaigns.List() {
		if slices.Contains([]string{"done", "cancelled", "rolled_back"}, x.Status) {
			body.Over = append(body.Over, x)
		} else {
			body.Active = append(body.Active, x)
		}
	}
	return c.show(v, "campaigns", page{Title: "Campaigns", Nav: "/campaigns", Body: body})
}

// campaignPage is one campaign.
type campaignPage struct {
	admin.CampaignView
	States   []part
	WaveList []wave
	Actions  []action
	Failed   int
}

// action is what can be done with a campaign now.
type action struct{ Name, Label, Text, Tone string }

func (c *Console) campaign(v *visit) error {
	if c.api.Campaigns == nil {
		return absent("campaigns")
	}
	view, ok := c.api.Campaigns.Get(v.r.PathValue("name"))
	if !ok {
		return fail(http.StatusNotFound, "There is no campaign %q.", v.r.PathValue("name"))
	}
	body := campaignPage{CampaignView: view, WaveList: wavesOf(&view), Actions: actionsOf(&view), Failed: view.Counts["failed"]}
	for _, state := range []string{"pending", "asked", "routed", "setting", "set", "arrived", "failed", "skipped", "undoing", "undone"} {
		if n := view.Counts[state]; n > 0 {
			p := newPart(state, n, view.Total)
			p.URL = "/campaigns/" + url.PathEscape(view.Name) + "/devices?state=" + state
			body.States = append(body.States, p)
		}
	}
	return c.show(v, "campaign", page{Title: view.Name, Nav: "/campaigns", Body: body})
}

// actionsOf lists what can be done in a status. The engine decides again.
func actionsOf(v *admin.CampaignView) []action {
	var all []action
	may := func(name, label, tone, text string) { all = append(all, action{name, label, text, tone}) }
	switch v.Status {
	case "draft":
		may("start", "Start", "primary", "The first wave of devices is moved.")
		may("remove", "Remove", "danger", "The draft is deleted.")
	case "running":
		may("pause", "Pause", "", "No further device is moved. Those that were asked already may still move.")
	case "paused", "halted":
		may("resume", "Resume", "primary", "The campaign goes on where it stopped.")
	}
	switch v.Status {
	case "running", "paused", "halted":
		may("cancel", "Cancel", "", "The campaign ends. What was moved stays moved.")
	}
	switch v.Status {
	case "running", "paused", "halted", "done", "cancelled":
		may("rollback", "Roll back", "danger", "Every device that was moved goes back to where it was.")
	}
	switch v.Status {
	case "done", "cancelled", "rolled_back":
		may("remove", "Remove", "danger", "The campaign is deleted, with what it remembers of each device.")
	}
	return all
}

func (c *Console) actOnCampaign(v *visit) error {
	name, what := v.r.PathValue("name"), v.r.PathValue("action")
	if c.api.Campaigns == nil || !slices.Contains(admin.Actions(), what) {
		return absent("that")
	}
	if err := c.result(v, c.api.Campaigns.Act(v.r.Context(), name, what), what+" campaign "+name); err != nil {
		return err
	}
	if what == "remove" {
		return c.done(v, "ok", "Campaign "+name+" is removed.", "/campaigns")
	}
	done := map[string]string{
		"start": "The campaign has started.", "pause": "The campaign is paused.", "resume": "The campaign goes on.",
		"cancel": "The campaign is cancelled.", "rollback": "The campaign is rolled back.",
	}
	return c.done(v, "ok", done[what], "/campaigns/"+url.PathEscape(name))
}

// maxMembers bounds the devices of a campaign that are listed.
const maxMembers = 200

// membersPage is devices of a campaign, of one state.
type membersPage struct {
	Name, State string
	Members     []admin.MemberView
	Reasons     []part // of those that are listed
	More        bool
}

// members answers with devices of a campaign: as a page of their own, and as a part
// of the campaign's.
func (c *Console) members(v *visit) error {
	if c.api.Campaigns == nil || c.api.Campaigns.Members == nil {
		return absent("the devices of campaigns")
	}
	body := membersPage{Name: v.r.PathValue("name"), State: v.r.URL.Query().Get("state")}
	view, ok := c.api.Campaigns.Get(body.Name)
	if !ok {
		return fail(http.StatusNotFound, "There is no campaign %q.", body.Name)
	}
	list := c.api.Campaigns.Members(body.Name, body.State)
	if body.State != "" && view.Counts[body.State] == 0 {
		list = func(func(admin.MemberView) bool) {} // a million others need no look
	}
	reasons := map[string]int{}
	for m := range list {
		if len(body.Members) == maxMembers {
			body.More = true
			break
		}
		body.Members = append(body.Members, m)
		if m.Reason != "" {
			reasons[m.Reason]++
		}
	}
	body.Reasons = partsOf(reasons, len(body.Members))
	if v.partial() {
		c.fragment(v, http.StatusOK, "members", "members", body)
		return nil
	}
	return c.show(v, "members", page{Title: "Devices of " + body.Name, Nav: "/campaigns", Body: body})
}

// progress is how far a campaign is with its devices.
type progress struct {
	Moved, Waiting, Failed, Total int
}

func progressOf(v admin.CampaignView) progress {
	n := v.Counts
	p := progress{Moved: n["arrived"], Waiting: n["asked"] + n["setting"] + n["set"] + n["undoing"], Failed: n["failed"], Total: v.Total}
	if v.Mode == "route" || v.Mode == "" {
		p.Moved += n["routed"]
	} else {
		p.Waiting += n["routed"]
	}
	return p
}

func (p progress) width(n int) int { return newPart("", n, p.Total).Width }

// MovedWidth is a length on a bar of 1000, as the others are.
func (p progress) MovedWidth() int { return p.width(p.Moved) }

// WaitingWidth is the length of those on their way.
func (p progress) WaitingWidth() int { return p.width(p.Waiting) }

// FailedWidth is the length of those that failed.
func (p progress) FailedWidth() int {
	if p.Failed > 0 {
		return max(6, p.width(p.Failed))
	}
	return 0
}

// FailedX is where those that failed begin: they stand at the end.
func (p progress) FailedX() int { return 1000 - p.FailedWidth() }
