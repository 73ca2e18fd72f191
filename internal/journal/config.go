package journal

import (
	"github.com/acsgate/acsgate/internal/bytesize"
)

// Config is the `journal` section.
type Config struct {
	// Memory is for the timelines of all devices together.
	Memory bytesize.Size `yaml:"memory"`
	// Replay is for the last events of all kinds, which slow readers and those that
	// come back are given.
	Replay bytesize.Size `yaml:"replay"`
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.Memory == 0 {
		c.Memory = 128 * bytesize.MB
	}
	if c.Replay == 0 {
		c.Replay = 16 * bytesize.MB
	}
}

// Validate reports every problem. Defaults must be filled in.
func (c *Config) Validate(report func(key, value, problem string)) {
	within := func(key string, value, least, most bytesize.Size) {
		if value < least || value > most {
			report(key, value.String(), "must be from "+least.String()+" to "+most.String())
		}
	}
	within("memory", c.Memory, leastMemory, mostMemory)
	within("replay", c.Replay, leastReplay, mostReplay)
}

const (
	leastMemory = bytesize.MB
	mostMemory  = 64 * bytesize.GB
	leastReplay = bytesize.MB
	mostReplay  = 4 * bytesize.GB
)
