package gateway

import (
	"fmt"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/tlsconf"
	"github.com/acsgate/acsgate/policy"
)

// overview is the whole at a glance. It counts nothing itself: what takes a look
// at every device is what the tally has last counted.
func (g *Gateway) overview() admin.Overview {
	v := admin.Overview{
		At: clock(time.Now()), Version: g.opts.Version, Started: clock(g.began), Ready: true, Devices: g.devices.Len(),
		Sessions: g.proxy.SessionCount(""), ACS: g.acsViews(), Bindings: g.tally.bindingCounts(), Certificates: g.certificates(),
	}
	if err := g.Ready(); err != nil {
		v.Ready, v.NotReady = false, strings.Split(err.Error(), "\n")
	}
	for _, c := range g.moves.campaigns.List() {
		if !over(c.Status) {
			v.Campaigns = append(v.Campaigns, campaignView(&c))
		}
	}
	v.Problems = g.problems(&v)
	return v
}

func over(s campaign.Status) bool {
	return s == campaign.Done || s == campaign.Cancelled || s == campaign.RolledBack
}

// problems is what an operator should look at, errors first.
func (g *Gateway) problems(v *admin.Overview) []admin.Problem {
	var errs, warnings []admin.Problem
	for _, why := range v.NotReady {
		errs = append(errs, admin.Problem{Severity: "error", Subject: "gateway", Text: "is not ready: " + why})
	}
	for _, a := range v.ACS {
		switch {
		case a.State == policy.Down.String():
			errs = append(errs, admin.Problem{Severity: "error", Subject: "acs " + a.Name, Text: "is down: " + a.Reason, Since: a.Since})
		case a.Away:
			warnings = append(warnings, admin.Problem{Severity: "warning", Subject: "acs " + a.Name, Text: awayText(&a), Since: a.Since})
		case a.State != policy.Up.String():
			warnings = append(warnings, admin.Problem{Severity: "warning", Subject: "acs " + a.Name, Text: "is " + a.State + ": " + a.Reason, Since: a.Since})
		}
	}
	for _, c := range v.Campaigns {
		if c.Status == string(campaign.Halted) {
			errs = append(errs, admin.Problem{Severity: "error", Subject: "campaign " + c.Name, Text: "has halted: " + c.Reason})
		}
	}
	for _, c := range v.Certificates {
		p := admin.Problem{Severity: "warning", Subject: "certificate " + strings.Join(c.Names, ", ")}
		switch c.State {
		case "expired", "missing":
			p.Severity, p.Text = "error", "is "+c.State
		case "expires":
			p.Text = "expires on " + c.NotAfter
		default:
			if c.Reason == "" {
				continue
			}
			p.Text = "could not be replaced, and is valid until " + c.NotAfter
		}
		if c.Reason != "" {
			p.Text += ": " + c.Reason
		}
		if p.Severity == "error" {
			errs = append(errs, p)
		} else {
			warnings = append(warnings, p)
		}
	}
	if failed := g.lastReloadError(); failed != nil {
		warnings = append(warnings, admin.Problem{Severity: "warning", Subject: "configuration", Text: "was not reloaded: " + firstOf(problemLines(failed))})
	}
	return append(errs, warnings...)
}

// firstOf is the first of several lines, and how many more there are.
func firstOf(lines []string) string {
	if more := len(lines) - 1; more > 0 {
		return fmt.Sprintf("%s (and %d more)", lines[0], more)
	}
	return lines[0]
}

func awayText(a *admin.ACSView) string {
	text := "is " + a.State + ", its sessions are still on " + a.Backup
	if a.Manual {
		text += fmt.Sprintf(" until you say: acsgate return %s", a.Name)
	}
	return text
}

// certificateWords are the API's for sources and states of certificates.
var certificateWords = map[string]string{
	tlsconf.SourceStatic: "file", tlsconf.SourceACME: "acme",
	tlsconf.StateOK: "valid", tlsconf.StateExpiring: "expires", tlsconf.StateExpired: "expired", tlsconf.StateMissing: "missing",
}

// certificates are those that CPEs are shown.
func (g *Gateway) certificates() []admin.CertificateView {
	var all []admin.CertificateView
	for _, s := range g.tls.Status() {
		all = append(all, admin.CertificateView{
			Names: s.Names, Source: certificateWords[s.Source], Issuer: s.Issuer, NotBefore: clock(s.NotBefore), NotAfter: clock(s.NotAfter),
			State: certificateWords[s.State], Reason: s.LastError,
		})
	}
	return all
}
