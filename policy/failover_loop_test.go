package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// rings are all ways in which four ACSs may be each other's backup, loops of two,
// three and four among them.
func rings() (all []Config) {
	names := []string{"a", "b", "c", "d"}
	for n := range 1 << (2 * len(names)) {
		var c Config
		for i, name := range names {
			backup := names[n>>(2*i)&3]
			if backup == name {
				backup = ""
			}
			c.ACS = append(c.ACS, ACSConfig{Name: name, Backup: backup})
			c.Routes = append(c.Routes, RouteConfig{Name: "of " + name, ACS: name, Match: MatchConfig{Listener: []string{name}}})
		}
		c.Routes = append(c.Routes, RouteConfig{Name: "rest", ACS: "a"})
		c.SetDefaults()
		all = append(all, c)
	}
	return all
}

// TestBackups_LoopsDoNotRoute: whatever ACS is whose backup, and however their
// health goes, a session is tried at its home and at the backup of that, each once
// at most, and nowhere else; and when all is well again, it is at home.
func TestBackups_LoopsDoNotRoute(t *testing.T) {
	for i, c := range rings() {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		p, h, now := mustCompile(t, c), NewHealth(c.ACS, noon), noon
		dead := map[string]bool{}
		current := map[string]string{} // where the device of each home was last
		second := func(home bool) {
			now = now.Add(time.Second)
			for i := range c.ACS {
				acs := c.ACS[i].Name
				if !home && random.IntN(40) == 0 {
					dead[acs] = !dead[acs]
				}
				h.Observe(acs, Observation{OK: !dead[acs], Source: Probe, Reason: "refused"}, now)
				d := h.Route(p, Input{Known: true, Listener: acs, Current: current[acs]}, now)
				if problem := strays(d, &c.ACS[i]); problem != "" {
					t.Fatalf("%s: %s: %+v", backupsOf(c), problem, d)
				}
				if current[acs] = d.ACS; home && d.ACS != acs && now.Sub(noon) > 2*time.Hour {
					t.Fatalf("%s: not at home when all is well: %+v", backupsOf(c), d)
				}
			}
			h.Tick(now)
		}
		for range 150 {
			second(false)
		}
		clear(dead)
		for range 50 {
			second(true)
		}
		now = noon.Add(3 * time.Hour)
		second(true)
	}
}

// strays says in which way a decision leaves the one step that backups are worth.
func strays(d Decision, home *ACSConfig) string {
	allowed := func(acs string) bool { return acs == home.Name || home.Backup != "" && acs == home.Backup }
	switch {
	case d.Home != home.Name:
		return "another home"
	case !allowed(d.ACS):
		return "goes to an ACS that is neither the home nor its backup"
	case d.Fallback != "" && !allowed(d.Fallback):
		return "falls back to an ACS that is neither the home nor its backup"
	case d.Fallback == d.ACS:
		return "is tried twice at one ACS"
	}
	return ""
}

func backupsOf(c Config) (text string) {
	for _, a := range c.ACS {
		text += fmt.Sprintf("%s>%s ", a.Name, a.Backup)
	}
	return text
}
