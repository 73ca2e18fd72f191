package gateway

import (
	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/policy"
)

// acsViews tells of every ACS, in the order of the configuration.
func (g *Gateway) acsViews() []admin.ACSView {
	rules, cfg := g.rules.Load(), g.settings.Load()
	devices := g.tally.devices()
	campaigns := map[string][]string{}
	for _, c := range g.moves.campaigns.List() {
		if over(c.Status) {
			continue
		}
		for _, acs := range append([]string{c.To}, c.From...) {
			campaigns[acs] = append(campaigns[acs], c.Name)
		}
	}
	var all []admin.ACSView
	for i, s := range g.health.Snapshot().States() {
		v := admin.ACSView{
			Name: s.ACS, State: s.State.String(), Since: clock(s.Since), Backup: s.Backup, Away: s.Away,
			CPEURL: rules.named(s.ACS).cpeURL, Manual: rules.named(s.ACS).returnsWhenTold,
			Devices: devices[s.ACS], Sessions: g.proxy.SessionCount(s.ACS), Observed: observed(&s), Campaigns: campaigns[s.ACS],
		}
		if s.State != policy.Up {
			v.Reason = s.Reason
		}
		if i < len(cfg.ACS) && cfg.ACS[i].Policy.Name == s.ACS {
			v.URL, v.FailoverMode = withoutLogin(cfg.ACS[i].Upstream.URL), cfg.ACS[i].Policy.Failover.Mode
		}
		all = append(all, v)
	}
	return all
}

func observed(s *policy.Status) map[string]uint64 {
	return map[string]uint64{
		"probe_ok": s.Counts.ProbeOK, "probe_failed": s.Counts.ProbeFailed,
		"session_ok": s.Counts.SessionOK, "session_failed": s.Counts.SessionFailed,
	}
}
