package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// overviewPage is the whole at a glance.
type overviewPage struct {
	admin.Overview
	Troubles   []trouble
	ACSsUp     int
	Kinds      []part
	Charts     []chart
	MoreCharts []chart
	Ranges     []segment
	HasCharts  bool
	NextExpiry *admin.CertificateView
}

// segment is one of a few choices.
type segment struct {
	Name, URL string
	On        bool
}

func (c *Console) overview(v *visit) error {
	if !v.who.Scope.Whole() {
		return c.show(v, "overview", page{Title: "Overview", Nav: "/", Body: overviewPage{}})
	}
	if c.api.Overview == nil {
		return absent("an overview")
	}
	body := overviewPage{Overview: c.api.Overview(), HasCharts: c.api.Series != nil}
	for _, a := range body.ACS {
		if a.State == "up" {
			body.ACSsUp++
		}
	}
	body.Troubles = troublesOf(&body.Overview, v.who)
	body.Kinds = natKinds(&body.Bindings)
	for i := range body.Certificates {
		if x := &body.Certificates[i]; x.NotAfter != "" && (body.NextExpiry == nil || x.NotAfter < body.NextExpiry.NotAfter) {
			body.NextExpiry = x
		}
	}
	if body.HasCharts && !v.partial() {
		last, err := rangeOf(v.r)
		if err != nil {
			return err
		}
		all := chartsOf(c.api.Series(c.now().Add(-last)))
		more := slices.IndexFunc(all, func(x chart) bool { return x.More })
		body.Charts, body.MoreCharts = all[:more], all[more:]
		for _, r := range ranges {
			body.Ranges = append(body.Ranges, segment{Name: r.name, URL: "/?range=" + r.value, On: r.last == last})
		}
	}
	return c.show(v, "overview", page{Title: "Overview", Nav: "/", Charts: body.HasCharts, Body: body})
}

// trouble is a problem with what it means, and where more is said of it.
type trouble struct {
	admin.Problem
	URL     string
	Meaning string
}

// troublesOf explains problems.
func troublesOf(o *admin.Overview, who admin.Identity) (all []trouble) {
	for _, p := range o.Problems {
		t := trouble{Problem: p}
		kind, name, _ := strings.Cut(p.Subject, " ")
		switch kind {
		case "acs":
			t.URL = "/acs#acs-" + url.PathEscape(name)
			t.Meaning = meaningOf(o.ACS, name)
		case "campaign":
			t.URL = "/campaigns/" + url.PathEscape(name)
		case "certificate":
			t.URL = "/certificates"
		case "configuration":
			if who.May(admin.RoleOperator) {
				t.URL = "/configuration"
			}
		}
		all = append(all, t)
	}
	return all
}

// meaningOf says what it means to devices that an ACS is down, "" where it is not.
func meaningOf(all []admin.ACSView, name string) string {
	i := slices.IndexFunc(all, func(a admin.ACSView) bool { return a.Name == name })
	if i < 0 || all[i].State != "down" {
		return ""
	}
	devices := "its " + number(all[i].Devices) + " devices"
	if all[i].Devices == 1 {
		devices = "its one device"
	}
	if !all[i].Away {
		return "Sessions of " + devices + " fail: no other ACS takes them."
	}
	text := "Sessions of " + devices + " go to " + all[i].Backup
	if all[i].Manual {
		text += " until they are returned by hand"
	}
	return text + "."
}

// ranges are how far charts look back. The gateway keeps an hour.
var ranges = []struct {
	value, name string
	last        time.Duration
}{{"10m", "10 min", 10 * time.Minute}, {"30m", "30 min", 30 * time.Minute}, {"1h", "1 h", time.Hour}}

func rangeOf(r *http.Request) (time.Duration, error) {
	value := r.URL.Query().Get("range")
	if value == "" {
		return 30 * time.Minute, nil
	}
	for _, x := range ranges {
		if x.value == value {
			return x.last, nil
		}
	}
	return 0, fail(http.StatusBadRequest, "There is no range %q.", value)
}

// part is one of the parts of a whole.
type part struct {
	Name  string
	Count int
	Of    int
	Width int // of 1000
	URL   string
}

func newPart(name string, count, of int) part {
	p := part{Name: name, Count: count, Of: of}
	if of > 0 {
		p.Width = count * 1000 / of
	}
	return p
}

// natKinds are the kinds of NATs, by how many bindings are behind them, and where
// they are listed.
func natKinds(counts *admin.BindingCount) []part {
	parts := partsOf(counts.Kinds, counts.Total)
	for i := range parts {
		parts[i].URL = withCursor("/nat", url.Values{"nat": {parts[i].Name}}, "")
		parts[i].Name = natName(parts[i].Name)
	}
	return parts
}

// partsOf returns parts of a whole, the greatest first, without those that are none.
func partsOf(counts map[string]int, of int) []part {
	var parts []part
	for name, count := range counts {
		if count > 0 {
			parts = append(parts, newPart(name, count, of))
		}
	}
	slices.SortFunc(parts, func(a, b part) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	return parts
}
