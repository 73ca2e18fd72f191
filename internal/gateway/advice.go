package gateway

import (
	"fmt"
	"strings"
	"time"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// silence is after how long without an Inform a device is taken to be gone: most
// CPEs come once a day.
const silence = 25 * time.Hour

// facts are what the question is answered by, why a device is not reachable.
type facts struct {
	record      device.Record
	route       proxy.Route   // of its next session
	home        policy.Status // of the ACS that it belongs to
	byBinding   bool          // the rule that takes its sessions goes by what it is bound to
	lastFailure string        // how its last session ended, "" if well
	setURL      string        // ACS whose URL a campaign has set on it, where it was not seen yet

	notByUDP     string // "" where UDP can be tried
	notByHTTP    string
	stunServer   bool             // there is one
	stunPending  string           // what is to be done to its STUN parameters
	binding      *binding.Binding // nil for none
	bindingStale bool
	login        bool // its Connection Request login is known
	learning     bool // logins are learned
	last         *connreq.Result
}

// advise says in words why a device cannot be reached, and what to do, or that it
// can. The most telling comes first.
func advise(f *facts, now time.Time) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	adviseSilence(f, now, say)
	adviseACS(f, say)
	adviseSessions(f, say)
	adviseWake(f, say)
	adviseNAT(f, now, say)
	adviseLast(f, now, say)
	return out
}

func adviseSilence(f *facts, now time.Time, say func(string, ...any)) {
	last := f.record.LastInform
	quiet := now.Sub(last)
	switch {
	case last.IsZero():
		say("No ACS has accepted an Inform of it yet: look whether the CPE is on, and whether its ManagementServer.URL leads to this gateway.")
	case f.setURL != "":
		say("Its ManagementServer.URL was set to that of %s, where it was not seen yet. Its last Inform came %s ago.", f.setURL, roughly(quiet))
	case quiet > silence:
		say("No Inform for %s. The CPE may be off, without Internet, or its ManagementServer.URL may lead elsewhere.", roughly(quiet))
	}
}

// adviseACS says where its sessions go when that is not what was meant.
func adviseACS(f *facts, say func(string, ...any)) {
	to, home := f.route.ACS, f.home.ACS
	switch down := f.home.State == policy.Down; {
	case down && f.route.Park:
		say("ACS %s is down: %s. Its sessions are parked by the gateway until %[1]s is up.", home, f.home.Reason)
	case down && to != home:
		say("ACS %s is down: %s. Its sessions go to %s meanwhile.", home, f.home.Reason, to)
	case down:
		say("ACS %s is down: %s. No other ACS can take its sessions, so they fail: restore %[1]s, or give it a backup.", home, f.home.Reason)
	case to != home:
		say("Its sessions go to %s, not to %s: %s.", to, home, f.route.Reason)
	}
	if bound := f.record.HomeACS; bound != "" && !f.byBinding {
		say("It is bound to %s, but rule %q does not go by that: add assigned: true to the rule.", bound, f.route.Rule)
	}
}

func adviseSessions(f *facts, say func(string, ...any)) {
	r := &f.record
	mostly := r.Sessions > 0 && r.Failed*2 > r.Sessions
	switch {
	case mostly && f.lastFailure != "":
		say("%d sessions have failed, and %d had their Inform accepted. The last failure: %s.", r.Failed, r.Sessions, f.lastFailure)
	case mostly:
		say("%d sessions have failed, and %d had their Inform accepted: see the outcomes in the timeline.", r.Failed, r.Sessions)
	case f.lastFailure != "":
		say("Its last session has failed: %s.", f.lastFailure)
	}
}

// adviseWake says by what it can be woken.
func adviseWake(f *facts, say func(string, ...any)) {
	udp, http := obstacle(f.notByUDP), obstacle(f.notByHTTP)
	switch {
	case udp == "" && http == "":
		say("It can be woken by UDP and by HTTP.")
	case udp == "":
		say("It can be woken by UDP. HTTP is out: %s.", http)
	case http == "":
		say("It can be woken by HTTP alone. UDP is out: %s.", udp)
	default:
		say("It cannot be woken, and is reached in its own sessions alone. UDP is out: %s. HTTP is out: %s.", udp, http)
	}
	switch {
	case f.login:
	case f.learning:
		say("Its Connection Request login is not known. It is learned when an ACS sets ConnectionRequestUsername and ConnectionRequestPassword, " +
			"or is taken from credentials.logins.")
	default:
		say("Its Connection Request login is not known: switch credentials.learn on, or give it in credentials.logins.")
	}
}

