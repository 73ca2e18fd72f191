package connreq

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// reporter is a report function with the checks that several keys share.
type reporter func(key, value, problem string)

func (r reporter) within(prefix string) reporter {
	return func(key, value, problem string) { r(prefix+key, value, problem) }
}

func (r reporter) urlBase(value string) {
	if value == "" {
		return
	}
	base, err := parseURLBase(value)
	if err != nil {
		r("url_base", value, err.Error())
		return
	}
	if shown := base.shown(strings.Repeat("a", tokenLength), "/"); len(shown) > maxShown {
		r("url_base", value, "is too long: with a token it has more than "+strconv.Itoa(maxShown)+" characters")
	}
}

// endpoint checks where ACSs are served over HTTP.
func (r reporter) endpoint(c *Config) {
	served := c.URLBase != "" || c.STUNRelay != nil
	switch {
	case c.Listen == "" && c.URLBase == "" && served:
		r("listen", "", `is missing: stun_relay needs an address such as "10.0.0.1:7550"`)
	case c.Listen != "" && !served:
		r("listen", c.Listen, "has no effect without url_base or stun_relay")
	}
	if c.Listen == "" {
		return
	}
	host, port, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		r("listen", c.Listen, `is not ip:port, nor ":7550" for every address`)
	case host != "" && !isAddr(host):
		r("listen", c.Listen, "has a host that is no IP address")
	case !isPort(port):
		r("listen", c.Listen, "has a port that is not a number from 0 to 65535")
	}
}

func (r reporter) acsNetworks(c *Config) {
	if len(c.ACSNetworks) == 0 && (c.URLBase != "" || c.Relay != nil || c.STUNRelay != nil) {
		r("acs_networks", "", "is missing: list the addresses that ACSs come from, such as [10.0.0.5]")
	}
	for i, network := range c.ACSNetworks {
		key := "acs_networks[" + strconv.Itoa(i) + "]"
		if p, err := netip.ParsePrefix(network); err == nil && p.Bits() == 0 {
			r(key, network, "is everybody: list the addresses that ACSs come from")
			continue
		}
		r.network(key, network)
	}
}

// relayListen returns the address, not valid if it is no good.
func (r reporter) relayListen(value string) netip.AddrPort {
	if value == "" {
		r("listen", "", `is missing, write ip:port such as "10.0.0.1:7551"`)
		return netip.AddrPort{}
	}
	listen, err := netip.ParseAddrPort(value)
	if err != nil {
		r("listen", value, `is not ip:port, such as "10.0.0.1:7551" or "0.0.0.0:7551"`)
	}
	return listen
}

func (r reporter) relayHost(value string) {
	suffix, star := strings.CutPrefix(value, "*.")
	switch {
	case !star || !hostname(suffix) || isAddr(suffix):
		r("host", value, `is not a name that begins with a star, such as "*.udp.example.net"`)
	case tokenLength+1+len(suffix) > maxHostname:
		r("host", value, "is too long for a name that a token stands before")
	}
}

func (r reporter) relayAddress(c *RelayConfig, listen netip.AddrPort) {
	switch addr, err := netip.ParseAddr(c.Address); {
	case c.Address == "" && c.Ports != "" && listen.IsValid() && listen.Addr().IsUnspecified():
		r("address", "", "is missing: with ports, and listen on every address, ACSs must be told one IP address")
	case c.Address == "":
	case c.Ports == "":
		r("address", c.Address, "has no effect without ports")
	case err != nil || addr.IsUnspecified() || addr.Zone() != "":
		r("address", c.Address, "is not an IP address that ACSs can send to")
	}
}

func (r reporter) network(key, value string) {
	if _, err := parseNetwork(value); err != nil {
		r(key, value, "is not an address or a network such as 10.0.0.0/8")
	}
}

func (r reporter) oneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	r(key, value, "is not one of "+strings.Join(allowed, ", "))
}

func (r reporter) count(key string, value, most int) {
	switch {
	case value < 1:
		r(key, strconv.Itoa(value), "must be at least 1")
	case value > most:
		r(key, strconv.Itoa(value), "must be at most "+strconv.Itoa(most))
	}
}

func (r reporter) duration(key string, value, least, most time.Duration) {
	switch {
	case value < least:
		r(key, value.String(), "must be at least "+least.String())
	case value > most:
		r(key, value.String(), "must be at most "+most.String())
	}
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

const maxHostname = 253 // characters of a DNS name, RFC 1035 section 2.3.4

// hostname tells whether s is an IP address or can be a DNS name; underscores
// occur in the names of container networks.
func hostname(s string) bool {
	if isAddr(s) {
		return true
	}
	return s != "" && len(s) <= maxHostname && !strings.HasPrefix(s, ".") && !strings.Contains(s, "..") &&
		strings.IndexFunc(s, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
		}) < 0
}
