package credential

import (
	"errors"
	"io/fs"
	"strconv"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Validate reports every problem of the `credentials` section. It reads the
// files that the configuration names, but for a key file whose name is relative:
// that is in the data directory, and Open reports its problems.
func (c *Config) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	if isAbs(c.KeyFile) {
		r.keyFile("key_file", c.KeyFile)
	}
	for i := range c.Logins {
		key := "logins[" + strconv.Itoa(i) + "]"
		r.login(key, &c.Logins[i])
		if i > 0 && len(c.Logins[i-1].OUI) == 0 {
			r(key, "", "is never used, because logins["+strconv.Itoa(i-1)+"] is for every device: put that last")
		}
	}
}

// reporter is a report function with checks.
type reporter func(key, value, problem string)

func (r reporter) keyFile(key, path string) {
	if _, err := readKey(path); err != nil {
		r(key, path, problemOf(err))
	}
}

func (r reporter) login(key string, c *LoginConfig) {
	for i, oui := range c.OUI {
		if !isOUI(cwmp.NormalizeOUI(oui)) {
			r(key+".oui["+strconv.Itoa(i)+"]", oui, "is not an OUI: write six hexadecimal digits")
		}
	}
	if c.Username == "" && c.PasswordFile == "" && c.STUNUsername == "" && c.STUNPasswordFile == "" {
		r(key, "", "needs username and password_file, or stun_username and stun_password_file")
	}
	r.pair(key, "username", c.Username, "password_file", c.PasswordFile)
	r.pair(key, "stun_username", c.STUNUsername, "stun_password_file", c.STUNPasswordFile)
}

// pair checks a user name and the file of its password: none or both.
func (r reporter) pair(key, nameKey, name, fileKey, file string) {
	switch {
	case name == "" && file != "":
		r(key+"."+nameKey, "", "is missing: "+fileKey+" is of no use without it")
	case name != "" && file == "":
		r(key+"."+fileKey, "", "is missing: "+nameKey+" is of no use without it")
	}
	if _, err := parseTemplate(name); err != nil {
		r(key+"."+nameKey, name, err.Error())
	}
	if _, err := readPassword(file); err != nil {
		r(key+"."+fileKey, file, problemOf(err))
	}
}

// problemOf says what is wrong with a file whose name is told besides.
func problemOf(err error) string {
	var path *fs.PathError
	for _, known := range []error{errNoPassword, errLongPassword, errKeyMode, errKeyForm} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if errors.As(err, &path) {
		return "cannot be read: " + path.Err.Error()
	}
	return err.Error()
}

func isOUI(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(s) == 6
}
