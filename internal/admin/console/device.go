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
	if !ok {
		return fail(http.StatusNotFound, "No session of device %s was seen yet.", id)
	}
	body := devicePage{DeviceView: view, Known: view.Reach != nil, Wakes: c.api.Wake != nil, Captures: c.capturesOf(v, id)}
	if r := view.Reach; r != nil {
		body.UDP, body.HTTP = r.NotByUDP == "", r.NotByHTTP == ""
	}
	if c.api.Timeline != nil {
		limit := timelineShort
		if v.r.URL.Query().Get("all") != "" {
			limit = timelineLong
		}
		t := c.api.Timeline(id, limit)
		body.Timeline, body.Advice, body.More = true, t.Advice, len(t.Entries) == limit && limit == timelineShort
		for i := range t.Entries {
			body.Entries = append(body.Entries, newEntry(&t.Entries[i]))
		}
	}
	slices.Reverse(body.Journal) // the newest first
	if !v.who.Scope.Whole() {
		body.Decision = nil // its steps name the rules of others
	}
	title := view.SerialNumber
	if title == "" {
		title = view.Device
	}
	return c.show(v, "device", page{Title: title, Nav: "/devices", Body: body})
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

// Reached says in a word how the device can be woken.
func (p devicePage) Reached() (text string) {
	switch {
	case !p.Known:
		return "reach unknown"
	case p.UDP && p.HTTP:
		return "reachable by UDP and HTTP"
	case p.UDP:
		return "reachable by UDP"
	case p.HTTP:
		return "reachable by HTTP"
	}
	return "not reachable"
}

// ReachTone is the class of its badge.
func (p devicePage) ReachTone() string {
	switch {
	case !p.Known:
		return "idle"
	case p.UDP || p.HTTP:
		return "ok"
	}
	return "bad"
}

// FailedShare says how many of its sessions failed, "" for none.
func (p devicePage) FailedShare() string {
	if p.Failed == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(p.Failed), 10) + " failed"
}
