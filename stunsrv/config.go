package stunsrv

import "time"

// Values of Config.Authentication.
const (
	AuthOff      = "off"       // nobody is challenged (quirk S-06)
	AuthOnChange = "on-change" // packets with BINDING-CHANGE are (quirk S-21)
	AuthAlways   = "always"    // every packet with CONNECTION-REQUEST-BINDING is
)

// Config is the `stun` section.
type Config struct {
	// Listen holds the addresses, ip:port each, of the STUN server; empty means
	// none. One without an IP address stands for every address that the machine
	// has at the start. Two that differ in both IP address and port are completed
	// to the four that CHANGE-REQUEST needs (RFC 3489 8.1, RFC 5780).
	Listen []string `yaml:"listen"`
	// Authentication says who must sign: off (default), on-change, always.
	Authentication string `yaml:"authentication"`
	// RequestsPerSource bounds the packets a second that one IPv4 address or one
	// IPv6 /64 may send; default 1000, for many CPEs may share an address.
	RequestsPerSource int `yaml:"requests_per_source"`
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.Authentication == "" {
		c.Authentication = AuthOff
	}
	if c.RequestsPerSource == 0 {
		c.RequestsPerSource = 1000
	}
}

// TURNConfig is the `turn` section: a relay for ACSs elsewhere that sends
// nothing but UDP Connection Requests, from the STUN server's own address.
type TURNConfig struct {
	Enabled bool `yaml:"enabled"`
	// Realm of the long-term credentials (RFC 8489 9.2); default "acsgate".
	Realm string     `yaml:"realm"`
	Users []TURNUser `yaml:"users"`
	// SecretFile holds the secret of time-limited credentials: the user name is
	// "expiry:user", expiry in Unix seconds, and the password the base64 of its
	// HMAC-SHA1 under the secret. user must be one of Users.
	SecretFile string `yaml:"secret_file"`
	// Networks are the addresses that clients may come from; empty means any.
	Networks []string `yaml:"networks"`
	// Allocations bounds the allocations of one user; default 4.
	Allocations int `yaml:"allocations"`
	// RequestsPerSecond bounds the datagrams that one user may send; default 50.
	RequestsPerSecond int `yaml:"requests_per_second"`
	// Lifetime is the longest that an allocation may be asked for; default 1h.
	Lifetime time.Duration `yaml:"lifetime"`
}

// TURNUser is one ACS that may use the relay.
type TURNUser struct {
	Name string `yaml:"name"`
	// PasswordFile holds the password; empty means that the user comes with
	// time-limited credentials alone.
	PasswordFile string `yaml:"password_file"`
	// ACS limits the user to devices whose sessions go to these ACSs; empty
	// means every device.
	ACS []string `yaml:"acs"`
}

// SetDefaults fills in what the file leaves out.
func (c *TURNConfig) SetDefaults() {
	if c.Realm == "" {
		c.Realm = "acsgate"
	}
	if c.Allocations == 0 {
		c.Allocations = 4
	}
	if c.RequestsPerSecond == 0 {
		c.RequestsPerSecond = 50
	}
	if c.Lifetime == 0 {
		c.Lifetime = time.Hour
	}
}
