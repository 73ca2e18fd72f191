package policy

import (
	order "cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acsgate/acsgate/internal/cwmp"
)

var noon = time.Date(2026, 11, 21, 12, 3, 5, 0, time.UTC)

// pair is north with the backup south, and lab without one.
func pair(change func(*Config)) Config {
	c := Config{
		ACS: []ACSConfig{{Name: "north", Backup: "south"}, {Name: "south"}, {Name: "lab"}},
		Routes: []RouteConfig{
			{Name: "lab", Match: MatchConfig{Listener: []string{"lab"}}, ACS: "lab"},
			{Name: "recorded", Match: MatchConfig{Listener: []string{"recorded"}}, ACS: "north", Assigned: true},
			{Name: "all", ACS: "north"},
		},
	}
	if change != nil {
		change(&c)
	}
	return c
}

func mustCompile(t testing.TB, c Config) *Policy {
	t.Helper()
	p, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// health is a snapshot of north, south and lab as written.
func health(north, south, lab State, northAway bool) *Snapshot {
	entries := []entry{
		{Status: Status{ACS: "north", State: north, Backup: "south", Away: northAway, Since: noon, Outage: noon}},
		{Status: Status{ACS: "south", State: south, Since: noon, Outage: noon}},
		{Status: Status{ACS: "lab", State: lab, Since: noon, Outage: noon}},
	}
	for i := range entries {
		entries[i].text = entries[i].describe()
	}
	return newSnapshot(entries)
}

func TestDecide(t *testing.T) {
	const away = true
	unprobed := func(c *Config) { c.ACS[0].Probe.Type = ProbeOff }
	slow := func(c *Config) { c.ACS[0].Failover.ReturnPerSecond = 5 }
	for _, test := range []struct {
		name   string
		change func(*Config)
		in     Input
		health *Snapshot
		want   Decision
	}{
		{"no snapshot", nil, Input{}, nil,
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"all up", nil, Input{}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"an ACS that the snapshot does not know", nil, Input{}, newSnapshot(nil),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"home suspect", nil, Input{}, health(Suspect, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"backup suspect", nil, Input{}, health(Up, Suspect, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"backup recovering", nil, Input{}, health(Up, Recovering, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"backup down", nil, Input{}, health(Up, Down, Up, !away),
			Decision{ACS: "north", Home: "north", Rule: "all", Reason: `rule "all"`}},

		{"home down", nil, Input{}, health(Down, Up, Up, away),
			Decision{ACS: "south", Home: "north", Rule: "all", Reason: `rule "all"; north is down since 2026-11-21 12:03:05 UTC, backup south`}},
		{"home recovering", nil, Input{}, health(Recovering, Up, Up, away),
			Decision{ACS: "south", Fallback: "north", Home: "north", Rule: "all", Reason: `rule "all"; north is recovering since 2026-11-21 12:03:05 UTC, backup south`}},
		{"home up again, but not told to return", nil, Input{}, health(Up, Up, Up, away),
			Decision{ACS: "south", Fallback: "north", Home: "north", Rule: "all", Reason: `rule "all"; north is up since 2026-11-21 12:03:05 UTC, backup south`}},
		{"home and backup down after failover", nil, Input{}, health(Down, Down, Up, away),
			Decision{ACS: "south", Home: "north", Rule: "all", Reason: `rule "all"; north is down since 2026-11-21 12:03:05 UTC, and its backup too: keep south`}},
		{"home and backup down before failover", nil, Input{}, health(Down, Down, Up, !away),
			Decision{ACS: "north", Home: "north", Rule: "all", Reason: `rule "all"; north is down since 2026-11-21 12:03:05 UTC, and its backup south too: keep north`}},
		{"everything down after failover", nil, Input{}, health(Down, Down, Down, away),
			Decision{ACS: "south", Home: "north", Rule: "all", Reason: `rule "all"; every ACS looks down: keep south`}},
		{"everything down before failover", nil, Input{}, health(Down, Down, Down, !away),
			Decision{ACS: "north", Home: "north", Rule: "all", Reason: `rule "all"; every ACS looks down: keep north`}},
		{"home down, backup in doubt", nil, Input{}, health(Down, Suspect, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"; north is down since 2026-11-21 12:03:05 UTC, its backup south is suspect and comes second`}},

		{"no backup", nil, Input{Listener: "lab"}, health(Up, Up, Up, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "lab", Reason: `rule "lab"`}},
		{"no backup, down", nil, Input{Listener: "lab"}, health(Up, Up, Down, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "lab", Reason: `rule "lab"; lab is down since 2026-11-21 12:03:05 UTC, and has no backup`}},

		{"without probes a session may try", unprobed, Input{}, health(Down, Up, Up, away),
			Decision{ACS: "south", Home: "north", Rule: "all", Trial: true, Reason: `rule "all"; north is down since 2026-11-21 12:03:05 UTC, backup south`}},
		{"without probes a session may try once more", unprobed, Input{}, health(Recovering, Up, Up, away),
			Decision{ACS: "south", Fallback: "north", Home: "north", Rule: "all", Trial: true, Reason: `rule "all"; north is recovering since 2026-11-21 12:03:05 UTC, backup south`}},
		{"without probes, up and not told to return", unprobed, Input{}, health(Up, Up, Up, away),
			Decision{ACS: "south", Fallback: "north", Home: "north", Rule: "all", Reason: `rule "all"; north is up since 2026-11-21 12:03:05 UTC, backup south`}},

		{"a device that returns slowly", slow, Input{Known: true, Current: "south"}, health(Up, Up, Up, !away),
			Decision{ACS: "south", Fallback: "north", Home: "north", Rule: "all", Return: true, Reason: `rule "all"; north takes 5 devices a second back, until then backup south`}},
		{"a device that is at home", slow, Input{Known: true, Current: "north"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"a device that comes from elsewhere", slow, Input{Known: true, Current: "lab"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"a device that is new", slow, Input{Known: true}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"a session without Inform does not return", slow, Input{Current: "south"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"a device that cannot stay", slow, Input{Known: true, Current: "south"}, health(Up, Down, Up, !away),
			Decision{ACS: "north", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"a device that returns without limit", nil, Input{Known: true, Current: "south"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},

		{"assigned", nil, Input{Known: true, Listener: "recorded", Assigned: "lab"}, health(Up, Up, Up, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "recorded", Reason: `rule "recorded", assigned to lab`}},
		{"assigned to an ACS that is down", nil, Input{Known: true, Listener: "recorded", Assigned: "north"}, health(Down, Up, Up, away),
			Decision{ACS: "south", Home: "north", Rule: "recorded", Reason: `rule "recorded", assigned to north; north is down since 2026-11-21 12:03:05 UTC, backup south`}},
		{"assigned to an ACS that is gone", nil, Input{Known: true, Listener: "recorded", Assigned: "west"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "recorded", Reason: `rule "recorded", assigned to west, which is gone`}},
		{"not assigned", nil, Input{Known: true, Listener: "recorded"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "recorded", Reason: `rule "recorded"`}},
		{"assigned, but the rule does not ask", nil, Input{Known: true, Assigned: "lab"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},
		{"no Inform has no assignment", nil, Input{Listener: "recorded", Assigned: "lab"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "recorded", Reason: `rule "recorded"`}},

		{"moved by a campaign", nil, Input{Known: true, Moved: "lab", MovedBy: "swap"}, health(Up, Up, Up, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "all", Reason: `campaign "swap" moved it to lab`}},
		{"moved, whatever its assignment", nil, Input{Known: true, Listener: "recorded", Assigned: "north", Moved: "lab", MovedBy: "swap"}, health(Up, Up, Up, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "recorded", Reason: `campaign "swap" moved it to lab`}},
		{"moved to an ACS that is down", nil, Input{Known: true, Listener: "lab", Moved: "north", MovedBy: "swap"}, health(Down, Up, Up, away),
			Decision{ACS: "south", Home: "north", Rule: "lab", Reason: `campaign "swap" moved it to north; north is down since 2026-11-21 12:03:05 UTC, backup south`}},
		{"moved to an ACS that is down and has no backup", nil, Input{Known: true, Moved: "lab", MovedBy: "swap"}, health(Up, Up, Down, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "all", Reason: `campaign "swap" moved it to lab; lab is down since 2026-11-21 12:03:05 UTC, and has no backup`}},
		{"moved, and returns slowly", slow, Input{Known: true, Listener: "lab", Moved: "north", MovedBy: "swap", Current: "south"}, health(Up, Up, Up, !away),
			Decision{ACS: "south", Fallback: "north", Home: "north", Rule: "lab", Return: true, Reason: `campaign "swap" moved it to north; north takes 5 devices a second back, until then backup south`}},
		{"moved to an ACS that is gone", nil, Input{Known: true, Listener: "lab", Moved: "west", MovedBy: "swap"}, health(Up, Up, Up, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "lab", Reason: `rule "lab"; campaign "swap" moved it to west, which is gone`}},
		{"moved to an ACS that is gone, and assigned", nil, Input{Known: true, Listener: "recorded", Assigned: "lab", Moved: "west", MovedBy: "swap"}, health(Up, Up, Down, !away),
			Decision{ACS: "lab", Home: "lab", Rule: "recorded", Reason: `rule "recorded", assigned to lab; campaign "swap" moved it to west, which is gone; lab is down since 2026-11-21 12:03:05 UTC, and has no backup`}},
		{"no Inform was not moved", nil, Input{Moved: "lab", MovedBy: "swap"}, health(Up, Up, Up, !away),
			Decision{ACS: "north", Fallback: "south", Home: "north", Rule: "all", Reason: `rule "all"`}},

		{"one ACS, no routes", func(c *Config) { *c = Config{ACS: []ACSConfig{{Name: "only"}}} }, Input{}, nil,
			Decision{ACS: "only", Home: "only", Rule: "default", Reason: "the only ACS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := mustCompile(t, pair(test.change))
			got := p.Decide(test.in, test.health)
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(Decision{})); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if again := p.Decide(test.in, test.health); again != got {
				t.Errorf("the same question has two answers: %+v, %+v", got, again)
			}
		})
	}
}

// TestDecide_BackupOfBackupIsNotAsked: in a ring, sessions move one step.
func TestDecide_BackupOfBackupIsNotAsked(t *testing.T) {
	p := mustCompile(t, Config{
		ACS:    []ACSConfig{{Name: "a", Backup: "b"}, {Name: "b", Backup: "c"}, {Name: "c", Backup: "a"}},
		Routes: []RouteConfig{{ACS: "a"}},
	})
	h := NewHealth([]ACSConfig{{Name: "a", Backup: "b"}, {Name: "b", Backup: "c"}, {Name: "c", Backup: "a"}}, noon)
	d := p.Decide(Input{}, h.Snapshot().With("a", Down).With("b", Down))
	if d.ACS != "a" || d.Fallback != "" {
		t.Errorf("a and b are down: %+v, want a and no fallback", d)
	}
}

// checkDecision holds for every decision.
func checkDecision(t *testing.T, p *Policy, d Decision, s *Snapshot) {
	t.Helper()
	home, exists := p.acs[d.Home]
	switch {
	case !exists || p.acs[d.ACS] == nil || d.Fallback != "" && p.acs[d.Fallback] == nil:
		t.Errorf("names an ACS that is not there: %+v", d)
	case d.ACS != d.Home && d.ACS != home.backup:
		t.Errorf("goes neither home nor to the backup: %+v", d)
	case d.Fallback == d.ACS || d.Fallback != "" && d.Fallback != d.Home && d.Fallback != home.backup:
		t.Errorf("wrong fallback: %+v", d)
	case d.Fallback != "" && s.entry(d.Fallback).State == Down:
		t.Errorf("falls back to an ACS that is down: %+v", d)
	case (d.Return || d.Trial) && d.ACS == d.Home:
		t.Errorf("asks to go where it goes anyhow: %+v", d)
	case d.Return && d.Trial:
		t.Errorf("asks for two budgets: %+v", d)
	case d.Trial && home.probed:
		t.Errorf("tries an ACS that has probes: %+v", d)
	case d.Rule == "" || d.Reason == "":
		t.Errorf("does not say why: %+v", d)
	}
}

// randomSnapshot has any state, also such as no Health would publish.
func randomSnapshot(r *rand.Rand, c Config) *Snapshot {
	var entries []entry
	for _, a := range c.ACS {
		if r.IntN(10) == 0 {
			continue
		}
		e := entry{Status: Status{ACS: a.Name, State: State(r.IntN(4)), Backup: a.Backup, Away: a.Backup != "" && r.IntN(2) == 0}}
		e.text = e.describe()
		entries = append(entries, e)
	}
	return newSnapshot(entries)
}

func FuzzDecide(f *testing.F) {
	for seed := range uint64(500) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		c := randomConfig(r)
		for i := range c.ACS {
			c.ACS[i].Failover.ReturnPerSecond = 0
			if c.ACS[i].Backup != "" {
				c.ACS[i].Failover.ReturnPerSecond = float64(r.IntN(3))
			}
			c.ACS[i].Probe.Type = []string{ProbeTCP, ProbeOff}[r.IntN(2)]
		}
		p, err := Compile(c)
		if err != nil {
			return
		}
		for range 20 {
			in, s := randomInput(r), randomSnapshot(r, c)
			d := p.Decide(in, s)
			checkDecision(t, p, d, s)
			checkExplanation(t, p.Explain(in, s), d, len(c.Routes))
		}
	})
}

// checkExplanation holds for every explanation of a decision.
func checkExplanation(t *testing.T, steps []Step, d Decision, rules int) {
	t.Helper()
	taken := slices.IndexFunc(steps, func(s Step) bool { return s.Kind == RuleStep && s.Result == Match })
	if taken < 0 || taken >= rules || steps[taken].Name != d.Rule {
		t.Errorf("rule %q took the session; explained by %+v", d.Rule, steps)
		return
	}
	for i, s := range steps[:rules] {
		want := []string{NoMatch, Match, NotReached}[1+order.Compare(i, taken)]
		if s.Kind != RuleStep || s.Result != want || (s.Detail == "") != (want == NotReached) {
			t.Errorf("step %d: %+v, want %q", i, s, want)
		}
	}
	chosen := slices.IndexFunc(steps, func(s Step) bool { return s.Result == Chosen })
	if chosen < 0 || steps[chosen].Name != d.ACS || steps[chosen].Detail != d.Reason {
		t.Errorf("decision %+v; explained by %+v", d, steps)
	}
}

// TestC53_DevicesAreToldApart: serial numbers repeat across product classes, and
// the assignment and share of one device say nothing about the other.
func TestC53_DevicesAreToldApart(t *testing.T) {
	s := newShare("pilot", 50)
	seen := map[uint64]cwmp.Key{}
	for _, id := range []cwmp.Key{
		{OUI: "00D09E", ProductClass: "A", SerialNumber: "1"},
		{OUI: "00D09E", ProductClass: "B", SerialNumber: "1"},
		{OUI: "00D09E", SerialNumber: "A1"},
		{OUI: "00D09E", ProductClass: "A1"},
		{OUI: "00D09EA", SerialNumber: "1"},
		{OUI: "00D09E", ProductClass: "A", SerialNumber: "1 "},
		{OUI: "00D09E", ProductClass: "A", SerialNumber: "1/%"},
	} {
		if other, twice := seen[s.point(id)]; twice {
			t.Errorf("%v and %v stand at the same point", id, other)
		}
		seen[s.point(id)] = id
	}
}
