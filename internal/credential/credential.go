package credential

// Secret is a text that must not be shown.
type Secret string

// String masks the secret, so that no format verb but %s of a conversion shows it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString masks the secret for %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText masks the secret in JSON, YAML and other texts.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Login is a user name with its password.
type Login struct {
	Username string
	Password Secret
}

// Set is what is known of one device. Empty logins are not known.
type Set struct {
	ConnectionRequest Login
	STUN              Login
}
