package admin

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of a query.
const (
	maxQuery = 8 << 10 // bytes
	maxText  = 512     // bytes of one value
)

// parameter is one that an endpoint's query may have.
type parameter struct {
	name, about string
	kind        parameterKind
	choices     []string // of choiceKind and choicesKind
	least, most int      // of numberKind
	preset      string   // where it is left out; "" for none
}

type parameterKind int

// Kinds of parameters.
const (
	textKind parameterKind = iota
	numberKind
	durationKind // such as 90s, 30m, 24h
	flagKind     // true or false
	choiceKind   // one of choices
	choicesKind  // some of choices, a comma between them
)

// query holds the parameters of a request, each of which was checked. Those that
// are missing or empty stand as their preset.
type query map[string]string

func (q query) number(name string) int {
	n, _ := strconv.Atoi(q[name])
	return n
}

func (q query) duration(name string) time.Duration {
	d, _ := time.ParseDuration(q[name])
	return d
}

func (q query) flag(name string) bool { return q[name] == "true" }

func (q query) list(name string) []string {
	if q[name] == "" {
		return nil
	}
	return strings.Split(q[name], ",")
}

// parseQuery reads the query of a URL. What is not known, what stands there twice
// and what cannot be read is refused, all of it at once: a filter that is
// misspelled would show more than was meant.
func parseQuery(raw string, allowed []parameter) (query, error) {
	if len(raw) > maxQuery {
		return nil, refuse(400, "the query has more than %d bytes", maxQuery)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse(400, "the query cannot be read: %v", err)
	}
	q := query{}
	for i := range allowed {
		q[allowed[i].name] = allowed[i].preset
	}
	var bad []fieldProblem
	for name, given := range values {
		at := slices.IndexFunc(allowed, func(p parameter) bool { return p.name == name })
		switch {
		case at < 0:
			bad = append(bad, fieldProblem{strings.ToValidUTF8(clip(name), "?"), "is no parameter of this resource; it has " + namesOf(allowed)})
		case len(given) > 1:
			bad = append(bad, fieldProblem{name, "stands there more than once"})
		case given[0] == "": // as forms send what was not filled in
		default:
			if wrong := allowed[at].check(given[0]); wrong != "" {
				bad = append(bad, fieldProblem{name, wrong})
			}
			q[name] = given[0]
		}
	}
	slices.SortFunc(bad, func(a, b fieldProblem) int { return strings.Compare(a.Name, b.Name) })
	return q, refuseFields("query", bad)
}

func namesOf(parameters []parameter) string {
	if len(parameters) == 0 {
		return "none"
	}
	var names []string
	for i := range parameters {
		names = append(names, parameters[i].name)
	}
	return strings.Join(names, ", ")
}

// check says what is wrong with a value, "" for nothing.
func (p *parameter) check(value string) string {
	control := strings.ContainsFunc(value, unicode.IsControl)
	switch p.kind {
	case numberKind:
		if n, err := strconv.Atoi(value); err != nil || n < p.least || n > p.most {
			return fmt.Sprintf("%q is not a number from %d to %d", clip(value), p.least, p.most)
		}
	case durationKind:
		if d, err := time.ParseDuration(value); err != nil || d <= 0 {
			return fmt.Sprintf("%q is not a duration such as 90s, 30m or 24h", clip(value))
		}
	case flagKind:
		if value != "true" && value != "false" {
			return fmt.Sprintf("%q is neither true nor false", clip(value))
		}
	case choiceKind, choicesKind:
		for _, one := range strings.Split(value, ",") {
			if !slices.Contains(p.choices, one) || p.kind == choiceKind && one != value {
				return fmt.Sprintf("%q is none of %s", clip(one), strings.Join(p.choices, ", "))
			}
		}
	default:
		if len(value) > maxText || control || !utf8.ValidString(value) {
			return fmt.Sprintf("is longer than %d bytes, or has characters that cannot be printed", maxText)
		}
	}
	return ""
}

// clip shortens what a client has sent, for an error.
func clip(s string) string { return shorten(s, 64) }

// shorten cuts what is longer than so many bytes.
func shorten(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
