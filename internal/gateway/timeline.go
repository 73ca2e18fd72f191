package gateway

import (
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/journal"
)

// timelineView is what happened to a device, and what follows for who wants to
// reach it.
func (g *Gateway) timelineView(id cwmp.DeviceID, limit int) admin.Timeline {
	v := admin.Timeline{Device: id.String(), Entries: []admin.TimelineEntry{}}
	for _, e := range g.journal.Timeline(id, limit) {
		v.Entries = append(v.Entries, admin.TimelineEntry{ID: e.ID, At: e.At, Kind: e.Kind, ACS: e.ACS, Text: e.Text, Data: e.Data})
	}
	if r, ok := g.devices.Lookup(id); ok {
		f := g.gatherFacts(&r)
		v.Advice = advise(&f, time.Now())
	}
	return v
}

// lastFailure says how the last session of a device ended, "" if it did so well or
// nobody remembers.
func (g *Gateway) lastFailure(r *device.Record) string {
	if !r.LastFailed {
		return ""
	}
	for _, e := range g.journal.Timeline(r.ID, timelineShort) {
		if e.Kind == journal.KindSession {
			return e.Text
		}
	}
	return ""
}
