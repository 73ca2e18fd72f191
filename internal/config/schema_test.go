package config

import (
	"encoding"
	"reflect"
	"regexp"
	"testing"
)

// TestSchema_SectionsAreHeard: a method that Parse would not find for its
// signature, or a key that it could not read, is a defect of the section.
func TestSchema_SectionsAreHeard(t *testing.T) {
	seen := map[reflect.Type]bool{}
	walkTypes(reflect.TypeFor[Config](), func(typ reflect.Type) {
		seen[typ] = true
		p := reflect.PointerTo(typ)
		if _, ok := p.MethodByName("Validate"); ok && !p.Implements(reflect.TypeFor[validator]()) {
			t.Errorf("%s: Validate has another signature", typ)
		}
		if _, ok := p.MethodByName("SetDefaults"); ok && !p.Implements(reflect.TypeFor[defaulter]()) {
			t.Errorf("%s: SetDefaults has another signature", typ)
		}
	})
	if len(seen) < 20 {
		t.Errorf("only %d sections", len(seen))
	}
}

// walkTypes visits the type of each section, inlined ones included.
func walkTypes(typ reflect.Type, visit func(reflect.Type)) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if !isSection(typ) {
		return
	}
	visit(typ)
	for i := range typ.NumField() {
		walkTypes(typ.Field(i).Type, visit)
	}
}

var snakeCase = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

func TestSchema_KeysCanBeRead(t *testing.T) {
	eachKey(reflect.TypeFor[Config](), "", func(section string, f field) {
		key := join(section, f.key)
		if !snakeCase.MatchString(f.key) {
			t.Errorf("%s is not in snake case, or has no name", key)
		}
		typ := f.typ
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		switch typ.Kind() {
		case reflect.Struct, reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		default:
			t.Errorf("%s is a %s, which cannot be read", key, f.typ)
		}
		if _, ok := reflect.New(typ).Interface().(encoding.TextUnmarshaler); ok {
			if _, ok := reflect.New(typ).Elem().Interface().(encoding.TextMarshaler); !ok {
				t.Errorf("%s is a %s, which cannot be written", key, f.typ)
			}
		}
	})
}

func TestSchema_LaterKeysAreNotThereYet(t *testing.T) {
	known := map[string]bool{}
	eachKey(reflect.TypeFor[Config](), "", func(section string, f field) { known[join(section, f.key)] = true })
	for _, key := range later {
		if known[key] {
			t.Errorf("%s is listed as a later key, and is there", key)
		}
	}
	for _, r := range references {
		if from := pattern(r.from); !known[from] && !known[from[:len(from)-len("[]")]] {
			t.Errorf("there is no %s", r.from)
		}
	}
	for _, d := range dependents {
		for _, key := range []string{d.key, d.on} {
			if !known[key] {
				t.Errorf("there is no %s", key)
			}
		}
	}
}
