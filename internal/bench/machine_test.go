package main

import "testing"

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\nStatus: x\n": "2.6.12-1+deb12u4",
		"nginx version: nginx/1.22.1\n": "1.22.1",
		"usage: something":              "unknown",
		"version":                       "unknown",
	} {
		if got := parseVersion([]byte(text)); got != want {
			t.Errorf("parseVersion(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCPUModel(t *testing.T) {
	const info = "processor\t: 0\nmodel name\t: Example CPU @ 3 GHz\nmodel\t\t: 7\n"
	if got := cpuModel([]byte(info)); got != "Example CPU @ 3 GHz" {
		t.Errorf("got %q", got)
	}
	if got := cpuModel(nil); got != "unknown" {
		t.Errorf("got %q", got)
	}
}
