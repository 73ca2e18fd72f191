package stunsrv

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Bounds that configuration values must keep, because beyond them lies a typing
// error rather than an intention.
const (
	maxListen      = 32
	maxRequests    = 1_000_000
	maxUsers       = 1000
	maxName        = 64
	maxRealm       = 127
	maxAllocations = 1000
	maxSendRate    = 100_000
	minLifetime    = time.Minute
	maxLifetime    = time.Hour // RFC 8656 7.2 recommends it as the maximum
)

// reporter is a report function with the checks that both sections share.
type reporter func(key, value, problem string)

// Validate reports every problem of the `stun` section; keys are relative to it.
func (c *Config) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	if len(c.Listen) > maxListen {
		r("listen", strconv.Itoa(len(c.Listen))+" addresses", "are more than "+strconv.Itoa(maxListen))
	}
	first := make(map[netip.AddrPort]int)
	for i, value := range c.Listen {
		key := index("listen", i)
		e, err := parseEndpoint(value)
		if err != nil {
			r(key, value, err.Error())
			continue
		}
		if at, twice := first[e]; twice && e.Port() != 0 {
			r(key, value, "is "+index("listen", at)+" once more")
			continue
		}
		first[e] = i
	}
	switch c.Authentication {
	case AuthOff, AuthOnChange, AuthAlways:
	default:
		r("authentication", c.Authentication, "is not one of "+strings.Join([]string{AuthOff, AuthOnChange, AuthAlways}, ", "))
	}
	r.count("requests_per_source", c.RequestsPerSource, maxRequests)
}

// Validate reports every problem of the `turn` section; keys are relative to it.
// It reads the files that the section names if the relay is enabled.
func (c *TURNConfig) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	r.realm(c.Realm)
	r.users(c)
	if c.SecretFile != "" && c.Enabled {
		r.secret("secret_file", c.SecretFile)
	}
	for i, network := range c.Networks {
		r.network(index("networks", i), network)
	}
	r.count("allocations", c.Allocations, maxAllocations)
	r.count("requests_per_second", c.RequestsPerSecond, maxSendRate)
	if c.Lifetime < minLifetime || c.Lifetime > maxLifetime {
		r("lifetime", c.Lifetime.String(), "is not from "+minLifetime.String()+" to "+maxLifetime.String())
	}
}

// realm checks what goes between quotes in REALM (RFC 8489 14.9).
func (r reporter) realm(value string) {
	switch {
	case value == "":
		r("realm", "", "is missing, write one such as acsgate")
	case len(value) > maxRealm:
		r("realm", value, "is longer than "+strconv.Itoa(maxRealm)+" bytes")
	case strings.IndexFunc(value, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) >= 0:
		r("realm", value, `must be ASCII without " and \`)
	}
}

func (r reporter) users(c *TURNConfig) {
	if c.Enabled && len(c.Users) == 0 {
		r("users", "", "is missing: the relay serves nobody without a user")
	}
	if len(c.Users) > maxUsers {
		r("users", strconv.Itoa(len(c.Users))+" users", "are more than "+strconv.Itoa(maxUsers))
	}
	first := make(map[string]int)
	for i, user := range c.Users {
		key := index("users", i)
		r.name(key+".name", user.Name)
		if at, twice := first[user.Name]; twice && user.Name != "" {
			r(key+".name", user.Name, "is the name of "+index("users", at)+" already")
		} else {
			first[user.Name] = i
		}
		switch {
		case user.PasswordFile == "" && c.SecretFile == "":
			r(key+".password_file", "", "is missing: without it, and without turn.secret_file, the user cannot sign in")
		case user.PasswordFile != "" && c.Enabled:
			r.secret(key+".password_file", user.PasswordFile)
		}
		r.acs(key, user.ACS)
	}
}

func (r reporter) acs(user string, names []string) {
	seen := make(map[string]bool)
	for i, name := range names {
		key := index(user+".acs", i)
		r.name(key, name)
		if seen[name] && name != "" {
			r(key, name, "is there already")
		}
		seen[name] = true
	}
}

// name checks the name of a user or an ACS. A colon would end the expiry of
// time-limited credentials.
func (r reporter) name(key, value string) {
	letter := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.", c)
	}
	switch {
	case value == "":
		r(key, "", "is missing")
	case strings.IndexFunc(value, func(c rune) bool { return !letter(c) }) >= 0:
		r(key, value, "is not a name: use letters, digits, - _ and .")
	case len(value) > maxName:
		r(key, value, "is longer than "+strconv.Itoa(maxName)+" characters")
	}
}

// secret checks that a file can be read and holds more than white space.
func (r reporter) secret(key, file string) {
	content, err := os.ReadFile(file)
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		r(key, file, "cannot be read: "+path.Err.Error())
	case err != nil:
		r(key, file, "cannot be read: "+err.Error())
	case strings.TrimSpace(string(content)) == "":
		r(key, file, "is empty")
	}
}

func (r reporter) network(key, value string) {
	if _, err := netip.ParseAddr(value); err == nil {
		return
	}
	if _, err := netip.ParsePrefix(value); err != nil {
		r(key, value, "is not an address or a network such as 10.0.0.0/8")
	}
}

func (r reporter) count(key string, value, most int) {
	switch {
	case value < 1:
		r(key, strconv.Itoa(value), "must be at least 1")
	case value > most:
		r(key, strconv.Itoa(value), "must be at most "+strconv.Itoa(most))
	}
}

func index(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }
