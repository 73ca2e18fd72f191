package console

import (
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
)

// natPage is the STUN bindings.
type natPage struct {
	admin.BindingPage
	Query       admin.BindingQuery
	Kinds, Ages []part
	NATs        []option
	States      []option
	Next, First string
	Filtered    bool
}

func (c *Console) nat(v *visit) error {
	if c.api.Bindings == nil {
		return absent("STUN bindings")
	}
	form := v.r.URL.Query()
	q := admin.BindingQuery{
		NAT: form.Get("nat"), State: form.Get("state"), Text: form.Get("q"),
		Scope: v.who.Scope, Limit: pageSize, Cursor: form.Get("cursor"),
	}
	found, err := c.api.Bindings(v.r.Context(), q)
	if err != nil {
		return err
	}
	body := natPage{BindingPage: found, Query: q, Filtered: q.NAT+q.State+q.Text != ""}
	body.Kinds = natKinds(&found.Counts)
	body.Ages = agesOf(&found.Counts)
	body.NATs = choices(q.NAT, "", "any", "none", "none", "keeps", "keeps its mapping", "symmetric", "symmetric", "unstable", "unstable", "unknown", "unknown")
	body.States = choices(q.State, "", "any", "fresh", "fresh", "stale", "stale")
	body.Next = withCursor("/nat", form, found.Next)
	if q.Cursor != "" {
		body.First = withCursor("/nat", form, "")
	}
	p := page{Title: "NAT", Nav: "/nat", Body: body}
	if v.r.Header.Get("HX-Target") == "results" {
		c.fragmentOf(v, "nat", "results", p)
		return nil
	}
	return c.show(v, "nat", p)
}

// agesOf says how long ago the bindings' last packets came.
func agesOf(counts *admin.BindingCount) []part {
	var parts []part
	last := 0.0
	for _, a := range counts.Ages {
		name := "within " + seconds(a.WithinS)
		if a.WithinS == 0 {
			name = "longer ago"
			if last > 0 {
				name = "more than " + seconds(last)
			}
		}
		last = a.WithinS
		if a.Count == 0 {
			continue
		}
		parts = append(parts, newPart(name, a.Count, counts.Total))
	}
	return parts
}

// maxLive bounds the sessions that are listed.
const maxLive = 200

// sessionsPage is the sessions that are under way.
type sessionsPage struct {
	Rows []admin.SessionRow
	More bool
}

func (c *Console) liveSessions(v *visit) error {
	if c.api.Sessions == nil {
		return absent("a list of sessions")
	}
	rows := c.api.Sessions(v.who.Scope, maxLive)
	return c.show(v, "sessions", page{Title: "Sessions", Nav: "/sessions", Body: sessionsPage{rows, len(rows) >= maxLive}})
}

func (c *Console) certificates(v *visit) error {
	if c.api.Certificates == nil {
		return absent("a list of certificates")
	}
	all := slices.Clone(c.api.Certificates())
	slices.SortStableFunc(all, func(a, b admin.CertificateView) int { return strings.Compare(a.NotAfter, b.NotAfter) })
	return c.show(v, "certificates", page{Title: "Certificates", Nav: "/certificates", Body: all})
}

// configurationPage is the configuration in force.
type configurationPage struct {
	admin.ConfigView
	Reloads bool
	Errors  []string // of a reload that was just tried
}

func (c *Console) configuration(v *visit) error {
	if err := v.needs(admin.RoleOperator); err != nil {
		return err
	}
	if c.api.Config == nil {
		return absent("its configuration")
	}
	body := configurationPage{ConfigView: c.api.Config(), Reloads: c.api.Reload != nil}
	return c.show(v, "configuration", page{Title: "Configuration", Nav: "/configuration", Body: body})
}
