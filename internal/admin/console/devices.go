package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// pageSize is how many rows a list has.
const pageSize = 50

// option is a choice of a select.
type option struct {
	Value, Name string
	On          bool
}

// choices returns pairs of value and name as options.
func choices(now string, pairs ...string) []option {
	var all []option
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, option{pairs[i], pairs[i+1], pairs[i] == now})
	}
	return all
}

// devicesPage is a page of devices.
type devicesPage struct {
	admin.DevicePage
	Query    admin.DeviceQuery
	Filtered bool // by anything but the text
	Next     string
	First    string // "" on the first page

	ACSs, NATs, Bindings, Within, Silent []option
	Campaigns                            []option
}

func (c *Console) devices(v *visit) error {
	if c.api.Devices == nil {
		return absent("a list of devices")
	}
	query := v.r.URL.Query()
	body := devicesPage{}
	var err error
	if body.Query, err = deviceQuery(query); err != nil {
		return err
	}
	body.Query.Scope = v.who.Scope
	if body.DevicePage, err = c.api.Devices(v.r.Context(), body.Query); err != nil {
		return err
	}
	body.Next = withCursor("/devices", query, body.DevicePage.Next)
	if body.Query.Cursor != "" {
		body.First = withCursor("/devices", query, "")
	}
	c.deviceChoices(v, &body)
	p := page{Title: "Devices", Nav: "/devices", Body: body}
	if v.r.Header.Get("HX-Target") == "results" {
		c.fragmentOf(v, "devices", "results", p)
		return nil
	}
	return c.show(v, "devices", p)
}

// deviceQuery reads the form.
func deviceQuery(form url.Values) (q admin.DeviceQuery, err error) {
	q = admin.DeviceQuery{
		Text: form.Get("q"), ProductClass: form.Get("class"), SoftwareVersion: form.Get("version"),
		ACS: form.Get("acs"), Campaign: form.Get("campaign"), NAT: form.Get("nat"), Binding: form.Get("binding"),
		Failing: form.Get("failing") != "", Limit: pageSize, Cursor: form.Get("cursor"),
	}
	if oui := form.Get("oui"); oui != "" {
		q.OUI = cwmp.NormalizeOUI(oui)
	}
	for _, x := range []struct {
		name string
		into *time.Duration
	}{{"within", &q.InformedWithin}, {"silent", &q.SilentFor}} {
		text := form.Get(x.name)
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return q, fail(http.StatusBadRequest, "%s: %q is not a duration such as 15m or 24h.", x.name, text)
		}
		*x.into = d
	}
	return q, nil
}

// withCursor returns the address of another page of a list, "" for a next one that
// is not there.
func withCursor(path string, query url.Values, cursor string) string {
	next := url.Values{}
	for key, values := range query {
		if key != "cursor" && values[0] != "" {
			next.Set(key, values[0])
		}
	}
	if cursor != "" {
		next.Set("cursor", cursor)
	}
	if len(next) == 0 {
		return path
	}
	return path + "?" + next.Encode()
}

// deviceChoices fills in what the filters offer.
func (c *Console) deviceChoices(v *visit, body *devicesPage) {
	q := &body.Query
	body.Filtered = q.OUI+q.ProductClass+q.SoftwareVersion+q.ACS+q.Campaign+q.NAT+q.Binding != "" ||
		q.Failing || q.InformedWithin > 0 || q.SilentFor > 0
	body.NATs = choices(q.NAT, "", "any", "none", "none", "keeps", "keeps its mapping", "symmetric", "symmetric", "unstable", "unstable", "unknown", "unknown")
	body.Bindings = choices(q.Binding, "", "any", "fresh", "fresh", "stale", "stale", "none", "none")
	form := v.r.URL.Query()
	body.Within = choices(form.Get("within"), "", "any time", "15m", "15 minutes", "1h", "one hour", "24h", "one day", "168h", "7 days")
	body.Silent = choices(form.Get("silent"), "", "any time", "1h", "one hour", "25h", "25 hours", "168h", "7 days", "720h", "30 days")
	body.ACSs, body.Campaigns = choices(q.ACS, "", "any"), choices(q.Campaign, "", "any")
	if !v.who.Scope.Whole() {
		return
	}
	if c.api.ACSs != nil {
		for _, a := range c.api.ACSs() {
			body.ACSs = append(body.ACSs, option{a.Name, a.Name, a.Name == q.ACS})
		}
	}
	if c.api.Campaigns != nil {
		for _, x := range c.api.Campaigns.List() {
			body.Campaigns = append(body.Campaigns, option{x.Name, x.Name, x.Name == q.Campaign})
		}
	}
}

// Shown says how many devices the page has, for those who do not see it.
func (p devicesPage) Shown() string {
	switch n := len(p.Devices); {
	case n == 0:
		return "No device fits"
	case p.Next != "" && p.DevicePage.Next != "":
		return strconv.Itoa(n) + " devices, and there are more"
	case n == 1:
		return "One device"
	default:
		return strconv.Itoa(n) + " devices"
	}
}
