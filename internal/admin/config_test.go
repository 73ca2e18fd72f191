package admin

import (
	"slices"
	"testing"
)

func TestConfig_Validate(t *testing.T) {
	for _, test := range []struct {
		address string
		problem string // empty: valid
	}{
		{"127.0.0.1:8080", ""},
		{"[::1]:8080", ""},
		{"localhost:0", ""},
		{":8080", ""},
		{"acsgate.internal:8080", ""},
		{"8080", "is not host:port, such as 127.0.0.1:8080"},
		{"127.0.0.1", "is not host:port, such as 127.0.0.1:8080"},
		{"::1:8080", "is not host:port, such as 127.0.0.1:8080"},
		{"127.0.0.1:http", "has a port that is not a number from 0 to 65535"},
		{"127.0.0.1:65536", "has a port that is not a number from 0 to 65535"},
		{"127.0.0.1:-1", "has a port that is not a number from 0 to 65535"},
		{":0", "names neither a host nor a port, give at least a port, such as 127.0.0.1:8080"},
		{"http://127.0.0.1:8080", "is not host:port, such as 127.0.0.1:8080"},
		{"a host:8080", "has a host that is neither a name nor an IP address"},
	} {
		var got []string
		c := Config{Address: test.address}
		c.Validate(func(key, value, problem string) {
			if key != "address" || value != test.address {
				t.Errorf("%q: reported as %s: %q", test.address, key, value)
			}
			got = append(got, problem)
		})
		want := []string{test.problem}
		if test.problem == "" {
			want = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: problems %q, want %q", test.address, got, want)
		}
	}
}

func TestConfig_DefaultIsValidAndLoopback(t *testing.T) {
	var c Config
	c.SetDefaults()
	c.Validate(func(key, value, problem string) { t.Errorf("%s: %q %s", key, value, problem) })
	if !loopback(c.Address) {
		t.Errorf("default %s is not a loopback address", c.Address)
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "LocalHost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false, "localhost.example:1": false, "1": false,
	} {
		if got := loopback(address); got != want {
			t.Errorf("loopback(%q) = %v, want %v", address, got, want)
		}
	}
}
