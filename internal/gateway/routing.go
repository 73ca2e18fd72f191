package gateway

import (
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// rules are what one configuration decides by. They are immutable; a reload
// swaps them as a whole.
type rules struct {
	policy *policy.Policy
	quirks *cwmp.QuirkTable
	acs    map[string]*acsRules
	names  []string // of the ACSs
}

func newRules(cfg *config.Config) (*rules, error) {
	p, err := policy.Compile(cfg.PolicyConfig())
	if err != nil {
		return nil, err
	}
	q, err := cwmp.NewQuirkTable(cfg.Quirks)
	if err != nil {
		return nil, err
	}
	r := &rules{policy: p, quirks: q}
	if r.acs, r.names, err = newACSRules(cfg.ACS); err != nil {
		return nil, err
	}
	return r, nil
}

// route decides where a session goes.
func (g *Gateway) route(in proxy.RouteInput) proxy.Route {
	ask := policy.Input{
		Device: in.Device, Known: in.Known, SoftwareVersion: in.SoftwareVersion,
		Source: in.Source, Listener: in.Listener, Path: in.Path,
	}
	if in.Known {
		ask.Assigned, ask.Current = g.devices.Placement(in.Device)
		ask.Moved, ask.MovedBy = g.placement(in.Device)
	}
	rules := g.rules.Load()
	d := g.health.Route(rules.policy, ask, time.Now())
	return rules.asBackup(routeOf(d))
}

func routeOf(d policy.Decision) proxy.Route {
	return proxy.Route{ACS: d.ACS, Fallback: d.Fallback, Home: d.Home, Rule: d.Rule, Reason: d.Reason}
}

func (g *Gateway) quirks(id cwmp.DeviceID, softwareVersion string) cwmp.Quirks {
	return g.rules.Load().quirks.For(id, softwareVersion)
}

// started notes an accepted Inform in the registry, which never blocks.
func (g *Gateway) started(in proxy.Inform) {
	g.devices.NoteInform(device.Sighting{
		Local: in.Local.Addr(), ID: in.Device, ACS: in.ACS, Rule: in.Route.Rule, Source: in.Source, Listener: in.Listener,
		SoftwareVersion: in.SoftwareVersion, ConnectionRequestURL: in.ConnectionRequestURL,
		UDPConnectionRequestAddress: in.UDPConnectionRequestAddress, Root: in.Root, Events: in.Events, At: in.At,
	})
	g.claim(&in)
	g.publishInform(&in)
	g.moves.campaigns.NoteInform(in.Device, in.ACS, in.Events)
}

// ended notes how a session ended, and tells whoever asked to know.
func (g *Gateway) ended(s proxy.Summary) {
	if s.Known {
		g.devices.NoteEnd(s.Device, device.End{Failed: s.Outcome != proxy.Complete, Faults: faultsWithACS(s.Faults)})
		g.publishInjections(&s)
		g.publishSession(&s)
		g.moves.campaigns.NoteSession(campaign.SessionEnd{
			Device: s.Device, ACS: s.ACS, Complete: s.Outcome == proxy.Complete, Faults: faultsWithACS(s.Faults), Events: s.Events,
		})
	}
	if g.opts.OnSession != nil {
		g.opts.OnSession(s)
	}
}

// faultsWithACS counts the faults between a CPE and its ACS. Those that answer the
// gateway's own RPCs say nothing of these two: a model may lack what is asked for.
func faultsWithACS(faults []string) (n int) {
	for _, f := range faults {
		if !strings.HasPrefix(f, "gw:") {
			n++
		}
	}
	return n
}

// observed feeds what an exchange showed of an ACS to its health.
func (g *Gateway) observed(r proxy.Result) {
	if o, meant := policy.NewObservation(policy.Session, r.Status, r.Err, r.Took); meant {
		g.noteHealth(r.ACS, o)
	}
}
