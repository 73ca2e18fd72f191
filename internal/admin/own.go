package admin

import "net/http"

// ownEndpoints are about the API itself.
func (a *API) ownEndpoints() []endpoint {
	return []endpoint{
		{
			id: "whoAmI", method: http.MethodGet, path: "whoami", role: RoleViewer, answer: Identity{},
			summary: "Read whose token this is, and what it may", handle: func(w http.ResponseWriter, r *request) error {
				return answer(w, http.StatusOK, r.who)
			},
		}, {
			id: "getOpenAPI", method: http.MethodGet, path: "openapi.json", media: "application/json",
			summary: "Read this document", about: "It needs no token: it is the same for every gateway of a version.",
			handle: func(w http.ResponseWriter, _ *request) error {
				setHeaders(w, "application/json")
				_, _ = w.Write(a.openAPI())
				return nil
			},
		},
	}
}
