package telemetry

import (
	"slices"
	"strings"
)

// Formats of log lines.
const (
	FormatConsole = "console" // for people: tab-separated text, fields as JSON at the end
	FormatJSON    = "json"    // for log pipelines: one JSON object a line
)

var (
	levels  = []string{"debug", "info", "warn", "error"}
	formats = []string{FormatConsole, FormatJSON}
)

// LogConfig is the `log` section.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug, info (default), warn, error: lines below it are dropped
	Format string `yaml:"format"` // console (default) or json
}

// SetDefaults fills in what the file leaves out.
func (c *LogConfig) SetDefaults() {
	if c.Level == "" {
		c.Level = "info"
	}
	if c.Format == "" {
		c.Format = FormatConsole
	}
}

// Validate reports every problem of the section; keys are relative to it.
func (c *LogConfig) Validate(report func(key, value, problem string)) {
	oneOf(report, "level", c.Level, levels)
	oneOf(report, "format", c.Format, formats)
}

func oneOf(report func(key, value, problem string), key, value string, allowed []string) {
	if !slices.Contains(allowed, value) {
		report(key, value, "is not one of "+strings.Join(allowed, ", "))
	}
}
