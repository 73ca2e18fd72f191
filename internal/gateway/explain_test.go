package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/policy"
)

// view is what the API tells of a device, once it tells of all its sessions so far.
func (w *moveWorld) view(c *simnet.CPE) (v admin.DeviceView) {
	w.t.Helper()
	var sessions uint32
	for _, s := range w.of(c) {
		if s.Outcome != "parked" { // of which no ACS has heard
			sessions++
		}
	}
	w.eventually("the sessions are known", func() bool {
		v, _ = w.deviceView(c.Device())
		return v.Sessions >= sessions
	})
	return v
}

// decision is the ACS that the view says the next session goes to, and why.
func decision(v *admin.DeviceView) (acs, why string) {
	for _, s := range v.Decision {
		if s.Kind == string(policy.DecisionStep) && s.Result == policy.Chosen {
			return s.Name, s.Detail
		}
	}
	return "", ""
}

// step is the first step of a kind and result, as "name: detail".
func step(v *admin.DeviceView, kind policy.Kind, result string) string {
	for _, s := range v.Decision {
		if s.Kind == string(kind) && s.Result == result {
			return s.Name + ": " + s.Detail
		}
	}
	return ""
}

// explained is what a view has to say; "" stands for nothing at all.
type explained struct {
	acs, rule string // of the last session
	next      string // where the next one goes
	why       string // a part of the reason
	matched   string // a part of the rule's step
	campaign  string // "name state", and a part of its reason
	because   string
	pending   string
	done      string // a part of the journal
}

// says holds a view against what it has to say.
func (w *moveWorld) says(what string, c *simnet.CPE, e explained) {
	w.t.Helper()
	v := w.view(c)
	if v.ACS != e.acs || v.Rule != e.rule {
		w.t.Errorf("%s: at %q by rule %q, want %q by %q", what, v.ACS, v.Rule, e.acs, e.rule)
	}
	next, why := decision(&v)
	if next != e.next || !strings.Contains(why, e.why) {
		w.t.Errorf("%s: goes to %q because of %q, want %q because of %q", what, next, why, e.next, e.why)
	}
	if got := step(&v, policy.RuleStep, policy.Match); !strings.Contains(got, e.matched) {
		w.t.Errorf("%s: the rule is %q, want %q", what, got, e.matched)
	}
	campaign, because := "", ""
	if v.Campaign != nil {
		campaign, because = v.Campaign.Name+" "+v.Campaign.State, v.Campaign.Reason
	}
	if campaign != e.campaign || !strings.Contains(because, e.because) || campaign != "" && because == "" {
		w.t.Errorf("%s: campaign %q because of %q, want %q because of %q", what, campaign, because, e.campaign, e.because)
	}
	if (v.Pending == "") != (e.pending == "") || !strings.Contains(v.Pending, e.pending) {
		w.t.Errorf("%s: pending %q, want %q", what, v.Pending, e.pending)
	}
	var journal []string
	for _, entry := range v.Journal {
		journal = append(journal, entry.What+" "+entry.Text)
	}
	if !strings.Contains(strings.Join(journal, "\n"), e.done) {
		w.t.Errorf("%s: has done %q, want %q", what, journal, e.done)
	}
}

// goes holds the next session and compares it with what the view has said of it, and
// the move with its reason.
func (w *moveWorld) goes(what string, c *simnet.CPE) {
	w.t.Helper()
	v := w.view(c)
	next, why := decision(&v)
	before := len(w.of(c))
	if _, err := w.tryLive(c); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	s := w.of(c)[before]
	at := s.ACS
	if s.Outcome == "parked" {
		at = s.Route.ACS
	}
	if at != next || s.Route.Reason != why {
		w.t.Errorf("%s: went to %q because of %q, and was to go to %q because of %q", what, at, s.Route.Reason, next, why)
	}
}

