package console

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// maxChartLines bounds the lines of one chart: nobody tells more of them apart.
const maxChartLines = 12

// chartSpec says how one chart is made of the lines of a measurement.
type chartSpec struct {
	key, title, name string
	by               []string // labels; lines that differ in others alone are summed
	quantile         bool     // lines have quantiles, which cannot be summed
	scale            float64  // of the values, 1 for 0
	unit             string
	more             bool // of less interest
}

var chartSpecs = []chartSpec{
	{key: "sessions-acs", title: "Sessions per second, by ACS", name: "sessions_per_second", by: []string{"acs"}, unit: "/s"},
	{key: "sessions-outcome", title: "Sessions per second, by outcome", name: "sessions_per_second", by: []string{"outcome"}, unit: "/s"},
	{key: "latency", title: "Time of an exchange", name: "exchange_seconds", by: []string{"acs", "quantile"}, quantile: true, scale: 1000, unit: "ms"},
	{key: "wakes", title: "Wake success", name: "wake_success", scale: 100, unit: "%"},
	{key: "bindings", title: "STUN bindings", name: "bindings", by: []string{"state"}},
	{key: "requests", title: "Connection Requests per second", name: "connection_requests_per_second", by: []string{"transport", "result"}, unit: "/s"},
	{key: "live", title: "Sessions under way", name: "sessions", by: []string{"acs"}, more: true},
	{key: "failures", title: "Failed exchanges per second", name: "exchange_failures_per_second", by: []string{"acs"}, unit: "/s", more: true},
	{key: "stun", title: "STUN packets per second", name: "stun_packets_per_second", by: []string{"disposition"}, unit: "/s", more: true},
	{key: "connections", title: "Connections of CPEs", name: "connections", by: []string{"listener"}, more: true},
	{key: "drops", title: "Turned away per second", name: "drops_per_second", by: []string{"what"}, unit: "/s", more: true},
}

// chart is what one chart shows.
type chart struct {
	Key   string      `json:"key"`
	Title string      `json:"title"`
	Unit  string      `json:"unit"`
	More  bool        `json:"-"`
	Lines []chartLine `json:"lines"`
	Left  int         `json:"left"` // lines that are not drawn
}

type chartLine struct {
	Label  string     `json:"label"`
	Values []*float64 `json:"values"`
}

// chartsOf makes all charts, those of less interest last.
func chartsOf(s admin.Series) []chart {
	var charts []chart
	for _, spec := range chartSpecs {
		charts = append(charts, spec.chart(s))
	}
	return charts
}

func (spec *chartSpec) chart(s admin.Series) chart {
	c := chart{Key: spec.key, Title: spec.title, Unit: spec.unit, More: spec.more, Lines: []chartLine{}}
	at := map[string]int{}
	few := spec.fewACSs(s)
	for i := range s.Lines {
		line := &s.Lines[i]
		if line.Name != spec.name || spec.quantile && !wanted(line.Labels["quantile"], few) {
			continue
		}
		label := spec.label(line.Labels)
		place, known := at[label]
		if !known {
			if len(c.Lines) == maxChartLines {
				c.Left++
				continue
			}
			place = len(c.Lines)
			at[label] = place
			c.Lines = append(c.Lines, chartLine{Label: label, Values: make([]*float64, len(s.Times))})
		}
		c.Lines[place].add(line.Values, spec.scale)
	}
	return c
}

// fewACSs tells whether there is room for more than one quantile of each ACS.
func (spec *chartSpec) fewACSs(s admin.Series) bool {
	seen := map[string]bool{}
	for i := range s.Lines {
		if s.Lines[i].Name == spec.name {
			seen[s.Lines[i].Labels["acs"]] = true
		}
	}
	return len(seen) <= 2
}

func wanted(quantile string, few bool) bool {
	return quantile == "0.95" || few && quantile == "0.5"
}

func (spec *chartSpec) label(labels map[string]string) string {
	var parts []string
	for _, name := range spec.by {
		switch value := labels[name]; {
		case value == "":
		case name == "quantile":
			parts = append(parts, map[string]string{"0.5": "median", "0.95": "95 %"}[value])
		default:
			parts = append(parts, words(value))
		}
	}
	if len(parts) == 0 {
		return "came"
	}
	return strings.Join(parts, ", ")
}

// add adds values to those of a line; nothing is known where none of them is.
func (l *chartLine) add(values []*float64, scale float64) {
	if scale == 0 {
		scale = 1
	}
	for i, v := range values {
		if v == nil || i >= len(l.Values) {
			continue
		}
		sum := *v * scale
		if l.Values[i] != nil {
			sum += *l.Values[i]
		}
		sum = math.Round(sum*1e4) / 1e4
		l.Values[i] = &sum
	}
}

// Stats says a line in numbers, for those who do not see it: the last value, the
// least, the mean and the greatest.
func (l chartLine) Stats() [4]string {
	var known []float64
	for _, v := range l.Values {
		if v != nil {
			known = append(known, *v)
		}
	}
	if len(known) == 0 {
		return [4]string{"–", "–", "–", "–"}
	}
	sum := 0.0
	for _, v := range known {
		sum += v
	}
	show := func(v float64) string {
		if v < 100 {
			return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
		}
		return number(int(math.Round(v)))
	}
	return [4]string{show(known[len(known)-1]), show(slices.Min(known)), show(sum / float64(len(known))), show(slices.Max(known))}
}

// seriesAnswer is what charts are drawn from.
type seriesAnswer struct {
	Times  []int64 `json:"times"`
	Charts []chart `json:"charts"`
}

// series answers with the measurements of a range, or after a moment.
func (c *Console) series(v *visit) error {
	if c.api.Series == nil {
		return absent("measurements")
	}
	last, err := rangeOf(v.r)
	if err != nil {
		return err
	}
	since := c.now().Add(-last)
	if text := v.r.URL.Query().Get("after"); text != "" {
		unix, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fail(http.StatusBadRequest, "After %q is no time.", text)
		}
		if after := time.Unix(unix, 0); after.After(since) {
			since = after
		}
	}
	s := c.api.Series(since)
	if s.Times == nil {
		s.Times = []int64{}
	}
	v.w.Header().Set("Content-Type", "application/json")
	var out io.Writer = v.w
	if strings.Contains(v.r.Header.Get("Accept-Encoding"), "gzip") {
		v.w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(v.w)
		defer func() { _ = z.Close() }()
		out = z
	}
	_ = json.NewEncoder(out).Encode(seriesAnswer{Times: s.Times, Charts: chartsOf(s)})
	return nil
}
