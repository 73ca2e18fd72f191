package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mediaLines is one JSON document a line.
const mediaLines = "application/x-ndjson"

func (c *Campaigns) endpoints() []endpoint {
	none, turn := c == nil, make(turn, 1)
	all := []endpoint{
		{
			id: "listCampaigns", method: http.MethodGet, path: "campaigns", role: RoleViewer, whole: true, answer: CampaignList{},
			summary: "List campaigns, oldest first", missing: none, handle: c.list,
		}, {
			id: "createCampaign", method: http.MethodPost, path: "campaigns", role: RoleAdmin, whole: true, body: CampaignRequest{}, large: true,
			status: http.StatusCreated, answer: CampaignView{}, once: true, etag: true,
			summary: "Make a campaign", about: "It is a draft until it is started, unless start is true.", missing: none, handle: c.create,
		}, {
			id: "previewCampaign", method: http.MethodPost, path: "campaigns/preview", role: RoleOperator, whole: true, body: CampaignRequest{}, large: true,
			answer: MoveView{}, media: mediaLines,
			summary: "Show what a campaign would do with each device", about: "Nothing is changed. The answer is a document a line.", missing: none, handle: c.preview,
		}, {
			id: "getCampaign", method: http.MethodGet, path: "campaigns/{name}", role: RoleViewer, whole: true, answer: CampaignView{}, etag: true,
			summary: "Read a campaign", missing: none, handle: c.get,
		}, {
			id: "listMembers", method: http.MethodGet, path: "campaigns/{name}/devices", role: RoleViewer, whole: true, answer: MemberView{}, media: mediaLines,
			query:   []parameter{{name: "state", about: "Only devices in this state, such as arrived."}},
			summary: "List the devices of a campaign", about: "The answer is a document a line.", missing: none, handle: c.members,
		},
	}
	for _, action := range Actions() {
		all = append(all, endpoint{
			id: action + "Campaign", method: http.MethodPost, path: "campaigns/{name}/" + action, role: RoleAdmin, whole: true, answer: CampaignView{},
			once: true, match: true, etag: true, summary: strings.ToUpper(action[:1]) + action[1:] + " a campaign", missing: none,
			handle: func(w http.ResponseWriter, r *request) error { return c.act(w, r, turn, action) },
		})
	}
	return all
}

// turn lets one write of a campaign happen after the other, so that of two with the
// same ETag the second is refused.
type turn chan struct{}

func campaignTag(v *CampaignView) string { return `"` + strconv.FormatUint(v.Revision, 10) + `"` }

func answerCampaign(w http.ResponseWriter, status int, v CampaignView) error {
	w.Header().Set("ETag", campaignTag(&v))
	return answer(w, status, completeCampaigns([]CampaignView{v})[0])
}

// completeCampaigns returns a copy without what would be null in JSON.
func completeCampaigns(all []CampaignView) []CampaignView {
	all = append([]CampaignView{}, all...)
	for i := range all {
		if all[i].Counts == nil {
			all[i].Counts = map[string]int{}
		}
		if all[i].WaveTotals == nil {
			all[i].WaveTotals = []int{}
		}
		if all[i].WaveCounts == nil {
			all[i].WaveCounts = []map[string]int{}
		}
	}
	return all
}

func unknownCampaign(name string) error {
	return fmt.Errorf("campaign %q: %w", clip(name), ErrUnknownCampaign)
}

func (c *Campaigns) list(w http.ResponseWriter, _ *request) error {
	return answer(w, http.StatusOK, CampaignList{Campaigns: completeCampaigns(c.List())})
}

func (c *Campaigns) get(w http.ResponseWriter, r *request) error {
	v, ok := c.Get(r.PathValue("name"))
	if !ok {
		return unknownCampaign(r.PathValue("name"))
	}
	return answerCampaign(w, http.StatusOK, v)
}

func (c *Campaigns) create(w http.ResponseWriter, r *request) error {
	var wanted CampaignRequest
	if err := readBody(r.Request, &wanted); err != nil {
		return err
	}
	r.detail = "campaign " + clip(wanted.Name)
	view, err := c.Create(r.Context(), wanted)
	if err == nil && wanted.Start {
		if err = c.Act(r.Context(), wanted.Name, "start"); err == nil {
			view, _ = c.Get(wanted.Name)
		}
	}
	if err != nil {
		return err
	}
	return answerCampaign(w, http.StatusCreated, view)
}

// preview answers with one JSON document a line.
func (c *Campaigns) preview(w http.ResponseWriter, r *request) error {
	var wanted CampaignRequest
	if err := readBody(r.Request, &wanted); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wakeTimeout))
	out := &lateWriter{ResponseWriter: w, begin: func() { setHeaders(w, mediaLines) }}
	lines := json.NewEncoder(out)
	for move, err := range c.Preview(r.Context(), wanted) {
		if err != nil {
			return err
		}
		if lines.Encode(move) != nil {
			return nil
		}
	}
	_, _ = out.Write(nil) // where there is no device
	return nil
}

func (c *Campaigns) act(w http.ResponseWriter, r *request, turn turn, action string) error {
	name := r.PathValue("name")
	end, err := turn.take(r.Context())
	if err != nil {
		return err
	}
	defer end()
	before, ok := c.Get(name)
	if !ok {
		return unknownCampaign(name)
	}
	if err := checkMatch(r.Request, campaignTag(&before)); err != nil {
		return err
	}
	if err := c.Act(r.Context(), name, action); err != nil {
		return err
	}
	after, ok := c.Get(name)
	if !ok { // it was removed
		after = before
	}
	return answerCampaign(w, http.StatusOK, after)
}

// members answers with one JSON document a line.
func (c *Campaigns) members(w http.ResponseWriter, r *request) error {
	name := r.PathValue("name")
	if _, ok := c.Get(name); !ok {
		return unknownCampaign(name)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wakeTimeout))
	setHeaders(w, mediaLines)
	w.WriteHeader(http.StatusOK)
	lines := json.NewEncoder(w)
	for m := range c.Members(name, r.query["state"]) {
		if lines.Encode(m) != nil {
			return nil
		}
	}
	return nil
}

// take waits for its turn, which end gives to the next.
func (t turn) take(ctx context.Context) (end func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
