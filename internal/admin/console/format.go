package console

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// moment reads a time as the API writes it; zero for none.
func moment(at any) time.Time {
	switch at := at.(type) {
	case time.Time:
		return at
	case string:
		if t, err := time.Parse(time.RFC3339, at); err == nil {
			return t
		}
	}
	return time.Time{}
}

// relative writes how long ago a time is, or how far ahead, with the time itself
// where the mouse rests.
func relative(at any, now time.Time) template.HTML {
	t := moment(at)
	if t.IsZero() {
		return template.HTML(`<span class="soft">never</span>`)
	}
	utc := t.UTC()
	text := ago(now.Sub(t))
	// Every part is escaped or of our own making.
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s" data-at="%d">%s</time>`,
		utc.Format(time.RFC3339), utc.Format("2006-01-02 15:04:05 UTC"), t.UnixMilli(), html.EscapeString(text)))
}

// ago writes a duration before now, or after it where it is negative. The script
// writes the same while a page stays open.
func ago(d time.Duration) string {
	if d < 0 {
		if d > -time.Second {
			return "now"
		}
		return "in " + span(-d)
	}
	if d < time.Second {
		return "now"
	}
	return span(d) + " ago"
}

// span writes a duration as people say it, rounded down.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// number writes an integer in groups of three digits.
func number(n any) string {
	digits := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "\u202f" + digits[at:] // a narrow space
	}
	return sign + digits
}

func bytesText(n int) string {
	switch {
	case n < 10_000:
		return number(n) + " B"
	case n < 10_000_000:
		return number(n/1000) + " kB"
	}
	return number(n/1_000_000) + " MB"
}

// milliseconds writes a time of n milliseconds.
func milliseconds(n any) string {
	var ms float64
	switch n := n.(type) {
	case float64:
		ms = n
	case int64:
		ms = float64(n)
	}
	switch {
	case ms < 10:
		return strconv.FormatFloat(math.Round(ms*10)/10, 'f', -1, 64) + " ms"
	case ms < 1000:
		return strconv.FormatFloat(math.Round(ms), 'f', 0, 64) + " ms"
	case ms < 60_000:
		return strconv.FormatFloat(math.Round(ms/10)/100, 'f', -1, 64) + " s"
	}
	return span(time.Duration(ms) * time.Millisecond)
}

// seconds writes a time of s seconds.
func seconds(s float64) string {
	if s < 10 {
		return strconv.FormatFloat(math.Round(s*10)/10, 'f', -1, 64) + " s"
	}
	return span(time.Duration(s * float64(time.Second)))
}

// trim writes a number without needless digits.
func trim(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// percent writes what part n is of all.
func percent(n, all int) string {
	if all == 0 {
		return "0 %"
	}
	p := 100 * float64(n) / float64(all)
	if p > 0 && p < 1 {
		return "< 1 %"
	}
	return fmt.Sprintf("%d %%", int(p))
}

// words makes a constant of the API readable.
func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

// natName says what a NAT does to who does not know the words of the API.
func natName(kind string) string {
	switch kind {
	case "none":
		return "no NAT"
	case "keeps":
		return "keeps its mapping"
	case "unknown":
		return "not known yet"
	}
	return kind
}

// tones of states, outcomes and results.
var tones = map[string]string{
	"ok": "ok", "up": "ok", "complete": "ok", "fresh": "ok", "valid": "ok", "done": "ok", "arrived": "ok", "none": "ok",
	"keeps": "ok", "keeps its mapping": "ok", "running": "info", "recovering": "info", "set": "info", "routed": "info",
	"setting": "info", "asked": "info", "rolling_back": "warn", "undoing": "warn", "suspect": "warn", "stale": "warn", "expiring": "warn",
	"expires": "warn", "halted": "bad", "down": "bad", "failed": "bad", "error": "bad", "expired": "bad", "missing": "bad",
	"warning": "warn", "paused": "warn", "symmetric": "warn", "unstable": "bad", "acs_failed": "bad", "acs_refused": "bad",
	"gateway_fault": "bad", "cpe_silent": "warn", "unauthorized": "warn", "superseded": "warn", "no_challenge": "warn",
	"redirected": "info", "parked": "info", "guarded": "warn",
}

// tone returns the class of a badge: ok, info, warn, bad or idle.
func tone(state string) string {
	if t, known := tones[state]; known {
		return t
	}
	return "idle"
}
