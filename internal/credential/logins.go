package credential

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// login is a LoginConfig ready for use.
type login struct {
	ouis             []string // none: every device
	username         template
	password         Secret
	stunUsername     template
	stunPassword     Secret
	stunPasswordText []byte
	stunNames        *regexp.Regexp // nil where there is no STUN login
}

// newLogins reads the password files of all entries.
func newLogins(configs []LoginConfig) ([]login, error) {
	logins := make([]login, len(configs))
	for i, c := range configs {
		if err := logins[i].build(c); err != nil {
			return nil, fmt.Errorf("credentials: logins[%d]: %w", i, err)
		}
	}
	return logins, nil
}

func (l *login) build(c LoginConfig) (err error) {
	for _, oui := range c.OUI {
		l.ouis = append(l.ouis, cwmp.NormalizeOUI(oui))
	}
	if l.username, err = parseTemplate(c.Username); err != nil {
		return fmt.Errorf("username %q %w", c.Username, err)
	}
	if l.stunUsername, err = parseTemplate(c.STUNUsername); err != nil {
		return fmt.Errorf("stun_username %q %w", c.STUNUsername, err)
	}
	if l.password, err = readPassword(c.PasswordFile); err != nil {
		return fmt.Errorf("password_file: %w", err)
	}
	if l.stunPassword, err = readPassword(c.STUNPasswordFile); err != nil {
		return fmt.Errorf("stun_password_file: %w", err)
	}
	if len(l.stunUsername) > 0 && l.stunPassword != "" {
		l.stunNames = l.stunUsername.pattern(l.ouis)
		l.stunPasswordText = []byte(l.stunPassword)
	}
	return nil
}

var (
	errNoPassword   = errors.New("holds no password")
	errLongPassword = fmt.Errorf("holds more than %d bytes, which is no password", maxField)
)

// readPassword reads a password, without the line end behind it. No file is no
// password.
func readPassword(file string) (Secret, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text = bytes.TrimRight(text, "\r\n")
	switch {
	case len(text) == 0:
		return "", fmt.Errorf("%q %w", file, errNoPassword)
	case len(text) > maxField:
		return "", fmt.Errorf("%q %w", file, errLongPassword)
	}
	return Secret(text), nil
}

// loginOf returns the login of the first entry that is for the device.
func loginOf(logins []login, id cwmp.DeviceID) Set {
	for i := range logins {
		l := &logins[i]
		if len(l.ouis) == 0 || slices.Contains(l.ouis, id.OUI) {
			return Set{
				ConnectionRequest: Login{l.username.expand(id), l.password},
				STUN:              Login{l.stunUsername.expand(id), l.stunPassword},
			}
		}
	}
	return Set{}
}

// maxSTUNUser is the length in bytes of the longest STUN user name (TR-181
// ManagementServer). Packets can be signed by anybody with one of a whole datagram,
// and templates take their time with those.
const maxSTUNUser = 256

// stunPasswordOf returns the password of the first entry that makes such STUN
// user names.
func stunPasswordOf(logins []login, username []byte) ([]byte, bool) {
	if len(username) > maxSTUNUser {
		return nil, false
	}
	for i := range logins {
		if l := &logins[i]; l.stunNames != nil && l.stunNames.Match(username) {
			return l.stunPasswordText, true
		}
	}
	return nil, false
}
