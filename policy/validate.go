package policy

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds that configuration values must keep, because beyond them lies a typing
// error rather than an intention.
const (
	maxName     = 64
	maxDuration = 24 * time.Hour
	maxRun      = 1000 // failures or successes in a row
	maxRate     = 1_000_000
	maxMoves    = 100_000 // devices a second that are moved
)

// Validate reports every problem of the ACSs and of the rules. Defaults must be
// filled in. Keys are as in the file: "acs[0].backup",
// "routes[1].match.serial[0]".
func (c *Config) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	if len(c.ACS) == 0 {
		r("acs", "", `is missing: add a list with at least - {name: main, url: "http://10.0.0.5:7547/"}`)
	}
	known := c.names()
	r.duplicates("acs", known)
	for i := range c.ACS {
		c.ACS[i].validate(r.within("acs["+strconv.Itoa(i)+"]."), known)
	}
	c.validateRoutes(r, known)
}

// names lists the names of the ACSs, "" where one is missing.
func (c *Config) names() []string {
	names := make([]string, len(c.ACS))
	for i := range c.ACS {
		names[i] = c.ACS[i].Name
	}
	return names
}

func (c *ACSConfig) validate(r reporter, known []string) {
	r.acsName(c.Name)
	switch {
	case c.Backup == "":
		c.Failover.validateUnused(r.within("failover."))
	case c.Backup == c.Name:
		r("backup", c.Backup, "is the ACS itself: name another one"+listed(without(known, c.Name)))
	default:
		r.acs("backup", c.Backup, without(known, c.Name))
	}
	c.Failover.validate(r.within("failover."))
	c.Probe.validate(r.within("probe."))
}

// without returns the names other than name, and other than "".
func without(names []string, name string) []string {
	var out []string
	for _, n := range names {
		if n != "" && n != name {
			out = append(out, n)
		}
	}
	return out
}

func (c *FailoverConfig) validate(r reporter) {
	r.oneOf("mode", c.Mode, ModeRoute, ModeRewrite)
	r.oneOf("return", c.Return, ReturnAuto, ReturnManual)
	r.number("return_per_second", c.ReturnPerSecond, maxRate)
	r.number("rate_per_second", c.RatePerSecond, maxMoves)
	if r.number("canary", c.Canary, 100); c.Canary == 100 {
		r("canary", "100", "is every device: a canary is fewer")
	}
	c.Criteria.validate(r.within("criteria."))
	if c.Mode == ModeRoute {
		c.reportRewriting(r, "has no effect with mode: route, which sets no URL")
	}
}

// validateUnused reports the keys that mean nothing without a backup: whoever
// wrote them believes that the ACS has one.
func (c *FailoverConfig) validateUnused(r reporter) {
	const problem = "has no effect without a backup"
	if c.Return == ReturnManual {
		r("return", c.Return, problem)
	}
	if c.ReturnPerSecond > 0 {
		r("return_per_second", text(c.ReturnPerSecond), problem)
	}
	if c.Mode == ModeRewrite {
		r("mode", c.Mode, problem)
	}
}

// reportRewriting reports the keys that are for rewriting alone. Those that say
// what holds anyway are left alone.
func (c *FailoverConfig) reportRewriting(r reporter, problem string) {
	if c.RatePerSecond > 0 {
		r("rate_per_second", text(c.RatePerSecond), problem)
	}
	if c.Canary > 0 {
		r("canary", text(c.Canary), problem)
	}
	var usual Criteria
	usual.SetDefaults()
	if !c.Criteria.equal(&usual) {
		r("criteria", "", problem)
	}
}

func (c *ProbeConfig) validate(r reporter) {
	r.oneOf("type", c.Type, ProbeTCP, ProbeHTTP, ProbeCWMP, ProbeOff)
	r.duration("interval", c.Interval, time.Millisecond)
	r.duration("timeout", c.Timeout, time.Millisecond)
	if c.Interval > 0 && c.Timeout > c.Interval {
		r("timeout", c.Timeout.String(), "is longer than the interval, "+c.Interval.String()+": probes would overtake each other")
	}
	r.count("fall", c.Fall)
	r.count("rise", c.Rise)
	r.duration("hold", c.Hold, time.Millisecond)
}

// reporter is a report function with the checks that several sections share.
type reporter func(key, value, problem string)

// within returns a reporter whose keys are relative to a prefix.
func (r reporter) within(prefix string) reporter {
	return func(key, value, problem string) { r(prefix+key, value, problem) }
}

// acsName checks the name of an ACS, which is a metric label, an argument of
// commands and part of file names.
func (r reporter) acsName(name string) {
	other := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.", c))
	}
	switch {
	case name == "":
		r("name", "", "is missing")
	case strings.IndexFunc(name, other) >= 0:
		r("name", name, "is not a name: use letters, digits, - _ and .")
	case len(name) > maxName:
		r("name", name, "is longer than "+strconv.Itoa(maxName)+" characters")
	}
}

// acs checks a reference to an ACS.
func (r reporter) acs(key, name string, known []string) {
	for _, k := range known {
		if k == name {
			return
		}
	}
	r(key, name, unknownACS(name, without(known, "")))
}

// duplicates reports names that an earlier entry of the list has.
func (r reporter) duplicates(list string, names []string) {
	first := map[string]int{}
	for i, name := range names {
		if name == "" {
			continue
		}
		if j, twice := first[name]; twice {
			r(list+"["+strconv.Itoa(i)+"].name", name, "is also the name of "+list+"["+strconv.Itoa(j)+"]")
			continue
		}
		first[name] = i
	}
}

func (r reporter) oneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	if len(allowed) == 1 {
		r(key, value, "is not "+allowed[0])
		return
	}
	r(key, value, "is not one of "+strings.Join(allowed, ", "))
}

func (r reporter) count(key string, value int) {
	switch {
	case value < 1:
		r(key, strconv.Itoa(value), "must be at least 1")
	case value > maxRun:
		r(key, strconv.Itoa(value), "must be at most "+strconv.Itoa(maxRun))
	}
}

// number checks a value from 0 to most; it refuses what is not a number.
func (r reporter) number(key string, value, most float64) {
	switch {
	case !(value >= 0):
		r(key, text(value), "must be at least 0")
	case value > most:
		r(key, text(value), "must be at most "+text(most))
	}
}

func (r reporter) duration(key string, value, least time.Duration) {
	switch {
	case value < least:
		r(key, value.String(), "must be at least "+least.String())
	case value > maxDuration:
		r(key, value.String(), "must be at most 24h")
	}
}

// printable tells whether s is text without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

func text(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
