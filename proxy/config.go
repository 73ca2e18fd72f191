package proxy

import (
	"math"
	"net/http"
	"time"

	"github.com/acsgate/acsgate/internal/bytesize"
	"github.com/acsgate/acsgate/internal/tlsconf"
)

// Values of UpstreamConfig.Redirects.
const (
	RedirectsFollow = "follow"
	RedirectsPass   = "pass"
)

// HostURL is the value of UpstreamConfig.Host that sends the URL's own host.
const HostURL = "url"

// ListenConfig is one CPE-facing listener.
type ListenConfig struct {
	Name    string                  `yaml:"name"`
	Address string                  `yaml:"address"` // host:port; ":7547" for every address
	TLS     *tlsconf.ListenerConfig `yaml:"tls"`     // absent: plain HTTP
	// ProxyProtocol lists the networks of load balancers whose PROXY headers
	// are believed. From anyone else a PROXY header is garbage.
	ProxyProtocol []string `yaml:"proxy_protocol"`
	// MaxConnections bounds the CPE connections of this listener; default 50000.
	MaxConnections int `yaml:"max_connections"`
}

// SetDefaults fills in what the file leaves out.
func (c *ListenConfig) SetDefaults() { orDefault(&c.MaxConnections, 50_000) }

// UpstreamConfig is how the proxy reaches one ACS. The policy's half of the
// same `acs` entry is policy.ACSConfig.
type UpstreamConfig struct {
	Name string `yaml:"-"` // set by the composition root
	// URL of the ACS. With a path, that path replaces the CPE's; without one
	// ("http://10.0.0.5:7547") the CPE's path and query pass unchanged.
	URL string `yaml:"url"`
	// Host is the Host header sent to the ACS: empty passes the CPE's own,
	// "url" sends the URL's host, anything else is sent as it is (quirk U11).
	Host string `yaml:"host"`
	// Redirects: "follow" (default) keeps the CPE inside the gateway by
	// following the ACS's 3xx itself, "pass" hands them to the CPE (C-27, C-28).
	Redirects string `yaml:"redirects"`
	// RedirectStatus is the status of a redirect that is passed: 307 or 302.
	RedirectStatus int `yaml:"redirect_status"`
	// AnnounceProto tells the ACS the scheme that the CPE used. GenieACS offers
	// only Basic to CPEs that are said to come by https (quirk U10).
	AnnounceProto bool `yaml:"announce_proto"`
	// ConnectTimeout bounds dialling and the TLS handshake; ResponseTimeout
	// the wait for the first byte of an answer. An Inform that has a backup ACS
	// waits no longer than InformTimeout.
	ConnectTimeout  time.Duration `yaml:"connect_timeout"`
	ResponseTimeout time.Duration `yaml:"response_timeout"`
	InformTimeout   time.Duration `yaml:"inform_timeout"`
	// TLS of an https URL.
	RootCAFile         string `yaml:"root_ca_file"`
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	ServerName         string `yaml:"server_name"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
	// Limits admit new sessions; a session that runs is never refused.
	Limits UpstreamLimits `yaml:"limits"`
}

// SetDefaults fills in what the file leaves out.
func (c *UpstreamConfig) SetDefaults() {
	orDefault(&c.Redirects, RedirectsFollow)
	orDefault(&c.RedirectStatus, http.StatusTemporaryRedirect)
	orDefault(&c.ConnectTimeout, 3*time.Second)
	// CPEs such as easycwmp give up a request after 30 s (quirk C-09).
	orDefault(&c.ResponseTimeout, 29*time.Second)
	orDefault(&c.InformTimeout, 10*time.Second)
	c.Limits.SetDefaults()
}

// UpstreamLimits protect one ACS from storms (quirk C-14).
type UpstreamLimits struct {
	Sessions     int     `yaml:"sessions"`       // at once; 0 means no limit
	NewPerSecond float64 `yaml:"new_per_second"` // 0 means no limit
	Burst        int     `yaml:"burst"`          // default: one second's worth
}

// SetDefaults fills in what the file leaves out.
func (c *UpstreamLimits) SetDefaults() {
	if c.NewPerSecond > 0 {
		orDefault(&c.Burst, int(math.Ceil(min(c.NewPerSecond, maxRate))))
	}
}

// SessionConfig bounds CWMP sessions.
type SessionConfig struct {
	// Idle ends a session whose CPE has been silent for this long; its
	// connection to the ACS is kept until then (quirk U2).
	Idle time.Duration `yaml:"idle"`
	// MaxSessions bounds the session table.
	MaxSessions int `yaml:"max_sessions"`
	// Cookie is the name of the one cookie that a CPE is given (quirk C-06).
	Cookie string `yaml:"cookie"`
}

// SetDefaults fills in what the file leaves out.
func (c *SessionConfig) SetDefaults() {
	orDefault(&c.Idle, 90*time.Second)
	orDefault(&c.MaxSessions, 100_000)
	orDefault(&c.Cookie, "gw")
}

// LimitsConfig bounds what anyone on the Internet can make the gateway spend.
type LimitsConfig struct {
	HeaderBytes          bytesize.Size `yaml:"header_bytes"`
	BodyBytes            bytesize.Size `yaml:"body_bytes"`             // one message, also after decompression
	BodyMemory           bytesize.Size `yaml:"body_memory"`            // all large messages together
	ConnectionsPerSource int           `yaml:"connections_per_source"` // 0 means no limit
	IdleConnection       time.Duration `yaml:"idle_connection"`
	HeaderTimeout        time.Duration `yaml:"header_timeout"`
	// MinRate is the slowest body that is waited for, in bytes a second, after
	// a first minute (quirk C-39).
	MinRate bytesize.Size `yaml:"min_rate"`
	// RetryAfter is the middle of the random Retry-After of refusals; they are
	// spread from half to one and a half of it (quirk C-14).
	RetryAfter time.Duration `yaml:"retry_after"`
}

// SetDefaults fills in what the file leaves out.
func (c *LimitsConfig) SetDefaults() {
	orDefault(&c.HeaderBytes, 32*bytesize.KB)
	orDefault(&c.BodyBytes, 8*bytesize.MB) // quirk C-37
	orDefault(&c.BodyMemory, bytesize.GB)
	orDefault(&c.ConnectionsPerSource, 1024)
	orDefault(&c.IdleConnection, 2*time.Minute)
	orDefault(&c.HeaderTimeout, time.Minute)
	orDefault(&c.MinRate, 100)
	orDefault(&c.RetryAfter, time.Minute)
}

func orDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}
