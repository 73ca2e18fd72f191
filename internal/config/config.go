package config

import (
	"time"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/credential"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/provision"
	"github.com/acsgate/acsgate/internal/store/boltstore"
	"github.com/acsgate/acsgate/internal/telemetry"
	"github.com/acsgate/acsgate/internal/tlsconf"
	"github.com/acsgate/acsgate/internal/webhook"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
	"github.com/acsgate/acsgate/stunsrv"
)

// DefaultDataDir is where the gateway keeps its files.
const DefaultDataDir = "/var/lib/acsgate"

// Values of ACS.AsBackup.
const (
	BackupFull     = "full"
	BackupReadOnly = "read_only"
	BackupPark     = "park"
)

// Config is a whole configuration. One that Load or Parse returned is complete:
// defaults are filled in, file names are relative to the working directory or
// absolute, and names that refer to others do. Nobody changes it afterwards.
type Config struct {
	DataDir string               `yaml:"data_dir"`
	Listen  []proxy.ListenConfig `yaml:"listen"`
	TLS     tlsconf.Config       `yaml:"tls"`
	ACS     []ACS                `yaml:"acs"`
	Routes  []policy.RouteConfig `yaml:"routes"`
	Session proxy.SessionConfig  `yaml:"session"`
	Limits  proxy.LimitsConfig   `yaml:"limits"`
	Quirks  []cwmp.QuirkRule     `yaml:"quirks"`
	Devices device.Config        `yaml:"devices"`

	STUN              stunsrv.Config     `yaml:"stun"`
	Bindings          binding.Config     `yaml:"bindings"`
	ConnectionRequest connreq.Config     `yaml:"connection_request"`
	Credentials       credential.Config  `yaml:"credentials"`
	TURN              stunsrv.TURNConfig `yaml:"turn"`
	STUNProvisioning  provision.Config   `yaml:"stun_provisioning"`
	Campaigns         campaign.Config    `yaml:"campaigns"`

	Journal journal.Config `yaml:"journal"`
	Events  webhook.Config `yaml:"events"`

	Store Store               `yaml:"store"`
	Admin admin.Config        `yaml:"admin"`
	Log   telemetry.LogConfig `yaml:"log"`
	Drain Drain               `yaml:"drain"`
}

// ACS is one entry of the `acs` section: one ACS as the policy and as the proxy
// see it.
type ACS struct {
	Policy   policy.ACSConfig     `yaml:",inline"`
	Upstream proxy.UpstreamConfig `yaml:",inline"`
	// CPEURL is what a CPE is given when its ManagementServer.URL is set to
	// this ACS. Empty means that it is never set.
	CPEURL string `yaml:"cpe_url"`
	// CPERootCAFile holds the certificate authorities that the CPEs know, by which
	// cpe_url is checked before the first CPE is sent there.
	CPERootCAFile string `yaml:"cpe_root_ca_file"`
	// CPELogin is what a CPE is given together with that URL.
	CPELogin *CPELogin `yaml:"cpe_login"`
	// URLGuard says what becomes of ManagementServer.URL in this ACS's RPCs.
	URLGuard string `yaml:"url_guard"`
	// FileURLs replace the beginnings of the URLs of files in this ACS's RPCs.
	FileURLs policy.FileURLs `yaml:"file_urls"`
	// AsBackup says what this ACS may do with the CPEs of an ACS that it stands in
	// for: full (default); read_only, which refuses RPCs that change the CPE; park,
	// in which case the gateway answers them itself, and this ACS sees nothing.
	AsBackup string `yaml:"as_backup"`
}

// CPELogin is the ManagementServer.Username and Password of the CPEs of an ACS.
type CPELogin struct {
	// Username is a template with {oui}, {product_class} and {serial}.
	Username string `yaml:"username"`
	// PasswordFile holds the password of all CPEs.
	PasswordFile string `yaml:"password_file"`
	// ListFile holds a line for each CPE: device, user name and password, separated
	// by commas. What it has wins.
	ListFile string `yaml:"list_file"`
}

// Store is the `store` section: one of its keys says where durable state is.
type Store struct {
	Bolt   *boltstore.Config `yaml:"bolt"`   // default; a relative path of it is inside data_dir
	Memory *Memory           `yaml:"memory"` // nothing survives a restart: for tests and demonstrations
}

// Memory is the `store.memory` section. It has no keys.
type Memory struct{}

// Drain is the `drain` section: how the gateway stops.
type Drain struct {
	// Timeout bounds how long running sessions may take to finish.
	Timeout time.Duration `yaml:"timeout"`
}

// PolicyConfig returns what policy.Compile needs.
func (c *Config) PolicyConfig() policy.Config {
	out := policy.Config{Routes: c.Routes}
	for _, a := range c.ACS {
		out.ACS = append(out.ACS, a.Policy)
	}
	return out
}

// Upstreams returns how the proxy reaches each ACS, with its name.
func (c *Config) Upstreams() []proxy.UpstreamConfig {
	var out []proxy.UpstreamConfig
	for _, a := range c.ACS {
		a.Upstream.Name = a.Policy.Name
		out = append(out, a.Upstream)
	}
	return out
}
