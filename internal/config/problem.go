package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a configuration file.
type Problem struct {
	File         string
	Line, Column int    // from 1, columns in characters; 0 when the file as a whole is meant
	Key          string // such as "acs[0].probe.interval"; empty when no key is concerned
	Value        string // as written in the file; empty when there is none to show
	Text         string // what is wrong with it and what to write instead
}

// String returns the problem as one line without a line break:
//
//	acsgate.yaml:12:14: acs[0].probe.interval: "5" has no unit, write 5s
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	if p.Value != "" {
		b.WriteString(strconv.Quote(clip(mask(p.Value))) + " ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems are all that is wrong with a configuration file, sorted by position.
type Problems []Problem

// Error returns one line for each problem and a last one with their number.
func (p Problems) Error() string {
	var b strings.Builder
	for _, problem := range p {
		b.WriteString(problem.String() + "\n")
	}
	if len(p) == 1 {
		return b.String() + "1 problem"
	}
	return b.String() + strconv.Itoa(len(p)) + " problems"
}

const (
	maxProblems = 1000 // more help nobody
	maxShown    = 80   // characters of a value or key
)

func clip(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "..."
	}
	return s
}

var urlPassword = regexp.MustCompile(`(://[^/?#@:\s]*):[^/?#@\s]*@`)

// mask hides the password of a URL, which a user may have written where none
// belongs.
func mask(s string) string { return urlPassword.ReplaceAllString(s, "$1:***@") }

// secretKey is a key whose value may be good for whoever knows it: many URLs of
// webhooks are secrets, and where the hash of a token belongs stands the token itself.
var secretKey = regexp.MustCompile(`^(admin\.tokens\[\d+\]\.token_sha256|events\.webhooks\[\d+\]\.url)$`)

// collector gathers problems and remembers which keys have one, so that the
// consequences of a problem are not reported as well.
type collector struct {
	file  string
	list  []Problem
	here  map[string]bool // keys with a problem of their own
	twice map[string]bool // keys that are given twice
	lost  map[string]bool // keys of which a part could not be read
	seen  map[Problem]bool
}

func newCollector(file string) *collector {
	return &collector{file: file, here: map[string]bool{}, lost: map[string]bool{}, twice: map[string]bool{}, seen: map[Problem]bool{}}
}

// add notes a problem of a value that could be read, or of a key.
func (c *collector) add(at position, key, value, text string) {
	c.here[key] = true
	if secretKey.MatchString(key) {
		value = ""
	}
	p := Problem{File: c.file, Line: at.line, Column: at.column, Key: key, Value: value, Text: text}
	if !c.full() && !c.seen[p] {
		c.seen[p] = true
		c.list = append(c.list, p)
	}
}

// full tells whether no further problem will be kept.
func (c *collector) full() bool { return len(c.list) >= maxProblems }

// lose notes a problem of a value that could not be read: to what comes after,
// the key looks absent.
func (c *collector) lose(at position, key, value, text string) {
	c.add(at, key, value, text)
	c.miss(key)
}

// repeated notes that a key is given twice. What was read is the first one,
// in which everything is as it seems.
func (c *collector) repeated(at position, key string, line int) {
	c.twice[key] = true
	before := c.here[key]
	c.add(at, key, "", "is given twice, first in line "+strconv.Itoa(line))
	c.here[key] = before
}

// miss notes that of key something is missing that the file has.
func (c *collector) miss(key string) {
	for ; key != ""; key = parent(key) {
		c.lost[key] = true
	}
}

// suspect tells whether a problem with key may be the consequence of one that
// is known: of key itself, of what it is a part of, or of a part that could not
// be read.
func (c *collector) suspect(key string) bool {
	if c.lost[key] || c.here[""] {
		return true
	}
	for ; key != ""; key = parent(key) {
		if c.here[key] {
			return true
		}
	}
	return false
}

// within tells whether there is a problem with key or a part of it.
func (c *collector) within(key string) bool {
	for k := range c.here {
		if rest, ok := strings.CutPrefix(k, key); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return c.lost[key]
}

// problems returns what was gathered about a file as an error, nil when there
// is nothing.
func (c *collector) problems(file []byte) error {
	if len(c.list) == 0 {
		return nil
	}
	c.clamp(strings.Split(string(file), "\n"))
	slices.SortStableFunc(c.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return Problems(c.list)
}

// clamp moves positions behind the end of a line or of the file, where a value
// is missing, to the end.
func (c *collector) clamp(lines []string) {
	for i := range c.list {
		p := &c.list[i]
		p.Line = min(p.Line, len(lines))
		p.Column = min(p.Column, utf8.RuneCountInString(strings.TrimSuffix(lines[p.Line-1], "\r"))+1)
	}
}

// parent returns the key that contains key: "acs[0].probe" for
// "acs[0].probe.fall", "acs" for "acs[0]", "" for "acs".
func parent(key string) string { return key[:max(0, strings.LastIndexAny(key, ".["))] }
