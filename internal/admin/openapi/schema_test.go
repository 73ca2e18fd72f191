package openapi

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

type inner struct {
	B string `json:"b,omitempty"`
	N *inner `json:"n,omitempty"`
}

type outer struct {
	inner
	A      int                `json:"a"`
	Hidden string             `json:"-"`
	At     time.Time          `json:"at"`
	Values []*float64         `json:"values"`
	ByName map[string][]inner `json:"by_name,omitempty"`
	Any    json.RawMessage    `json:"any,omitempty"`
}

func TestSchemas_AreWhatJSONIs(t *testing.T) {
	s := NewSchemas()
	if got := s.Of(reflect.TypeFor[*outer]()); got.Ref != "#/components/schemas/outer" {
		t.Errorf("%+v", got)
	}
	got, err := json.Marshal(s.Components)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"inner":{"type":"object","properties":{"b":{"type":"string"},"n":{"$ref":"#/components/schemas/inner"}}},` +
		`"outer":{"type":"object","properties":{"a":{"type":"integer"},"any":{},"at":{"type":"string","format":"date-time"},"b":{"type":"string"},` +
		`"by_name":{"type":"object","additionalProperties":{"type":"array","items":{"$ref":"#/components/schemas/inner"}}},` +
		`"n":{"$ref":"#/components/schemas/inner"},"values":{"type":"array","items":{"type":["number","null"]}}},"required":["a","at","values"]}}`
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSchemas_RefuseWhatTheyCannotSay(t *testing.T) {
	other := func() reflect.Type {
		type inner struct{ X int }
		return reflect.TypeFor[inner]()
	}()
	for name, types := range map[string][]reflect.Type{
		"a channel":           {reflect.TypeFor[chan int]()},
		"two structs of name": {reflect.TypeFor[inner](), other},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s has a schema", name)
				}
			}()
			s := NewSchemas()
			for _, typ := range types {
				s.Of(typ)
			}
		}()
	}
}
