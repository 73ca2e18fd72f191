package console

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// How many entries a timeline shows, and shows when asked for more.
const (
	timelineShort = 40
	timelineLong  = 500
)

// devicePage is one device.
type devicePage struct {
	admin.DeviceView
	Known     bool // whether it can be reached
	UDP, HTTP bool // can be tried
	Glances   []glance
	Advice    []string
	Entries   []entry
	More      bool // there may be further entries
	Timeline  bool // this gateway keeps timelines
	Wakes     bool // and can wake
	Captures  *captures
}

func (c *Console) device(v *visit) error {
	id, err := c.target(v)
	if err != nil {
		return err
	}
	if c.api.Device == nil {
		return absent("devices")
	}
	view, ok := c.api.Device(id)
	body := devicePage{DeviceView: view, Known: view.Reach != nil, Wakes: c.api.Wake != nil, Captures: c.capturesOf(v, id)}
	if r := view.Reach; r != nil {
		body.UDP, body.HTTP = r.NotByUDP == "", r.NotByHTTP == ""
	}
	c.timeline(&body, id, v.r.URL.Query().Get("all") != "")
	switch {
	case !ok && len(body.Entries) == 0:
		return fail(http.StatusNotFound, "No session of device %s was seen yet.", id)
	case !ok: // it has come, and no ACS has accepted it
		body.DeviceView = admin.DeviceView{Device: id.String(), OUI: id.OUI, ProductClass: id.ProductClass, SerialNumber: id.SerialNumber}
		body.Known, body.Wakes = false, false
	}
	body.Glances = append(body.Glances, body.reaches(c.now()), body.wakes())
	if g, ok := body.woke(); ok {
		body.Glances = append(body.Glances, g)
	}
	if !v.who.Scope.Whole() {
		body.Decision = nil // its steps name the rules of others
	}
	title := view.SerialNumber
	if title == "" {
		title = view.Device
	}
	return c.show(v, "device", page{Title: title, Nav: "/devices", Body: body})
}

// timeline adds what has happened to the device.
func (c *Console) timeline(body *devicePage, id cwmp.DeviceID, long bool) {
	if c.api.Timeline == nil {
		slices.Reverse(body.Journal) // the newest first
		return
	}
	limit := timelineShort
	if long {
		limit = timelineLong
	}
	t := c.api.Timeline(id, limit)
	body.Timeline, body.Advice, body.More = true, t.Advice, len(t.Entries) == limit && !long
	for i := range t.Entries {
		body.Entries = append(body.Entries, newEntry(&t.Entries[i]))
	}
	body.Journal = nil // what it says is in the timeline
}

// captures are the recorded conversations of a device.
type captures struct {
	Device  string
	All     []admin.CaptureView
	Running bool
	May     bool // the identity may record and read them
}

// capturesOf returns nil where nothing can be captured.
func (c *Console) capturesOf(v *visit, id cwmp.DeviceID) *captures {
	api := &c.api.Captures
	if api.Start == nil || api.List == nil {
		return nil
	}
	found := &captures{Device: id.String(), May: v.who.May(admin.RoleOperator)}
	for x := range c.api.CapturesOf(v.who) {
		if x.Device == found.Device {
			found.All = append(found.All, x)
			found.Running = found.Running || x.Running
		}
	}
	return found
}

// FailedShare says how many of its sessions failed, "" for none.
func (p devicePage) FailedShare() string {
	if p.Failed == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(p.Failed), 10) + " failed"
}
