package campaign

import "time"

// Config bounds an engine. The zero value means the defaults.
type Config struct {
	MaxCampaigns  int           `yaml:"max_campaigns"`   // that are kept, finished ones included
	MaxDevices    int           `yaml:"max_devices"`     // of all campaigns together
	RatePerSecond float64       `yaml:"rate_per_second"` // of campaigns that do not say
	ArriveWithin  time.Duration `yaml:"arrive_within"`   // of campaigns that do not say
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.MaxCampaigns == 0 {
		c.MaxCampaigns = 1000
	}
	if c.MaxDevices == 0 {
		c.MaxDevices = 2_000_000
	}
	if c.RatePerSecond == 0 {
		c.RatePerSecond = 50
	}
	if c.ArriveWithin == 0 {
		c.ArriveWithin = 30 * time.Minute
	}
}
