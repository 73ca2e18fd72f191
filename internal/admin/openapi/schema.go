package openapi

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// Schema is a JSON Schema, as OpenAPI 3.1 has them. The zero Schema fits all.
type Schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	Type                 any                `json:"type,omitempty"` // a string, or a list of them
	Format               string             `json:"format,omitempty"`
	Description          string             `json:"description,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Minimum              *int               `json:"minimum,omitempty"`
	Maximum              *int               `json:"maximum,omitempty"`
	Default              any                `json:"default,omitempty"`
	AnyOf                []*Schema          `json:"anyOf,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties *Schema            `json:"additionalProperties,omitempty"`
}

// Reference returns a schema that stands for one of Components.
func Reference(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// Schemas makes schemas of types. Structs become components by their names.
type Schemas struct {
	Components map[string]*Schema
	types      map[string]reflect.Type
}

// NewSchemas returns one that knows no type yet.
func NewSchemas() *Schemas {
	return &Schemas{Components: map[string]*Schema{}, types: map[string]reflect.Type{}}
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
	textType = reflect.TypeFor[encoding.TextMarshaler]()
)

// Of returns the schema of what encoding/json makes of a type. Types that it cannot
// write, and those that this package does not know, panic.
func (s *Schemas) Of(t reflect.Type) *Schema {
	switch {
	case t == timeType:
		return &Schema{Type: "string", Format: "date-time"}
	case t == rawType || t.Kind() == reflect.Interface:
		return &Schema{}
	case t.Kind() == reflect.Pointer:
		return s.Of(t.Elem())
	case t.Implements(textType):
		return &Schema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Schema{Type: "integer"}
	case reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.Slice:
		return &Schema{Type: "array", Items: s.item(t.Elem())}
	case reflect.Map:
		return &Schema{Type: "object", AdditionalProperties: s.item(t.Elem())}
	case reflect.Struct:
		return s.component(t)
	}
	panic("openapi: no schema for " + t.String())
}

// item is Of for what may be null in a list or a map.
func (s *Schemas) item(t reflect.Type) *Schema {
	schema := s.Of(t)
	if kind, plain := schema.Type.(string); plain && t.Kind() == reflect.Pointer {
		schema.Type = []string{kind, "null"}
	}
	return schema
}

// component enters a struct and returns a reference to it. Two structs of one name
// panic.
func (s *Schemas) component(t reflect.Type) *Schema {
	name := t.Name()
	switch known := s.types[name]; known {
	case t:
	case nil:
		schema := &Schema{Type: "object", Properties: map[string]*Schema{}}
		s.Components[name], s.types[name] = schema, t // before its fields: they may lead back
		s.fields(t, schema)
	default:
		panic("openapi: " + known.String() + " and " + t.String() + " have one name")
	}
	return Reference(name)
}

// fields adds the fields of a struct, embedded ones in their place.
func (s *Schemas) fields(t reflect.Type, to *Schema) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			s.fields(field.Type, to)
			continue
		case name == "-" || !field.IsExported():
			continue
		case name == "":
			name = field.Name
		}
		to.Properties[name] = s.Of(field.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			to.Required = append(to.Required, name)
		}
	}
}
