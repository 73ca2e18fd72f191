package policy

import (
	"net/netip"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// SelectorConfig says which devices a campaign takes. All keys that are given
// must match, each by any one of its entries, written as in MatchConfig.
type SelectorConfig struct {
	OUI             []string `yaml:"oui"`
	ProductClass    []string `yaml:"product_class"`
	Serial          []string `yaml:"serial"`
	SoftwareVersion []string `yaml:"software_version"`
	Manufacturer    []string `yaml:"manufacturer"`
	Source          []string `yaml:"source"`
	// ACS are names of ACSs; a device matches with the one that accepted its last
	// Inform, or, before there is one, with the one that its rule names.
	ACS []string `yaml:"acs"`
	// Percent takes that share of devices, as a rule of the campaign's name does:
	// the same devices as that rule.
	Percent *float64 `yaml:"percent"`
	// Devices lists devices one by one, as OUI-ProductClass-Serial or OUI-Serial.
	Devices []string `yaml:"devices"`
}

// SelectorInput is what is known of a device that a campaign may take.
type SelectorInput struct {
	Device          cwmp.DeviceID
	SoftwareVersion string
	Source          netip.Addr // of its last session
	Current         string     // the ACS that accepted its last Inform, "" when unknown
	Home            string     // the ACS that its rule or assignment names
}
