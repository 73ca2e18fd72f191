package console

import (
	"net/url"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/journal"
)

// auditPage is who has changed what.
type auditPage struct {
	Rows   []entry
	Stream string // "" where there are no events
}

func (c *Console) audit(v *visit) error {
	if err := v.needs(admin.RoleAdmin); err != nil {
		return err
	}
	var body auditPage
	for _, r := range c.api.LastAudits(maxRecent) {
		body.Rows = append(body.Rows, entry{At: moment(r.At), Audit: &r.Audit})
	}
	if c.api.Events != nil {
		body.Stream = streamURL(url.Values{"kind": {string(journal.KindAudit)}}, 0) + "&view=audit"
	}
	return c.show(v, "audit", page{Title: "Audit", Nav: "/audit", Body: body})
}
