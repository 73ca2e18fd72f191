package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/capture"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/telemetry"
	"github.com/acsgate/acsgate/internal/tlsconf"
	"github.com/acsgate/acsgate/internal/webhook"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// Options are what a gateway is given besides its configuration.
type Options struct {
	Version string
	// ConfigFile is where the configuration was read from, for ReloadFile. Optional.
	ConfigFile string
	// LogTo is where log lines go.
	LogTo io.Writer
	// OnSession is told of each session's end; it must not block. Optional.
	OnSession func(proxy.Summary)
}

// Gateway is a whole gateway. Several may live in one process.
type Gateway struct {
	opts    Options
	log     *zap.Logger
	lines   *zapcore.BufferedWriteSyncer
	metrics *prometheus.Registry

	store    store.Store
	devices  *device.Registry
	health   *policy.Health
	rules    atomic.Pointer[rules]
	tls      *tlsconf.Manager
	proxy    *proxy.Server
	probes   *prober
	reach    reach
	moves    moves
	stunset  stunset
	journal  *journal.Journal
	captures *capture.Captures
	webhooks *webhook.Webhooks
	admin    *admin.Server
	sweeper  func(context.Context) error // of the store
	loaded   atomic.Bool

	began       time.Time
	tally       tally
	searching   searchTurn // of searches by the API
	sampler     *telemetry.Sampler
	reloading   sync.Mutex // held while settings change
	settings    atomic.Pointer[settings]
	reloadError atomic.Pointer[error] // of the last ReloadFile
	reloaded    chan struct{}         // for watchCertificates; one waits at most
}

// New makes a gateway and binds its sockets. It starts nothing; a gateway that
// New returned must be Run. What it made is undone when it fails.
func New(cfg *config.Config, opts Options) (_ *Gateway, err error) {
	lines := newLineBuffer(opts.LogTo)
	log, err := telemetry.NewLogger(cfg.Log, lines)
	if err != nil {
		return nil, err
	}
	g := &Gateway{opts: opts, log: log, lines: lines, metrics: telemetry.NewRegistry(), began: time.Now(), reloaded: make(chan struct{}, 1), searching: make(searchTurn, 1)}
	g.newSettings(cfg, fileHash(opts.ConfigFile))
	undo := closers{lines.Stop}
	defer func() {
		if err != nil {
			err = errors.Join(err, undo.close())
		}
	}()
	if err = telemetry.RegisterBuild(g.metrics, opts.Version); err != nil {
		return nil, err
	}
	if g.journal, err = journal.New(cfg.Journal, journal.Deps{Metrics: g.metrics, Now: time.Now, Log: log}); err != nil {
		return nil, err
	}
	g.webhooks, err = webhook.New(cfg.Events, webhook.Deps{Subscribe: g.journal.Subscribe, Metrics: g.metrics, Now: time.Now, Log: log})
	if err != nil {
		return nil, err
	}
	if g.captures, err = capture.New(capture.Config{}, capture.Deps{Now: time.Now, Metrics: g.metrics}); err != nil {
		return nil, err
	}
	g.sampler = telemetry.NewSampler(telemetry.SamplerConfig{}, g.metrics, time.Now)
	if err = g.makeState(cfg, &undo); err != nil {
		return nil, err
	}
	if err = g.makeServices(cfg, &undo); err != nil {
		return nil, err
	}
	return g, nil
}

// makeState makes what remembers: store, registry, health, rules.
func (g *Gateway) makeState(cfg *config.Config, undo *closers) (err error) {
	if g.store, g.sweeper, err = openStore(cfg); err != nil {
		return err
	}
	*undo = append(*undo, g.store.Close)
	if g.devices, err = device.New(cfg.Devices, device.Deps{Store: g.store, Log: g.log, Metrics: g.metrics, Now: time.Now}); err != nil {
		return err
	}
	built, err := newRules(cfg)
	if err != nil {
		return err
	}
	g.rules.Store(built)
	if err = g.makeReach(cfg, undo); err != nil {
		return err
	}
	g.health = policy.NewHealth(cfg.PolicyConfig().ACS, time.Now())
	if err = g.makeMoves(cfg); err != nil {
		return err
	}
	if err = g.makeSTUNSet(cfg); err != nil {
		return err
	}
	return g.metrics.Register(healthCollector{g.health})
}

