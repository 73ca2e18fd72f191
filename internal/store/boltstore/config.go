package boltstore

import "time"

// Config is the `store.bolt` section.
type Config struct {
	// Path of the file; a relative one is inside data_dir.
	Path string `yaml:"path"`
	// LockTimeout is how long to wait for another process, such as the one that
	// is being replaced, to let go of the file.
	LockTimeout time.Duration `yaml:"lock_timeout"`
}

// SetDefaults fills in what the configuration leaves out.
func (c *Config) SetDefaults() {
	if c.Path == "" {
		c.Path = "acsgate.db"
	}
	if c.LockTimeout == 0 {
		c.LockTimeout = 2 * time.Second
	}
}

// Validate reports every problem of the section.
func (c *Config) Validate(report func(key, value, problem string)) {
	if c.Path == "" {
		report("path", "", "is empty: name the file, such as acsgate.db")
	}
	if c.LockTimeout < 0 {
		report("lock_timeout", c.LockTimeout.String(), "must not be negative")
	}
}
