package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Campaigns asks for all campaigns, oldest first.
func (c *Client) Campaigns(ctx context.Context) (all []CampaignView, err error) {
	var list CampaignList
	err = c.call(ctx, http.MethodGet, "campaigns", nil, single(&list))
	return list.Campaigns, err
}

// Campaign asks for one campaign.
func (c *Client) Campaign(ctx context.Context, name string) (v CampaignView, err error) {
	err = c.call(ctx, http.MethodGet, "campaigns/"+url.PathEscape(name), nil, single(&v))
	return v, err
}

// CreateCampaign makes a campaign.
func (c *Client) CreateCampaign(ctx context.Context, r CampaignRequest) (v CampaignView, err error) {
	err = c.call(ctx, http.MethodPost, "campaigns", r, single(&v))
	return v, err
}

// PreviewCampaign calls fn for each known device with what a campaign would do.
func (c *Client) PreviewCampaign(ctx context.Context, r CampaignRequest, fn func(MoveView) error) error {
	return c.call(ctx, http.MethodPost, "campaigns/preview", r, eachLine(fn))
}

// Act does one of Actions with a campaign, whatever has become of it meanwhile.
func (c *Client) Act(ctx context.Context, name, action string) (v CampaignView, err error) {
	path := "campaigns/" + url.PathEscape(name) + "/" + url.PathEscape(action)
	err = c.send(ctx, http.MethodPost, path, http.Header{"If-Match": {"*"}}, nil, func(r *http.Response) error { return single(&v)(r.Body) })
	return v, err
}

// Members calls fn for each device of a campaign that is in the state, or for all.
func (c *Client) Members(ctx context.Context, name, state string, fn func(MemberView) error) error {
	path := "campaigns/" + url.PathEscape(name) + "/devices?state=" + url.QueryEscape(state)
	return c.call(ctx, http.MethodGet, path, nil, eachLine(fn))
}

// eachLine reads a document a line.
func eachLine[T any](fn func(T) error) func(io.Reader) error {
	return func(body io.Reader) error {
		for lines := json.NewDecoder(body); ; {
			var v T
			switch err := lines.Decode(&v); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			if err := fn(v); err != nil {
				return err
			}
		}
	}
}
