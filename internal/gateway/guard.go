package gateway

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// acsRules are what one ACS may do, and what its CPEs are given.
type acsRules struct {
	cpeURL   string
	cpeRoots *x509.CertPool // that CPEs know; nil for the system's
	logins   *config.Logins
	urls     policy.URLRules
	files    policy.FileURLs
	asBackup string
	rewrites bool // its failover sets URLs, as failover says
	failover campaign.Definition
	// returnsWhenTold says that its sessions come back from its backup when an
	// operator says so.
	returnsWhenTold bool
}

func newACSRules(all []config.ACS) (map[string]*acsRules, []string, error) {
	rules := map[string]*acsRules{}
	var names []string
	for i := range all {
		a := &all[i]
		f := &a.Policy.Failover
		r := &acsRules{
			cpeURL: a.CPEURL, urls: a.URLRules(), files: a.FileURLs, asBackup: a.AsBackup,
			rewrites: f.Mode == policy.ModeRewrite, returnsWhenTold: f.Return == policy.ReturnManual,
			failover: campaign.Definition{RatePerSecond: f.RatePerSecond, Canary: f.Canary, Criteria: f.Criteria},
		}
		var err error
		if a.CPELogin != nil {
			if r.logins, err = a.CPELogin.Load(); err != nil {
				return nil, nil, err
			}
		}
		if r.cpeRoots, err = a.CPERoots(); err != nil {
			return nil, nil, fmt.Errorf("acs %q: cpe_root_ca_file %q %w", a.Policy.Name, a.CPERootCAFile, err)
		}
		rules[a.Policy.Name] = r
		names = append(names, a.Policy.Name)
	}
	return rules, names, nil
}

// named returns the rules of an ACS, empty ones for one that is gone.
func (r *rules) named(acs string) *acsRules {
	if a, ok := r.acs[acs]; ok {
		return a
	}
	return &acsRules{}
}

// login returns what a CPE is to log in with at the ACS.
func (a *acsRules) login(id cwmp.DeviceID) (config.Login, bool) {
	if a.logins == nil {
		return config.Login{}, false
	}
	return a.logins.Of(id)
}

// loginAt returns what a CPE is to log in with at the ACS that it knows by a URL.
func (r *rules) loginAt(url string, id cwmp.DeviceID) (config.Login, bool) {
	for _, name := range r.names {
		if a := r.acs[name]; a.cpeURL != "" && policy.SameURL(a.cpeURL, url) {
			return a.login(id)
		}
	}
	return config.Login{}, false
}

// asBackup parks the sessions that would go to an ACS which sees none of those of
// others.
func (r *rules) asBackup(route proxy.Route) proxy.Route {
	if route.Fallback != "" && route.Fallback != route.Home && r.named(route.Fallback).asBackup == config.BackupPark {
		route.Fallback = ""
	}
	if route.ACS == route.Home {
		return route
	}
	switch r.named(route.ACS).asBackup {
	case config.BackupPark:
		route.Park = true
		route.Reason += "; " + route.ACS + " is a backup that parks"
	case config.BackupReadOnly:
		route.Reason += "; " + route.ACS + " is a backup that only reads"
	}
	return route
}

// guard returns what guards the URLs between an ACS and a CPE, nil for nothing.
func (g *Gateway) guard(in proxy.GuardInput) *proxy.Guard {
	a := g.rules.Load().named(in.ACS)
	var guard proxy.Guard
	if a.urls.Mode != "" && a.urls.Mode != policy.URLPass {
		guard.ToCPE = func(url string) proxy.URLVerdict { return verdict(a.urls.ToCPE(in.Root, url)) }
		guard.ToACS = func(url string) (string, bool) {
			shown := a.urls.ToACS(url)
			return shown, shown != url
		}
	}
	if move, ok := g.lastMove(in.Device); ok {
		guard.ToCPE = holding(move, guard.ToCPE, func() { g.moves.campaigns.NoteWriteBack(in.Device, move.Campaign, in.ACS) })
	}
	if len(a.files) > 0 {
		guard.FileURL = a.fileURL
	}
	if guard.ToCPE == nil && guard.FileURL == nil {
		return nil
	}
	return &guard
}

