package proxy

import (
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// withoutAuthInt takes auth-int out of the choice that digest challenges leave to
// the CPE, since an answer of that kind would sign the body that the gateway
// edits (quirks U7, C-62). All else stays byte for byte. A challenge with no other
// choice is left alone.
func withoutAuthInt(fields httpwire.Fields) httpwire.Fields {
	out := fields
	for i := range fields {
		if !isChallenge(&fields[i]) {
			continue
		}
		value := dropAuthInt(fields[i].Value)
		if value == fields[i].Value {
			continue
		}
		if &out[0] == &fields[0] { // the ACS's own fields are read again behind us
			out = slices.Clone(fields)
		}
		out[i].Value = value
	}
	return out
}

// dropAuthInt edits one WWW-Authenticate field, which may hold more than one
// challenge.
func dropAuthInt(field string) string {
	var b strings.Builder
	rest, done := field, 0
	for {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		key = strings.TrimRight(key, " \t")
		key = key[strings.LastIndexAny(key, " \t,")+1:]
		after = strings.TrimLeft(after, " \t")
		start := len(field) - len(after)
		_, rest = cutValue(after)
		end := len(field) - len(rest)
		if !strings.EqualFold(key, "qop") {
			continue
		}
		b.WriteString(field[done:start])
		b.WriteString(dropChoice(field[start:end]))
		done = end
	}
	if done == 0 {
		return field
	}
	b.WriteString(field[done:])
	return b.String()
}

// dropChoice takes auth-int out of a quoted list, if something else is in it.
func dropChoice(quoted string) string {
	list, closed := strings.CutSuffix(quoted, `"`)
	list, open := strings.CutPrefix(list, `"`)
	if !open || !closed {
		return quoted
	}
	var kept []string
	choices := strings.Split(list, ",")
	for _, choice := range choices {
		if !strings.EqualFold(strings.Trim(choice, " \t"), "auth-int") {
			kept = append(kept, choice)
		}
	}
	if len(kept) == len(choices) || strings.Trim(strings.Join(kept, ""), " \t") == "" {
		return quoted
	}
	return `"` + strings.TrimLeft(strings.Join(kept, ","), " \t") + `"`
}
