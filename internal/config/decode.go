package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decoder fills section structs from the tree and reports whatever does not
// fit. Keys that the file does not have keep the value that they had.
type decoder struct{ found *collector }

func (d decoder) value(n *node, v reflect.Value, key string) {
	switch {
	case n.kind == broken:
	case v.Kind() == reflect.Pointer && n.kind == null:
		d.empty(n, v, key)
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), key)
	case isSection(v.Type()):
		d.section(n, v, key)
	case v.Kind() == reflect.Slice:
		d.list(n, v, key)
	default:
		d.single(n, v, key)
	}
}

// empty reports a key without a value where its presence matters: "tls:" looks
// as if it switched TLS on.
func (d decoder) empty(n *node, v reflect.Value, key string) {
	text := noValue
	if isSection(v.Type().Elem()) {
		text = "is empty: write \"" + lastName(key) + ": {}\" for the defaults, or remove it"
	}
	d.found.lose(n.at, key, "", text)
}

func (d decoder) section(n *node, v reflect.Value, key string) {
	known := fields(v.Type())
	switch n.kind {
	case null:
		if strings.HasSuffix(key, "]") {
			d.found.lose(n.at, key, "", "is empty: it must be a section "+withKeys(known))
		}
		return
	case section:
	default:
		d.found.lose(n.at, key, n.shown(), "must be a section "+withKeys(known)+n.instead())
		return
	}
	for i := range n.pairs {
		p := &n.pairs[i]
		f := slices.IndexFunc(known, func(f field) bool { return f.key == p.key })
		if f < 0 {
			f = d.unknown(n, p, v.Type(), key)
		}
		if f >= 0 {
			d.value(p.value, v.FieldByIndex(known[f].index), join(key, p.key))
		}
	}
}

// unknown reports a key that the section does not have. When it is all but one
// that the section has, p takes its name, so that its value is checked as well
// and the key does not count as missing; the result is the index of the field.
func (d decoder) unknown(n *node, p *pair, t reflect.Type, key string) int {
	name := join(key, p.key)
	if text, is := laterKey(name); is {
		d.found.add(p.at, name, "", text)
		return -1
	}
	if d.found.full() {
		return -1
	}
	known := keysOf(t)
	guess := nearest(p.key, known)
	if guess == "" || n.get(guess) != nil {
		d.found.add(p.at, name, "", "unknown key"+belongs(p.key, key, known))
		d.found.miss(key)
		return -1
	}
	d.found.add(p.at, name, "", "unknown key, did you mean \""+guess+"\"?")
	if strings.HasSuffix(guess, "_file") && !strings.Contains(p.key, "fil") {
		d.found.miss(key) // what should be in the file may stand here, and is not to be shown as its name
		return -1
	}
	p.key = guess
	return slices.Index(known, guess)
}

// belongs says where an unknown key belongs, or which keys there are.
func belongs(name, section string, known []string) string {
	if strings.Contains(name, ":") {
		return ": write a blank after the colon that ends a key"
	}
	if places := knownPlaces(name); len(places) == 1 {
		if places[0] == "" {
			return " here: it belongs to the top level, without indentation"
		}
		return " here: it belongs to " + places[0]
	}
	if section == "" {
		return ", the sections are " + strings.Join(known, ", ")
	}
	const most = 12
	alike := containing(name, known)
	switch n := len(known); {
	case len(alike) > 0:
		return ", did you mean " + strings.Join(alike, " or ") + "?"
	case n == 0:
		return ", there are none here"
	case n == 1:
		return ", the only one here is " + known[0]
	case n > most:
		return ", configs/acsgate.yaml lists those of " + pattern(section)
	}
	return ", the keys are " + strings.Join(known, ", ")
}

func (d decoder) list(n *node, v reflect.Value, key string) {
	items := n.items
	switch n.kind {
	case null:
		return
	case section:
		if !isSection(v.Type().Elem()) {
			d.found.lose(n.at, key, "", "must be a list such as [one, two], not a section")
			return
		}
		d.found.add(n.at, key, "", "must be a list: write \"- \" before its first key")
		items = []*node{n}
	case scalar:
		d.found.add(n.at, key, n.text, "must be a list, write ["+quoteYAML(n.text)+"]")
		items = []*node{n}
	}
	if v.Len() != len(items) {
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	}
	for i, item := range items {
		if item.kind == null && !isSection(v.Type().Elem()) {
			d.found.lose(item.at, element(key, i), "", "is empty")
			continue
		}
		d.value(item, v.Index(i), element(key, i))
	}
}

// shown is the value as a message shows it.
func (n *node) shown() string {
	if n.kind == scalar {
		return n.text
	}
	return ""
}

// instead says what a value is instead of what it must be.
func (n *node) instead() string {
	if n.kind == scalar {
		return ""
	}
	return ", not " + n.describe()
}

func withKeys(known []field) string {
	switch len(known) {
	case 0:
		return "without keys: {}"
	case 1:
		return "with the key " + known[0].key
	}
	var names []string
	for _, f := range known {
		names = append(names, f.key)
	}
	const most = 8
	if len(names) > most {
		names = append(names[:most], "...")
	}
	return "with the keys " + strings.Join(names, ", ")
}

func lastName(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

func quoteYAML(s string) string {
	if plain(s) {
		return s
	}
	return strconv.Quote(clip(s)) // YAML knows the same escapes
}
