package provision

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Bounds of the values that CPEs keep (TR-098 and TR-181, ManagementServer).
const (
	maxServer    = 256
	maxUsername  = 256
	minKeepAlive = 10 * time.Second
	maxKeepAlive = time.Hour
)

// Validate reports every problem of the section but for what stun.listen has to
// say, which Target does.
func (c *Config) Validate(report func(key, value, problem string)) {
	if strings.ContainsAny(c.Server, " \t/@[]<>") || len(c.Server) > maxServer {
		report("server", c.Server, "is not a host name or an IP address, without a port")
	} else if host, port, err := net.SplitHostPort(c.Server); err == nil && strings.Count(c.Server, ":") == 1 {
		report("server", c.Server, "has a port: write server: "+host+" and port: "+port)
	}
	if c.Port < 0 || c.Port > 65535 {
		report("port", strconv.Itoa(c.Port), "is not a port from 1 to 65535, or 0 for that of stun.listen")
	}
	if problem := usernameProblem(c.Username); problem != "" {
		report("username", c.Username, problem)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"min_keep_alive", c.MinKeepAlive}, {"max_keep_alive", c.MaxKeepAlive}} {
		if d.value < minKeepAlive || d.value > maxKeepAlive || d.value%time.Second != 0 {
			report(d.key, d.value.String(), "is not a time from 10s to 1h in whole seconds")
		}
	}
	if c.MaxKeepAlive < c.MinKeepAlive && c.MaxKeepAlive >= minKeepAlive {
		report("max_keep_alive", c.MaxKeepAlive.String(), "is below min_keep_alive, "+c.MinKeepAlive.String())
	}
	if c.Generation < 0 {
		report("generation", strconv.Itoa(c.Generation), "is below 0")
	}
}

// Validate reports every problem of the match.
func (m *Match) Validate(report func(key, value, problem string)) {
	s := m.selector()
	s.Validate(report)
}

// Target returns what CPEs are given as server and port when the gateway's STUN
// server listens there, or the key that is at fault and why.
func (c *Config) Target(listen []string) (server string, port int, key, problem string) {
	if len(listen) == 0 {
		return "", 0, "enabled", "needs the STUN server that CPEs are to use: add stun.listen"
	}
	host, portText, err := net.SplitHostPort(listen[0])
	if err != nil {
		return "", 0, "server", "is missing, and the first entry of stun.listen tells none"
	}
	server, port = c.Server, c.Port
	if addr, err := netip.ParseAddr(host); server == "" && (err != nil || addr.IsUnspecified()) {
		return "", 0, "server", "is missing: the first entry of stun.listen stands for every address, and CPEs need one"
	}
	if server == "" {
		server = host
	}
	if port == 0 {
		port, _ = strconv.Atoi(portText)
	}
	if port == 0 {
		return "", 0, "port", "is missing, and the first entry of stun.listen has none"
	}
	return server, port, "", ""
}

// usernameProblem says what is wrong with a template. A name must tell devices
// apart, since the STUN server knows them by it.
func usernameProblem(template string) string {
	rest := strings.NewReplacer("{oui}", "", "{product_class}", "", "{serial}", "").Replace(template)
	switch {
	case strings.ContainsAny(rest, "{}"):
		return "has a variable other than {oui}, {product_class} and {serial}"
	case !strings.Contains(template, "{serial}"):
		return "has no {serial}, by which it would differ from device to device"
	case len(template) > maxUsername:
		return "is longer than " + strconv.Itoa(maxUsername) + " characters, more than a CPE keeps"
	}
	return ""
}

// username returns a device's STUN user name.
func (c *Config) username(id *cwmp.DeviceID) string {
	return strings.NewReplacer("{oui}", id.OUI, "{product_class}", id.ProductClass, "{serial}", id.SerialNumber).Replace(c.Username)
}
