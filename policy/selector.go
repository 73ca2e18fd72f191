package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// SelectorConfig says which devices a campaign takes. All keys that are given
// must match, each by any one of its entries, written as in MatchConfig.
type SelectorConfig struct {
	OUI             []string `yaml:"oui" json:"oui,omitempty"`
	ProductClass    []string `yaml:"product_class" json:"product_class,omitempty"`
	Serial          []string `yaml:"serial" json:"serial,omitempty"`
	SoftwareVersion []string `yaml:"software_version" json:"software_version,omitempty"`
	Manufacturer    []string `yaml:"manufacturer" json:"manufacturer,omitempty"`
	Source          []string `yaml:"source" json:"source,omitempty"`
	// ACS are names of ACSs: those that accepted the device's last Inform, or,
	// for a device that none has, those that its rule or assignment names.
	ACS []string `yaml:"acs" json:"acs,omitempty"`
	// Percent takes that share of devices, the same ones as a rule with the
	// campaign's name does: raising it only ever adds devices.
	Percent *float64 `yaml:"percent" json:"percent,omitempty"`
	// Devices lists devices one by one, as OUI-ProductClass-Serial or OUI-Serial.
	// Nil asks for no list; one that is there and empty takes no device, and must
	// not be lost in a record.
	Devices []string `yaml:"devices" json:"devices"`
}

// SelectorInput is what is known of a device that a campaign may take.
type SelectorInput struct {
	Device          cwmp.DeviceID
	SoftwareVersion string
	Source          netip.Addr // of its last session
	Current         string     // the ACS that accepted its last Inform, "" when unknown
	Home            string     // the ACS that its rule or assignment names
}

// Keys of a selector beyond those of a match.
const (
	keyACS     = "acs"
	keyDevices = "devices"
)

// Selector is a SelectorConfig made ready. It is immutable and safe for
// concurrent use.
type Selector struct {
	rule   rule // all that a routing rule can ask for
	acs    []string
	listed *deviceList
}

// CompileSelector makes the selector of a campaign. The error names every
// problem: entries that no device can match, ACSs that are not among those
// given, devices that are not written as such.
func CompileSelector(campaign string, c SelectorConfig, acs []string) (*Selector, error) {
	var problems []error
	r := reporter(func(key, value, problem string) {
		problems = append(problems, fmt.Errorf("%s: %q %s", key, value, problem))
	})
	m := c.match()
	m.validate(r)
	for i, name := range c.ACS {
		r.acs(keyACS+"["+strconv.Itoa(i)+"]", name, acs)
	}
	listed, err := newDeviceList(c.Devices)
	if err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &Selector{
		rule:   rule{name: campaign, matcher: newMatcher(campaign, m), config: m},
		acs:    slices.Clone(c.ACS),
		listed: listed,
	}, nil
}

// Validate reports every problem of what a routing rule can ask for as well. ACSs
// and listed devices are judged by CompileSelector.
func (c *SelectorConfig) Validate(report func(key, value, problem string)) {
	m := c.match()
	m.validate(report)
}

// match returns what of the selector a routing rule can ask for as well.
func (c *SelectorConfig) match() MatchConfig {
	return MatchConfig{
		OUI: c.OUI, ProductClass: c.ProductClass, Serial: c.Serial, SoftwareVersion: c.SoftwareVersion,
		Manufacturer: c.Manufacturer, Source: c.Source, Percent: c.Percent,
	}
}

// Matches tells whether the campaign takes a device, and why.
func (s *Selector) Matches(in SelectorInput) (taken bool, why string) {
	i := in.input()
	at := in.at()
	switch key := s.mismatch(&i, at); key {
	case "":
		return true, s.because(&i, at)
	case keyACS:
		return false, keyACS + " " + strconv.Quote(at) + " is " + noneOf(s.acs)
	case keyDevices:
		return false, "is not among the " + strconv.Itoa(s.listed.len()) + " devices listed"
	default:
		return false, s.rule.misses(&i, key)
	}
}

// Takes is Matches without the reason, which costs more than the answer.
func (s *Selector) Takes(in SelectorInput) bool {
	i := in.input()
	return s.mismatch(&i, in.at()) == ""
}

// at is the ACS that the device belongs to.
func (in *SelectorInput) at() string {
	if in.Current != "" {
		return in.Current
	}
	return in.Home
}

// input returns the device as rules see one.
func (in *SelectorInput) input() Input {
	i := Input{Known: true, Device: in.Device, SoftwareVersion: in.SoftwareVersion, Source: in.Source}
	i.normalise()
	return i
}

// mismatch returns the first key that a device does not meet, "" when it is
// taken.
func (s *Selector) mismatch(in *Input, at string) string {
	switch {
	case len(s.acs) > 0 && !slices.Contains(s.acs, at):
		return keyACS
	case !s.listed.has(in.Device.Key()):
		return keyDevices
	}
	return s.rule.matcher.mismatch(in)
}

// because says what of the selector a device meets.
func (s *Selector) because(in *Input, at string) string {
	var met []string
	if len(s.acs) > 0 {
		met = append(met, keyACS+" "+strconv.Quote(at))
	}
	if s.listed != nil {
		met = append(met, "is listed")
	}
	if text := s.rule.matches(in); text != takesEvery || len(met) == 0 {
		met = append(met, text)
	}
	return strings.Join(met, ", ")
}
