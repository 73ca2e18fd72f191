package policy

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// validConfig has no problem: each case of TestValidate breaks one thing.
func validConfig() Config {
	c := Config{
		ACS: []ACSConfig{
			{Name: "north", Backup: "south"},
			{Name: "south", Backup: "north", Failover: FailoverConfig{Return: ReturnManual, ReturnPerSecond: 0.5}},
			{Name: "lab", Probe: ProbeConfig{Type: ProbeOff}},
		},
		Routes: []RouteConfig{
			{Name: "pilot", ACS: "south", Match: MatchConfig{
				OUI: []string{"00D09E", "a1:b2:c3", "00-D0-*", "NON-HEX", ""}, ProductClass: []string{"HG*", ""},
				Serial: []string{"SN1*", "SN2000-SN2999", "A-1-000-A-1-999", "SN?1234"}, SoftwareVersion: []string{"V1.?"},
				Manufacturer: []string{"Foo, Inc."}, Source: []string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"},
				Listener: []string{"tls"}, Path: []string{"/acs/*", "*"}, Percent: new(5.0),
			}},
			{Name: "recorded", ACS: "north", Assigned: true, Match: MatchConfig{Listener: []string{"plain"}}},
			{ACS: "north"},
		},
	}
	c.SetDefaults()
	return c
}

// problems returns what Validate reports, one line each.
func problems(c Config) []string {
	var out []string
	c.Validate(func(key, value, problem string) { out = append(out, fmt.Sprintf("%s: %q %s", key, value, problem)) })
	return out
}

