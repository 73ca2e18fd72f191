package config

import (
	"fmt"
	"reflect"
	"time"

	"github.com/acsgate/acsgate/internal/store/boltstore"
	"github.com/acsgate/acsgate/policy"
)

// defaulter is a section that knows its defaults. They apply to fields that are
// zero; Parse sees to it that a zero of the file stays one.
type defaulter interface{ SetDefaults() }

// setDefaults fills in what the file leaves out, in all sections.
func (c *Config) setDefaults() {
	walk(reflect.ValueOf(c), "", func(v reflect.Value, _ string) {
		if d, ok := v.Addr().Interface().(defaulter); ok {
			d.SetDefaults()
		}
	})
}

// SetDefaults fills in what the file leaves out at the top level and in the
// names of entries.
func (c *Config) SetDefaults() {
	if c.DataDir == "" {
		c.DataDir = DefaultDataDir
	}
	policy := policy.Config{Routes: c.Routes}
	policy.SetDefaults()
	for i := range c.Quirks {
		if c.Quirks[i].Name == "" {
			c.Quirks[i].Name = fmt.Sprintf("quirks[%d]", i)
		}
	}
}

// SetDefaults fills in what the file leaves out.
func (c *ACS) SetDefaults() {
	if c.URLGuard == "" {
		c.URLGuard = policy.URLPass
	}
	if c.AsBackup == "" {
		c.AsBackup = BackupFull
	}
}

// SetDefaults chooses the embedded store when the file names none.
func (c *Store) SetDefaults() {
	if c.Bolt == nil && c.Memory == nil {
		c.Bolt = &boltstore.Config{}
	}
}

// SetDefaults fills in what the file leaves out.
func (c *Drain) SetDefaults() {
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
}
