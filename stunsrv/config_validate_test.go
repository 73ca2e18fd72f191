package stunsrv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// problemsOf returns what a section reports as "key: value problem".
func problemsOf(section interface {
	Validate(func(key, value, problem string))
}) (out []string) {
	section.Validate(func(key, value, problem string) { out = append(out, key+": "+value+" "+problem) })
	return out
}

// wantProblems compares the beginning of each.
func wantProblems(t *testing.T, name string, got, want []string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestConfig_DefaultsAreValid(t *testing.T) {
	var c Config
	var turn TURNConfig
	c.SetDefaults()
	turn.SetDefaults()
	wantProblems(t, "stun", problemsOf(&c), nil)
	wantProblems(t, "turn", problemsOf(&turn), nil)
}

func TestConfig_Validate(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Config)
		want []string
	}{
		"several": {func(c *Config) {
			c.Listen = []string{"203.0.113.10:3478", "203.0.113.11:3479", "[2001:db8::1]:3478", ":3480", "0.0.0.0:3480"}
		}, nil},
		"twice": {func(c *Config) {
			c.Listen = []string{"203.0.113.10:3478", ":3478", "[::ffff:203.0.113.10]:3478", "[::]:3478"}
		}, []string{"listen[2]: [::ffff:203.0.113.10]:3478 is listen[0] once more", "listen[3]: [::]:3478 is listen[1] once more"}},
		"any port twice": {func(c *Config) { c.Listen = []string{"127.0.0.1:0", "127.0.0.1:0"} }, nil},
		"no addresses": {func(c *Config) {
			c.Listen = []string{"3478", "stun.isp.example:3478", "203.0.113.10:x", "224.0.0.1:3478"}
		},
			[]string{"listen[0]: 3478 is not ip:port", "listen[1]: stun.isp.example:3478 has a host", "listen[2]: 203.0.113.10:x has a port", "listen[3]: 224.0.0.1:3478 is not the address"}},
		"too many":       {func(c *Config) { c.Listen = slices.Repeat([]string{"127.0.0.1:0"}, maxListen+1) }, []string{"listen: 33 addresses are more than 32"}},
		"authentication": {func(c *Config) { c.Authentication = "maybe" }, []string{"authentication: maybe is not one of off, on-change, always"}},
		"no requests":    {func(c *Config) { c.RequestsPerSource = -1 }, []string{"requests_per_source: -1 must be at least 1"}},
		"requests":       {func(c *Config) { c.RequestsPerSource = 1_000_001 }, []string{"requests_per_source: 1000001 must be at most 1000000"}},
	} {
		var config Config
		config.SetDefaults()
		c.edit(&config)
		wantProblems(t, name, problemsOf(&config), c.want)
	}
}

func TestTURNConfig_Validate(t *testing.T) {
	dir := t.TempDir()
	secret, empty := filepath.Join(dir, "secret"), filepath.Join(dir, "empty")
	for file, content := range map[string]string{secret: "s3cret\n", empty: " \n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	north := []TURNUser{{Name: "north", PasswordFile: secret, ACS: []string{"north", "south"}}}
	for name, c := range map[string]struct {
		edit func(*TURNConfig)
		want []string
	}{
		"a user with a password": {func(c *TURNConfig) { c.Users = north }, nil},
		"a user with time-limited credentials": {func(c *TURNConfig) {
			c.Users, c.SecretFile = []TURNUser{{Name: "north"}}, secret
		}, nil},
		"nobody": {func(*TURNConfig) {}, []string{"users:  is missing"}},
		"off, and unfinished": {func(c *TURNConfig) {
			c.Enabled, c.Users = false, []TURNUser{{Name: "north", PasswordFile: filepath.Join(dir, "later")}}
		}, nil},
		"a user who cannot sign in": {func(c *TURNConfig) { c.Users = []TURNUser{{Name: "north"}} },
			[]string{"users[0].password_file:  is missing"}},
		"files": {func(c *TURNConfig) {
			c.Users = []TURNUser{{Name: "a", PasswordFile: empty}, {Name: "b", PasswordFile: filepath.Join(dir, "none")}}
			c.SecretFile = empty
		}, []string{"users[0].password_file: " + empty + " is empty", "users[1].password_file: " + filepath.Join(dir, "none") + " cannot be read",
			"secret_file: " + empty + " is empty"}},
		"names": {func(c *TURNConfig) {
			c.Users = []TURNUser{{Name: "", PasswordFile: secret}, {Name: "a:b", PasswordFile: secret}, {Name: strings.Repeat("n", 65), PasswordFile: secret},
				{Name: "twice", PasswordFile: secret}, {Name: "twice", PasswordFile: secret, ACS: []string{"", "x y", "z", "z"}}}
		}, []string{"users[0].name:  is missing", "users[1].name: a:b is not a name", "users[2].name: nnn", "users[4].name: twice is the name of users[3]",
			"users[4].acs[0]:  is missing", "users[4].acs[1]: x y is not", "users[4].acs[3]: z is there already"}},
		"networks": {func(c *TURNConfig) {
			c.Users, c.Networks = north, []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "10.0.0.0/33", "lan"}
		}, []string{"networks[3]: 10.0.0.0/33 is not", "networks[4]: lan is not"}},
		"realm": {func(c *TURNConfig) { c.Users, c.Realm = north, `a"b` }, []string{`realm: a"b must be ASCII`}},
		"bounds": {func(c *TURNConfig) {
			c.Users, c.Allocations, c.RequestsPerSecond, c.Lifetime = north, -1, 1_000_000, 2*time.Hour
		}, []string{"allocations: -1", "requests_per_second: 1000000", "lifetime: 2h0m0s is not from 1m0s to 1h0m0s"}},
	} {
		config := TURNConfig{Enabled: true}
		config.SetDefaults()
		c.edit(&config)
		wantProblems(t, name, problemsOf(&config), c.want)
	}
}