// makeServices makes what listens.
func (g *Gateway) makeServices(cfg *config.Config, undo *closers) (err error) {
	g.tls, err = tlsconf.New(cfg.TLS, tlsconf.Deps{Store: g.store, Log: g.log, Metrics: g.metrics, Now: time.Now})
	if err != nil {
		return err
	}
	*undo = append(*undo, func() error { // releases what New has bound
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		return g.tls.Run(ended)
	})
	g.admin, err = admin.New(adminConfig(cfg), admin.Deps{
		Registry: g.metrics, Ready: g.Ready, Live: g.live, API: g.api(), Console: g.console, Log: g.log,
	})
	if err != nil {
		return err
	}
	*undo = append(*undo, g.admin.Close)
	g.proxy, err = proxy.New(proxyConfig(cfg), proxy.Deps{
		Route: g.route, Quirks: g.quirks, Started: g.started, Ended: g.ended, Result: g.observed,
		Shown: g.showing(cfg), Learned: g.learning(cfg), Injections: g.ownRPCs, Guard: g.guard, Filter: g.filter,
		Mirror: g.mirror, Capture: g.tap,
		ListenTLS: g.tls.Listener, VerifyDevice: g.tls.VerifyDevice, HandshakeReason: tlsconf.HandshakeReason,
		HandshakeFailed: g.tls.NoteFailure, ClientCert: tlsconf.ClientCertHeaders, Challenge: g.tls.Challenge, Metrics: g.metrics, Log: g.log,
	})
	if err != nil {
		return err
	}
	if err = g.metrics.Register(conditionCollector{g}); err != nil {
		return err
	}
	g.probes = newProber(cfg.PolicyConfig().ACS)
	g.probes.ask, g.probes.observe, g.probes.tick = g.proxy.Probe, g.noteHealth, g.tickHealth
	return nil
}

func proxyConfig(cfg *config.Config) proxy.Config {
	return proxy.Config{
		Listen: cfg.Listen, Upstreams: cfg.Upstreams(), Session: cfg.Session, Limits: cfg.Limits, DrainTimeout: cfg.Drain.Timeout,
	}
}

// Run serves until ctx ends, then drains and stops everything in reverse order
// of start. It returns when nothing of the gateway is left. Sessions are taken
// once the registry has been read, since routes may depend on it; the admin
// listener answers meanwhile.
func (g *Gateway) Run(ctx context.Context) error {
	loaded := make(chan struct{})
	afterLoad := func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-loaded:
			case <-ctx.Done(): // run releases what New has bound
			}
			return run(ctx)
		}
	}
	devices := func(ctx context.Context) error {
		if err := g.load(ctx); err != nil {
			return err
		}
		close(loaded)
		g.announce()
		return g.devices.Run(ctx)
	}
	err := runParts(ctx, g.log, []part{
		{"journal", g.journal.Run}, {"store", g.sweeper}, {"admin", g.admin.Run}, {"series", g.sampler.Run}, {"devices", devices}, {"tally", afterLoad(g.runTally)},
		{"credentials", afterLoad(g.reach.vault.Run)}, {"bindings", afterLoad(g.reach.bindings.Run)},
		{"campaigns", afterLoad(g.moves.run)}, {"provisioning", afterLoad(g.stunset.book.Run)},
		{"stun", afterLoad(g.reach.runSTUN)}, {"connection requests", afterLoad(g.reach.requests.Run)},
		{"tls", g.tls.Run}, {"certificates", g.watchCertificates}, {"webhooks", g.webhooks.Run}, {"probes", afterLoad(g.probes.Run)}, {"proxy", afterLoad(g.proxy.Run)},
	})
	return errors.Join(err, g.store.Close(), g.lines.Stop())
}

