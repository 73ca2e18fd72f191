package cwmp

import (
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestQuirkTable_For(t *testing.T) {
	table, err := NewQuirkTable([]QuirkRule{
		{Name: "netcwmp", Manufacturer: []string{"netco"}, ProductClass: []string{"OT*", "X?"}, Quirks: Quirks{StripXMLDeclaration: true}},
		{Name: "old", OUI: []string{"00-d0-9e", "A0*"}, SoftwareVersion: []string{"1.*"}, Quirks: Quirks{EmptyAs200: true}},
		{Name: "all", Quirks: Quirks{EmptyAs204: true, CloseAtEnd: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := Quirks{EmptyAs204: true, CloseAtEnd: true}
	tests := []struct {
		name    string
		id      DeviceID
		version string
		want    Quirks
	}{
		{"the rule for all", DeviceID{}, "", all},
		{"maker and class, without case", DeviceID{Manufacturer: "NetCo", ProductClass: "ot2800"}, "", Quirks{StripXMLDeclaration: true, EmptyAs204: true, CloseAtEnd: true}},
		{"second glob", DeviceID{Manufacturer: "NetCo", ProductClass: "X1"}, "", Quirks{StripXMLDeclaration: true, EmptyAs204: true, CloseAtEnd: true}},
		{"maker alone", DeviceID{Manufacturer: "NetCo"}, "", all},
		{"the earlier rule stands", DeviceID{OUI: "00D09E"}, "1.2", Quirks{EmptyAs200: true, CloseAtEnd: true}},
		{"OUI by glob", DeviceID{OUI: "A00001"}, "1.", Quirks{EmptyAs200: true, CloseAtEnd: true}},
		{"other version", DeviceID{OUI: "00D09E"}, "2.0", all},
	}
	for _, tt := range tests {
		if got := table.For(tt.id, tt.version); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	var none *QuirkTable
	if got := none.For(DeviceID{OUI: "00D09E"}, ""); got != (Quirks{}) {
		t.Errorf("nil table: %+v", got)
	}
}

// TestQuirkTable_Immutable: the caller may change its rules while others look
// quirks up.
func TestQuirkTable_Immutable(t *testing.T) {
	rules := []QuirkRule{{Name: "r", OUI: []string{"00D09E"}, ProductClass: []string{"A"}, Quirks: Quirks{CloseAtEnd: true}}}
	table, err := NewQuirkTable(rules)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if !table.For(DeviceID{OUI: "00D09E", ProductClass: "a"}, "").CloseAtEnd {
					t.Error("quirk lost")
					return
				}
			}
		})
	}
	for i := range 1000 {
		rules[0].OUI[0], rules[0].ProductClass[0] = strings.Repeat("x", i%7), "B"
		rules[0].CloseAtEnd = false
	}
	wg.Wait()
}

func TestQuirkRule_Validate(t *testing.T) {
	tests := []struct {
		name string
		rule QuirkRule
		want []string
	}{
		{"good", QuirkRule{Name: "a", OUI: []string{"*"}, Quirks: Quirks{CloseAtEnd: true}}, nil},
		{"no quirk", QuirkRule{Name: "a"}, []string{"name=a"}},
		{"contradiction", QuirkRule{Quirks: Quirks{EmptyAs200: true, EmptyAs204: true}}, []string{"empty_as_200=true"}},
		{"empty globs", QuirkRule{Manufacturer: []string{"x", ""}, OUI: []string{" "}, ProductClass: []string{""}, SoftwareVersion: []string{""}, Quirks: Quirks{CloseAtEnd: true}},
			[]string{"manufacturer[1]=", "oui[0]= ", "product_class[0]=", "software_version[0]="}},
	}
	for _, tt := range tests {
		var got []string
		tt.rule.Validate(func(key, value, problem string) {
			got = append(got, key+"="+value)
			if problem == "" {
				t.Errorf("%s: %s without a problem", tt.name, key)
			}
		})
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		table, err := NewQuirkTable([]QuirkRule{tt.rule})
		if (err != nil) != (tt.want != nil) || (table == nil) != (tt.want != nil) {
			t.Errorf("%s: table %v, error %v", tt.name, table, err)
		}
	}
}
