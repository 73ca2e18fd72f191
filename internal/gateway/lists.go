package gateway

import (
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/proxy"
)

// sessionRows are the newest sessions of a scope that run.
func (g *Gateway) sessionRows(scope admin.Scope, limit int) []admin.SessionRow {
	now := time.Now()
	rows := []admin.SessionRow{}
	whole := scope.Whole()
	for _, s := range g.proxy.Sessions(limit, func(s *proxy.LiveSession) bool {
		return whole || s.Known && scope.Matches(s.Device, s.ACS)
	}) {
		row := admin.SessionRow{
			ACS: s.ACS, Rule: s.Rule, Reason: s.Reason, Listener: s.Listener, Source: s.Remote.String(), TLS: s.TLS,
			Started: clock(s.Started), AgeS: now.Sub(s.Started).Seconds(), IdleS: now.Sub(s.LastUse).Seconds(),
			Exchanges: s.Exchanges, LastRPC: s.LastRPC,
		}
		if s.Known {
			row.Device = s.Device.String()
		}
		rows = append(rows, row)
	}
	return rows
}

// deviceInScope tells whether a device is one of a scope. What is not known yet has
// no ACS.
func (g *Gateway) deviceInScope(s admin.Scope, id cwmp.DeviceID) bool {
	_, current := g.devices.Placement(id)
	return s.Matches(id, current)
}