func TestValidate_NoProblem(t *testing.T) {
	for name, c := range map[string]Config{
		"full":                       validConfig(),
		"one ACS, no routes":         {ACS: []ACSConfig{{Name: "only"}}},
		"a match that differs":       {ACS: []ACSConfig{{Name: "a"}}, Routes: []RouteConfig{{ACS: "a", Match: MatchConfig{OUI: []string{"00D09E"}}}, {ACS: "a", Match: MatchConfig{OUI: []string{"00D09E", "00D09F"}}}, {ACS: "a"}}},
		"shares of the same percent": {ACS: []ACSConfig{{Name: "a"}}, Routes: []RouteConfig{{Name: "x", ACS: "a", Match: MatchConfig{Percent: new(50.0)}}, {Name: "y", ACS: "a", Match: MatchConfig{Percent: new(50.0)}}, {ACS: "a"}}},
		"percent 0 and 100":          {ACS: []ACSConfig{{Name: "a"}}, Routes: []RouteConfig{{Name: "x", ACS: "a", Match: MatchConfig{Percent: new(0.0)}}, {Name: "y", ACS: "a", Match: MatchConfig{Percent: new(100.0)}}, {ACS: "a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.SetDefaults()
			if got := problems(c); len(got) > 0 {
				t.Errorf("problems in a valid configuration:\n%s", strings.Join(got, "\n"))
			}
			if _, err := Compile(c); err != nil {
				t.Errorf("Compile: %v", err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	match := func(change func(*MatchConfig)) func(*Config) {
		return func(c *Config) { change(&c.Routes[0].Match) }
	}
	probe := func(change func(*ProbeConfig)) func(*Config) {
		return func(c *Config) { change(&c.ACS[0].Probe) }
	}
	for _, test := range []struct {
		name  string
		spoil func(*Config)
		want  []string
	}{
		{"no ACS", func(c *Config) { *c = Config{} },
			[]string{`acs: "" is missing: add a list with at least - {name: main, url: "http://10.0.0.5:7547/"}`}},
		{"ACS without name", func(c *Config) { c.ACS[2].Name = "" },
			[]string{`acs[2].name: "" is missing`}},
		{"ACS with a bad name", func(c *Config) { c.ACS[2].Name = "lab 1" },
			[]string{`acs[2].name: "lab 1" is not a name: use letters, digits, - _ and .`}},
		{"ACS with a long name", func(c *Config) { c.ACS[2].Name = strings.Repeat("x", 65) },
			[]string{`acs[2].name: "` + strings.Repeat("x", 65) + `" is longer than 64 characters`}},
		{"two ACSs of one name", func(c *Config) { c.ACS[2].Name = "north" },
			[]string{`acs[2].name: "north" is also the name of acs[0]`}},
		{"backup of itself", func(c *Config) { c.ACS[0].Backup = "north" },
			[]string{`acs[0].backup: "north" is the ACS itself: name another one (there is south, lab)`}},
		{"unknown backup", func(c *Config) { c.ACS[0].Backup = "suoth" },
			[]string{`acs[0].backup: "suoth" is not the name of an ACS, did you mean "south"? (there is south, lab)`}},
		{"failover by rewriting", func(c *Config) { c.ACS[0].Failover.Mode = "rewrite" }, nil},
		{"unknown failover", func(c *Config) { c.ACS[0].Failover.Mode = "dns" },
			[]string{`acs[0].failover.mode: "dns" is not one of route, rewrite`}},
		{"unknown return", func(c *Config) { c.ACS[0].Failover.Return = "automatic" },
			[]string{`acs[0].failover.return: "automatic" is not one of auto, manual`}},
		{"negative return rate", func(c *Config) { c.ACS[0].Failover.ReturnPerSecond = -1 },
			[]string{`acs[0].failover.return_per_second: "-1" must be at least 0`}},
		{"return rate that is no number", func(c *Config) { c.ACS[0].Failover.ReturnPerSecond = math.NaN() },
			[]string{`acs[0].failover.return_per_second: "NaN" must be at least 0`}},
		{"endless return rate", func(c *Config) { c.ACS[0].Failover.ReturnPerSecond = math.Inf(1) },
			[]string{`acs[0].failover.return_per_second: "+Inf" must be at most 1000000`}},
		{"return without backup", func(c *Config) { c.ACS[1].Backup = "" },
			[]string{`acs[1].failover.return: "manual" has no effect without a backup`,
				`acs[1].failover.return_per_second: "0.5" has no effect without a backup`}},
		{"unknown probe", probe(func(c *ProbeConfig) { c.Type = "ping" }),
			[]string{`acs[0].probe.type: "ping" is not one of tcp, http, cwmp, off`}},
		{"probe interval", probe(func(c *ProbeConfig) { c.Interval = -time.Second }),
			[]string{`acs[0].probe.interval: "-1s" must be at least 1ms`}},
		{"long probe interval", probe(func(c *ProbeConfig) { c.Interval = 48 * time.Hour }),
			[]string{`acs[0].probe.interval: "48h0m0s" must be at most 24h`}},
		{"probe timeout", probe(func(c *ProbeConfig) { c.Timeout = 0 }),
			[]string{`acs[0].probe.timeout: "0s" must be at least 1ms`}},
		{"probe timeout and interval", probe(func(c *ProbeConfig) { c.Timeout = 6 * time.Second }),
			[]string{`acs[0].probe.timeout: "6s" is longer than the interval, 5s: probes would overtake each other`}},
		{"fall", probe(func(c *ProbeConfig) { c.Fall = 0 }), []string{`acs[0].probe.fall: "0" must be at least 1`}},
		{"rise", probe(func(c *ProbeConfig) { c.Rise = 1001 }), []string{`acs[0].probe.rise: "1001" must be at most 1000`}},
		{"hold", probe(func(c *ProbeConfig) { c.Hold = -1 }), []string{`acs[0].probe.hold: "-1ns" must be at least 1ms`}},

		{"no routes", func(c *Config) { c.Routes = nil },
			[]string{`routes: "" is missing: with several ACSs rules must say which one takes a session, add a last one without match, such as - {acs: north}`}},
		{"no rule for the rest", func(c *Config) { c.Routes = c.Routes[:2] },
			[]string{`routes: "" has no rule for the sessions that none of its rules takes: add a last one without match, such as - {acs: north}`}},
		{"a share of all is not all", func(c *Config) { c.Routes[2].Name = "rest"; c.Routes[2].Match.Percent = new(100.0) },
			[]string{`routes: "" has no rule for the sessions that none of its rules takes: add a last one without match, such as - {acs: north}`}},
		{"after the rule for all", func(c *Config) { c.Routes[0], c.Routes[2] = c.Routes[2], c.Routes[0]; c.Routes[0].Name = "all" },
			[]string{`routes[1]: "" is never reached: routes[0] before it takes every session`,
				`routes[2]: "" is never reached: routes[0] before it takes every session`}},
		{"after a rule that takes more", func(c *Config) {
			c.Routes[0].Match = MatchConfig{OUI: []string{"00D09E", "00D09F"}}
			c.Routes[1].Match = MatchConfig{OUI: []string{"00D09F"}, Listener: []string{"tls"}}
		}, []string{`routes[1]: "" is never reached: routes[0] before it takes all of its sessions`}},
		{"rule without ACS", func(c *Config) { c.Routes[1].ACS = "" },
			[]string{`routes[1].acs: "" is missing (there is north, south, lab)`}},
		{"rule with an unknown ACS", func(c *Config) { c.Routes[1].ACS = "NORHT" },
			[]string{`routes[1].acs: "NORHT" is not the name of an ACS, did you mean "north"? (there is north, south, lab)`}},
		{"rule with an ACS like none", func(c *Config) { c.Routes[1].ACS = "elsewhere" },
			[]string{`routes[1].acs: "elsewhere" is not the name of an ACS (there is north, south, lab)`}},
		{"two rules of one name", func(c *Config) { c.Routes[1].Name = "pilot" },
			[]string{`routes[1].name: "pilot" is also the name of routes[0]`}},
		{"rule name with a line break", func(c *Config) { c.Routes[1].Name = "a\nb" },
			[]string{`routes[1].name: "a\nb" must be printable text without double quotes`}},
		{"rule name too long", func(c *Config) { c.Routes[1].Name = strings.Repeat("x", 65) },
			[]string{`routes[1].name: "` + strings.Repeat("x", 65) + `" is longer than 64 characters`}},
		{"percent of a rule without name", func(c *Config) { c.Routes[0].Name = "routes[0]" },
			[]string{`routes[0].match.percent: "5" needs a rule with a name of its own: the name decides which devices are taken, and must stay when rules are moved`}},
		{"percent too high", match(func(c *MatchConfig) { c.Percent = new(100.1) }),
			[]string{`routes[0].match.percent: "100.1" must be at most 100`}},
		{"percent too low", match(func(c *MatchConfig) { c.Percent = new(-0.1) }),
			[]string{`routes[0].match.percent: "-0.1" must be at least 0`}},
		{"percent that is no number", match(func(c *MatchConfig) { c.Percent = new(math.NaN()) }),
			[]string{`routes[0].match.percent: "NaN" must be at least 0`}},

		{"short OUI", match(func(c *MatchConfig) { c.OUI[1] = "D0:9E" }),
			[]string{`routes[0].match.oui[1]: "D0:9E" is not 6 hexadecimal digits, write "00D09E" or "D09E*"`}},
		{"a MAC address as OUI", match(func(c *MatchConfig) { c.OUI[1] = "00:d0:9e:11:22:33" }),
			[]string{`routes[0].match.oui[1]: "00:d0:9e:11:22:33" is longer than 6 hexadecimal digits, write "00D09E"`}},
		{"reversed range", match(func(c *MatchConfig) { c.Serial[1] = "SN2999-SN2000" }),
			[]string{`routes[0].match.serial[1]: "SN2999-SN2000" is a range that ends before it begins, write "SN2000-SN2999"`}},
		{"range of unequal lengths", match(func(c *MatchConfig) { c.Serial[1] = "SN900-SN1000" }),
			[]string{`routes[0].match.serial[1]: "SN900-SN1000" is a range whose ends differ in their number of digits, write leading zeros or one range for each length; for a serial number with a dash in it write "SN900?SN1000"`}},
		{"range of two prefixes", match(func(c *MatchConfig) { c.Serial[1] = "SN2000-SM2999" }),
			[]string{`routes[0].match.serial[1]: "SN2000-SM2999" is a range whose ends differ in what precedes their digits; for a serial number with a dash in it write "SN2000?SM2999"`}},
		{"range without digits", match(func(c *MatchConfig) { c.Serial[1] = "SN-1234" }),
			[]string{`routes[0].match.serial[1]: "SN-1234" is not a range such as SN2000-SN2999; for a serial number with a dash in it write "SN?1234"`}},
		{"range with blanks", match(func(c *MatchConfig) { c.Serial[1] = "SN1 - SN2" }),
			[]string{`routes[0].match.serial[1]: "SN1 - SN2" is not a range such as SN2000-SN2999; for a serial number with a dash in it write "SN1 ? SN2"`}},
		{"regular expression", match(func(c *MatchConfig) { c.ProductClass[0] = "^HG.*" }),
			[]string{`routes[0].match.product_class[0]: "^HG.*" looks like a regular expression: write a glob, in which * is any text and ? any character`}},
		{"character class", match(func(c *MatchConfig) { c.SoftwareVersion[0] = "V[1-3].*" }),
			[]string{`routes[0].match.software_version[0]: "V[1-3].*" has a character class, which globs here do not know: write ? for any character, or an entry for each`}},
		{"control character", match(func(c *MatchConfig) { c.Manufacturer[0] = "A\tB" }),
			[]string{`routes[0].match.manufacturer[0]: "A\tB" must be printable text`}},
		{"not a network", match(func(c *MatchConfig) { c.Source[0] = "10.0.0.0/33" }),
			[]string{`routes[0].match.source[0]: "10.0.0.0/33" is not an address or a network such as 10.0.0.0/8`}},
		{"host bits", match(func(c *MatchConfig) { c.Source[0] = "10.1.2.3/8" }),
			[]string{`routes[0].match.source[0]: "10.1.2.3/8" has bits beyond its length, write "10.0.0.0/8" for the network or "10.1.2.3" for the address`}},
		{"zone", match(func(c *MatchConfig) { c.Source[0] = "fe80::1%eth0" }),
			[]string{`routes[0].match.source[0]: "fe80::1%eth0" must not have a zone, write "fe80::1"`}},
		{"IPv4 in IPv6", match(func(c *MatchConfig) { c.Source[0] = "::ffff:10.0.0.0/104" }),
			[]string{`routes[0].match.source[0]: "::ffff:10.0.0.0/104" is an IPv4 network in IPv6 form: write it as IPv4`}},
		{"empty listener", match(func(c *MatchConfig) { c.Listener[0] = "" }),
			[]string{`routes[0].match.listener[0]: "" is empty: name a listener`}},
		{"path", match(func(c *MatchConfig) { c.Path[0] = "acs" }),
			[]string{`routes[0].match.path[0]: "acs" is not a path: it must begin with / or *`}},

		{"all at once", func(c *Config) { c.ACS[0].Backup = "x"; c.ACS[1].Probe.Fall = -1; c.Routes[0].ACS = "y" },
			[]string{`acs[0].backup: "x" is not the name of an ACS (there is south, lab)`,
				`acs[1].probe.fall: "-1" must be at least 1`,
				`routes[0].acs: "y" is not the name of an ACS (there is north, south, lab)`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := validConfig()
			test.spoil(&c)
			if diff := cmp.Diff(test.want, problems(c)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidate_LongListOfNamesIsCut(t *testing.T) {
	c := Config{Routes: []RouteConfig{{ACS: "nowhere"}}}
	for i := range 13 {
		c.ACS = append(c.ACS, ACSConfig{Name: fmt.Sprintf("acs-%d", i)})
	}
	c.SetDefaults()
	want := `routes[0].acs: "nowhere" is not the name of an ACS (there is acs-0, acs-1, acs-2, acs-3, acs-4, acs-5, acs-6, acs-7, acs-8, acs-9 and 3 more)`
	if got := problems(c); len(got) != 1 || got[0] != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSetDefaults(t *testing.T) {
	c := Config{
		ACS: []ACSConfig{
			{Name: "a"},
			{Name: "b", Probe: ProbeConfig{Interval: time.Second, Fall: 1}},
		},
		Routes: []RouteConfig{{Name: "x", ACS: "a"}, {ACS: "b"}},
	}
	c.SetDefaults()
	usual := Criteria{FaultRate: new(5.0), Within: 24 * time.Hour, MinSample: 10, OnFailure: "halt"}
	want := Config{
		ACS: []ACSConfig{
			{Name: "a", Failover: FailoverConfig{Mode: "route", Return: "auto", Criteria: usual},
				Probe: ProbeConfig{Type: "tcp", Interval: 5 * time.Second, Timeout: 2 * time.Second, Fall: 3, Rise: 2, Hold: 30 * time.Second}},
			{Name: "b", Failover: FailoverConfig{Mode: "route", Return: "auto", Criteria: usual},
				Probe: ProbeConfig{Type: "tcp", Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 2, Hold: 30 * time.Second}},
		},
		Routes: []RouteConfig{{Name: "x", ACS: "a"}, {Name: "routes[1]", ACS: "b"}},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestCompile_ReportsAllProblemsAndKeepsNothing(t *testing.T) {
	c := validConfig()
	c.ACS[0].Backup, c.Routes[0].ACS = "x", "y"
	_, err := Compile(c)
	if err == nil || !strings.Contains(err.Error(), "acs[0].backup") || !strings.Contains(err.Error(), "routes[0].acs") {
		t.Errorf("Compile: %v; want both problems", err)
	}

	good := Config{ACS: []ACSConfig{{Name: "a"}, {Name: "b"}},
		Routes: []RouteConfig{{ACS: "a", Match: MatchConfig{ProductClass: []string{"HG*"}}}, {ACS: "b"}}}
	p, err := Compile(good)
	if err != nil {
		t.Fatal(err)
	}
	if good.Routes[0].Name != "" || good.ACS[0].Probe.Fall != 0 {
		t.Error("Compile filled in the defaults of the caller's configuration")
	}
	good.Routes[0].Match.ProductClass[0] = "*"
	in := Input{Known: true}
	in.Device.ProductClass = "other"
	if d := p.Decide(in, nil); d.ACS != "b" {
		t.Errorf("a change of the configuration after Compile changed a decision: %+v", d)
	}
}
