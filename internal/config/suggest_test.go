package config

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"name", "address", "tls", "proxy_protocol", "max_connections", "url", "oui"}
	for name, want := range map[string]string{
		"nmae": "name", "adress": "address", "Address": "address", "addr": "address", "max-connections": "max_connections",
		"proxyprotocol": "proxy_protocol", "uri": "url", "ou": "oui", "maxconnection": "max_connections", "tsl": "tls", "addresses": "address", "name_of_it": "name",
		"colour": "", "x": "", "": "", "na": "", "port": "", strings.Repeat("name", 100): "",
	} {
		if got := nearest(name, words); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "xbc", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
		if there, back := distance(test.a, test.b), distance(test.b, test.a); there != back {
			t.Errorf("%q to %q: %d, back %d", test.a, test.b, there, back)
		}
	}
}

func TestKeys(t *testing.T) {
	if got := pattern("acs[0].probe.serial[12]"); got != "acs[].probe.serial[]" {
		t.Error(got)
	}
	if got := withIndices("a[].b[].c", "a[3].x[4].y[5].z"); got != "a[3].b[4].c" {
		t.Error(got)
	}
	for key, want := range map[string]string{"a": "", "a.b": "a", "a[0]": "a", "a[0].b": "a[0]"} {
		if got := parent(key); got != want {
			t.Errorf("parent of %s: %q", key, got)
		}
	}
}
