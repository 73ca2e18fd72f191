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
	// Tenants name devices for tokens.
	Tenants []TenantConfig `yaml:"tenants"`
	// TLS makes the listener speak HTTPS, TLS 1.2 and later.
	TLS TLSConfig `yaml:"tls"`
	// Hosts are names by which clients may ask for the listener, beside that of
	// Address, localhost and every IP address.
	Hosts []string `yaml:"hosts"`
	// AuditFile gets a JSON line for each write, and is kept below 16 MiB with one
	// former file beside it. Empty for none.
	AuditFile string `yaml:"audit_file"`
	// RequestsPerSecond bounds the requests of each token.
	RequestsPerSecond float64 `yaml:"requests_per_second"`
}

// DefaultRequestsPerSecond is what a token may ask for when nothing is configured.
const DefaultRequestsPerSecond = 200

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	if c.RequestsPerSecond == 0 {
		c.RequestsPerSecond = DefaultRequestsPerSecond
	}
}

// Validate reports every problem of the section; keys are relative to it.
func (c *Config) Validate(report func(key, value, problem string)) {
	c.validateTokens(report)
	c.validateHosts(report)
	c.TLS.validate(report)
	if c.RequestsPerSecond < 0 || c.RequestsPerSecond > 1e6 || c.RequestsPerSecond != c.RequestsPerSecond {
		report("requests_per_second", strconv.FormatFloat(c.RequestsPerSecond, 'g', -1, 64), "is not a number above 0 and up to 1000000")
	}
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
