package tlsconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/store"
)

// Deps are what a Manager works with. Log and Metrics may be nil; Now defaults
// to time.Now.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Manager holds the certificates of all listeners and keeps them fresh. All
// methods are safe for concurrent use.
type Manager struct {
	log   *zap.Logger
	now   func() time.Time
	pace  pace
	store store.Store

	selection atomic.Pointer[selection]
	legacy    atomic.Bool // some listener has the legacy profile
	book      *challengeBook
	http      net.Listener // for HTTP-01, nil without http_address
	reloaded  chan struct{}
	failures  *failureLog
	metrics   *metrics

	// reloading is held while files are read, by whoever changes what came of
	// them; handshakes and Status never wait for it.
	reloading sync.Mutex
	clientCAs map[string]*clientCA

	mu      sync.Mutex // guards what follows; never held across I/O
	cfg     Config
	acme    *acmeSetup
	static  []*staticPair // each immutable
	managed []*managed    // each immutable
	warned  map[string]string
}

// pace is how often things are done.
type pace struct {
	poll, check, report time.Duration
	retry               []time.Duration
}

func defaultPace() pace {
	return pace{
		poll:   10 * time.Second,
		check:  10 * time.Minute,
		report: time.Minute,
		retry: []time.Duration{
			time.Minute, 10 * time.Minute, 30 * time.Minute,
			time.Hour, 2 * time.Hour, 6 * time.Hour,
		},
	}
}

// New loads the static certificates, and those that ACME left in the store,
// and binds http_address. It starts nothing; Run must be called to release the
// address, if only with a context that has ended. The error tells everything
// that is wrong.
func New(cfg Config, deps Deps) (*Manager, error) {
	cfg = cfg.completed()
	m := newManager(deps)
	next, err := m.load(cfg)
	if err != nil {
		return nil, err
	}
	if m.http, err = listenHTTP(cfg.ACME); err != nil {
		return nil, err
	}
	if deps.Metrics != nil {
		if err := m.metrics.register(deps.Metrics, m); err != nil {
			m.closeHTTP()
			return nil, fmt.Errorf("metrics of tls: %w", err)
		}
	}
	m.publish(next)
	return m, nil
}

func newManager(deps Deps) *Manager {
	if deps.Log == nil {
		deps.Log = zap.NewNop()
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	m := &Manager{
		log:       deps.Log.Named("tls"),
		now:       deps.Now,
		pace:      defaultPace(),
		store:     deps.Store,
		book:      newChallengeBook(deps.Store),
		reloaded:  make(chan struct{}, 1),
		metrics:   newMetrics(),
		clientCAs: make(map[string]*clientCA),
		warned:    make(map[string]string),
	}
	m.failures = newFailureLog(m.log)
	m.selection.Store(newSelection(nil, ""))
	return m
}

// generation is everything that a configuration leads to.
type generation struct {
	cfg     Config
	acme    *acmeSetup
	static  []*staticPair
	managed []*managed
}

// load builds a generation completely, without touching the running one.
func (m *Manager) load(cfg Config) (generation, error) {
	next := generation{cfg: cfg}
	var errs []error
	for _, files := range cfg.Certificates {
		pair, err := newStaticPair(files)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		next.static = append(next.static, pair)
	}
	if cfg.ACME != nil {
		setup, err := newACMESetup(*cfg.ACME, m.store)
		if err != nil {
			errs = append(errs, err)
		} else {
			next.acme = setup
			next.managed = m.loadManaged(setup)
		}
	}
	return next, errors.Join(errs...)
}

func (m *Manager) publish(next generation) {
	m.mu.Lock()
	m.cfg, m.acme, m.static, m.managed = next.cfg, next.acme, next.static, next.managed
	m.reselect()
	m.mu.Unlock()
	m.book.enable(next.acme != nil)
	m.warnLegacy()
	m.warnExpiry()
}

// reselect makes the certificates of now the ones that are served. The caller
// holds mu.
func (m *Manager) reselect() {
	var all []*certificate
	for _, p := range m.static {
		all = append(all, p.current)
	}
	for _, g := range m.managed {
		if g.current != nil {
			all = append(all, g.current)
		}
	}
	m.selection.Store(newSelection(all, m.cfg.DefaultName))
}

// Reload replaces the configuration. The new one is built completely first; if
// anything is wrong with it the old one stays, and the error tells all of it.
// Listeners that exist serve the new certificates from the next handshake on.
// Failed ACME orders are tried again at once.
func (m *Manager) Reload(cfg Config) error {
	cfg = cfg.completed()
	m.reloading.Lock()
	defer m.reloading.Unlock()
	if httpAddress(cfg.ACME) != httpAddress(m.config().ACME) {
		return errors.New("needs a restart: tls.acme.http_address")
	}
	next, err := m.load(cfg)
	if err != nil {
		return err
	}
	m.refreshClientCAs()
	m.publish(next)
	select {
	case m.reloaded <- struct{}{}:
	default:
	}
	return nil
}

func (m *Manager) config() Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg
}

func (m *Manager) acmeConfigured() bool { return m.config().ACME != nil }

// Run follows the certificate files, obtains and renews certificates by ACME,
// and answers challenges on http_address, until ctx ends. It leaves nothing
// behind. An error means that it could not go on.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() { m.follow(ctx) })
	wg.Go(func() { m.runACME(ctx) })
	if m.http != nil {
		wg.Go(func() {
			if err := m.serveChallenges(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// follow looks after files, warnings and the report of failed handshakes.
func (m *Manager) follow(ctx context.Context) {
	poll := time.NewTicker(m.pace.poll)
	defer poll.Stop()
	report := time.NewTicker(m.pace.report)
	defer report.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			m.refreshFiles()
			m.warnExpiry()
		case <-report.C:
			m.failures.flush()
		}
	}
}

// refreshFiles reloads what has changed on disk.
func (m *Manager) refreshFiles() {
	m.reloading.Lock()
	defer m.reloading.Unlock()
	m.refreshClientCAs()

	m.mu.Lock()
	old := m.static
	m.mu.Unlock()
	next, changed := make([]*staticPair, len(old)), false
	for i, p := range old {
		pair := *p
		changed = pair.refresh(m.log) || changed
		next[i] = &pair
	}
	m.mu.Lock()
	m.static = next
	if changed {
		m.reselect()
	}
	m.mu.Unlock()
	if changed {
		m.warnLegacy()
	}
}

// refreshClientCAs needs reloading to be held.
func (m *Manager) refreshClientCAs() {
	for _, ca := range m.clientCAs {
		ca.refresh(m.log)
	}
}
