package admin

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// returnACS brings the sessions of an ACS back from its backup.
func (a *API) returnACS(w http.ResponseWriter, r *http.Request) {
	if err := a.Return(r.PathValue("name")); err != nil {
		fail(w, http.StatusConflict, err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]string{"acs": r.PathValue("name")})
}

// Return brings the sessions of an ACS back from its backup.
func (c *Client) Return(ctx context.Context, acs string) error {
	return c.call(ctx, http.MethodPost, "acs/"+url.PathEscape(acs)+"/return", nil, func(io.Reader) error { return nil })
}
