package gateway

import (
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
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
