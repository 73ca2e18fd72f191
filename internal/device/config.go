package device

import (
	"strconv"
	"time"
)

// Config is the `devices` section.
type Config struct {
	// FlushInterval is how often what was learned of devices is written to the
	// store; a crash loses at most that much.
	FlushInterval time.Duration `yaml:"flush_interval"`
	// MaxDevices bounds the registry. Devices beyond it are served, but not
	// recorded.
	MaxDevices int `yaml:"max_devices"`
}

// mostDevices is what the packed records can number.
const mostDevices = 100_000_000

// SetDefaults fills in what the configuration leaves out.
func (c *Config) SetDefaults() {
	if c.FlushInterval == 0 {
		c.FlushInterval = time.Second
	}
	if c.MaxDevices == 0 {
		c.MaxDevices = 2_000_000
	}
}

// Validate reports every problem of the section.
func (c *Config) Validate(report func(key, value, problem string)) {
	if c.FlushInterval < 10*time.Millisecond || c.FlushInterval > time.Minute {
		report("flush_interval", c.FlushInterval.String(), "must be from 10ms to 1m")
	}
	if c.MaxDevices < 1 || c.MaxDevices > mostDevices {
		report("max_devices", strconv.Itoa(c.MaxDevices), "must be from 1 to "+strconv.Itoa(mostDevices))
	}
}
