package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
)

// acsPage is all ACSs.
type acsPage struct {
	ACS     []acsRow
	Returns bool // sessions can be brought back
	Drains  bool
}

// acsRow is an ACS with its part of the load.
type acsRow struct {
	admin.ACSView
	Load  part
	Seen  []fact // what was observed of it
	Alone bool   // there is no other one to drain it to
}

func (c *Console) acss(v *visit) error {
	if c.api.ACSs == nil {
		return absent("a list of ACSs")
	}
	views := c.api.ACSs()
	body := acsPage{Returns: c.api.Return != nil, Drains: c.api.Campaigns != nil}
	devices := 0
	for i := range views {
		devices += views[i].Devices
	}
	for i := range views {
		a := &views[i]
		row := acsRow{ACSView: *a, Load: newPart(a.Name, a.Devices, devices), Alone: len(views) < 2}
		for name, n := range a.Observed {
			row.Seen = append(row.Seen, fact{words(name), number(n)})
		}
		slices.SortFunc(row.Seen, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
		body.ACS = append(body.ACS, row)
	}
	return c.show(v, "acs", page{Title: "ACSs", Nav: "/acs", Body: body})
}

// returnACS brings the sessions of an ACS back from its backup.
func (c *Console) returnACS(v *visit) error {
	if c.api.Return == nil {
		return absent("a return")
	}
	name := v.r.PathValue("name")
	err := c.api.Return(name)
	if err != nil {
		err = &failure{http.StatusConflict, err.Error()}
	}
	if c.result(v, err, "return of "+name) != nil {
		return err
	}
	return c.done(v, "ok", "The next sessions of "+name+"'s devices go to it again.", "/acs")
}

// drainPage is the form that empties an ACS before its maintenance.
type drainPage struct {
	admin.ACSView
	Others []option
	Form   admin.CampaignRequest
	Error  string
}

func (c *Console) drainForm(v *visit) error {
	body, err := c.drainOf(v)
	if err != nil {
		return err
	}
	body.Form = admin.CampaignRequest{Name: "drain-" + body.ACSView.Name, Mode: "route", RatePerSecond: 50, Wake: true}
	return c.show(v, "drain", page{Title: "Drain " + body.ACSView.Name, Nav: "/acs", Body: body})
}

// drainOf finds the ACS that a path names, and those that could take over.
func (c *Console) drainOf(v *visit) (*drainPage, error) {
	if c.api.ACSs == nil || c.api.Campaigns == nil {
		return nil, absent("drains")
	}
	body, name, found := &drainPage{}, v.r.PathValue("name"), false
	for _, a := range c.api.ACSs() {
		if a.Name == name {
			body.ACSView, found = a, true
			continue
		}
		label := a.Name
		if a.State != "up" {
			label += " (" + a.State + ")"
		}
		body.Others = append(body.Others, option{Value: a.Name, Name: label})
	}
	if !found {
		return nil, fail(http.StatusNotFound, "There is no ACS %q.", name)
	}
	for i := range body.Others {
		body.Others[i].On = body.Others[i].Value == body.Backup
	}
	return body, nil
}

// drainRequest reads the form.
func drainRequest(acs string, form url.Values) (admin.CampaignRequest, error) {
	r := admin.CampaignRequest{
		Name: form.Get("name"), Kind: "drain", From: []string{acs}, To: form.Get("to"), Mode: form.Get("mode"), Wake: form.Get("wake") != "",
	}
	for _, x := range []struct {
		name string
		into *float64
		most float64
	}{{"rate", &r.RatePerSecond, 1e6}, {"canary", &r.Canary, 100}} {
		text := form.Get(x.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= x.most) {
			return r, fail(http.StatusBadRequest, "%s: %q is not a number from 0 to %v.", x.name, text, x.most)
		}
		*x.into = n
	}
	return r, nil
}

func (c *Console) previewDrain(v *visit) error {
	body, err := c.drainOf(v)
	if err != nil {
		return err
	}
	request, err := drainRequest(body.ACSView.Name, v.r.PostForm)
	if err != nil {
		return err
	}
	found, err := c.previewOf(v, request)
	if err != nil {
		return err
	}
	if v.partial() {
		c.fragment(v, http.StatusOK, "drain", "preview", found)
		return nil
	}
	return c.done(v, "info", fmt.Sprintf("%s devices would move to %s, %s would stay.", number(found.Moves), found.To, number(found.Stays)),
		"/acs/"+url.PathEscape(body.ACSView.Name)+"/drain")
}

func (c *Console) startDrain(v *visit) error {
	body, err := c.drainOf(v)
	if err != nil {
		return err
	}
	request, err := drainRequest(body.ACSView.Name, v.r.PostForm)
	if err != nil {
		return err
	}
	extend(v.w, wakeTimeout)
	view, err := c.api.Campaigns.Create(v.r.Context(), request)
	if err == nil {
		err = c.api.Campaigns.Act(v.r.Context(), view.Name, "start")
	}
	if c.result(v, err, fmt.Sprintf("drain %q from %s to %s", request.Name, body.ACSView.Name, request.To)) != nil {
		body.Form, body.Error = request, reasonOf(err)
		for i := range body.Others {
			body.Others[i].On = body.Others[i].Value == request.To
		}
		c.page(v, statusOf(err), "drain", page{Title: "Drain " + body.ACSView.Name, Nav: "/acs", Body: body})
		return nil
	}
	return c.done(v, "ok", "The drain has started.", "/campaigns/"+url.PathEscape(view.Name))
}
