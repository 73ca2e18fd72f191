package admin

import (
	"net/http"
	"slices"
)

// ACSList are all ACSs.
type ACSList struct {
	ACS []ACSView `json:"acs"`
}

// Returned says whose sessions come back.
type Returned struct {
	ACS string `json:"acs"`
}

func (a *API) acsEndpoints() []endpoint {
	return []endpoint{
		{
			id: "listACS", method: http.MethodGet, path: "acs", role: RoleViewer, whole: true, answer: ACSList{},
			summary: "List ACSs with their health and load", missing: a.ACSs == nil, handle: a.listACS,
		}, {
			id: "getACS", method: http.MethodGet, path: "acs/{name}", role: RoleViewer, whole: true, answer: ACSView{},
			summary: "Read an ACS", about: "To drain it, make a campaign of kind drain.", missing: a.ACSs == nil, handle: a.getACS,
		}, {
			id: "returnACS", method: http.MethodPost, path: "acs/{name}/return", role: RoleAdmin, whole: true, answer: Returned{}, once: true,
			summary: "Bring the sessions of an ACS back from its backup", missing: a.Return == nil, handle: a.returnACS,
		},
	}
}

// completeACS returns a copy without what would be null in JSON.
func completeACS(all []ACSView) []ACSView {
	all = append([]ACSView{}, all...)
	for i := range all {
		if all[i].Observed == nil {
			all[i].Observed = map[string]uint64{}
		}
	}
	return all
}

func (a *API) listACS(w http.ResponseWriter, _ *request) error {
	return answer(w, http.StatusOK, ACSList{ACS: completeACS(a.ACSs())})
}

func (a *API) getACS(w http.ResponseWriter, r *request) error {
	all, name := completeACS(a.ACSs()), r.PathValue("name")
	at := slices.IndexFunc(all, func(v ACSView) bool { return v.Name == name })
	if at < 0 {
		return refuse(http.StatusNotFound, "there is no ACS %q", clip(name))
	}
	return answer(w, http.StatusOK, all[at])
}

// returnACS brings the sessions of an ACS back from its backup.
func (a *API) returnACS(w http.ResponseWriter, r *request) error {
	name := r.PathValue("name")
	if a.ACSs != nil && !slices.ContainsFunc(a.ACSs(), func(v ACSView) bool { return v.Name == name }) {
		return refuse(http.StatusNotFound, "there is no ACS %q", clip(name))
	}
	if err := a.Return(name); err != nil {
		return refuse(http.StatusConflict, "%v", err)
	}
	return answer(w, http.StatusOK, Returned{ACS: name})
}
