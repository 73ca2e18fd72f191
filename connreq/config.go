package connreq

import "time"

// Values of Config.Answer.
const (
	AnswerSent    = "sent"    // an ACS is answered 200 once the request is out
	AnswerSession = "session" // once the CPE's session is seen
)

// Config is the `connection_request` section.
type Config struct {
	// URLBase is what ACSs see instead of the CPE's own ConnectionRequestURL; a
	// token of the device is appended. Its host may begin with "*.": the token
	// then takes the place of the star, and the CPE's own path is kept, which
	// digest answers of ACSs sign. Empty: ACSs see the CPE's own URL.
	URLBase string `yaml:"url_base"`
	// Listen is the address, ip:port, where ACSs reach URLBase; default: the port
	// of URLBase on every address.
	Listen string `yaml:"listen"`
	// ACSNetworks are the addresses that ACSs may come from, on Listen and on the
	// relay. Required where one of them is there.
	ACSNetworks []string `yaml:"acs_networks"`
	// Answer says when an ACS is told 200: sent (default) or session.
	Answer string `yaml:"answer"`
	// Timeout is how long the CPE's session is waited for; default 30s.
	Timeout time.Duration `yaml:"timeout"`
	// MinInterval is the least time between two requests to one device; those
	// that come sooner are joined with the one before. Default 30s (quirk S-36).
	MinInterval time.Duration `yaml:"min_interval"`
	// Max bounds the requests that are under way; default 200,000.
	Max int `yaml:"max"`

	UDP   UDPConfig    `yaml:"udp"`
	HTTP  HTTPConfig   `yaml:"http"`
	Relay *RelayConfig `yaml:"relay"`
	// STUNRelay serves, on Listen, the HTTP interface of genieacs-stunrelay.
	STUNRelay *STUNRelayConfig `yaml:"stun_relay"`
}

// UDPConfig is about UDP Connection Requests.
type UDPConfig struct {
	Disabled bool `yaml:"disabled"`
	// Copies are when the identical copies of a request leave, from its start;
	// default 0s, 500ms, 1500ms.
	Copies []time.Duration `yaml:"copies"`
}

// HTTPConfig is about HTTP Connection Requests.
type HTTPConfig struct {
	Disabled bool `yaml:"disabled"`
	// Timeout bounds one exchange with a CPE; default 10s.
	Timeout time.Duration `yaml:"timeout"`
	// AllowBasic lets a CPE be answered with Basic authentication, which shows it,
	// and everybody on the way, the password (quirk C-82).
	AllowBasic bool `yaml:"allow_basic"`
	// AllowNetworks are the private, loopback or link-local networks in which
	// CPEs may be contacted; none are by default (quirk C-85).
	AllowNetworks []string `yaml:"allow_networks"`
	// Concurrent bounds the exchanges that are under way; default 1000.
	Concurrent int `yaml:"concurrent"`
}

// RelayConfig is where ACSs send UDP Connection Requests of their own. One of
// Host and Ports tells the devices apart.
type RelayConfig struct {
	// Listen is the UDP address, ip:port.
	Listen string `yaml:"listen"`
	// Host is what ACSs see as UDPConnectionRequestAddress: a name that begins
	// with "*.", whose star stands for the device's token; all of these names
	// must lead to Listen.
	Host string `yaml:"host"`
	// Ports is a range such as "20000-29999" of which every device is given one.
	// The machine must redirect the range to the port of Listen.
	Ports string `yaml:"ports"`
	// Address is the IP address that ACSs see together with Ports; default: that
	// of Listen.
	Address string `yaml:"address"`
}

// STUNRelayConfig lets GenieACS set-ups that use genieacs-stunrelay go on.
type STUNRelayConfig struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.Answer == "" {
		c.Answer = AnswerSent
	}
	orDefault(&c.Timeout, 30*time.Second)
	orDefault(&c.MinInterval, 30*time.Second)
	orDefault(&c.Max, 200_000)
}

// SetDefaults fills in what the file leaves out.
func (c *UDPConfig) SetDefaults() {
	if c.Copies == nil {
		c.Copies = []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond}
	}
}

// SetDefaults fills in what the file leaves out.
func (c *HTTPConfig) SetDefaults() {
	orDefault(&c.Timeout, 10*time.Second)
	orDefault(&c.Concurrent, 1000)
}

// orDefault sets what is zero.
func orDefault[T comparable](value *T, def T) {
	var zero T
	if *value == zero {
		*value = def
	}
}
