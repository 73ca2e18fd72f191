package digest

import "strings"

// Bounds on what one field may cost. No real CPE or ACS comes near them.
const (
	maxChallenges = 16
	maxParams     = 32
)

// fieldset is a scheme with its parameters. Keys are lower case; of a parameter
// that is there twice the first counts.
type fieldset struct {
	scheme string // lower case, "" where parameters begin without one
	params []param
}

type param struct{ key, value string }

func (f *fieldset) get(key string) (value string, ok bool) {
	for _, p := range f.params {
		if p.key == key {
			return p.value, true
		}
	}
	return "", false
}

func (f *fieldset) value(key string) string {
	value, _ := f.get(key)
	return value
}

func (f *fieldset) add(key, value string) {
	if _, twice := f.get(key); !twice && len(f.params) < maxParams {
		f.params = append(f.params, param{key, value})
	}
}

// scanner reads the fieldsets of one field. It takes what real devices write:
// no commas between parameters (netcwmp), blanks around "=", values that are not
// quoted but have blanks or commas in them, folded lines (quirks C-30, C-87).
type scanner struct {
	rest  string
	sets  []fieldset
	comma bool // one stands right before rest
	bare  bool // the parameter before rest was not quoted
}

func scan(field string) []fieldset {
	s := scanner{rest: unfold(field), comma: true}
	for {
		s.skipSeparators()
		if s.rest == "" {
			return s.sets
		}
		s.next()
	}
}

// next reads a parameter or a lone word, at least one byte.
func (s *scanner) next() {
	end := strings.IndexAny(s.rest, "=, \t\"")
	if end < 0 {
		end = len(s.rest)
	}
	if end == 0 { // a stray "=" or quote
		s.rest = s.rest[1:]
		return
	}
	word := s.rest[:end]
	s.rest = s.rest[end:]
	if after := strings.TrimLeft(s.rest, " \t"); strings.HasPrefix(after, "=") {
		s.rest = strings.TrimLeft(after[1:], " \t")
		s.parameter(strings.ToLower(word))
	} else {
		s.word(word)
	}
	s.comma = false
}

func (s *scanner) parameter(key string) {
	var value string
	if s.bare = !strings.HasPrefix(s.rest, `"`); s.bare {
		value, s.rest = cutBare(s.rest)
	} else {
		value, s.rest = cutQuoted(s.rest)
	}
	if len(s.sets) == 0 {
		s.sets = append(s.sets, fieldset{})
	}
	s.sets[len(s.sets)-1].add(key, value)
}

// word takes one that is no parameter: a scheme, or the tail of a value that
// lacks its quotes, as in qop=auth,auth-int and realm=My Router.
func (s *scanner) word(word string) {
	if last := s.lastBare(); last != nil {
		switch {
		case last.key == "qop" && isQOP(word):
			last.value += "," + word
			return
		case !s.comma && !isScheme(word):
			last.value += " " + word
			return
		}
	}
	if (s.comma || isScheme(word)) && len(s.sets) < maxChallenges {
		s.sets = append(s.sets, fieldset{scheme: strings.ToLower(word)})
		s.bare = false
	}
}

// lastBare is the parameter before rest, if it was not quoted.
func (s *scanner) lastBare() *param {
	if !s.bare || len(s.sets) == 0 {
		return nil
	}
	params := s.sets[len(s.sets)-1].params
	if len(params) == 0 {
		return nil
	}
	return &params[len(params)-1]
}

func (s *scanner) skipSeparators() {
	for s.rest != "" && strings.IndexByte(", \t", s.rest[0]) >= 0 {
		s.comma = s.comma || s.rest[0] == ','
		s.rest = s.rest[1:]
	}
}

func isQOP(word string) bool {
	return strings.EqualFold(word, "auth") || strings.EqualFold(word, "auth-int")
}

func isScheme(word string) bool {
	return strings.EqualFold(word, "digest") || strings.EqualFold(word, "basic")
}

// cutBare cuts a value without quotes off the front of s.
func cutBare(s string) (value, rest string) {
	if end := strings.IndexAny(s, ", \t"); end >= 0 {
		return s[:end], s[end:]
	}
	return s, ""
}

// cutQuoted cuts a quoted string off the front of s. A backslash counts only
// before a quote or another backslash: clients that know nothing of quoting
// write DOMAIN\user, and hash it so.
func cutQuoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), "" // the closing quote is missing
}

// unfold makes one blank of each line end with what blanks follow, RFC 9112 5.2.
func unfold(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	var b strings.Builder
	for s != "" {
		line, rest := s, ""
		if end := strings.IndexAny(s, "\r\n"); end >= 0 {
			line, rest = s[:end], strings.TrimLeft(s[end:], "\r\n \t")
		}
		b.WriteString(line)
		if rest != "" {
			b.WriteByte(' ')
		}
		s = rest
	}
	return b.String()
}

// appendQuoted appends key="value", escaped as RFC 9110 5.6.4 has it.
func appendQuoted(b []byte, key, value string) []byte {
	b = append(b, key...)
	b = append(b, `="`...)
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, value[i])
	}
	return append(b, '"')
}

// clean reports that no text has a control character, which might end a line.
func clean(texts ...string) bool {
	for _, text := range texts {
		for i := range len(text) {
			if text[i] < ' ' || text[i] == 0x7f {
				return false
			}
		}
	}
	return true
}
