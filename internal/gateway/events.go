package gateway

import (
	"fmt"
	"strings"
	"time"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// publishInform tells that an ACS has accepted an Inform.
func (g *Gateway) publishInform(in *proxy.Inform) {
	g.journal.Publish(journal.Event{
		At: in.At, Kind: journal.KindInform, Device: in.Device, ACS: in.ACS,
		Text: strings.Join(in.Events, ", ") + " to " + in.ACS + ": " + in.Route.Reason,
		Data: &journal.Inform{
			Events: in.Events, Source: in.Source.String(), Listener: in.Listener, Rule: in.Route.Rule, Reason: in.Route.Reason,
		},
	})
}

// publishSession tells that the session of a device has ended.
func (g *Gateway) publishSession(s *proxy.Summary) {
	doc := &journal.Session{
		Outcome: s.Outcome, Started: s.Started.UTC(), TookMS: milliseconds(s.Took), Listener: s.Listener, Source: s.Remote.String(),
		TLS: s.TLS, Rule: s.Route.Rule, Reason: s.Route.Reason, Events: s.Events, RPCs: s.RPCs, Faults: s.Faults,
		Reconnects: s.Reconnects, Legs: legs(s.Legs), LegsCut: s.LegsCut,
	}
	if s.Err != nil {
		doc.Error = s.Err.Error()
	}
	for i := range s.Injections {
		in := &s.Injections[i]
		doc.Injections = append(doc.Injections, journal.Injection{Name: in.Name, Outcome: in.Outcome, Text: injectionText(in)})
	}
	g.journal.Publish(journal.Event{
		At: s.Started.Add(s.Took), Kind: journal.KindSession, Device: s.Device, ACS: s.ACS, Text: sessionText(s), Data: doc,
	})
}

func legs(of []proxy.Leg) []journal.Leg {
	out := make([]journal.Leg, len(of))
	for i := range of {
		l := &of[i]
		out[i] = journal.Leg{
			AtMS: milliseconds(l.At), TookMS: milliseconds(l.Took), ACSMS: milliseconds(l.ACS), Request: l.Request, Answer: l.Answer,
			Status: l.Status, In: l.In, Out: l.Out, Edits: l.Edits, New: l.New, Own: l.Own,
		}
	}
	return out
}

// sessionText says of a session what a person wants to know first.
func sessionText(s *proxy.Summary) string {
	text := fmt.Sprintf("%s after %d exchanges in %s", s.Outcome, s.Exchanges, shortly(s.Took))
	if s.ACS != "" {
		text += " with " + s.ACS
	}
	if n := len(s.Faults); n > 0 {
		text += fmt.Sprintf(", faults %s", strings.Join(s.Faults, " "))
	}
	if s.Err != nil {
		text += ": " + s.Err.Error()
	}
	return text
}

// publishRequest tells how a Connection Request has ended.
func (g *Gateway) publishRequest(r connreq.Result) {
	doc := &journal.ConnectionRequest{OK: r.OK, Origin: r.Origin, Transport: r.Transport, TookMS: milliseconds(r.Took)}
	for _, a := range r.Attempts {
		doc.Attempts = append(doc.Attempts, journal.Attempt{Transport: a.Transport, To: a.To, Sent: a.Sent, TookMS: milliseconds(a.Took), Reason: a.Reason})
	}
	g.journal.Publish(journal.Event{
		At: r.At.Add(r.Took), Kind: journal.KindConnectionRequest, Device: r.Device, Text: requestText(&r), Data: doc,
	})
}

// requestText says who has asked for a Connection Request, and what came of it.
func requestText(r *connreq.Result) string {
	text := "asked for by " + r.Origin + ": "
	switch {
	case r.OK && r.Transport == "":
		return text + "the CPE came before it was asked"
	case r.OK:
		return text + fmt.Sprintf("the CPE came by %s after %s", strings.ToUpper(r.Transport), shortly(r.Took))
	case len(r.Attempts) == 0:
		return text + "the CPE did not come: no transport could be tried"
	}
	return text + "the CPE did not come" + attempts(r)
}

// publishBindings tells that a device can be reached elsewhere than before.
func (g *Gateway) publishBindings(changes []binding.Change) {
	for i := range changes {
		c := &changes[i]
		g.journal.Publish(journal.Event{
			At: c.At, Kind: journal.KindBinding, Device: c.Device,
			Text: fmt.Sprintf("binding %s: %s, seen from %s", c.What, c.Remote, c.Local),
			Data: &journal.Binding{
				Change: string(c.What), Local: c.Local.String(), Remote: c.Remote.String(), Former: address(c.Former),
				Evidence: c.Evidence.String(), NAT: natName(c.Kind),
			},
		})
	}
}

// publishHealth tells that an ACS has changed its state.
func (g *Gateway) publishHealth(s *policy.Status) {
	text := fmt.Sprintf("%s is %s, was %s", s.ACS, s.State, s.Previous)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.Away {
		text += "; sessions go to " + s.Backup
	}
	g.journal.Publish(journal.Event{
		At: time.Now(), Kind: journal.KindACS, ACS: s.ACS, Text: text,
		Data: &journal.ACSState{State: s.State.String(), Was: s.Previous.String(), Reason: s.Reason, Backup: s.Backup, Away: s.Away},
	})
}

// publishCampaign tells of a step of a campaign, or of one of its devices.
func (g *Gateway) publishCampaign(e campaign.Event) {
	if e.Device == (cwmp.DeviceID{}) {
		g.journal.Publish(journal.Event{
			At: e.At, Kind: journal.KindCampaign, Text: fmt.Sprintf("campaign %s is %s, wave %d: %s", e.Campaign, e.Status, e.Wave+1, e.Reason),
			Data: &journal.CampaignStep{Campaign: e.Campaign, Status: string(e.Status), Wave: e.Wave, Reason: e.Reason},
		})
		return
	}
	g.journal.Publish(journal.Event{
		At: e.At, Kind: journal.KindMove, Device: e.Device, ACS: e.To,
		Text: fmt.Sprintf("campaign %s, %s to %s: %s, %s", e.Campaign, e.From, e.To, e.State, e.Reason),
		Data: &journal.Move{From: e.From, To: e.To, Campaign: e.Campaign, State: e.State.String(), Reason: e.Reason},
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// publishInjection tells what came of RPCs of the gateway's own.
func (g *Gateway) publishInjection(id cwmp.DeviceID, acs string, in *journal.Injection) {
	g.journal.Publish(journal.Event{
		Kind: journal.KindInjection, Device: id, ACS: acs, Text: in.Name + " " + in.Outcome + ": " + in.Text, Data: in,
	})
}

// shortly rounds a duration to what people want to read.
func shortly(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
