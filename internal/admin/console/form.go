package console

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
)

// form is what somebody has typed, with what is wrong with it.
type form struct {
	values   url.Values
	Problems []problem
}

// problem is what is wrong with a field, "" for the form as a whole.
type problem struct{ Field, Text string }

// input is a field as a page shows it.
type input struct {
	Name, Label string
	Kind        string // text, wide, number or list; "" for what a template writes itself
	Hint        string
	Value       string
	Problem     string
}

// ID is that of the element, to which its label and problems lead.
func (i input) ID() string { return "f-" + i.Name }

// Input returns a field with what was typed into it.
func (f *form) Input(kind, name, label, hint string) input {
	x := input{Name: name, Label: label, Kind: kind, Hint: hint, Value: f.values.Get(name)}
	for _, p := range f.Problems {
		if p.Field == name && x.Problem == "" {
			x.Problem = p.Text
		}
	}
	return x
}

// Is tells whether a field has a value, among others.
func (f *form) Is(name, value string) bool {
	for _, v := range f.values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// Options returns the choices of a select, from pairs of value and name.
func (f *form) Options(name string, pairs ...string) []option {
	return choices(f.values.Get(name), pairs...)
}

// wrong notes what is wrong with a field.
func (f *form) wrong(field, text string) { f.Problems = append(f.Problems, problem{field, text}) }

func (f *form) text(name string) string { return strings.TrimSpace(f.values.Get(name)) }

func (f *form) on(name string) bool { return f.values.Get(name) != "" }

// list reads entries with commas or ends of lines between them.
func (f *form) list(name string) (all []string) {
	for _, x := range strings.FieldsFunc(f.values.Get(name), func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if x = strings.TrimSpace(x); x != "" {
			all = append(all, x)
		}
	}
	return all
}

// number reads a number up to most; 0 where nothing was typed.
func (f *form) number(name string, most float64) float64 {
	text := f.text(name)
	if text == "" {
		return 0
	}
	n, ok := numberOf(text, most)
	if !ok {
		f.wrong(name, strconv.Quote(text)+" is not a number from 0 to "+trim(most)+".")
	}
	return n
}

// optional is number where 0 and nothing differ.
func (f *form) optional(name string, most float64) *float64 {
	if f.text(name) == "" {
		return nil
	}
	return new(f.number(name, most))
}

func numberOf(text string, most float64) (float64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && n >= 0 && n <= most // not NaN
}

// duration reads a time such as 30m.
func (f *form) duration(name string) (d admin.Duration) {
	text := f.text(name)
	if text == "" {
		return 0
	}
	if err := d.UnmarshalText([]byte(text)); err != nil {
		f.wrong(name, strconv.Quote(text)+" is not a time such as 90s, 30m or 12h.")
	}
	return d
}
