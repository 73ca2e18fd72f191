package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// CertificateList are certificates.
type CertificateList struct {
	Certificates []CertificateView `json:"certificates"`
}

// AuditList are records of the audit log, the newest first.
type AuditList struct {
	Records []AuditRecord `json:"records"`
}

// maxSeries is as far back as measurements are asked for.
const maxSeries = 7 * 24 * time.Hour

// wholeEndpoints are about the gateway and all of its devices.
func (a *API) wholeEndpoints() []endpoint {
	return []endpoint{
		{
			id: "getOverview", method: http.MethodGet, path: "overview", role: RoleViewer, whole: true, answer: Overview{},
			summary: "Read the whole at a glance", missing: a.Overview == nil, handle: a.getOverview,
		}, {
			id: "getSeries", method: http.MethodGet, path: "series", role: RoleViewer, whole: true, answer: Series{},
			query:   []parameter{{name: "since", about: "How far back, at most 168h.", kind: durationKind, preset: "1h"}},
			summary: "Read measurements over time", missing: a.Series == nil, handle: a.getSeries,
		}, {
			id: "listCertificates", method: http.MethodGet, path: "certificates", role: RoleViewer, whole: true, answer: CertificateList{},
			summary: "List certificates", missing: a.Certificates == nil, handle: a.listCertificates,
		}, {
			id: "getConfig", method: http.MethodGet, path: "config", role: RoleOperator, whole: true, answer: ConfigView{},
			summary: "Read the configuration in force", about: "Defaults are filled in and secrets masked.", missing: a.Config == nil, handle: a.getConfig,
		}, {
			id: "reload", method: http.MethodPost, path: "reload", role: RoleAdmin, whole: true, answer: ConfigView{},
			summary: "Read the configuration file again", about: "It takes effect as a whole or not at all; 422 lists what is wrong with it.",
			missing: a.Reload == nil || a.Config == nil, handle: a.reload,
		}, {
			id: "listAudit", method: http.MethodGet, path: "audit", role: RoleAdmin, whole: true, answer: AuditList{},
			query:   []parameter{{name: "limit", about: "At most so many.", kind: numberKind, least: 1, most: maxAudits, preset: "100"}},
			summary: "Read who has done what", handle: a.listAudit,
		},
	}
}

func (a *API) getOverview(w http.ResponseWriter, _ *request) error {
	v := a.Overview()
	v.ACS = completeACS(v.ACS)
	v.Bindings.complete()
	v.Campaigns = completeCampaigns(v.Campaigns)
	v.Certificates = completeCertificates(v.Certificates)
	return answer(w, http.StatusOK, v)
}

func (a *API) getSeries(w http.ResponseWriter, r *request) error {
	since := r.query.duration("since")
	if since > maxSeries {
		return refuseFields("query", []fieldProblem{{"since", "is more than 168h"}})
	}
	s := a.Series(time.Now().Add(-since))
	if s.Times == nil {
		s.Times = []int64{}
	}
	s.Lines = append([]SeriesLine{}, s.Lines...)
	for i := range s.Lines {
		if s.Lines[i].Labels == nil {
			s.Lines[i].Labels = map[string]string{}
		}
		if s.Lines[i].Values == nil {
			s.Lines[i].Values = []*float64{}
		}
	}
	return answer(w, http.StatusOK, s)
}

func (a *API) listCertificates(w http.ResponseWriter, _ *request) error {
	return answer(w, http.StatusOK, CertificateList{Certificates: completeCertificates(a.Certificates())})
}

// completeCertificates returns a copy without what would be null in JSON.
func completeCertificates(all []CertificateView) []CertificateView {
	all = append([]CertificateView{}, all...)
	for i := range all {
		all[i].Names = append([]string{}, all[i].Names...)
	}
	return all
}

func (a *API) getConfig(w http.ResponseWriter, _ *request) error {
	v := a.Config()
	v.Problems = append([]string{}, v.Problems...)
	return answer(w, http.StatusOK, v)
}

func (a *API) reload(w http.ResponseWriter, r *request) error {
	err := a.Reload(r.Context())
	if err == nil {
		return a.getConfig(w, r)
	}
	var known *problem
	if errors.As(err, &known) {
		return err
	}
	p := refuse(http.StatusUnprocessableEntity, "the configuration stays as it is: %v", err)
	for line := range strings.SplitSeq(err.Error(), "\n") {
		p.Errors = append(p.Errors, fieldProblem{Name: "file", Detail: line})
	}
	return p
}

// LastAudits returns the last records of the audit log, the newest first.
func (a *API) LastAudits(limit int) []AuditRecord {
	if a.audits == nil {
		return []AuditRecord{}
	}
	return slices.Concat([]AuditRecord{}, a.audits.latest(limit))
}

func (a *API) listAudit(w http.ResponseWriter, r *request) error {
	return answer(w, http.StatusOK, AuditList{Records: a.LastAudits(r.query.number("limit"))})
}
