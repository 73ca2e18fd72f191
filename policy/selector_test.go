package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
)

var selected = SelectorInput{
	Device:          cwmp.DeviceID{Manufacturer: "Acme", OUI: "00d09e", ProductClass: "HG532e", SerialNumber: "SN2001"},
	SoftwareVersion: "V1.2", Source: netip.MustParseAddr("::ffff:10.1.2.3"), Current: "north", Home: "south",
}

func mustSelect(t testing.TB, c SelectorConfig) *Selector {
	t.Helper()
	s, err := CompileSelector("swap", c, []string{"north", "south"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSelector_Matches(t *testing.T) {
	newcomer := selected
	newcomer.Current = ""
	for _, test := range []struct {
		name  string
		c     SelectorConfig
		in    SelectorInput
		taken bool
		why   string
	}{
		{"everything", SelectorConfig{}, selected, true, "takes every session"},
		{"OUI in another spelling", SelectorConfig{OUI: []string{"00-D0-9E"}}, selected, true, `oui "00D09E"`},
		{"another OUI", SelectorConfig{OUI: []string{"00D09F"}}, selected, false, `oui "00D09E" is not "00D09F"`},
		{"class", SelectorConfig{ProductClass: []string{"hg*"}}, selected, true, `product_class "HG532e"`},
		{"serial range", SelectorConfig{Serial: []string{"SN2000-SN2999"}}, selected, true, `serial "SN2001"`},
		{"another serial range", SelectorConfig{Serial: []string{"SN3000-SN3999", "X*"}}, selected, false, `serial "SN2001" is none of "SN3000-SN3999", "X*"`},
		{"software", SelectorConfig{SoftwareVersion: []string{"V1.*"}}, selected, true, `software_version "V1.2"`},
		{"manufacturer", SelectorConfig{Manufacturer: []string{"other"}}, selected, false, `manufacturer "Acme" is not "other"`},
		{"network", SelectorConfig{Source: []string{"10.0.0.0/8"}}, selected, true, `source "10.1.2.3"`},
		{"ACS", SelectorConfig{ACS: []string{"north"}}, selected, true, `acs "north"`},
		{"ACS and more", SelectorConfig{ACS: []string{"north"}, OUI: []string{"00D09E"}}, selected, true, `acs "north", oui "00D09E"`},
		{"at another ACS, whatever its home", SelectorConfig{ACS: []string{"south"}}, selected, false, `acs "north" is not "south"`},
		{"not seen yet, by its home", SelectorConfig{ACS: []string{"south"}}, newcomer, true, `acs "south"`},
		{"a share", SelectorConfig{Percent: new(100.0)}, selected, true, "percent 100"},
		{"no share", SelectorConfig{Percent: new(0.0)}, selected, false, "percent 0, the device stands at"},
		{"listed", SelectorConfig{Devices: []string{"00d09e-HG532e-SN2001"}}, selected, true, "is listed"},
		{"listed among comments", SelectorConfig{Devices: []string{"# pilot", "", " 00D09E-HG532e-SN2001 "}}, selected, true, "is listed"},
		{"listed, but elsewhere", SelectorConfig{Devices: []string{"00D09E-HG532e-SN2001"}, ACS: []string{"south"}}, selected, false, "acs"},
		{"not listed", SelectorConfig{Devices: []string{"00D09E-HG532e-SN2002", "00D09E-SN2001"}}, selected, false, "is not among the 2 devices listed"},
		{"an empty list", SelectorConfig{Devices: []string{}}, selected, false, "0 devices listed"},
	} {
		s := mustSelect(t, test.c)
		taken, why := s.Matches(test.in)
		if taken != test.taken || !strings.HasPrefix(why, test.why) && !strings.Contains(why, test.why) || why == "" {
			t.Errorf("%s: %v, %q, want %v, %q", test.name, taken, why, test.taken, test.why)
		}
		if s.Takes(test.in) != taken {
			t.Errorf("%s: Takes says otherwise", test.name)
		}
	}
}

// TestSelector_SharesWithTheRule: a campaign takes the devices of the rule that
// has its name, so that those routed first can be rewritten later.
func TestSelector_SharesWithTheRule(t *testing.T) {
	p := mustCompile(t, Config{
		ACS:    []ACSConfig{{Name: "north"}, {Name: "south"}},
		Routes: []RouteConfig{{Name: "swap", ACS: "south", Match: MatchConfig{Percent: new(20.0)}}, {ACS: "north"}},
	})
	s := mustSelect(t, SelectorConfig{Percent: new(20.0)})
	for i := range 2000 {
		id := cwmp.DeviceID{OUI: "00D09E", SerialNumber: fmt.Sprint(i)}
		if taken, routed := s.Takes(SelectorInput{Device: id}), p.Decide(Input{Known: true, Device: id}, nil).ACS == "south"; taken != routed {
			t.Fatalf("%v: taken %v, routed %v", id, taken, routed)
		}
	}
}

// TestSelectorConfig_Record: an empty list, which takes no device, comes back
// from a record as one.
func TestSelectorConfig_Record(t *testing.T) {
	for _, c := range []SelectorConfig{{}, {Devices: []string{}}, {OUI: []string{"00D09E"}, Percent: new(0.0), Devices: []string{"00D09E-SN1"}}} {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back SelectorConfig
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestCompileSelector_Refuses(t *testing.T) {
	for _, test := range []struct {
		c    SelectorConfig
		want string
	}{
		{SelectorConfig{OUI: []string{"00D0"}}, "oui[0]"},
		{SelectorConfig{Serial: []string{"A1-B2"}}, "serial[0]"},
		{SelectorConfig{Source: []string{"10.0.0.1/8"}}, "source[0]"},
		{SelectorConfig{ACS: []string{"north", "west"}}, `acs[1]: "west"`},
		{SelectorConfig{Percent: new(101.0)}, "percent"},
		{SelectorConfig{Devices: []string{"00D09E-SN1", "SN2"}}, "devices[1]"},
	} {
		if _, err := CompileSelector("swap", test.c, []string{"north", "south"}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.c, err, test.want)
		}
	}
	two := SelectorConfig{OUI: []string{"00D0"}, ACS: []string{"west"}}
	if _, err := CompileSelector("swap", two, nil); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not every problem is told: %v", err)
	}
}

func TestSurvey_Problem(t *testing.T) {
	var known []SelectorInput
	for i := range 100 {
		in := selected
		in.Device.SerialNumber = fmt.Sprintf("SN%d", 2000+i)
		known = append(known, in)
	}
	for _, test := range []struct {
		name string
		c    SelectorConfig
		all  bool
		want string
	}{
		{"some", SelectorConfig{Serial: []string{"SN2000-SN2009"}}, false, ""},
		{"none", SelectorConfig{Serial: []string{"SN3*"}}, true, "takes none of the 100"},
		{"everything", SelectorConfig{}, false, "asks for nothing"},
		{"everything, as meant", SelectorConfig{}, true, ""},
		{"everything by accident", SelectorConfig{OUI: []string{"*"}}, false, "takes all 100"},
		{"everything by percentage", SelectorConfig{Percent: new(100.0)}, false, "takes all 100"},
		{"a list", SelectorConfig{Devices: []string{"00D09E-HG532e-SN2001"}}, false, ""},
		{"a list with strangers", SelectorConfig{Devices: []string{"00D09E-HG532e-SN2001", "00D09E-HG532e-SN9001"}}, true, "lists 2 devices, 1 of them unknown here"},
		{"an empty list", SelectorConfig{Devices: []string{}}, true, "takes none"},
	} {
		s := mustSelect(t, test.c)
		var v Survey
		for _, in := range known {
			v.Add(s, in)
		}
		if got := v.Problem(s, test.all); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestSelector_Unknown(t *testing.T) {
	s := mustSelect(t, SelectorConfig{Devices: []string{"00D09E-SN3", "00D09E-SN1", "00D09E-SN2", "00d09e-SN3"}})
	known := func(id cwmp.DeviceID) bool { return id.SerialNumber == "SN1" }
	if diff := cmp.Diff([]string{"00D09E-SN2", "00D09E-SN3"}, s.Unknown(10, known)); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	if got := s.Unknown(1, known); len(got) != 1 {
		t.Errorf("limit 1: %v", got)
	}
}

// TestDeviceList_HasWhatIsListed compares with a map.
func TestDeviceList_HasWhatIsListed(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	key := func() cwmp.Key {
		return cwmp.Key{OUI: "00D09E", ProductClass: []string{"", "A", "A-1"}[r.IntN(3)], SerialNumber: fmt.Sprint(r.IntN(300))}
	}
	var entries []string
	want := map[cwmp.Key]bool{}
	for range 300 {
		k := key()
		want[k] = true
		entries = append(entries, cwmp.DeviceID{OUI: k.OUI, ProductClass: k.ProductClass, SerialNumber: k.SerialNumber}.String())
	}
	l, err := newDeviceList(entries)
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if k := key(); l.has(k) != want[k] {
			t.Fatalf("%v: %v, want %v", k, l.has(k), want[k])
		}
	}
	if l.len() != len(want) {
		t.Errorf("%d devices, want %d", l.len(), len(want))
	}
}

func BenchmarkSelector_Takes(b *testing.B) {
	var devices []string
	for id := range fleet(100_000) {
		devices = append(devices, cwmp.DeviceID{OUI: id.OUI, ProductClass: id.ProductClass, SerialNumber: id.SerialNumber}.String())
	}
	s := mustSelect(b, SelectorConfig{Devices: devices, OUI: []string{"00D09E"}})
	b.ReportAllocs()
	for b.Loop() {
		s.Takes(selected)
	}
}