// lastMove returns the last move of a CPE's URL.
func (g *Gateway) lastMove(id cwmp.DeviceID) (policy.LastMove, bool) {
	last, ok := g.moves.campaigns.LastRewrite(id)
	if !ok {
		return policy.LastMove{}, false
	}
	rules := g.rules.Load()
	move := policy.LastMove{Campaign: last.Campaign, To: rules.named(last.To).cpeURL, At: last.At, WriteBacks: last.WriteBacks}
	for _, url := range []string{last.OldURL, rules.named(last.From).cpeURL, rules.named(last.From).urls.ACSURL} {
		if url != "" {
			move.From = append(move.From, url)
		}
	}
	return move, move.To != ""
}

// holding keeps a CPE where it was moved to: an ACS that was not told of the move
// writes back the URL that it knows, which would send the CPE to and fro. Each time
// is noted, so that the campaign gives up who is fought over.
func holding(move policy.LastMove, others func(string) proxy.URLVerdict, note func()) func(string) proxy.URLVerdict {
	return func(url string) proxy.URLVerdict {
		if judged := policy.JudgeWriteBack(move, url, time.Now()); judged != policy.WriteBackNone {
			note()
			reason := "campaign " + move.Campaign + " has moved the CPE from there"
			if judged == policy.WriteBackHalts {
				reason += ", and gives it up: the ACS writes that URL back again and again"
			}
			return proxy.URLVerdict{Action: proxy.URLReplace, Value: move.To, Alarm: true, Reason: reason}
		}
		if others == nil {
			return proxy.URLVerdict{}
		}
		return others(url)
	}
}

// readingRPCs are those that change nothing on a CPE.
var readingRPCs = map[string]bool{
	cwmp.MethodGetRPCMethods: true, cwmp.MethodGetParameterValues: true, cwmp.MethodGetParameterNames: true,
	cwmp.MethodGetParameterAttributes: true, cwmp.MethodGetQueuedTransfers: true, cwmp.MethodGetAllQueuedTransfers: true,
}

// filter returns which RPCs an ACS may ask of a CPE, nil for all: one that only
// stands in for another may be bound to read.
func (g *Gateway) filter(in proxy.GuardInput) func(method string) bool {
	if in.ACS == in.Home || in.Home == "" || g.rules.Load().named(in.ACS).asBackup != config.BackupReadOnly {
		return nil
	}
	return func(method string) bool { return readingRPCs[method] }
}

// fileArguments are the arguments of the kinds of file URLs, and whether it is the
// CPE that names them.
var fileArguments = map[string]struct {
	argument string
	fromCPE  bool
}{
	cwmp.MethodDownload + ".URL":                           {policy.FileURL, false},
	cwmp.MethodDownload + ".SuccessURL":                    {policy.FileSuccessURL, false},
	cwmp.MethodDownload + ".FailureURL":                    {policy.FileFailureURL, false},
	cwmp.MethodUpload + ".URL":                             {policy.FileURL, false},
	cwmp.MethodScheduleDownload + ".URL":                   {policy.FileURL, false},
	cwmp.MethodAutonomousTransferComplete + ".AnnounceURL": {policy.FileURL, true},
	cwmp.MethodAutonomousTransferComplete + ".TransferURL": {policy.FileURL, true},
}

// fileURL is what takes the place of a file's URL on its way.
func (a *acsRules) fileURL(kind, url string) (string, bool) {
	at := fileArguments[kind]
	if at.fromCPE {
		shown := a.files.ToACS(url)
		return shown, shown != url
	}
	v := a.files.ToCPE(at.argument, url)
	return v.Value, v.Action == policy.URLReplaced
}

func verdict(v policy.URLVerdict) proxy.URLVerdict {
	action := map[policy.URLAction]proxy.URLAction{
		policy.URLKept: proxy.URLKeep, policy.URLReplaced: proxy.URLReplace, policy.URLRefused: proxy.URLRefuse,
	}[v.Action]
	return proxy.URLVerdict{Action: action, Value: v.Value, Fault: v.Fault, Alarm: v.Alarm, Reason: v.Reason}
}