// TestExplain: for a device in each situation the view says at which ACS it is, by
// which rule or campaign, what is pending, and why; and the next session is as said.
func TestExplain(t *testing.T) {
	t.Parallel()
	t.Run("a plain rule", func(t *testing.T) {
		t.Parallel()
		w := newGoldenWorld(t, moveSetup{}, false).moveWorld
		c := w.known("", 1)
		w.says("known", c, explained{acs: "north", rule: "default", next: "north", why: `"default"`, matched: "default: takes every session"})
		w.goes("known", c)
		if _, known := w.deviceView(w.device("", 2).Device()); known {
			t.Error("a device that never came is known")
		}
	})
	t.Run("assigned", func(t *testing.T) {
		t.Parallel()
		w := newGoldenWorld(t, moveSetup{}, false).moveWorld
		c := w.known("", 1)
		cfg, err := config.Parse(w.file, []byte(strings.Replace(w.text(""), "{name: default, acs: north}", "{name: default, assigned: true, acs: north}", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		if err := w.devices.Assign(t.Context(), c.Device(), "south", "test", nil); err != nil {
			t.Fatal(err)
		}
		w.says("assigned", c, explained{acs: "north", rule: "default", next: "south", why: "assigned", matched: "default"})
		if v := w.view(c); v.AssignedACS != "south" {
			t.Errorf("assigned to %q", v.AssignedACS)
		}
		w.goes("assigned", c)
		w.says("has come", c, explained{acs: "south", rule: "default", next: "south", why: "assigned"})
	})
	t.Run("failed over by routing", func(t *testing.T) {
		t.Parallel()
		w := newGoldenWorld(t, moveSetup{north: ", backup: south"}, true).moveWorld
		c := w.known("", 1)
		w.northIs(true)
		w.says("north is down", c, explained{acs: "north", rule: "default", next: "south", why: "north is down", matched: "default"})
		w.goes("north is down", c)
		w.says("at the backup", c, explained{acs: "south", rule: "default", next: "south", why: "north is down"})
		if v := w.view(c); step(&v, policy.ACSStep, "down") == "" {
			t.Errorf("no step says that north is down: %+v", v.Decision)
		}
		w.northIs(false)
		w.goes("north is up", c)
		w.says("back", c, explained{acs: "north", rule: "default", next: "north"})
	})
	t.Run("due, moved and undone by rewriting", func(t *testing.T) { t.Parallel(); explainRewriting(t) })
	t.Run("due and moved by routing", func(t *testing.T) {
		t.Parallel()
		w := newGoldenWorld(t, moveSetup{}, false).moveWorld
		c := w.known("", 1)
		w.begin(drainTo("route"))
		w.member("d", c, "asked")
		w.says("due", c, explained{acs: "north", rule: "default", next: "south", why: `campaign "d"`, campaign: "d asked"})
		w.goes("due", c)
		w.member("d", c, "arrived")
		w.says("moved", c, explained{acs: "south", rule: "default", next: "south", why: `campaign "d"`, campaign: "d arrived", because: "has held a session with south"})
		if v := w.view(c); !strings.Contains(step(&v, policy.CampaignStep, policy.Match), "d: moved the device to south") {
			t.Errorf("no step names the campaign: %+v", v.Decision)
		}
	})
	t.Run("provisioned", func(t *testing.T) { t.Parallel(); explainProvisioning(t) })
	t.Run("parked", func(t *testing.T) { t.Parallel(); explainBackups(t) })
}

func explainRewriting(t *testing.T) {
	w := newGoldenWorld(t, moveSetup{}, false).moveWorld
	c, stubborn := w.known("", 1), w.known("invalid-value", 2)
	w.begin(drainTo("rewrite"))
	w.member("d", c, "asked")
	w.member("d", stubborn, "asked")
	const becomes = `ManagementServer.URL becomes that of south, by campaign "d"`
	w.says("due", c, explained{acs: "north", rule: "default", next: "north", why: `"default"`, campaign: "d asked", pending: becomes})
	w.goes("due", c)
	w.member("d", c, "arrived")
	w.says("moved", c, explained{
		acs: "south", rule: "default", next: "south", why: `campaign "d"`, campaign: "d arrived", because: "0 BOOTSTRAP at south",
		done: "url_move",
	})
	w.goes("moved", c)
	w.goes("refuses", stubborn)
	w.member("d", stubborn, "failed")
	w.says("refuses", stubborn, explained{
		acs: "north", rule: "default", next: "north", why: `"default"`, campaign: "d failed", because: "9007", done: "fault 9003",
	})
	w.act("d", "rollback")
	w.member("d", c, "undoing")
	w.says("undoing", c, explained{
		acs: "south", rule: "default", next: "south", why: `campaign "d"`, campaign: "d undoing",
		pending: `ManagementServer.URL becomes what it was before, by campaign "d"`,
	})
	w.goes("undoing", c)
	w.member("d", c, "undone")
	w.says("undone", c, explained{acs: "north", rule: "default", next: "north", why: `"default"`, campaign: "d undone"})
}

func explainProvisioning(t *testing.T) {
	const enabled = "stun_provisioning: {enabled: true}\n"
	w := newGoldenWorld(t, moveSetup{}, false).moveWorld
	c := w.device("", 1, func(c *simnet.CPEConfig) {
		whole, err := simnet.NewCPE(*c)
		if err != nil {
			t.Fatal(err)
		}
		c.Parameters = append(whole.Tree().Under(""), stunParameters(c.Make.Root)...)
	})
	c.SetConnectionRequestURL(natted)
	want(t, w.live(c), "north")
	plain := explained{acs: "north", rule: "default", next: "north", why: `"default"`}
	w.says("nothing is configured", c, plain)
	reload := func(section string) {
		t.Helper()
		if err := w.Reload(w.parse(section)); err != nil {
			t.Fatal(err)
		}
	}
	reload(enabled)
	due := plain
	due.pending = "the CPE is given STUN: "
	w.says("due", c, due)
	w.goes("due", c)
	done := plain
	done.done = injectSTUN
	w.says("provisioned", c, done)
	reload("stun_provisioning: {enabled: false}\n")
	due.pending = "the CPE gets its former STUN parameters back: "
	w.says("no longer asked for", c, due)
	w.goes("no longer asked for", c)
	w.says("undone", c, done)
	if stunOf(c) != stunOff {
		t.Errorf("has %q", stunOf(c))
	}
}

func explainBackups(t *testing.T) {
	for keys, why := range map[string]string{"park": "south is a backup that parks", "read_only": "south is a backup that only reads", "full": ""} {
		w := newGoldenWorld(t, moveSetup{north: ", backup: south", south: ", as_backup: " + keys}, true).moveWorld
		c := w.known("", 1)
		v := w.view(c)
		if got := step(&v, policy.DecisionStep, policy.IfNoAnswer); (got == "") != (keys == "park") {
			t.Errorf("%s: if north does not answer: %q", keys, got)
		}
		w.northIs(true)
		w.says(keys, c, explained{acs: "north", rule: "default", next: "south", why: "north is down", matched: "default"})
		w.goes(keys, c)
		v = w.view(c)
		if _, got := decision(&v); !strings.Contains(got, why) || why == "" && strings.Contains(got, "backup that") {
			t.Errorf("%s: because of %q, want %q", keys, got, why)
		}
	}
}

// TestExplain_EveryMove: whenever a session is with another ACS than the one before,
// its route says what has moved the device.
func TestExplain_EveryMove(t *testing.T) {
	t.Parallel()
	w := newGoldenWorld(t, moveSetup{north: ", backup: south"}, true).moveWorld
	c := w.known("", 1)
	w.northIs(true)
	w.live(c)
	w.northIs(false)
	w.live(c)
	w.begin(drainTo("rewrite"))
	w.member("d", c, "asked")
	w.live(c)
	w.member("d", c, "arrived")
	w.act("d", "rollback")
	w.member("d", c, "undoing")
	w.live(c)
	w.member("d", c, "undone")
	w.live(c)
	want(t, w.explainedMoves(c), "north", "south", "north", "south", "north")
}

// explainedMoves are the ACSs that have served a CPE in turn. What moved it there is
// explained: by the campaign, by the outage, or by the rule that holds again.
func (w *moveWorld) explainedMoves(c *simnet.CPE) (acs []string) {
	w.t.Helper()
	for _, s := range w.of(c) {
		at := s.ACS
		if at == "" {
			continue // parked, or refused before any ACS was asked
		}
		switch reason := s.Route.Reason; {
		case reason == "" || s.Route.Rule == "":
			w.t.Errorf("%s went to %q by rule %q because of %q", c.Device(), at, s.Route.Rule, reason)
		case at == s.Route.Home && s.Route.ACS == at:
		case !strings.Contains(reason, s.Route.Home) && s.Route.Fallback != at:
			w.t.Errorf("%s was away from %q because of %q", c.Device(), s.Route.Home, reason)
		}
		if n := len(acs); n > 0 && acs[n-1] == at {
			continue
		}
		acs = append(acs, at)
	}
	return slices.Clip(acs)
}
