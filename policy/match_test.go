package policy

import (
	"hash/fnv"
	"math/big"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestMatch(t *testing.T) {
	device := Input{
		Known:           true,
		Device:          cwmp.DeviceID{Manufacturer: "Acme, Inc.", OUI: "00D09E", ProductClass: "HG532e", SerialNumber: "SN 2500/a%b"},
		SoftwareVersion: "V1.2.3", Source: netip.MustParseAddr("10.1.2.3"), Listener: "legacy", Path: "/acs/site?x=1",
	}
	with := func(change func(*Input)) Input {
		in := device
		change(&in)
		return in
	}
	for _, test := range []struct {
		name  string
		match MatchConfig
		in    Input
		want  string // the key that is not met, "" for a match
	}{
		{"empty match", MatchConfig{}, device, ""},
		{"empty match, no Inform", MatchConfig{}, Input{}, ""},

		{"oui", MatchConfig{OUI: []string{"00D09F", "00D09E"}}, device, ""},
		{"oui in another spelling", MatchConfig{OUI: []string{"00:d0-9e"}}, device, ""},
		{"C53 oui of the device in another spelling", MatchConfig{OUI: []string{"00D09E"}}, with(func(in *Input) { in.Device.OUI = "00:d0:9e" }), ""},
		{"oui by glob", MatchConfig{OUI: []string{"00:d0:*"}}, device, ""},
		{"another oui", MatchConfig{OUI: []string{"00D09F"}}, device, keyOUI},
		{"C53 oui that is not hexadecimal", MatchConfig{OUI: []string{"ac-me"}}, with(func(in *Input) { in.Device.OUI = "AC-ME" }), ""},
		{"C53 glob for an oui that is not hexadecimal", MatchConfig{OUI: []string{"ZX-*"}}, with(func(in *Input) { in.Device.OUI = "ZX-ME" }), ""},
		{"C53 no oui", MatchConfig{OUI: []string{""}}, with(func(in *Input) { in.Device.OUI = "" }), ""},
		{"C53 some oui", MatchConfig{OUI: []string{""}}, device, keyOUI},

		{"product class without regard to case", MatchConfig{ProductClass: []string{"hg*E"}}, device, ""},
		{"another product class", MatchConfig{ProductClass: []string{"HG53"}}, device, keyProductClass},
		{"C53 no product class", MatchConfig{ProductClass: []string{""}}, with(func(in *Input) { in.Device.ProductClass = "" }), ""},
		{"C53 some product class", MatchConfig{ProductClass: []string{""}}, device, keyProductClass},

		{"C53 serial with blank, slash and percent sign", MatchConfig{Serial: []string{"SN 2500/a%b"}}, device, ""},
		{"serial with regard to case", MatchConfig{Serial: []string{"sn 2500/a%b"}}, device, keySerial},
		{"serial by glob", MatchConfig{Serial: []string{"SN*"}}, device, ""},
		{"serial by glob with regard to case", MatchConfig{Serial: []string{"sn*"}}, device, keySerial},
		{"serial by range", MatchConfig{Serial: []string{"SN1", "SN2000-SN2999"}}, with(func(in *Input) { in.Device.SerialNumber = "SN2999" }), ""},
		{"serial beyond the range", MatchConfig{Serial: []string{"SN2000-SN2999"}}, with(func(in *Input) { in.Device.SerialNumber = "SN3000" }), keySerial},
		{"serial with a dash", MatchConfig{Serial: []string{"SN?1234"}}, with(func(in *Input) { in.Device.SerialNumber = "SN-1234" }), ""},

		{"software version", MatchConfig{SoftwareVersion: []string{"v1.*"}}, device, ""},
		{"another software version", MatchConfig{SoftwareVersion: []string{"V2*"}}, device, keySoftwareVersion},
		{"manufacturer", MatchConfig{Manufacturer: []string{"ACME*"}}, device, ""},
		{"another manufacturer", MatchConfig{Manufacturer: []string{"Foo"}}, device, keyManufacturer},

		{"source", MatchConfig{Source: []string{"192.0.2.0/24", "10.0.0.0/8"}}, device, ""},
		{"source address", MatchConfig{Source: []string{"10.1.2.3"}}, device, ""},
		{"another source", MatchConfig{Source: []string{"10.1.2.4", "192.0.2.0/24"}}, device, keySource},
		{"IPv4 source on an IPv6 socket", MatchConfig{Source: []string{"10.0.0.0/8"}}, with(func(in *Input) { in.Source = netip.MustParseAddr("::ffff:10.9.9.9") }), ""},
		{"IPv4 source written as IPv6", MatchConfig{Source: []string{"::ffff:10.1.2.3"}}, device, ""},
		{"IPv6 source with a zone", MatchConfig{Source: []string{"fe80::/10"}}, with(func(in *Input) { in.Source = netip.MustParseAddr("fe80::1%eth0") }), ""},
		{"all of IPv4 is not IPv6", MatchConfig{Source: []string{"0.0.0.0/0"}}, with(func(in *Input) { in.Source = netip.MustParseAddr("::1") }), keySource},
		{"no source", MatchConfig{Source: []string{"0.0.0.0/0", "::/0"}}, with(func(in *Input) { in.Source = netip.Addr{} }), keySource},

		{"listener", MatchConfig{Listener: []string{"leg*"}}, device, ""},
		{"another listener", MatchConfig{Listener: []string{"tls"}}, device, keyListener},
		{"path, not its query", MatchConfig{Path: []string{"/acs/site"}}, device, ""},
		{"another path", MatchConfig{Path: []string{"/acs"}}, device, keyPath},

		{"all percent", MatchConfig{Percent: new(100.0)}, device, ""},
		{"no percent", MatchConfig{Percent: new(0.0)}, device, keyPercent},

		{"every key must match", MatchConfig{OUI: []string{"00D09E"}, Listener: []string{"tls"}}, device, keyListener},

		{"no Inform: oui", MatchConfig{OUI: []string{"*"}}, with(func(in *Input) { in.Known = false }), keyDevice},
		{"no Inform: product class", MatchConfig{ProductClass: []string{"*"}}, with(func(in *Input) { in.Known = false }), keyDevice},
		{"no Inform: serial", MatchConfig{Serial: []string{"*"}}, with(func(in *Input) { in.Known = false }), keyDevice},
		{"no Inform: software version", MatchConfig{SoftwareVersion: []string{"*"}}, with(func(in *Input) { in.Known = false }), keyDevice},
		{"no Inform: manufacturer", MatchConfig{Manufacturer: []string{"*"}}, with(func(in *Input) { in.Known = false }), keyDevice},
		{"no Inform: percent", MatchConfig{Percent: new(100.0)}, with(func(in *Input) { in.Known = false }), keyDevice},
		{"no Inform: source, listener, path", MatchConfig{Source: []string{"10.0.0.0/8"}, Listener: []string{"legacy"}, Path: []string{"/acs/*"}},
			with(func(in *Input) { in.Known = false }), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Config{ACS: []ACSConfig{{Name: "a"}}, Routes: []RouteConfig{{Name: "r", ACS: "a", Match: test.match}, {ACS: "a"}}}
			c.SetDefaults()
			for _, problem := range problems(c) {
				if !strings.HasPrefix(problem, "routes[1]: ") { // never reached, where the match is empty
					t.Fatal(problem)
				}
			}
			m := newMatcher("r", test.match)
			test.in.normalise()
			if got := m.mismatch(&test.in); got != test.want {
				t.Errorf("not met: %q, want %q", got, test.want)
			}
		})
	}
}

