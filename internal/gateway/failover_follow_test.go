package gateway

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/policy"
)

// failoverRig is failovers over health that the test sets.
type failoverRig struct {
	*failovers
	health *policy.Health
	now    time.Time
	manual bool
	fails  error
	made   []string
}

func newFailoverRig(back string) *failoverRig {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	acs := []policy.ACSConfig{
		{Name: "north", Backup: "south", Failover: policy.FailoverConfig{Mode: policy.ModeRewrite, Return: back}}, {Name: "south"},
	}
	for i := range acs {
		acs[i].SetDefaults()
	}
	r := &failoverRig{health: policy.NewHealth(acs, now), now: now, manual: back == policy.ReturnManual}
	r.restart()
	return r
}

// restart is the next gateway, which knows of no health.
func (r *failoverRig) restart() {
	note := func(what string) error {
		if r.fails == nil {
			r.made = append(r.made, what)
		}
		return r.fails
	}
	r.failovers = &failovers{
		snapshot: func() *policy.Snapshot { return r.health.Snapshot() },
		rules: func(acs string) *acsRules {
			return &acsRules{rewrites: acs == "north", returnsWhenTold: r.manual && acs == "north"}
		},
		begin: func(_ context.Context, acs, backup string, _ campaign.Definition) error {
			return note(acs + " to " + backup)
		},
		end: func(_ context.Context, acs string) error { return note(acs + " returns") },
		up:  func(_ context.Context, acs string) error { return note(acs + " is up") },
		log: zap.NewNop(), made: map[string]*madeChange{},
	}
}

func (r *failoverRig) probe(acs string, ok bool, times int) {
	for range times {
		r.now = r.now.Add(time.Minute)
		r.health.Observe(acs, policy.Observation{Source: policy.Probe, OK: ok, Reason: "test"}, r.now)
		r.health.Tick(r.now)
	}
}

func (r *failoverRig) want(t *testing.T, made ...string) {
	t.Helper()
	r.now = r.now.Add(time.Minute)
	r.follow(t.Context(), r.now)
	got := slices.DeleteFunc(slices.Clone(r.made), func(s string) bool { return s == "south returns" })
	if !slices.Equal(got, made) {
		t.Errorf("%q, want %q", got, made)
	}
	r.made = nil
}

// A change that could not be made, as when the store fails with the ACS, is made
// as soon as it can be.
func TestFailover_IsTriedAgain(t *testing.T) {
	r := newFailoverRig("")
	r.probe("south", true, 3)
	r.probe("north", true, 1)
	r.want(t, "north returns") // of a failover that an earlier gateway may have left
	r.fails = errors.New("the store fails")
	r.probe("north", false, 5)
	r.want(t)
	r.fails = nil
	r.want(t, "north to south")
	r.want(t) // once
	r.fails = errors.New("the store fails")
	r.probe("north", true, 20)
	r.want(t)
	r.fails = nil
	r.want(t, "north returns")
	r.want(t)
}

// A gateway that begins in the middle of an outage calls nobody home before the
// ACS has answered, and does so if it was up before the gateway was.
func TestFailover_AfterARestart(t *testing.T) {
	r := newFailoverRig("")
	r.want(t) // nothing is known
	r.probe("south", true, 3)
	r.probe("north", false, 1)
	r.want(t) // suspect
	r.probe("north", false, 4)
	r.want(t, "north to south")

	r = newFailoverRig("")
	r.probe("north", true, 1)
	r.want(t, "north returns")

	r = newFailoverRig(policy.ReturnManual)
	r.want(t)
	r.probe("north", true, 1)
	r.want(t, "north is up") // the next outage is another one
	r.probe("south", true, 3)
	r.probe("north", false, 5)
	r.want(t, "north to south")
	r.probe("north", true, 20)
	r.want(t)
	if err := r.health.Return("north", r.now); err != nil {
		t.Fatal(err)
	}
	r.want(t, "north returns")
}

// TestFailover_BackupGoesDown: devices whose URL is the backup's are served by
// their own ACS, once that is up, when the backup is not.
func TestFailover_BackupGoesDown(t *testing.T) {
	t.Parallel()
	w := newFailoverWorld(t)
	c := w.known("", 1)
	w.northIs(true)
	w.member("failover-north", c, "asked")
	want(t, w.live(c), "south", "south")
	w.member("failover-north", c, "arrived")
	w.north.SetDown(false)
	w.south.SetDown(true)
	w.eventually("south is down and north is not", func() bool {
		return w.metric(`acsgate_acs_state{acs="south",state="down"} 1`) && w.metric(`acsgate_acs_state{acs="north",state="down"} 0`)
	})
	w.member("failover-north", c, "undoing")
	if acs := w.live(c); !slices.Contains(acs, "north") || slices.Contains(acs, "south") {
		t.Errorf("served by %q", acs)
	}
	w.member("failover-north", c, "undone")
	if c.URL() != w.url("north") {
		t.Errorf("the CPE has %q", c.URL())
	}
}

// TestCampaigns_NoFailoverByHand: only the health of an ACS begins a failover.
func TestCampaigns_NoFailoverByHand(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	w.known("", 1)
	r := drainTo("rewrite")
	r.Name, r.Kind = "failover-north", "migration"
	_, err := w.api.CreateCampaign(t.Context(), r)
	w.refused(err, `name: "failover-north" is one of a failover`)
	r.Kind = "failover"
	_, err = w.api.CreateCampaign(t.Context(), r)
	w.refused(err, "failover")
	r.Name = "other"
	_, err = w.api.CreateCampaign(t.Context(), r)
	w.refused(err, `kind: "failover by an operator" must be drain or migration`)
}

// What a model lacks of what the gateway asks for is no fault of its ACS's, by
// which a wave would be judged.
func TestFaultsWithACS(t *testing.T) {
	if n := faultsWithACS([]string{"gw:9005", "9002", "gw:9003"}); n != 1 {
		t.Errorf("%d faults", n)
	}
}

// TestFailover_ReturnByHand: with return: manual the operator says when sessions,
// and URLs, come back.
func TestFailover_ReturnByHand(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{north: ", backup: south, failover: {mode: rewrite, return: manual}"})
	c := w.known("", 1)
	if err := w.api.Return(t.Context(), "north"); err == nil {
		t.Error("north returned from nowhere")
	}
	w.northIs(true)
	w.member("failover-north", c, "asked")
	want(t, w.live(c), "south", "south")
	w.northIs(false)
	want(t, w.live(c), "south")
	w.member("failover-north", c, "arrived")
	if err := w.api.Return(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	w.member("failover-north", c, "undoing")
	want(t, w.live(c), "south", "north")
}
