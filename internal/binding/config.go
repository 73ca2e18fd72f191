package binding

import "strconv"

// Config is the `bindings` section.
type Config struct {
	// Usernames are templates of the STUN user names that devices are given, with
	// {oui}, {product_class} and {serial}; a packet that names such a user is of
	// that device. Default: "{oui}-{product_class}-{serial}" and "{oui}-{serial}".
	// Names that an ACS was seen to set count too.
	Usernames []string `yaml:"usernames"`
	// AcceptUncorroborated lets a binding be used to which nothing but a user name
	// in a packet ties a device. Anybody who knows the name could then have the
	// device's Connection Requests sent to himself.
	AcceptUncorroborated bool `yaml:"accept_uncorroborated"`
	// Max bounds the bindings that are kept; default 2,000,000.
	Max int `yaml:"max"`
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.Usernames == nil {
		c.Usernames = []string{"{oui}-{product_class}-{serial}", "{oui}-{serial}"}
	}
	if c.Max == 0 {
		c.Max = 2_000_000
	}
}

// mostDevices is what the packed records can number.
const mostDevices = 16_000_000

// Validate reports every problem of the section.
func (c *Config) Validate(report func(key, value, problem string)) {
	if len(c.Usernames) > maxTemplates {
		report("usernames", strconv.Itoa(len(c.Usernames))+" templates", "must be at most "+strconv.Itoa(maxTemplates))
	}
	for i, s := range c.Usernames {
		if _, err := parseTemplate(s); err != nil {
			report("usernames["+strconv.Itoa(i)+"]", s, err.Error())
		}
	}
	if c.Max < 1 || c.Max > mostDevices {
		report("max", strconv.Itoa(c.Max), "must be from 1 to "+strconv.Itoa(mostDevices))
	}
}
