package gateway

import (
	"context"
	"iter"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// originCampaign is who asks for the Connection Requests of campaigns.
const originCampaign = "campaign"

// moves is what moves devices from ACS to ACS.
type moves struct {
	campaigns *campaign.Engine
	failovers *failovers
}

// makeMoves makes what moves devices from ACS to ACS.
func (g *Gateway) makeMoves(cfg *config.Config) (err error) {
	g.moves.campaigns, err = campaign.New(cfg.Campaigns, campaign.Deps{
		Store: g.store, Log: g.log, Metrics: g.metrics, Now: time.Now,
		ACSs: g.acsNames, Devices: g.candidates, Wake: g.wakeForCampaign, CheckTarget: g.checkMove, Changed: g.publishCampaign,
	})
	g.moves.failovers = g.makeFailovers()
	return err
}

func (g *Gateway) acsNames() []string { return g.rules.Load().names }

// candidates yields what is known of each device.
func (g *Gateway) candidates() iter.Seq[campaign.Candidate] {
	return func(yield func(campaign.Candidate) bool) {
		rules := g.rules.Load()
		snapshot := g.health.Snapshot()
		for r := range g.devices.All() {
			home := rules.policy.Decide(policy.Input{
				Device: r.ID, Known: true, SoftwareVersion: r.SoftwareVersion, Source: r.Source.Addr(), Listener: r.Listener,
				Assigned: r.HomeACS, Current: r.CurrentACS,
			}, snapshot).Home
			c := campaign.Candidate{
				Device: r.ID, SoftwareVersion: r.SoftwareVersion, Source: r.Source.Addr(), Current: r.CurrentACS, Home: home,
			}
			if !yield(c) {
				return
			}
		}
	}
}

func (g *Gateway) wakeForCampaign(_ context.Context, id cwmp.DeviceID) error {
	_, err := g.reach.requests.Begin(id, originCampaign)
	return err
}

// injections are the gateway's own RPCs in a session: what a campaign has to do.
func (g *Gateway) injections(in proxy.InjectionInput) []proxy.Injection {
	task, due := g.moves.campaigns.Due(in.Device)
	if !due || in.Root == "" {
		return nil
	}
	move, err := g.urlMove(in, task)
	if err != nil {
		g.moves.campaigns.NoteRewrite(campaign.Rewritten{Device: in.Device, Task: task,
			MoveOutcome: policy.MoveOutcome{Result: policy.MoveNotTried, Detail: err.Error()}})
		return nil
	}
	return []proxy.Injection{{
		Name: injectURL,
		Next: func(last *proxy.RPCResult) (proxy.RPC, bool) {
			rpc, more := move.Next(programResult(last))
			if more && move.Setting() && !g.beginMove(in.Device, task, move) {
				return proxy.RPC{}, false
			}
			return proxyRPC(rpc), more
		},
		Ended: func(result proxy.InjectionResult) {
			if n := len(result.RPCs); n > 0 && !result.RPCs[n-1].Done() && result.RPCs[n-1].FaultCode == "" {
				move.Next(programResult(&result.RPCs[n-1])) // what the engine does not ask about
			}
			g.endMove(campaign.Rewritten{Device: in.Device, Task: task, MoveOutcome: move.Outcome()})
		},
	}}
}

// mirror names the ACS that a device's Inform is also shown to.
func (g *Gateway) mirror(id cwmp.DeviceID, _ proxy.Route) string {
	acs, _ := g.moves.campaigns.Mirrored(id)
	return acs
}

// injectURL is the name of the injection that moves ManagementServer.URL.
const injectURL = "url_move"

// urlMove makes the program of a task.
func (g *Gateway) urlMove(in proxy.InjectionInput, task campaign.Task) (*policy.URLMove, error) {
	rules := g.rules.Load()
	c := policy.URLMoveConfig{Root: in.Root, To: task.URL}
	if task.Undo {
		c.Back = true
		c.Username = optional(task.Username)
		if login, ok := rules.loginAt(task.URL, in.Device); ok {
			c.Username, c.Password = &login.Username, &login.Password
		}
		return policy.NewURLMove(c)
	}
	to := rules.named(task.To)
	c.To = to.cpeURL
	for _, name := range task.From {
		if url := rules.named(name).cpeURL; url != "" {
			c.From = append(c.From, url)
		}
	}
	if login, ok := to.login(in.Device); ok {
		c.Username, c.Password = &login.Username, &login.Password
	}
	return policy.NewURLMove(c)
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Bounds of the writes that a session waits for.
const (
	beginTimeout = 5 * time.Second
	endTimeout   = 2 * time.Second
)

// endMove records what came of a task. Where the CPE has answered, its session
// still runs, and waits: the next one may follow at once, and goes elsewhere by
// what has come of this one. Where it has not, there is nobody to wait.
func (g *Gateway) endMove(r campaign.Rewritten) {
	switch r.Result {
	case policy.MoveSet, policy.MovePending, policy.MoveFault, policy.MoveTorn, policy.MoveNotOurs, policy.MoveAlready:
	default:
		g.moves.campaigns.NoteRewrite(r)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	if err := g.moves.campaigns.Conclude(ctx, r); err != nil {
		g.log.Warn("what came of a move is not recorded yet", zap.Stringer("device", r.Device), zap.String("campaign", r.Task.Campaign), zap.Error(err))
	}
}

// beginMove records that the URL is about to be set: a CPE that is changed before
// that is known could be lost.
func (g *Gateway) beginMove(id cwmp.DeviceID, task campaign.Task, move *policy.URLMove) bool {
	ctx, cancel := context.WithTimeout(context.Background(), beginTimeout)
	defer cancel()
	had := move.Outcome()
	err := g.moves.campaigns.Begin(ctx, id, task, campaign.Was{URL: had.URL, Username: had.Former["ManagementServer.Username"]})
	if err != nil {
		move.Withhold("what the CPE had could not be recorded: " + err.Error())
		return false
	}
	return true
}

func proxyRPC(r policy.RPC) proxy.RPC {
	return proxy.RPC{Method: r.Method, Names: r.Names, Values: r.Values, Attributes: r.Attributes}
}

func programResult(r *proxy.RPCResult) *policy.RPCResult {
	if r == nil {
		return nil
	}
	return &policy.RPCResult{
		Status: r.Status, Values: r.Values, FaultCode: r.FaultCode, FaultString: r.FaultString, ParamFaults: r.ParamFaults,
		Ignored: r.Ignored, Unreadable: r.Unreadable, Unknown: r.Unknown,
	}
}
