package credential

import (
	"fmt"
	"io"
)

// Secret is a text that must not be shown. Whatever prints, logs or marshals a
// value that holds one gets "***", or nothing for an empty secret; who needs the
// text converts it: string(s). It must not be the key of a map, which
// encoding/json writes as it is.
type Secret string

// String masks the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format masks the secret for every verb, also for those that do not fit.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // package fmt keeps no errors
}

// GoString masks the secret for those who call it by its name.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText masks the secret in JSON, YAML and other texts.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Login is a user name with its password.
type Login struct {
	Username string
	Password Secret
}

// Set is what is known of one device. Empty fields are not known.
type Set struct {
	ConnectionRequest Login
	STUN              Login
}

// Over returns s with what it leaves empty taken from under.
func (s Set) Over(under Set) Set {
	return Set{s.ConnectionRequest.over(under.ConnectionRequest), s.STUN.over(under.STUN)}
}

func (l Login) over(under Login) Login {
	if l.Username == "" {
		l.Username = under.Username
	}
	if l.Password == "" {
		l.Password = under.Password
	}
	return l
}

// maxField bounds each user name and password, in bytes. The standard allows
// 256 characters (TR-181 ManagementServer).
const maxField = 1 << 10

// fits tells whether every field is of believable size.
func (s *Set) fits() bool {
	for _, field := range s.fields() {
		if len(*field) > maxField {
			return false
		}
	}
	return true
}

// fields are all texts of a set, in the order of the stored form.
func (s *Set) fields() [4]*string {
	return [...]*string{
		&s.ConnectionRequest.Username, (*string)(&s.ConnectionRequest.Password),
		&s.STUN.Username, (*string)(&s.STUN.Password),
	}
}
