// Package configs holds the configuration files that come with the gateway. It
// does not read them: that is the task of internal/config, whose tests keep
// them true.
package configs

import _ "embed"

// Reference documents every key with its default. As it stands it is a complete
// configuration; a line that begins with "#" and no blank is a setting that is
// commented out.
//
//go:embed acsgate.yaml
var Reference string

// Minimal is the smallest complete configuration.
//
//go:embed minimal.yaml
var Minimal string

// Quirks holds sample rules for the section `quirks`.
//
//go:embed quirks.yaml
var Quirks string
