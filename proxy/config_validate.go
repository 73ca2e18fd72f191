package proxy

import (
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/bytesize"
)

// Validate reports every problem of the listener but those of its TLS, which
// tlsconf.ListenerConfig reports itself; keys are relative to it.
func (c *ListenConfig) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	r.name("name", c.Name)
	r.address("address", c.Address)
	for i, network := range c.ProxyProtocol {
		r.network("proxy_protocol["+strconv.Itoa(i)+"]", network)
	}
	r.count("max_connections", c.MaxConnections, 1)
}

// Validate reports every problem of how the ACS is reached; keys are relative
// to the `acs` entry. It reads the files that the configuration names.
func (c *UpstreamConfig) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	scheme := r.url(c.URL)
	if c.Host != "" && c.Host != HostURL && !validHost(c.Host) {
		r("host", c.Host, "is not a host or host:port, nor "+HostURL)
	}
	r.oneOf("redirects", c.Redirects, RedirectsFollow, RedirectsPass)
	r.oneOf("redirect_status", strconv.Itoa(c.RedirectStatus), "307", "302") // quirk C-27
	r.duration("connect_timeout", c.ConnectTimeout, time.Millisecond)
	r.duration("response_timeout", c.ResponseTimeout, time.Millisecond)
	r.duration("inform_timeout", c.InformTimeout, time.Millisecond)
	switch scheme {
	case "https":
		r.clientTLS(c)
	case "http":
		r.noTLS(c)
	}
	r.count("limits.sessions", c.Limits.Sessions, 0)
	r.rate("limits.new_per_second", c.Limits.NewPerSecond)
	r.count("limits.burst", c.Limits.Burst, 0)
}

// Validate reports every problem of the `session` section.
func (c *SessionConfig) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	r.duration("idle", c.Idle, time.Second)
	r.count("max_sessions", c.MaxSessions, 1)
	switch {
	case c.Cookie == "":
		r("cookie", "", "needs a name, such as gw")
	case !token(c.Cookie) || strings.HasPrefix(c.Cookie, "$"): // RFC 2965 reserves $
		r("cookie", c.Cookie, "is not a cookie name: use letters, digits, - and _")
	case len(c.Cookie) > maxCookie:
		r("cookie", c.Cookie, "is longer than "+strconv.Itoa(maxCookie)+" characters, too long for small CPEs")
	}
}

// Validate reports every problem of the `limits` section.
func (c *LimitsConfig) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	r.size("header_bytes", c.HeaderBytes, bytesize.KB, maxHeader)
	r.size("body_bytes", c.BodyBytes, 4*bytesize.KB, maxBody)
	r.size("body_memory", c.BodyMemory, 4*bytesize.KB, 1<<20*bytesize.MB)
	if c.BodyMemory < c.BodyBytes {
		r("body_memory", c.BodyMemory.String(), "is less than one message of body_bytes, "+c.BodyBytes.String())
	}
	r.count("connections_per_source", c.ConnectionsPerSource, 0)
	r.duration("idle_connection", c.IdleConnection, time.Second)
	r.duration("header_timeout", c.HeaderTimeout, time.Second)
	r.size("min_rate", c.MinRate, 0, bytesize.MB)
	r.duration("retry_after", c.RetryAfter, time.Second)
}
