package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// timelineShort is how many entries of its timeline are looked at for the view of a
// device.
const timelineShort = 32

// publishInjections tells what the gateway has asked of a CPE itself in a session.
func (g *Gateway) publishInjections(s *proxy.Summary) {
	for i := range s.Injections {
		in := &s.Injections[i]
		g.publishInjection(s.Device, s.ACS, &journal.Injection{Name: in.Name, Outcome: in.Outcome, Text: injectionText(in)})
	}
}

// injectionText says what was asked and answered. It holds names of parameters, and
// no values.
func injectionText(in *proxy.InjectionResult) string {
	var parts []string
	for i := range in.RPCs {
		r := &in.RPCs[i]
		answer := "done"
		switch {
		case r.FaultCode != "":
			answer = "fault " + r.FaultCode
		case r.Ignored:
			answer = "not answered"
		case r.Unreadable:
			answer = "answered with something else"
		case r.Unknown:
			answer = "no answer seen"
		case r.Status == 1:
			answer = "status 1"
		}
		parts = append(parts, fmt.Sprintf("%s(%s) %s", r.Method, strings.Join(r.Names, ", "), answer))
	}
	text := in.Outcome
	if in.Detail != "" {
		text += ", " + in.Detail
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, "; ")
	}
	return text
}

// explain tells how a session comes to its route, and what its backup makes of it.
func (r *rules) explain(in policy.Input, s *policy.Snapshot) []policy.Step {
	route := r.asBackup(routeOf(r.policy.Decide(in, s)))
	steps := slices.DeleteFunc(r.policy.Explain(in, s), func(s policy.Step) bool {
		return s.Kind == policy.DecisionStep && s.Result == policy.IfNoAnswer && route.Fallback == ""
	})
	for i := range steps {
		if s := &steps[i]; s.Kind == policy.DecisionStep && s.Result == policy.Chosen {
			s.Detail = route.Reason
		}
	}
	return steps
}

// decisionInput is what a device's next session is decided by, if it comes as the
// last one did.
func (g *Gateway) decisionInput(r *device.Record) policy.Input {
	in := policy.Input{
		Device: r.ID, Known: true, SoftwareVersion: r.SoftwareVersion, Source: r.Source.Addr(), Listener: r.Listener, Path: "/",
		Assigned: r.HomeACS, Current: r.CurrentACS,
	}
	in.Moved, in.MovedBy = g.placement(r.ID)
	return in
}

// explainView tells where a device's next session goes and why, what is pending in
// it, and what was done in the last ones.
func (g *Gateway) explainView(r *device.Record, v *admin.DeviceView) {
	for _, s := range g.rules.Load().explain(g.decisionInput(r), g.health.Snapshot()) {
		v.Decision = append(v.Decision, admin.StepView{Kind: string(s.Kind), Name: s.Name, Result: s.Result, Detail: s.Detail})
	}
	if name, m, ok := g.moves.campaigns.Of(r.ID); ok {
		v.Campaign = &admin.MembershipView{Name: name, MemberView: admin.MemberView{
			Device: m.Device.String(), State: m.State.String(), Reason: m.Reason, At: clock(m.At), Wave: m.Wave, From: m.From,
			ACS: m.ACS, OldURL: withoutLogin(m.OldURL), Woken: m.Woken,
		}}
	}
	if task, due := g.moves.campaigns.Due(r.ID); due {
		to := "that of " + task.To
		if task.Undo {
			to = "what it was before"
		}
		v.Pending = fmt.Sprintf("ManagementServer.URL becomes %s, by campaign %q", to, task.Campaign)
	} else {
		v.Pending = g.stunPending(r)
	}
	for _, e := range slices.Backward(g.journal.Timeline(r.ID, timelineShort)) {
		switch e.Kind {
		case journal.KindInjection, journal.KindMove, journal.KindConnectionRequest:
			v.Journal = append(v.Journal, admin.JournalView{At: clock(e.At), What: string(e.Kind), Text: e.Text})
		default: // the CPE's own doing, which the timeline tells
		}
	}
}
