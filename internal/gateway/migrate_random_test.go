package gateway

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// chaos is a world in which anything may happen at any time.
type chaos struct {
	*moveWorld
	random *rand.Rand
	all    []*simnet.CPE
	log    []string
}

// TestMoves_AnyOrder: whatever health, configuration, operators and restarts do,
// each session is with one ACS from its begin to its end, each route names what
// decided it, no CPE is set more often than commands ask for, and in the end the
// CPEs are where the campaigns say.
func TestMoves_AnyOrder(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2} {
		w := newMoveWorld(t, moveSetup{north: ", backup: south", south: ", backup: north"})
		c := &chaos{moveWorld: w, random: rand.New(rand.NewPCG(seed, seed))}
		for i, habit := range []string{"", "", "icwmp", "keeps-queue", "invalid-value", "reboot"} {
			c.all = append(c.all, w.known(habit, i+1))
		}
		for range 50 {
			c.step()
		}
		w.north.SetDown(false)
		w.south.SetDown(false)
		w.eventually("both are up", func() bool {
			text := w.get("/metrics")
			return strings.Contains(text, `acsgate_acs_state{acs="north",state="up"} 1`) && strings.Contains(text, `acsgate_acs_state{acs="south",state="up"} 1`)
		})
		c.judge()
		if t.Failed() {
			t.Fatalf("seed %d: %q", seed, c.log)
		}
		w.stop()
	}
}

func (c *chaos) step() {
	one := c.all[c.random.IntN(len(c.all))]
	campaigns, err := c.api.Campaigns(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	note := func(what string) { c.log = append(c.log, what) }
	switch n := c.random.IntN(20); {
	case n < 11:
		_, err := one.Session(c.t.Context(), cwmp.EventPeriodic)
		note("session " + one.Device().SerialNumber + " " + errorText(err))
	case n == 11:
		note("power cycle")
		one.PowerCycle()
	case n == 12:
		note("north down")
		c.north.SetDown(true)
	case n == 13:
		note("north up")
		c.north.SetDown(false)
	case n == 14:
		note("reload")
		if err := c.Reload(c.parse("")); err != nil {
			c.t.Fatal(err)
		}
	case n == 15:
		note("restart")
		c.restart()
	case len(campaigns) == 0:
		r := drainTo([]string{"route", "rewrite"}[c.random.IntN(2)])
		r.Start = true
		zero := 100.0
		r.Criteria = admin.CampaignGoals{FaultRate: &zero}
		_, err := c.api.CreateCampaign(c.t.Context(), r)
		note("create " + r.Mode + " " + errorText(err))
	default:
		action := []string{"pause", "resume", "cancel", "rollback", "remove"}[c.random.IntN(5)]
		_, err := c.api.Act(c.t.Context(), "d", action)
		note(action + " " + errorText(err))
		time.Sleep(150 * time.Millisecond) // the engine's tick, so that some of it happens
	}
}

func errorText(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

// judge holds all sessions against what must be true of each.
func (c *chaos) judge() {
	c.t.Helper()
	for _, cpe := range c.all {
		for range 4 { // what is pending, and what a restart of the CPE sets free
			if _, err := c.tryLive(cpe); err != nil {
				var status *simnet.StatusError
				if !errors.As(err, &status) {
					c.t.Errorf("%s: %v", cpe.Device(), err)
				}
			}
		}
		for _, s := range c.of(cpe) {
			named := strings.Contains(s.Route.Reason, "campaign") || strings.Contains(s.Route.Reason, s.Route.Rule)
			if s.Route.Rule == "" || !named {
				c.t.Errorf("%s went to %q by rule %q because of %q", cpe.Device(), s.ACS, s.Route.Rule, s.Route.Reason)
			}
			away := s.ACS != s.Route.Home
			if away && !strings.Contains(s.Route.Reason, s.Route.Home) && s.Route.Fallback != s.ACS {
				c.t.Errorf("%s was away from %q by %q", cpe.Device(), s.Route.Home, s.Route.Reason)
			}
		}
	}
	for _, a := range []*simnet.ACS{c.north, c.south} {
		if p := a.Problems(); len(p) > 0 { // a session that comes from another ACS lacks the cookie
			c.t.Errorf("%s complains: %q", a.Name(), p)
		}
		for _, x := range a.Exchanges() {
			if strings.Contains(string(x.Body), simnet.InjectedIDs) {
				c.t.Errorf("%s saw %s", a.Name(), x.Body)
			}
			if x.Status == 400 {
				c.t.Errorf("%s refused %s %s", a.Name(), x.Device, x.Message.Method)
			}
		}
	}
	for _, m := range c.members("d") {
		c.judgeMember(&m)
	}
}

// judgeMember compares the record of a device with where it is.
func (c *chaos) judgeMember(m *admin.MemberView) {
	c.t.Helper()
	for _, cpe := range c.all {
		if cpe.Device().String() != m.Device {
			continue
		}
		acs, err := c.tryLive(cpe)
		if err != nil || len(acs) == 0 {
			c.t.Errorf("%s: %v", m.Device, err)
			return
		}
		expected := m.ACS
		if expected == "" {
			expected = "north"
		}
		if now := c.state("d", cpe); now == m.State && acs[len(acs)-1] != expected {
			c.t.Errorf("%s is served by %q, its campaign has it %s at %q (%s)", m.Device, acs, m.State, m.ACS, m.Reason)
		}
	}
}
