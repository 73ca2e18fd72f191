package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/policy"
)

// campaignAPI is what the admin listener can do with campaigns.
func (g *Gateway) campaignAPI() *admin.Campaigns {
	return &admin.Campaigns{
		List: func() (all []admin.CampaignView) {
			for _, v := range g.moves.campaigns.List() {
				all = append(all, campaignView(&v))
			}
			return all
		},
		Get: func(name string) (admin.CampaignView, bool) {
			v, ok := g.moves.campaigns.Get(name)
			return campaignView(&v), ok
		},
		Create: func(ctx context.Context, r admin.CampaignRequest) (admin.CampaignView, error) {
			v, err := g.moves.campaigns.Create(ctx, definition(&r))
			return campaignView(&v), campaignError(r.Name, err)
		},
		Preview: g.previewCampaign, Act: g.actOnCampaign, Members: g.campaignMembers,
	}
}

// definition takes a request into the engine's terms.
func definition(r *admin.CampaignRequest) campaign.Definition {
	d := campaign.Definition{
		Name: r.Name, Kind: campaign.Kind(r.Kind), From: r.From, To: r.To, Mode: campaign.Mode(r.Mode),
		Selector: policy.SelectorConfig(r.Selector), Everything: r.Everything, Canary: r.Canary, Criteria: criteria(r.Criteria),
		RatePerSecond: r.RatePerSecond, Wake: r.Wake, Mirror: r.Mirror,
		ArriveWithin: time.Duration(r.ArriveWithin), RewriteAfter: time.Duration(r.RewriteAfter),
	}
	switch d.Kind {
	case "":
		d.Kind = campaign.Migration
	case campaign.Failover:
		d.Kind = "failover by an operator" // the health of ACSs begins those, nobody else
	}
	for _, w := range r.Waves {
		d.Waves = append(d.Waves, policy.WaveConfig{Percent: w.Percent, Count: w.Count, PerSecond: w.PerSecond, Criteria: criteria(w.Criteria)})
	}
	return d
}

func criteria(c admin.CampaignGoals) policy.Criteria {
	return policy.Criteria{
		Arrived: c.Arrived, FaultRate: c.FaultRate, SecondSession: c.SecondSession, Within: time.Duration(c.Within),
		MinSample: c.MinSample, OnFailure: c.OnFailure,
	}
}

func goals(c policy.Criteria) admin.CampaignGoals {
	return admin.CampaignGoals{
		Arrived: c.Arrived, FaultRate: c.FaultRate, SecondSession: c.SecondSession, Within: admin.Duration(c.Within),
		MinSample: c.MinSample, OnFailure: c.OnFailure,
	}
}

func campaignView(v *campaign.View) admin.CampaignView {
	d := &v.Definition
	out := admin.CampaignView{
		CampaignRequest: admin.CampaignRequest{
			Name: d.Name, Kind: string(d.Kind), From: d.From, To: d.To, Mode: string(d.Mode),
			Selector: admin.CampaignDevices(d.Selector), Everything: d.Everything, Canary: d.Canary, Criteria: goals(d.Criteria),
			RatePerSecond: d.RatePerSecond, Wake: d.Wake, Mirror: d.Mirror,
			ArriveWithin: admin.Duration(d.ArriveWithin), RewriteAfter: admin.Duration(d.RewriteAfter),
		},
		Status: string(v.Status), Reason: v.Reason, Verdict: v.Verdict.Reason, Phase: v.Phase, Wave: v.Wave, Total: v.Total,
		Counts: v.Counts.Map(), WaveTotals: v.WaveTotals, Moved: v.Moved,
		Created: clock(v.Created), Started: clock(v.Started), WaveStarted: clock(v.WaveStarted), Revision: v.Revision,
	}
	for _, n := range v.WaveCounts {
		out.WaveCounts = append(out.WaveCounts, n.Map())
	}
	for _, w := range d.Waves {
		out.Waves = append(out.Waves, admin.CampaignWave{Percent: w.Percent, Count: w.Count, PerSecond: w.PerSecond, Criteria: goals(w.Criteria)})
	}
	return out
}

// campaignError makes errors of the engine those of the API.
func campaignError(name string, err error) error {
	switch {
	case errors.Is(err, campaign.ErrUnknown):
		return fmt.Errorf("campaign %q: %w", name, admin.ErrUnknownCampaign)
	case errors.Is(err, campaign.ErrRefused):
		return refusal{err}
	}
	return err
}

// refusal is an error that says itself that it refuses.
type refusal struct{ error }

func (r refusal) Unwrap() []error { return []error{r.error, admin.ErrRefused} }

func (g *Gateway) previewCampaign(ctx context.Context, r admin.CampaignRequest) iter.Seq2[admin.MoveView, error] {
	return func(yield func(admin.MoveView, error) bool) {
		for m, err := range g.moves.campaigns.Preview(ctx, definition(&r)) {
			if !yield(admin.MoveView{Device: m.Device.String(), Moves: m.Moves, Wave: m.Wave, From: m.From, Reason: m.Reason}, campaignError(r.Name, err)) {
				return
			}
		}
	}
}

func (g *Gateway) actOnCampaign(ctx context.Context, name, action string) error {
	act := map[string]func(context.Context, string) error{
		"start": g.moves.campaigns.Start, "pause": g.moves.campaigns.Pause, "resume": g.moves.campaigns.Resume,
		"cancel": g.moves.campaigns.Cancel, "rollback": g.moves.campaigns.RollBack, "remove": g.moves.campaigns.Remove,
	}[action]
	return campaignError(name, act(ctx, name))
}

func (g *Gateway) campaignMembers(name, state string) iter.Seq[admin.MemberView] {
	return func(yield func(admin.MemberView) bool) {
		for m := range g.moves.campaigns.Members(name) {
			if state != "" && state != m.State.String() {
				continue
			}
			if !yield(admin.MemberView{
				Device: m.Device.String(), State: m.State.String(), Reason: m.Reason, At: clock(m.At), Wave: m.Wave,
				From: m.From, ACS: m.ACS, OldURL: withoutLogin(m.OldURL), Woken: m.Woken,
			}) {
				return
			}
		}
	}
}
