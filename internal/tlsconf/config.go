package tlsconf

// Profiles of a listener.
const (
	ProfileModern = "modern"
	ProfileLegacy = "legacy-cpe"
)

// Values of ListenerConfig.ClientAuth.
const (
	ClientAuthOff      = "off"
	ClientAuthIfGiven  = "if_given"
	ClientAuthRequired = "required"
)

const (
	defaultDirectory = "https://acme-v02.api.letsencrypt.org/directory"
	defaultKeyType   = "p256"
	// defaultIdentity holds the two forms that TR-069 3.4.4 gives to the
	// identity of a CPE.
	defaultIdentity = "{oui}-{product_class}-{serial}|{oui}-{serial}"
)

// Config is the `tls` section: where certificates come from.
type Config struct {
	// DefaultName names the certificate for clients that send no SNI, an IP
	// address, or a name that we have no certificate for (quirk C-70). Without
	// it the first certificate is used: those of Certificates in their order,
	// then those of ACME.
	DefaultName  string       `yaml:"default_name"`
	ACME         *ACMEConfig  `yaml:"acme"`
	Certificates []CertConfig `yaml:"certificates"`
}

// ACMEConfig obtains certificates by ACME (RFC 8555) and keeps them in the
// store. Names are proven by HTTP-01 and TLS-ALPN-01, whichever works: the CA
// must reach port 80 or port 443 of every name at this gateway. Turning it on
// accepts the CA's terms of service.
type ACMEConfig struct {
	Email      string   `yaml:"email"`
	Names      []string `yaml:"names"`        // one certificate each
	Directory  string   `yaml:"directory"`    // default: Let's Encrypt
	RootCAFile string   `yaml:"root_ca_file"` // of a private ACME server
	// KeyType is p256 (default), p384, rsa2048 or rsa4096. Old CPEs need RSA.
	KeyType string `yaml:"key_type"`
	// PreferredChain is the common name of the root to prefer among the chains
	// that the CA offers (quirk C-73).
	PreferredChain string `yaml:"preferred_chain"`
	// HTTPAddress is where HTTP-01 challenges are answered besides the plain
	// CPE listeners, such as ":80"; empty means on those alone.
	HTTPAddress string `yaml:"http_address"`
}

// CertConfig is a static certificate, reloaded when its files change. The
// certificate file holds the chain too, the certificate itself first.
type CertConfig struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// ListenerConfig is the TLS of one listener.
type ListenerConfig struct {
	// Profile is modern (default): TLS 1.2 and 1.3 with forward secrecy; or
	// legacy-cpe: TLS 1.0 to 1.3, RSA key exchange and CBC too (quirk C-71).
	Profile string `yaml:"profile"`
	// TripleDES allows 3DES; legacy-cpe only.
	TripleDES bool `yaml:"triple_des"`
	// ClientAuth asks for client certificates: off (default), if_given,
	// required (quirk C-75).
	ClientAuth string `yaml:"client_auth"`
	// ClientCAFile holds the authorities that client certificates must come
	// from; it is reloaded when it changes.
	ClientCAFile string `yaml:"client_ca_file"`
	// ClientIdentity is what a client certificate must say for the device of
	// the Inform: a template with {oui}, {product_class}, {serial}, compared
	// with the subject's common name and the DNS, URI and email SANs, without
	// regard to ASCII case. Alternatives are separated by |; one that needs a
	// part that the device does not have is passed over.
	ClientIdentity string `yaml:"client_identity"`
}

// completed returns a copy of its own with all defaults.
func (c Config) completed() Config {
	if c.ACME != nil {
		acme := *c.ACME
		c.ACME = &acme
	}
	c.SetDefaults()
	return c
}

// SetDefaults fills in what the file left out.
func (c *Config) SetDefaults() {
	if c.ACME != nil {
		c.ACME.SetDefaults()
	}
}

// SetDefaults fills in what the file left out.
func (c *ACMEConfig) SetDefaults() {
	if c.Directory == "" {
		c.Directory = defaultDirectory
	}
	if c.KeyType == "" {
		c.KeyType = defaultKeyType
	}
}

// SetDefaults fills in what the file left out.
func (c *ListenerConfig) SetDefaults() {
	if c.Profile == "" {
		c.Profile = ProfileModern
	}
	if c.ClientAuth == "" {
		c.ClientAuth = ClientAuthOff
	}
	if c.ClientIdentity == "" {
		c.ClientIdentity = defaultIdentity
	}
}