// The oracle of FuzzFirstMatch reads the rules as config.go documents them, in
// the plainest way: globs by regular expressions, ranges by arithmetic.

func plainGlob(pattern, s string, fold bool) bool {
	expression := regexp.QuoteMeta(pattern)
	expression = strings.ReplaceAll(strings.ReplaceAll(expression, `\*`, `.*`), `\?`, `.`)
	flags := "(?s)"
	if fold {
		flags = "(?si)"
	}
	return regexp.MustCompile(flags + "^" + expression + "$").MatchString(s)
}

func plainSerial(entry, serial string) bool {
	if !strings.Contains(entry, "-") || strings.ContainsAny(entry, "*?") {
		return plainGlob(entry, serial, false)
	}
	first, last := entry[:len(entry)/2], entry[len(entry)/2+1:]
	return bigRange(first, last, serial)
}

func plainSource(entry string, source netip.Addr) bool {
	if !strings.Contains(entry, "/") {
		return net.ParseIP(entry).Equal(net.ParseIP(source.WithZone("").String()))
	}
	_, network, err := net.ParseCIDR(entry)
	return err == nil && source.IsValid() && network.Contains(source.Unmap().WithZone("").AsSlice())
}

func plainShare(rule string, id cwmp.DeviceID, percent float64) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(rule + "\x00" + id.OUI + "\x00" + id.ProductClass + "\x00" + id.SerialNumber))
	point := new(big.Float).SetUint64(mix(h.Sum64()) >> 11)
	return point.Cmp(big.NewFloat(percent/100*(1<<53))) < 0
}

