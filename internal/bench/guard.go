package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// Targets of guarding URLs, as CPU time per session to that without.
const (
	guardPlainRatio  = 1.1 // no URL to edit
	guardEditedRatio = 1.2 // a URL in the Inform, and one in the ACS's RPC
)

const (
	guardOthers = 10_000 // devices of a campaign that has none of those that come
	guardCPEURL = "http://cpe.acs.example:7547/cwmp"
)

// guardCase is one contender: a configuration of acsgate and a kind of sessions.
type guardCase struct{ guarded, edits bool }

func (c guardCase) String() string {
	if c.guarded {
		return "url_guard and a campaign"
	}
	return "neither"
}

func (c guardCase) sessions() string {
	if c.edits {
		return "URL in Inform and RPC"
	}
	return "no URL"
}

// guard compares sessions through acsgate with a URL guard and a running campaign
// to those through one without.
func (b *bench) guard(ctx context.Context) (report, error) {
	r := report{section: "guard", title: "Guarding URLs, while a campaign runs"}
	if b.gatewayMissing != nil {
		r.note("%s: %v", kindGateway, b.gatewayMissing)
		return r, nil
	}
	var all []*contender
	defer func() { leaveAll(all) }()
	for _, gc := range []guardCase{{false, false}, {true, false}, {false, true}, {true, true}} {
		c, err := b.enterGuard(ctx, gc)
		if err != nil {
			return r, err
		}
		all = append(all, c)
	}
	if err := b.compare(ctx, all); err != nil {
		return r, err
	}
	if err := r.checkGuard(all[2], all[3]); err != nil {
		return r, err
	}
	r.tabulateGuard(all)
	r.note("%d rounds of %d sessions, %d at a time. Ratios are to acsgate with neither and the same sessions: the median of the rounds' "+
		"quotients. The campaign drains %d devices, none of which comes. Where there are URLs, each Inform has ManagementServer.URL, "+
		"and the ACS's RPC is a SetParameterValues of it.", b.rounds, b.sessions, b.workers, min(guardOthers, b.devices))
	return r, b.profileGateway(ctx, &r, all[3])
}

// enterGuard starts a contender. All know the same devices, beside those that come.
func (b *bench) enterGuard(ctx context.Context, gc guardCase) (*contender, error) {
	name := fmt.Sprintf("acsgate-guard-%t-%t", gc.guarded, gc.edits)
	s := setup{
		dataDir: filepath.Join(b.dir, name), acsMore: "  - {name: other, url: \"http://127.0.0.1:9\", probe: {type: off}}\n",
	}
	others := min(guardOthers, b.devices)
	if err := fillRegistry(ctx, s.dataDir, others); err != nil {
		return nil, fmt.Errorf("fill a registry: %w", err)
	}
	var err error
	if s.token, err = b.writeConfig(name+"-*.token", wakeToken); err != nil {
		return nil, err
	}
	if gc.guarded {
		s.acsKeys = fmt.Sprintf(", url_guard: translate, cpe_url: %q", guardCPEURL)
	}
	if gc.edits {
		s.acsArgs = []string{"-writes-url"}
	}
	c, err := b.enter(ctx, kindGateway, s, b.sessionLoad(b.sessions, nil))
	if err != nil {
		return nil, err
	}
	c.name = gc.String()
	if gc.edits {
		c.load.script = newURLScript(guardCPEURL, gc.shown("http://"+c.acs.address))
	}
	if gc.guarded {
		if err := c.proxy.runIdleCampaign(ctx, others); err != nil {
			c.leave()
			return nil, err
		}
	}
	return c, nil
}

// shown is the URL that CPEs get when the ACS writes its own.
func (c guardCase) shown(own string) string {
	if c.guarded {
		return guardCPEURL
	}
	return own
}

// newURLScript is a CPE that has the URL has, and expects to be given the URL gets.
func newURLScript(has, gets string) *cpeScript {
	parameters := append([][2]string{{urlParameter, has}}, informParameters...)
	return &cpeScript{
		inform:  informOf(informSize, []string{cwmp.EventPeriodic, cwmp.EventValueChange}, parameters),
		rpcMark: ">" + gets + "<", rpcResponse: setBody(),
	}
}

// runIdleCampaign starts a campaign that has all devices which are known now. It is
// so slow that it does nothing while sessions are measured.
func (p *proxy) runIdleCampaign(ctx context.Context, devices int) error {
	v, err := p.api().CreateCampaign(ctx, admin.CampaignRequest{
		Name: "others", Kind: "drain", From: []string{gatewayACS}, To: "other", RatePerSecond: 0.001, Start: true,
	})
	if err == nil && (v.Status != "running" || v.Total != devices) {
		err = fmt.Errorf("the campaign is %s with %d devices, want it to run with %d", v.Status, v.Total, devices)
	}
	return err
}

// checkGuard makes sure that URLs were edited: that CPEs were given the right one
// each of them has checked itself.
func (r *report) checkGuard(plain, guarded *contender) error {
	for c, want := range map[*contender]bool{plain: false, guarded: true} {
		s, err := c.acs.stats()
		if err != nil {
			return err
		}
		if all := s.Own == s.Informs; s.Informs == 0 || all != want || !want && s.Own > 0 {
			r.fail("%s: the ACS has seen its own URL in %d of %d Informs", c.name, s.Own, s.Informs)
		}
	}
	return nil
}

// tabulateGuard takes plain and guarded in turn: first of sessions without URLs,
// then of those with.
func (r *report) tabulateGuard(all []*contender) {
	r.table.header = []string{
		"acsgate with", "sessions", "CPU µs/session", "spread", "ratio", "in kernel", "sessions/s", "p50 ms", "p99 ms", "failed",
	}
	for i, c := range all {
		gc := guardCase{edits: i >= 2}
		row := c.row(all[i&^1])
		r.table.rows = append(r.table.rows, append(append([]string{c.name, gc.sessions()}, row[1:8]...), row[len(row)-1]))
		if c.failures > 0 {
			r.fail("%s, %s: %d sessions failed, first: %v", c.name, gc.sessions(), c.failures, c.firstErr)
		}
	}
	r.figures = append(r.figures,
		newFigure("CPU per session, guarded to not, no URL", "%.2f", ratio(all[1], all[0]), guardPlainRatio, atMost),
		newFigure("CPU per session, guarded to not, URL in Inform and RPC", "%.2f", ratio(all[3], all[2]), guardEditedRatio, atMost))
}
