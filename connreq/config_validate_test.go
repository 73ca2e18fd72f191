package connreq

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// problems lists the keys that Validate reports.
func problems(c *Config) (keys []string) {
	c.SetDefaults()
	c.UDP.SetDefaults()
	c.HTTP.SetDefaults()
	c.Validate(func(key, _, problem string) {
		if problem == "" {
			key += " without a word"
		}
		keys = append(keys, key)
	})
	return keys
}

func TestConfig_Good(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	acs := []string{"10.0.0.5", "192.0.2.0/24", "2001:db8::/32"}
	for name, c := range map[string]*Config{
		"nothing":  {},
		"path":     {URLBase: "http://gw.example.net:7550/cr", ACSNetworks: acs},
		"name":     {URLBase: "http://*.cr.example.net:7550", Listen: ":7550", ACSNetworks: acs},
		"IPv6":     {URLBase: "http://[2001:db8::1]:7550", Listen: "[2001:db8::1]:7550", ACSNetworks: acs},
		"by name":  {Relay: &RelayConfig{Listen: "0.0.0.0:7551", Host: "*.udp.example.net"}, ACSNetworks: acs},
		"by port":  {Relay: &RelayConfig{Listen: "10.0.0.1:7551", Ports: "20000-29999"}, ACSNetworks: acs},
		"address":  {Relay: &RelayConfig{Listen: "0.0.0.0:7551", Ports: "20000-29999", Address: "192.0.2.1"}, ACSNetworks: acs},
		"stun":     {Listen: "10.0.0.1:7550", STUNRelay: &STUNRelayConfig{"genie", password}, ACSNetworks: acs},
		"one way":  {UDP: UDPConfig{Disabled: true}},
		"the rest": {Answer: AnswerSession, HTTP: HTTPConfig{AllowNetworks: []string{"10.0.0.0/8", "::1"}}},
	} {
		if keys := problems(c); len(keys) > 0 {
			t.Errorf("%s: problems with %v", name, keys)
		}
	}
}

func TestConfig_Problems(t *testing.T) {
	dir := t.TempDir()
	acs := []string{"10.0.0.5"}
	relay := func(r RelayConfig) *Config {
		if r.Listen == "" {
			r.Listen = "10.0.0.1:7551"
		}
		return &Config{ACSNetworks: acs, Relay: &r}
	}
	tests := []struct {
		c    *Config
		want string
	}{
		{&Config{URLBase: "gw.example.net", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "https://gw.example.net", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://gw.example.net:0", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://gw.example.net:", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://a:b@gw.example.net", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://gw.example.net/?", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://gw.example.net/#a", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://gw.example.net/a b", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://*.gw.example.net/cr", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://*.10.0.0.1", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://a.*.example.net", ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://gw.example.net/" + strings.Repeat("x", 240), ACSNetworks: acs}, "url_base"},
		{&Config{URLBase: "http://gw.example.net"}, "acs_networks"},
		{&Config{URLBase: "http://gw.example.net", ACSNetworks: []string{"0.0.0.0/0"}}, "acs_networks[0]"},
		{&Config{URLBase: "http://gw.example.net", ACSNetworks: []string{"10.0.0.5", "acs"}}, "acs_networks[1]"},
		{&Config{Listen: ":7550"}, "listen"},
		{&Config{URLBase: "http://gw.example.net", Listen: "7550", ACSNetworks: acs}, "listen"},
		{&Config{URLBase: "http://gw.example.net", Listen: "gw:7550", ACSNetworks: acs}, "listen"},
		{&Config{URLBase: "http://gw.example.net", Listen: ":x", ACSNetworks: acs}, "listen"},
		{&Config{Answer: "later"}, "answer"},
		{&Config{Timeout: time.Millisecond}, "timeout udp.copies[1] udp.copies[2]"},
		{&Config{Timeout: time.Hour}, "timeout"},
		{&Config{MinInterval: -1}, "min_interval"},
		{&Config{Max: -1}, "max"},
		{&Config{UDP: UDPConfig{Disabled: true}, HTTP: HTTPConfig{Disabled: true}}, "http.disabled"},
		{&Config{UDP: UDPConfig{Copies: []time.Duration{}}}, "udp.copies"},
		{&Config{UDP: UDPConfig{Copies: []time.Duration{-1, 0, 0, time.Second}}}, "udp.copies[0] udp.copies[2]"},
		{&Config{UDP: UDPConfig{Copies: []time.Duration{0, time.Minute}}}, "udp.copies[1]"},
		{&Config{UDP: UDPConfig{Copies: []time.Duration{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}}, "udp.copies"},
		{&Config{HTTP: HTTPConfig{Timeout: time.Millisecond}}, "http.timeout"},
		{&Config{HTTP: HTTPConfig{Concurrent: -1}}, "http.concurrent"},
		{&Config{HTTP: HTTPConfig{AllowNetworks: []string{"10.0.0.0/40"}}}, "http.allow_networks[0]"},
		{&Config{ACSNetworks: acs, Relay: &RelayConfig{Host: "*.udp.example.net"}}, "relay.listen"},
		{relay(RelayConfig{Listen: "gw:7551", Host: "*.udp.example.net"}), "relay.listen"},
		{relay(RelayConfig{}), "relay.host"},
		{relay(RelayConfig{Host: "*.udp.example.net", Ports: "1-2"}), "relay.ports"},
		{relay(RelayConfig{Host: "udp.example.net"}), "relay.host"},
		{relay(RelayConfig{Host: "*.10.0.0.1"}), "relay.host"},
		{relay(RelayConfig{Host: "*." + strings.Repeat("x", 240)}), "relay.host"},
		{relay(RelayConfig{Ports: "9-1"}), "relay.ports"},
		{relay(RelayConfig{Listen: "0.0.0.0:7551", Ports: "1-9"}), "relay.address"},
		{relay(RelayConfig{Ports: "1-9", Address: "gw"}), "relay.address"},
		{relay(RelayConfig{Ports: "1-9", Address: "0.0.0.0"}), "relay.address"},
		{relay(RelayConfig{Host: "*.udp.example.net", Address: "10.0.0.1"}), "relay.address"},
		{&Config{Relay: &RelayConfig{Listen: "10.0.0.1:7551", Ports: "1-9"}}, "acs_networks"},
		{&Config{ACSNetworks: acs, STUNRelay: &STUNRelayConfig{"a", filepath.Join(dir, "missing")}}, "listen stun_relay.password_file"},
		{&Config{ACSNetworks: acs, Listen: ":1", STUNRelay: &STUNRelayConfig{}}, "stun_relay.username stun_relay.password_file"},
		{&Config{ACSNetworks: acs, Listen: ":1", STUNRelay: &STUNRelayConfig{"a:b", ""}}, "stun_relay.username stun_relay.password_file"},
	}
	for i, tt := range tests {
		if got := strings.Join(problems(tt.c), " "); got != tt.want {
			t.Errorf("%d: problems with %q, want %q", i, got, tt.want)
		}
	}
}