func plainMatch(c RouteConfig, in Input) bool {
	m := c.Match
	anyOf := func(entries []string, value string) bool {
		for _, e := range entries {
			if plainGlob(e, value, true) {
				return true
			}
		}
		return len(entries) == 0
	}
	asked := len(m.OUI) + len(m.ProductClass) + len(m.Serial) + len(m.SoftwareVersion) + len(m.Manufacturer)
	if (asked > 0 || m.Percent != nil) && !in.Known {
		return false
	}
	serial, source := len(m.Serial) == 0, len(m.Source) == 0
	for _, e := range m.Serial {
		serial = serial || plainSerial(e, in.Device.SerialNumber)
	}
	for _, e := range m.Source {
		source = source || plainSource(e, in.Source)
	}
	path, _, _ := strings.Cut(in.Path, "?")
	return serial && source && anyOf(m.OUI, in.Device.OUI) && anyOf(m.ProductClass, in.Device.ProductClass) &&
		anyOf(m.SoftwareVersion, in.SoftwareVersion) && anyOf(m.Manufacturer, in.Device.Manufacturer) &&
		anyOf(m.Listener, in.Listener) && anyOf(m.Path, path) &&
		(m.Percent == nil || plainShare(c.Name, in.Device, *m.Percent))
}

func plainFirst(routes []RouteConfig, in Input) int {
	for i, r := range routes {
		if plainMatch(r, in) {
			return i
		}
	}
	return -1
}

// some returns up to three of the words, most often none.
func some(r *rand.Rand, words ...string) []string {
	if r.IntN(3) > 0 {
		return nil
	}
	var out []string
	for range 1 + r.IntN(3) {
		out = append(out, words[r.IntN(len(words))])
	}
	return out
}

func randomConfig(r *rand.Rand) Config {
	c := Config{ACS: []ACSConfig{{Name: "north", Backup: "south"}, {Name: "south", Backup: "north"}, {Name: "lab"}}}
	names := []string{"north", "south", "lab"}
	for i := range r.IntN(6) {
		route := RouteConfig{Name: string(rune('a' + i)), ACS: names[r.IntN(3)], Assigned: r.IntN(3) == 0, Match: MatchConfig{
			OUI:             some(r, "00D09E", "00D0*", "A1B2C3", "*", "ZZ-TOP", ""),
			ProductClass:    some(r, "HG*", "hg532?", "VR9", "*e", ""),
			Serial:          some(r, "SN1*", "SN2000-SN2999", "SN2500", "100-199", "*0", "a?c", "SN-1-SN-5"),
			SoftwareVersion: some(r, "V1.*", "v2.0", "*"),
			Manufacturer:    some(r, "acme*", "Foo, Inc."),
			Source:          some(r, "10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0", "::/0"),
			Listener:        some(r, "tls", "legacy", "l*"),
			Path:            some(r, "/acs", "/acs/*", "*"),
		}}
		if r.IntN(4) == 0 {
			route.Match.Percent = new(float64(r.IntN(101)))
		}
		if !covers(route.Match, MatchConfig{}) { // the next would be refused as never reached
			c.Routes = append(c.Routes, route)
		}
	}
	c.Routes = append(c.Routes, RouteConfig{Name: "rest", ACS: names[r.IntN(3)]})
	return c
}

