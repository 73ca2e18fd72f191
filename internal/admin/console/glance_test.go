package console

import (
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/journal"
)

func TestGlance_Reaches(t *testing.T) {
	now := time.Date(2026, 8, 2, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) string { return now.Add(-d).Format(time.RFC3339) }
	session := func(outcome, failed string) entry {
		return entry{At: now.Add(-time.Minute), ACS: "north", Session: &journal.Session{Outcome: outcome, Error: failed, Reason: "north is down"}}
	}
	for name, test := range map[string]struct {
		entries []entry
		inform  string
		want    glance
	}{
		"nothing yet":    {nil, "", glance{Answer: "No", Tone: "bad", Because: "No ACS has accepted an Inform of it yet"}},
		"no session":     {nil, ago(time.Hour), glance{Answer: "Yes", Tone: "ok", Because: "Its last Inform was accepted", At: ago(time.Hour)}},
		"gone":           {nil, ago(72 * time.Hour), glance{Answer: "Not for 3 days", Tone: "warn", Because: "Its last Inform was accepted", At: ago(72 * time.Hour)}},
		"complete":       {[]entry{session("complete", ""), session("acs_failed", "EOF")}, ago(0), glance{Answer: "Yes", Tone: "ok", Because: "Its last session was with north", At: ago(time.Minute)}},
		"failed":         {[]entry{session("no_challenge", ""), session("acs_failed", "EOF")}, ago(0), glance{Answer: "No", Tone: "bad", Because: "Its last session failed", At: ago(time.Minute), Detail: "EOF"}},
		"refused":        {[]entry{session("acs_refused", "")}, ago(0), glance{Answer: "No", Tone: "bad", Because: "Its last session failed", At: ago(time.Minute), Detail: "acs refused"}},
		"unauthorized":   {[]entry{session("unauthorized", "")}, "", glance{Answer: "No", Tone: "bad", Because: "It was asked for its login", At: ago(time.Minute), Detail: "it did not come back"}},
		"silent":         {[]entry{{}, session("cpe_silent", "")}, ago(0), glance{Answer: "In part", Tone: "warn", Because: "It fell silent in its last session with north", At: ago(time.Minute)}},
		"parked":         {[]entry{session("parked", "")}, ago(0), glance{Answer: "Not now", Tone: "warn", Because: "The gateway has parked its last session", At: ago(time.Minute), Detail: "north is down"}},
		"says nothing":   {[]entry{session("superseded", "")}, "", glance{Answer: "No", Tone: "bad", Because: "No ACS has accepted an Inform of it yet"}},
		"an odd outcome": {[]entry{session("of a later version", "")}, ago(0), glance{Answer: "Yes", Tone: "ok", Because: "Its last session was with north", At: ago(time.Minute)}},
	} {
		p := devicePage{DeviceView: admin.DeviceView{LastInform: test.inform}, Entries: test.entries}
		test.want.Question = "Does it reach its ACS?"
		if got := p.reaches(now); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestGlance_Wakes(t *testing.T) {
	fresh, stale := &admin.BindingView{LastSeen: "x"}, &admin.BindingView{LastSeen: "x", Stale: true}
	for name, test := range map[string]struct {
		reach *admin.ReachView
		want  glance
	}{
		"not known": {nil, glance{Answer: "Not known", Tone: "idle", Because: "That is known after its next session"}},
		"both":      {&admin.ReachView{Binding: fresh}, glance{Answer: "Yes, by UDP and HTTP", Tone: "ok", Because: "Its STUN binding is fresh, the last packet came", At: "x"}},
		"UDP":       {&admin.ReachView{Binding: fresh, NotByHTTP: "h"}, glance{Answer: "Yes, by UDP", Tone: "ok", Because: "Its STUN binding is fresh, the last packet came", At: "x"}},
		"stale":     {&admin.ReachView{Binding: stale, NotByHTTP: "h"}, glance{Answer: "Perhaps, by UDP", Tone: "warn", Because: "Its STUN binding is stale, the last packet came", At: "x"}},
		"HTTP":      {&admin.ReachView{NotByUDP: "u"}, glance{Answer: "Yes, by HTTP", Tone: "ok", Because: "UDP: u"}},
		"neither":   {&admin.ReachView{NotByUDP: "u", NotByHTTP: "h", Binding: stale}, glance{Answer: "No", Tone: "bad", Because: "UDP: u. HTTP: h"}},
	} {
		p := devicePage{DeviceView: admin.DeviceView{Reach: test.reach}}
		test.want.Question = "Can it be woken?"
		if got := p.wakes(); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// A device whose every session fails has a page, too.
func TestDevice_ThatNoACSHasAccepted(t *testing.T) {
	b := newWorld(t).as(adminToken)
	mustSay(t, "device", b.get("/devices/"+newcomer.String(), 200), "Does it reach its ACS? No Its last session failed 1 min ago : acs north: 403 Forbidden",
		"Last Inform none was accepted", "acs_refused after 1 exchanges", newcomer.SerialNumber)
}

// The timeline tells all that the journal does.
func TestDevice_Journal(t *testing.T) {
	w := newWorld(t)
	b := w.as(adminToken)
	const heading = "What the gateway did"
	if strings.Contains(b.get("/devices/"+reachable.String(), 200), heading) {
		t.Error("both are shown")
	}
	w.api.Timeline = nil
	mustSay(t, "device", b.get("/devices/"+reachable.String(), 200), heading, "set ManagementServer.URL", "keeps no timelines")
}
