package credential

// DefaultKeyFile is the name of the key file in the data directory.
const DefaultKeyFile = "secret.key"

// Config is the `credentials` section.
type Config struct {
	// KeyFile holds the key that secrets in the store are encrypted with, 32 bytes
	// in hexadecimal, and can be read by its owner alone. A relative path is inside
	// data_dir. Default: secret.key, which is made when there is none.
	KeyFile string `yaml:"key_file"`
	// Learn keeps the Connection Request and STUN logins that ACSs set in
	// sessions, so that the gateway can wake devices by itself.
	Learn bool `yaml:"learn"`
	// Logins are for devices of which no login was learned: the first entry that
	// matches.
	Logins []LoginConfig `yaml:"logins"`
}

// LoginConfig is the login of many devices.
type LoginConfig struct {
	// OUI limits the entry to these OUIs; empty means every device.
	OUI []string `yaml:"oui"`
	// Username is ConnectionRequestUsername, a template with {oui},
	// {product_class} and {serial}.
	Username string `yaml:"username"`
	// PasswordFile holds ConnectionRequestPassword.
	PasswordFile string `yaml:"password_file"`
	// STUNUsername and STUNPasswordFile are the same for STUN.
	STUNUsername     string `yaml:"stun_username"`
	STUNPasswordFile string `yaml:"stun_password_file"`
}

// keyFile returns the name of the key file. The default is no part of the section:
// it is in the data directory, and other names are relative to the configuration.
func (c *Config) keyFile() string {
	if c.KeyFile == "" {
		return DefaultKeyFile
	}
	return c.KeyFile
}