func randomInput(r *rand.Rand) Input {
	one := func(words ...string) string { return words[r.IntN(len(words))] }
	sources := []netip.Addr{{}, netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::ffff:10.9.9.9"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::5")}
	return Input{
		Known: r.IntN(8) > 0,
		Device: cwmp.DeviceID{
			Manufacturer: one("Acme", "ACME Corp", "Foo, Inc.", ""), OUI: one("00D09E", "00D0FF", "A1B2C3", "ZZ-TOP", ""),
			ProductClass: one("HG532e", "hg532X", "VR9", ""),
			SerialNumber: one("SN1234", "SN2500", "SN2999", "SN3000", "150", "abc", "a-c", "SN-3", "SN-30", "", "SN 2500", "100"),
		},
		SoftwareVersion: one("V1.2", "V2.0", ""),
		Source:          sources[r.IntN(len(sources))],
		Listener:        one("tls", "legacy", "plain"),
		Path:            one("/acs", "/acs/1?x=/y", "/", ""),
		Assigned:        one("", "north", "south", "lab", "gone"),
		Current:         one("", "north", "south", "lab", "gone"),
		Moved:           one("", "", "", "north", "south", "gone"),
		MovedBy:         "swap",
	}
}

// FuzzFirstMatch compares the rule that Decide finds with that of the oracle.
func FuzzFirstMatch(f *testing.F) {
	for seed := range uint64(2000) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := randomConfig(r)
		p, err := Compile(c)
		if err != nil {
			if !strings.Contains(err.Error(), "is never reached") {
				t.Fatal(err)
			}
			return
		}
		for range 20 {
			in := randomInput(r)
			want := c.Routes[plainFirst(c.Routes, in)]
			got := p.Decide(in, nil)
			home := want.ACS
			if _, exists := p.acs[in.Assigned]; exists && want.Assigned && in.Known {
				home = in.Assigned
			}
			if _, exists := p.acs[in.Moved]; exists && in.Known {
				home = in.Moved
			}
			if got.Rule != want.Name || got.Home != home || got.ACS != home {
				t.Fatalf("rule %q, home %q, ACS %q; want rule %q, home %q\nrules %+v\nsession %+v",
					got.Rule, got.Home, got.ACS, want.Name, home, c.Routes, in)
			}
		}
	})
}

// FuzzMatchEntries feeds entries and values of any form: what Validate lets
// pass must compile and match as documented.
func FuzzMatchEntries(f *testing.F) {
	f.Add("SN2000-SN2999", "SN2500", "hg*", "HG532", "10.0.0.0/8", "/acs")
	f.Add("a?c", "a-c", "", "", "::1", "*")
	f.Add("*", "\xff", "?", "\u00e9", "10.1.2.3", "/\u212a")
	f.Fuzz(func(t *testing.T, serial, theirSerial, class, theirClass, source, path string) {
		c := Config{
			ACS: []ACSConfig{{Name: "a"}, {Name: "b"}},
			Routes: []RouteConfig{
				{Name: "r", ACS: "b", Match: MatchConfig{Serial: []string{serial}, ProductClass: []string{class}, Source: []string{source}, Path: []string{path}}},
				{Name: "rest", ACS: "a"},
			},
		}
		p, err := Compile(c)
		if err != nil {
			return
		}
		in := Input{Known: true, Source: netip.MustParseAddr("10.1.2.3"), Path: "/acs"}
		in.Device.SerialNumber, in.Device.ProductClass = theirSerial, theirClass
		d := p.Decide(in, nil)
		if want := plainFirst(c.Routes, in); d.Rule != c.Routes[want].Name {
			t.Fatalf("rule %q, want %q", d.Rule, c.Routes[want].Name)
		}
		if steps := p.Explain(in, nil); steps[0].Result == Match != (d.Rule == "r") {
			t.Fatalf("decision %+v explained by %+v", d, steps)
		}
	})
}