// newLineBuffer gathers log lines for a moment: one line a session would be a
// system call a session.
func newLineBuffer(w io.Writer) *zapcore.BufferedWriteSyncer {
	unsynced := zapcore.AddSync(struct{ io.Writer }{w}) // a terminal or pipe cannot be synced
	return &zapcore.BufferedWriteSyncer{WS: unsynced, FlushInterval: 200 * time.Millisecond}
}

// load reads the registry.
func (g *Gateway) load(ctx context.Context) error {
	began := time.Now()
	if err := g.devices.Load(ctx); err != nil {
		return err
	}
	if err := g.reach.load(ctx); err != nil {
		return err
	}
	if err := g.moves.campaigns.Load(ctx); err != nil {
		return err
	}
	if err := g.stunset.book.Load(ctx); err != nil {
		return err
	}
	g.loaded.Store(true)
	g.log.Info("registry loaded", zap.Int("devices", g.devices.Len()), zap.Int("bindings", g.reach.bindings.Len()), zap.Duration("took", time.Since(began)))
	return nil
}

func (g *Gateway) announce() {
	for _, l := range g.settings.Load().Listen {
		addr, _ := g.proxy.Addr(l.Name)
		profile := "plain"
		if l.TLS != nil {
			profile = l.TLS.Profile
		}
		g.log.Info("listening for CPEs", zap.String("listener", l.Name), zap.String("address", addr), zap.String("tls", profile))
	}
	g.log.Info("ready", zap.String("version", g.opts.Version), zap.Stringer("admin", g.admin.Addr()))
}

// Addr returns the address that a CPE listener is bound to.
func (g *Gateway) Addr(listener string) (string, error) { return g.proxy.Addr(listener) }

// AdminAddr returns the address of the admin listener.
func (g *Gateway) AdminAddr() string { return g.admin.Addr().String() }

// Ready says why the gateway should get no new sessions, nil when it should.
func (g *Gateway) Ready() error {
	switch {
	case !g.loaded.Load():
		return errors.New("the device registry is being loaded")
	case g.proxy.Draining():
		return errors.New("draining: the gateway is being stopped")
	case g.health.Snapshot().AllDown():
		return errors.New("every ACS is down")
	}
	return nil
}

// live says why the process should be restarted. A store that fails is no
// reason: sessions go on without it.
func (g *Gateway) live() error { return nil }

// Reload takes a new configuration without dropping a session. It either takes
// effect as a whole or not at all; changes that need a restart are refused by
// name. Safe for concurrent use.
func (g *Gateway) Reload(cfg *config.Config) error { return g.take(cfg, fileHash(g.opts.ConfigFile)) }

// take is Reload with the hash of the file.
func (g *Gateway) take(cfg *config.Config, file string) error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	if changed := config.Diff(g.settings.Load().Config, cfg); len(changed) > 0 {
		return fmt.Errorf("needs a restart: %s", strings.Join(changed, ", "))
	}
	built, err := newRules(cfg)
	if err != nil {
		return err
	}
	stunset, err := newSTUNRule(cfg)
	if err != nil {
		return err
	}
	if err := g.tls.Reload(cfg.TLS); err != nil {
		return err
	}
	if err := g.proxy.Reload(proxyConfig(cfg)); err != nil {
		return errors.Join(err, g.tls.Reload(g.settings.Load().TLS))
	}
	// Last of what may fail: the passwords that files held before are gone.
	if err := g.reach.vault.Reload(cfg.Credentials); err != nil {
		return errors.Join(err, g.proxy.Reload(proxyConfig(g.settings.Load().Config)), g.tls.Reload(g.settings.Load().TLS))
	}
	g.rules.Store(built)
	g.stunset.rule.Store(stunset)
	acs := cfg.PolicyConfig().ACS
	g.health.SetConfig(acs, time.Now())
	g.probes.reload(acs)
	g.newSettings(cfg, file)
	select {
	case g.reloaded <- struct{}{}:
	default: // whoever waits for it will see this one, too
	}
	g.log.Info("configuration reloaded")
	return nil
}
