package admin

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultAddress is where the admin listener is when nothing is configured.
const DefaultAddress = "127.0.0.1:8080"

// Config is the `admin` section.
type Config struct {
	// Address is host:port. Metrics and health need no token, so anything but a
	// loopback address draws a warning at start.
	Address string `yaml:"address"`
	// Tokens are who may use the API; without any nobody may.
	Tokens []TokenConfig `yaml:"tokens"`
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.Address == "" {
		c.Address = DefaultAddress
	}
}

// Validate reports every problem of the section; keys are relative to it.
func (c *Config) Validate(report func(key, value, problem string)) {
	c.validateTokens(report)
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		report("address", c.Address, "is not host:port, such as "+DefaultAddress)
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		report("address", c.Address, "has a port that is not a number from 0 to 65535")
	} else if n == 0 && host == "" {
		report("address", c.Address, "names neither a host nor a port, give at least a port, such as "+DefaultAddress)
	}
	if strings.ContainsAny(host, " /") {
		report("address", c.Address, "has a host that is neither a name nor an IP address")
	}
}

// loopback tells whether only this machine can reach the address. A name other
// than localhost counts as reachable: it may resolve to anything.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}
