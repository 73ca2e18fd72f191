package gateway

import (
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/proxy"
)

// sessionRows are the newest sessions of a scope that run.
func (g *Gateway) sessionRows(scope admin.Scope, limit int) []admin.SessionRow {
	now := time.Now()
	rows := []admin.SessionRow{}
	whole := unlimited(&scope)
	for _, s := range g.proxy.Sessions(limit, func(s *proxy.LiveSession) bool {
		return whole || s.Known && inScope(&scope, s.Device, s.ACS)
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

// unlimited tells whether a scope is every device.
func unlimited(s *admin.Scope) bool {
	return len(s.OUI) == 0 && len(s.ProductClass) == 0 && len(s.Serial) == 0 && len(s.ACS) == 0
}

// deviceInScope tells whether a device is one of a scope. What is not known yet has
// no ACS.
func (g *Gateway) deviceInScope(s admin.Scope, id cwmp.DeviceID) bool {
	_, current := g.devices.Placement(id)
	return inScope(&s, id, current)
}

// inScope tells whether a device with sessions at an ACS is one of a scope.
func inScope(s *admin.Scope, id cwmp.DeviceID, acs string) bool {
	fits := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return fits(s.OUI, id.OUI) && fits(s.ProductClass, id.ProductClass) && fits(s.ACS, acs) &&
		(len(s.Serial) == 0 || slices.ContainsFunc(s.Serial, func(pattern string) bool { return serialFits(pattern, id.SerialNumber) }))
}

// serialFits tells whether a serial number is that of a pattern: the whole, or the
// beginning before a *.
func serialFits(pattern, serial string) bool {
	if begin, any := strings.CutSuffix(pattern, "*"); any {
		return strings.HasPrefix(serial, begin)
	}
	return pattern == serial
}
