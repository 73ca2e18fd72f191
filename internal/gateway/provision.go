package gateway

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/credential"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/provision"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// stunset is what gives CPEs their STUN parameters.
type stunset struct {
	book *provision.Book
	rule atomic.Pointer[provision.Rule] // of the configuration
}

func newSTUNRule(cfg *config.Config) (*provision.Rule, error) {
	return provision.NewRule(cfg.STUNProvisioning, cfg.STUN.Listen)
}

// makeSTUNSet makes what gives CPEs their STUN parameters.
func (g *Gateway) makeSTUNSet(cfg *config.Config) error {
	rule, err := newSTUNRule(cfg)
	if err != nil {
		return err
	}
	g.stunset.rule.Store(rule)
	g.stunset.book, err = provision.New(provision.Deps{
		Store: g.store, Log: g.log, Metrics: g.metrics, Now: time.Now, PasswordKey: g.reach.vault.Key("stun passwords"),
		Owner: func(username string) (cwmp.DeviceID, bool) { return g.reach.bindings.ByUser([]byte(username)) },
	})
	return err
}

// injectSTUN is the name of the injection that sets STUN parameters.
const injectSTUN = "stun_set"

// ownRPCs are the gateway's own RPCs in a session: what a campaign has to do or,
// if nothing, the CPE's STUN parameters. A CPE that is given another URL may well
// end the session.
func (g *Gateway) ownRPCs(in proxy.InjectionInput) []proxy.Injection {
	if list := g.injections(in); len(list) > 0 {
		return list
	}
	rule := g.stunset.rule.Load()
	if rule.Head() == in.Tail {
		return nil // once a session is enough
	}
	task, _ := g.stunset.book.Due(rule, &provision.Input{
		SelectorInput: policy.SelectorInput{
			Device: in.Device, SoftwareVersion: in.SoftwareVersion, Source: in.Source.Addr().Unmap(), Current: in.ACS, Home: in.Route.Home,
		},
		Root: in.Root, ConnectionRequestURL: in.ConnectionRequestURL, Events: in.Events,
	})
	if task == nil {
		return nil
	}
	program, err := task.Program()
	if err != nil {
		g.provisioned(task, policy.STUNOutcome{Result: policy.STUNNotTried, Detail: err.Error()})
		return nil
	}
	return []proxy.Injection{{
		Name: injectSTUN,
		Head: rule.Head(),
		Next: func(last *proxy.RPCResult) (proxy.RPC, bool) {
			rpc, more := program.Next(programResult(last))
			if more && rpc.Method != cwmp.MethodGetParameterValues {
				g.stunset.book.Note(task, program.Outcome())
			}
			return proxyRPC(rpc), more
		},
		Ended: func(result proxy.InjectionResult) {
			if n := len(result.RPCs); n > 0 && !result.RPCs[n-1].Done() && result.RPCs[n-1].FaultCode == "" {
				program.Next(programResult(&result.RPCs[n-1])) // what the engine does not ask about
			}
			o := program.Outcome()
			if o.Result == policy.STUNNotTried && len(result.RPCs) > 0 {
				// A CPE that breaks at the very question is not asked in each session.
				o.Result, o.Detail = policy.STUNUnknown, "the session ended while the CPE was asked for its STUN parameters"
			}
			g.provisioned(task, o)
		},
	}}
}

// stunPending tells what is to be done to a device's STUN parameters in its next
// session and why, "" for nothing.
func (g *Gateway) stunPending(r *device.Record) string {
	task, why := g.stunset.book.Due(g.stunset.rule.Load(), &provision.Input{
		SelectorInput: policy.SelectorInput{Device: r.ID, SoftwareVersion: r.SoftwareVersion, Source: r.Source.Addr().Unmap(), Current: r.CurrentACS, Home: r.HomeACS},
		Root:          r.Root, ConnectionRequestURL: r.ConnectionRequestURL,
	})
	switch {
	case task == nil:
		return ""
	case task.Undo:
		return "the CPE gets its former STUN parameters back: " + why
	}
	return "the CPE is given STUN: " + why
}

// provisioned takes note of the end of a task. The STUN server comes to know the
// login that the CPE has now.
func (g *Gateway) provisioned(task *provision.Task, o policy.STUNOutcome) {
	g.stunset.book.Ended(task, o)
	well := o.Result == policy.STUNDone || o.Result == policy.STUNPending || o.Result == policy.STUNAlready
	if s := &task.Settings; well && s.Username != nil && s.Password != nil {
		g.reach.vault.Learn(task.Device, credential.Set{STUN: credential.Login{Username: *s.Username, Password: credential.Secret(*s.Password)}})
	}
	if o.Result != policy.STUNNotTried {
		g.publishInjection(task.Device, "", &journal.Injection{Name: injectSTUN, Outcome: string(o.Result), Text: o.Detail})
	}
	log := g.log.Info
	if well || o.Result == policy.STUNNotTried {
		log = g.log.Debug // there may be a million of these
	}
	log("stun provisioning", zap.Stringer("device", task.Device), zap.Bool("undo", task.Undo), zap.String("why", task.Why),
		zap.String("result", string(o.Result)), zap.String("detail", o.Detail))
}
