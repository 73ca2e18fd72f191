package console

import (
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// wave is one wave of a campaign.
type wave struct {
	admin.WaveProgress
	Number  int
	Upto    string // of the devices, in words
	Goals   string
	Class   string // done, now or later
	Word    string
	Verdict string    // of the present one
	Until   time.Time // when the present one is judged at the latest; zero for never
	Bar     []stretch
}

// stretch is a part of a bar of 1000.
type stretch struct {
	Class    string
	X, Width int
}

// wavesOf says of each wave how far it is.
func wavesOf(v *admin.CampaignView) []wave {
	var all []wave
	for i := range v.Waves {
		w := &v.Waves[i]
		x := wave{Number: i + 1, Upto: upto(w), Goals: goalsText(&w.Criteria), Class: "later", Word: "later"}
		switch {
		case v.Status == "done" || i < v.Wave:
			x.Class, x.Word = "done", "done"
		case i == v.Wave && v.Status != "draft":
			x.Class, x.Word, x.Verdict = "now", words(v.Status), v.Verdict
			if began := moment(v.WaveStarted); !began.IsZero() && v.Status == "running" {
				x.Until = began.Add(withinOf(&w.Criteria))
			}
		}
		if n, known := v.WaveProgress(i); known {
			x.WaveProgress, x.Bar = n, barOf(n)
		}
		all = append(all, x)
	}
	return all
}

func upto(w *admin.CampaignWave) string {
	switch {
	case w.Count > 0:
		return "up to " + number(w.Count) + " devices"
	case w.Percent > 0 && w.Percent < 100:
		return "up to " + trim(w.Percent) + " %"
	}
	return "all devices"
}

// barOf draws what has arrived, what is open and what has failed; the rest waits.
func barOf(n admin.WaveProgress) []stretch {
	var bar []stretch
	at := 0
	for _, part := range []struct {
		class string
		count int
	}{{"", n.Arrived}, {"second", n.Open()}, {"bad", n.Failed}, {"warn", n.Back}} {
		if part.count <= 0 || n.Total <= 0 {
			continue
		}
		width := max(4, part.count*1000/n.Total) // what is there can be seen
		width = min(width, 1000)
		at = min(at, 1000-width)
		bar = append(bar, stretch{part.class, at, width})
		at += width
	}
	return bar
}

// Criteria where a campaign says none.
const (
	defaultFaultRate = 5.0 // percent
	defaultWithin    = 24 * time.Hour
)

func withinOf(g *admin.CampaignGoals) time.Duration {
	if g.Within > 0 {
		return time.Duration(g.Within)
	}
	return defaultWithin
}

// goalsText says what a wave must reach, and what becomes of the campaign if not.
func goalsText(g *admin.CampaignGoals) string {
	faults := defaultFaultRate
	if g.FaultRate != nil {
		faults = *g.FaultRate
	}
	var parts []string
	if g.Arrived > 0 {
		parts = append(parts, "at least "+trim(g.Arrived)+" % arrived")
	}
	if g.SecondSession > 0 {
		parts = append(parts, "at least "+trim(g.SecondSession)+" % came twice")
	}
	parts = append(parts, "at most "+trim(faults)+" % failed")
	text := strings.Join(parts, ", ") + ", within " + durationText(withinOf(g))
	if g.MinSample > 0 {
		text += ", judged from " + strconv.Itoa(g.MinSample) + " devices on"
	}
	if g.OnFailure == "rollback" {
		return text + "; if not it is rolled back"
	}
	return text + "; if not it halts"
}

// durationText writes a duration without needless zeros: 24h, not 24h0m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
