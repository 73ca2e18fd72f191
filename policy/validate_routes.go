package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func (c *Config) validateRoutes(r reporter, known []string) {
	names := make([]string, len(c.Routes))
	for i := range c.Routes {
		names[i] = c.Routes[i].Name
		c.Routes[i].validate(r.within("routes["+strconv.Itoa(i)+"]."), known)
	}
	r.duplicates("routes", names)
	c.validateReach(r)
	last := `add a last one without match, such as - {acs: ` + example(known) + `}`
	switch {
	case len(c.Routes) == 0 && len(c.ACS) > 1:
		r("routes", "", "is missing: with several ACSs rules must say which one takes a session, "+last)
	case len(c.Routes) > 0 && !slices.ContainsFunc(c.Routes, takesAll):
		r("routes", "", "has no rule for the sessions that none of its rules takes: "+last)
	}
}

// example is the name of an ACS to show in a remedy.
func example(known []string) string {
	if named := without(known, ""); len(named) > 0 {
		return named[0]
	}
	return "main"
}

func takesAll(c RouteConfig) bool { return covers(c.Match, MatchConfig{}) }

// validateReach reports rules that no session can reach because an earlier rule
// takes all of theirs.
func (c *Config) validateReach(r reporter) {
	for i := range c.Routes {
		for j := range i {
			if !covers(c.Routes[j].Match, c.Routes[i].Match) {
				continue
			}
			what := "takes all of its sessions"
			if takesAll(c.Routes[j]) {
				what = "takes every session"
			}
			r("routes["+strconv.Itoa(i)+"]", "", "is never reached: routes["+strconv.Itoa(j)+"] before it "+what)
			break
		}
	}
}

// covers tells whether a surely takes every session that b takes: whatever a
// asks for, b asks for too, and among no other entries. It compares entries as
// written, so it may miss a cover but never sees one that is not there.
func covers(a, b MatchConfig) bool {
	if a.Percent != nil {
		return false
	}
	theirs := b.lists()
	for i, mine := range a.lists() {
		if len(mine.entries) == 0 {
			continue
		}
		other := theirs[i].entries
		if len(other) == 0 || slices.ContainsFunc(other, func(e string) bool { return !slices.Contains(mine.entries, e) }) {
			return false
		}
	}
	return true
}

// entryList is one key of a match with its entries.
type entryList struct {
	key     string
	entries []string
}

// lists returns the keys of a match that hold lists, always the same ones in
// the same order.
func (c *MatchConfig) lists() []entryList {
	return []entryList{
		{keyOUI, c.OUI}, {keyProductClass, c.ProductClass}, {keySerial, c.Serial},
		{keySoftwareVersion, c.SoftwareVersion}, {keyManufacturer, c.Manufacturer},
		{keySource, c.Source}, {keyListener, c.Listener}, {keyPath, c.Path},
	}
}

func (c *RouteConfig) validate(r reporter, known []string) {
	switch {
	case !printable(c.Name) || strings.ContainsAny(c.Name, `"`):
		r("name", c.Name, "must be printable text without double quotes")
	case len(c.Name) > maxName:
		r("name", c.Name, "is longer than "+strconv.Itoa(maxName)+" characters")
	}
	if c.ACS == "" {
		r("acs", "", "is missing"+listed(without(known, "")))
	} else {
		r.acs("acs", c.ACS, known)
	}
	if c.Match.Percent != nil && (c.Name == "" || strings.HasPrefix(c.Name, "routes[")) {
		r("match.percent", text(*c.Match.Percent), "needs a rule with a name of its own: the name decides which devices are taken, and must stay when rules are moved")
	}
	c.Match.validate(r.within("match."))
}

func (c *MatchConfig) validate(r reporter) {
	for _, list := range c.lists() {
		for i, entry := range list.entries {
			if problem := entryProblem(list.key, entry); problem != "" {
				r(list.key+"["+strconv.Itoa(i)+"]", entry, problem)
			}
		}
	}
	if c.Percent != nil {
		r.number(keyPercent, *c.Percent, 100)
	}
}

// entryProblem says what is wrong with an entry of a key, "" when nothing is.
func entryProblem(key, entry string) string {
	switch key {
	case keySource:
		_, problem := parseSource(entry)
		return problem
	case keyOUI:
		if problem := ouiProblem(entry); problem != "" {
			return problem
		}
	case keySerial:
		if isRange(entry) {
			_, problem := parseRange(entry)
			return problem
		}
	case keyListener:
		if entry == "" {
			return "is empty: name a listener"
		}
	case keyPath:
		if entry == "" || !strings.ContainsAny(entry[:1], "/*?") {
			return "is not a path: it must begin with / or *"
		}
	}
	return globProblem(entry)
}

// globProblem finds globs that cannot mean what their author had in mind. An
// empty one is right: there are devices without a product class (quirk C-53).
func globProblem(entry string) string {
	switch {
	case !printable(entry):
		return "must be printable text"
	case strings.HasPrefix(entry, "^") || strings.HasSuffix(entry, "$"):
		return "looks like a regular expression: write a glob, in which * is any text and ? any character"
	case characterClass(entry):
		return "has a character class, which globs here do not know: write ? for any character, or an entry for each"
	}
	return ""
}

// characterClass tells whether s contains something like [0-9].
func characterClass(s string) bool {
	_, after, found := strings.Cut(s, "[")
	inside, _, closed := strings.Cut(after, "]")
	return found && closed && len(inside) >= 3 && strings.Contains(inside[1:len(inside)-1], "-")
}

// ouiProblem finds hexadecimal entries of the wrong length, which would match
// no device, or another one: a CPE's short OUI is read with leading zeros.
func ouiProblem(entry string) string {
	digits := strings.Map(func(c rune) rune {
		if strings.ContainsRune("-:. ", c) {
			return -1
		}
		return c
	}, entry)
	if digits == "" || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	switch {
	case len(digits) < 6:
		return `is not 6 hexadecimal digits, write "` + cwmp.NormalizeOUI(digits) + `" or "` + digits + `*"`
	case len(digits) > 6:
		return `is longer than 6 hexadecimal digits, write "` + cwmp.NormalizeOUI(digits[:6]) + `"`
	}
	return ""
}

// parseSource reads a network or an address. The problem is "" when it is one.
func parseSource(entry string) (netip.Prefix, string) {
	if a, err := netip.ParseAddr(entry); err == nil {
		if a.Zone() != "" {
			return netip.Prefix{}, `must not have a zone, write "` + a.WithZone("").String() + `"`
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), ""
	}
	n, err := netip.ParsePrefix(entry)
	switch {
	case err != nil:
		return netip.Prefix{}, "is not an address or a network such as 10.0.0.0/8"
	case n.Addr().Is4In6():
		return netip.Prefix{}, "is an IPv4 network in IPv6 form: write it as IPv4"
	case n != n.Masked():
		return netip.Prefix{}, `has bits beyond its length, write "` + n.Masked().String() + `" for the network or "` + n.Addr().String() + `" for the address`
	}
	return n, ""
}
