package config

import (
	"encoding"
	"reflect"
	"strings"
	"time"
)

var (
	durationType    = reflect.TypeFor[time.Duration]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// field is one key of a section struct.
type field struct {
	key   string
	index []int
	typ   reflect.Type
}

// fields lists the keys of a section struct in the order of its declaration;
// those of inlined structs stand in their place.
func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if options != "inline" {
			out = append(out, field{name, f.Index, f.Type})
			continue
		}
		for _, inner := range fields(f.Type) {
			inner.index = append([]int{i}, inner.index...)
			out = append(out, inner)
		}
	}
	return out
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range fields(t) {
		keys = append(keys, f.key)
	}
	return keys
}

// isText tells whether values of a type are written as one scalar that the type
// reads itself.
func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshalerType) }

// isSection tells whether values of a type are written as sections.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct && !isText(t) }

// walk calls visit for v and everything in it, each with its key: sections,
// also inlined ones (with the key of the section that they are a part of),
// lists and their elements, single values. Containers come before their parts.
func walk(v reflect.Value, key string, visit func(v reflect.Value, key string)) {
	if v.Kind() == reflect.Pointer {
		if !v.IsNil() {
			walk(v.Elem(), key, visit)
		}
		return
	}
	visit(v, key)
	switch {
	case isSection(v.Type()):
		walkFields(v, key, visit)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), element(key, i), visit)
		}
	}
}

func walkFields(v reflect.Value, key string, visit func(v reflect.Value, key string)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case options == "inline":
			walk(v.Field(i), key, visit)
		default:
			walk(v.Field(i), join(key, name), visit)
		}
	}
}

// knownPlaces finds the sections that have a key of this name, as patterns such
// as "acs[].probe", to tell where a key that is out of place belongs.
func knownPlaces(name string) []string {
	var places []string
	eachKey(reflect.TypeFor[Config](), "", func(section string, f field) {
		if f.key == name {
			places = append(places, section)
		}
	})
	return places
}

// eachKey calls visit for every key of the tree of section structs that t is
// the root of, with the pattern of the section that has it.
func eachKey(t reflect.Type, section string, visit func(section string, f field)) {
	for _, f := range fields(t) {
		visit(section, f)
		inner, name := f.typ, join(section, f.key)
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			if inner.Kind() == reflect.Slice {
				name += "[]"
			}
			inner = inner.Elem()
		}
		if isSection(inner) {
			eachKey(inner, name, visit)
		}
	}
}