// obstacle puts a reason of connreq so that it can follow a colon.
func obstacle(reason string) string {
	if key, off := strings.CutPrefix(reason, "is off: "); off {
		return key + " switches it off"
	}
	return reason
}

// adviseLast says what came of the last Connection Request, and what that tells.
func adviseLast(f *facts, now time.Time, say func(string, ...any)) {
	l := f.last
	switch {
	case l == nil:
		return
	case l.OK && l.Transport == "":
		say("The last Connection Request was made %s ago. A session began before it had reached the CPE.", roughly(now.Sub(l.At)))
	case l.OK:
		say("The last Connection Request, %s ago, brought it by %s within %s.", roughly(now.Sub(l.At)), strings.ToUpper(l.Transport), shortly(l.Took))
	default:
		say("The last Connection Request, %s ago, was in vain%s.", roughly(now.Sub(l.At)), attempts(l))
	}
	if !l.OK {
		adviseAttempts(f, say)
	}
}

// attempts says of each transport of a request why it was in vain.
func attempts(l *connreq.Result) (text string) {
	separator := ": "
	for _, a := range l.Attempts {
		text += separator + strings.ToUpper(a.Transport)
		if a.To != "" {
			text += " to " + a.To
		}
		if a.Sent > 1 {
			text += fmt.Sprintf(", sent %d times", a.Sent)
		}
		text += ": " + obstacle(a.Reason)
		separator = "; "
	}
	return text
}

// adviseAttempts says what to do after what the transports of the last request have
// met with.
func adviseAttempts(f *facts, say func(string, ...any)) {
	for _, a := range f.last.Attempts {
		switch {
		case a.Transport == connreq.HTTP && strings.Contains(a.Reason, "refuses the login"):
			say("The CPE has another Connection Request login than the gateway: have its ACS set ConnectionRequestUsername and ConnectionRequestPassword again.")
		case a.Transport == connreq.HTTP && (strings.Contains(a.Reason, "cannot connect") || strings.Contains(a.Reason, "no answer from")):
			say("Nothing answers at its ConnectionRequestURL: a firewall or a NAT lies before it, or it has another address now.")
		case a.Transport == connreq.UDP && a.Sent > 0 && !f.bindingStale:
			say("Datagrams leave for its binding, and it does not come. Its firewall may drop them, its login may be another one, " +
				"or its model may want another form: see request_milliseconds and request_slash of quirks.")
		}
	}
}

// gatherFacts reads what advise wants to know of a device.
func (g *Gateway) gatherFacts(r *device.Record) facts {
	rules, health := g.rules.Load(), g.health.Snapshot()
	f := facts{
		record: *r, route: rules.asBackup(routeOf(rules.policy.Decide(g.decisionInput(r), health))), stunServer: g.reach.stun != nil,
		learning: g.settings.Load().Credentials.Learn, stunPending: g.stunPending(r), lastFailure: g.lastFailure(r),
	}
	f.home, _ = health.Status(f.route.Home)
	for _, rule := range g.settings.Load().Routes {
		f.byBinding = f.byBinding || rule.Name == f.route.Rule && rule.Assigned
	}
	if _, m, ok := g.moves.campaigns.Of(r.ID); ok && m.State == campaign.Set {
		f.setURL = m.ACS
	}
	target, _ := g.target(r.ID)
	f.login = len(target.Logins) > 0
	f.notByUDP, f.notByHTTP = g.reach.requests.Obstacles(&target)
	if b, ok := g.reach.bindings.Lookup(r.ID); ok {
		f.binding, f.bindingStale = &b, b.Stale(time.Now())
	}
	if last, ok := g.reach.requests.Last(r.ID); ok {
		f.last = &last
	}
	return f
}
