package provision

import (
	"time"

	"github.com/acsgate/acsgate/policy"
)

// Config is the `stun_provisioning` section.
type Config struct {
	// Enabled switches STUN on where Match says; without it the gateway takes back
	// what it has set before.
	Enabled bool  `yaml:"enabled"`
	Match   Match `yaml:"match"`
	// Always takes CPEs that are behind no NAT too.
	Always bool `yaml:"always"`
	// Server is what CPEs are given as STUNServerAddress; empty means the address
	// of the first entry of stun.listen.
	Server string `yaml:"server"`
	// Port is their STUNServerPort; 0 means that of the first entry of stun.listen.
	Port int `yaml:"port"`
	// Username is their STUNUsername, a template with {oui}, {product_class} and
	// {serial}.
	Username string `yaml:"username"`
	// MinKeepAlive and MaxKeepAlive are from 10s to 1h, and are given in seconds.
	MinKeepAlive time.Duration `yaml:"min_keep_alive"`
	MaxKeepAlive time.Duration `yaml:"max_keep_alive"`
	// Notify asks for active notification of UDPConnectionRequestAddress.
	Notify bool `yaml:"notify"`
	// Head acts at the beginning of a session, before the ACS does, and not at its
	// end.
	Head bool `yaml:"head"`
	// Generation is raised to have everything set anew, with other passwords.
	Generation int `yaml:"generation"`
}

// Match says which CPEs are given STUN. All keys that are given must match, each
// by any one of its entries, written as in a route's match.
type Match struct {
	OUI             []string `yaml:"oui"`
	ProductClass    []string `yaml:"product_class"`
	Serial          []string `yaml:"serial"`
	SoftwareVersion []string `yaml:"software_version"`
	Manufacturer    []string `yaml:"manufacturer"`
	Source          []string `yaml:"source"`
	// Percent takes that share of devices: raising it only ever adds some.
	Percent *float64 `yaml:"percent"`
}

func (m *Match) selector() policy.SelectorConfig {
	return policy.SelectorConfig{
		OUI: m.OUI, ProductClass: m.ProductClass, Serial: m.Serial, SoftwareVersion: m.SoftwareVersion,
		Manufacturer: m.Manufacturer, Source: m.Source, Percent: m.Percent,
	}
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.Username == "" {
		c.Username = "{oui}-{serial}"
	}
	if c.MinKeepAlive == 0 {
		c.MinKeepAlive = 30 * time.Second
	}
	if c.MaxKeepAlive == 0 {
		c.MaxKeepAlive = 30 * time.Second
	}
	if !c.Notify {
		c.Notify = true
	}
}
