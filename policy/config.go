package policy

import (
	"strconv"
	"time"
)

// Values of FailoverConfig.Mode and FailoverConfig.Return.
const (
	ModeRoute    = "route"
	ModeRewrite  = "rewrite"
	ReturnAuto   = "auto"
	ReturnManual = "manual"
)

// Values of ProbeConfig.Type.
const (
	ProbeTCP  = "tcp"
	ProbeHTTP = "http"
	ProbeCWMP = "cwmp"
	ProbeOff  = "off"
)

// Config is all that the policy is configured with.
type Config struct {
	ACS []ACSConfig
	// Routes may be empty when there is one ACS, which then takes every session.
	Routes []RouteConfig
}

// ACSConfig is what the policy must know of one ACS. The proxy's half of the
// same `acs` entry, how to reach it, is proxy.UpstreamConfig.
type ACSConfig struct {
	Name string `yaml:"name"`
	// Backup is the name of the ACS that takes over when this one is down. Two
	// ACSs may be each other's. The backup's own backup is never asked: sessions
	// move one step, not around a ring.
	Backup   string         `yaml:"backup"`
	Failover FailoverConfig `yaml:"failover"` // how
	Probe    ProbeConfig    `yaml:"probe"`
}

// FailoverConfig says how the sessions of an ACS that is down reach its backup.
type FailoverConfig struct {
	// Mode is route (default): the URL on the CPE never changes; or rewrite: it is
	// also set to the backup's in the sessions that the backup serves, and set back
	// afterwards.
	Mode string `yaml:"mode"`
	// Return is how sessions come back once the ACS is up: "auto" (default) or
	// "manual", which keeps them on the backup until the gateway is told, or
	// until the backup itself is down.
	Return string `yaml:"return"`
	// ReturnPerSecond limits how many devices a second return to an ACS that
	// recovers; 0 means no limit.
	ReturnPerSecond float64 `yaml:"return_per_second"`
	// RatePerSecond, Canary and Criteria are of ModeRewrite: how many devices a
	// second are begun with, 0 for the rate of campaigns that do not say; how many
	// percent of them come first, 0 for none; and what each step must show. Where
	// these fail, URLs are rewritten no further in this outage, or set back, while
	// sessions stay with the backup.
	RatePerSecond float64  `yaml:"rate_per_second"`
	Canary        float64  `yaml:"canary"`
	Criteria      Criteria `yaml:"criteria"`
}

// ProbeConfig drives an ACS's health: active probes and their thresholds. The
// thresholds hold for what sessions show as well, also where Type is "off".
type ProbeConfig struct {
	Type string `yaml:"type"` // tcp (default), http, cwmp, off
	// Interval is the time from probe to probe. Sessions that fail count no
	// faster than probes could, Fall times in it; and where Type is "off", one
	// session in each tries whether an ACS that is down is back.
	Interval time.Duration `yaml:"interval"`
	Timeout  time.Duration `yaml:"timeout"` // of a probe
	Fall     int           `yaml:"fall"`    // failures in a row until Down, of probes or of sessions
	Rise     int           `yaml:"rise"`    // successes in a row until Up again
	// Hold is the least time that an ACS stays Down, against flapping. It
	// doubles each time that the ACS is Down again soon after it was Up.
	Hold time.Duration `yaml:"hold"`
}

// RouteConfig is one routing rule; the first that matches wins.
type RouteConfig struct {
	Name string `yaml:"name"` // default "routes[N]"
	// Match selects sessions; an empty match takes every one.
	Match MatchConfig `yaml:"match"`
	ACS   string      `yaml:"acs"`
	// Assigned sends a device to the ACS recorded for it in the registry, if
	// there is one; ACS is then where devices without a record go.
	Assigned bool `yaml:"assigned"`
}

// MatchConfig selects sessions. All keys that are given must match, each by
// any one of its entries. Text entries are globs (* and ?), compared without
// regard to case except for serial numbers. Keys that speak of the device never
// match a session whose Inform could not be read; source, listener and path do.
type MatchConfig struct {
	OUI             []string `yaml:"oui"`
	ProductClass    []string `yaml:"product_class"`
	Serial          []string `yaml:"serial"` // globs, or ranges "SN2000-SN2999"
	SoftwareVersion []string `yaml:"software_version"`
	Manufacturer    []string `yaml:"manufacturer"`
	Source          []string `yaml:"source"` // CIDR networks or addresses
	Listener        []string `yaml:"listener"`
	Path            []string `yaml:"path"` // of the CPE's request, without the query
	// Percent takes that share of devices, by a stable hash of the identity
	// and the rule's name: raising it only ever adds devices. 0 takes none; nil
	// takes all.
	Percent *float64 `yaml:"percent"`
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	for i := range c.ACS {
		c.ACS[i].SetDefaults()
	}
	for i := range c.Routes {
		orDefault(&c.Routes[i].Name, defaultRuleName(i))
	}
}

// SetDefaults fills in what the file leaves out.
func (c *ACSConfig) SetDefaults() {
	c.Failover.SetDefaults()
	c.Probe.SetDefaults()
}

// SetDefaults fills in what the file leaves out.
func (c *FailoverConfig) SetDefaults() {
	orDefault(&c.Mode, ModeRoute)
	orDefault(&c.Return, ReturnAuto)
	c.Criteria.SetDefaults()
}

// SetDefaults fills in what the file leaves out.
func (c *ProbeConfig) SetDefaults() {
	orDefault(&c.Type, ProbeTCP)
	orDefault(&c.Interval, 5*time.Second)
	// An interval shorter than the usual timeout says how long to wait as well.
	orDefault(&c.Timeout, max(min(2*time.Second, c.Interval), time.Millisecond))
	orDefault(&c.Fall, 3)
	orDefault(&c.Rise, 2)
	orDefault(&c.Hold, 30*time.Second)
}

// defaultRuleName is the name of a rule that has none. It names the place of
// the rule in the file, as problems do.
func defaultRuleName(i int) string { return "routes[" + strconv.Itoa(i) + "]" }

func orDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}
