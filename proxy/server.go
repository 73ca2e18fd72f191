package proxy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Server carries CWMP sessions. New binds its listeners; Run serves them.
type Server struct {
	deps    Deps
	log     *zap.Logger
	metrics *metrics

	gen       atomic.Pointer[generation]
	listeners []*listener
	table     *table
	sources   *sources
	memory    budget
	conns     connSet
	mirror    *mirror
	draining  atomic.Bool
	alarms    rate.Sometimes
	handOver  chan accepted // to workers that rest
	resting   atomic.Int32
	// life ends when connections are to be closed whatever they do.
	life context.Context
	kill context.CancelFunc

	admissionMu sync.Mutex
	admissions  map[string]*admission
}

// generation is one configuration. Sessions keep the one that they began with;
// a reload swaps in the next.
type generation struct {
	cfg       Config
	upstreams map[string]*upstream
}

// New binds the listeners and starts nothing. Listeners bound so far are closed
// again when it fails.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := deps.check(); err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Server{
		deps: deps, log: deps.Log.Named("proxy"), metrics: m,
		table: newTable(), sources: newSources(), alarms: rate.Sometimes{First: 3, Interval: time.Minute}, admissions: map[string]*admission{}, conns: newConnSet(), handOver: make(chan accepted), mirror: newMirror(),
	}
	s.life, s.kill = context.WithCancel(context.Background())
	gen, err := s.newGeneration(cfg)
	if err != nil {
		return nil, err
	}
	s.install(gen)
	if err := s.bind(cfg.Listen); err != nil {
		s.closeListeners()
		return nil, err
	}
	return s, nil
}

// Reload takes a new configuration for sessions that begin from now on. It
// either applies as a whole or not at all. Listeners must be the same by name
// and address; their TLS and limits may change.
func (s *Server) Reload(cfg Config) error {
	gen, err := s.newGeneration(cfg)
	if err != nil {
		return err
	}
	listen, err := s.inOrder(cfg.Listen)
	if err != nil {
		return err
	}
	settings, err := s.listenerSettings(listen)
	if err != nil {
		return err
	}
	for i, l := range s.listeners {
		l.settings.Store(settings[i])
	}
	s.install(gen)
	return nil
}

// inOrder returns the listeners of a configuration in the order of those that
// are bound, which must be the same by name and address.
func (s *Server) inOrder(listen []ListenConfig) ([]ListenConfig, error) {
	if len(listen) != len(s.listeners) {
		return nil, fmt.Errorf("%d listeners instead of %d need a restart", len(listen), len(s.listeners))
	}
	ordered := make([]ListenConfig, len(listen))
	for i, l := range s.listeners {
		at := l.settings.Load().cfg.Address
		j := slices.IndexFunc(listen, func(c ListenConfig) bool { return c.Name == l.name && c.Address == at })
		if j < 0 {
			return nil, fmt.Errorf("a change of listener %q at %q needs a restart", l.name, at)
		}
		ordered[i] = listen[j]
	}
	return ordered, nil
}

// newGeneration builds what a configuration needs without touching what runs.
func (s *Server) newGeneration(cfg Config) (*generation, error) {
	gen := &generation{cfg: cfg, upstreams: make(map[string]*upstream, len(cfg.Upstreams))}
	for _, c := range cfg.Upstreams {
		u, err := newUpstream(c, s.admissionOf(c.Name), s.metrics.upstream(c.Name))
		if err != nil {
			return nil, err
		}
		gen.upstreams[c.Name] = u
	}
	return gen, nil
}

func (s *Server) admissionOf(name string) *admission {
	s.admissionMu.Lock()
	defer s.admissionMu.Unlock()
	a, ok := s.admissions[name]
	if !ok {
		a = &admission{}
		s.admissions[name] = a
	}
	return a
}

func (s *Server) install(gen *generation) {
	for _, u := range gen.upstreams {
		u.admission.setLimits(u.cfg.Limits)
	}
	s.memory.limit.Store(int64(gen.cfg.Limits.BodyMemory))
	s.gen.Store(gen)
}

// Run serves until ctx ends, then drains: new sessions are refused with 503,
// running ones may finish within the drain timeout. It returns when every
// connection is closed and every goroutine is gone.
func (s *Server) Run(ctx context.Context) error {
	var accepting, serving sync.WaitGroup
	for _, l := range s.listeners {
		accepting.Go(func() { s.accept(l, &serving) })
	}
	done := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() { s.sweep(done) })
	var mirroring sync.WaitGroup
	if s.deps.Mirror != nil {
		for range mirrorWorkers {
			mirroring.Go(s.showReflections)
		}
	}

	<-ctx.Done()
	s.drain()
	s.closeListeners()
	accepting.Wait()
	s.kill()
	s.conns.closeAll(closeGrace)
	s.endAll()
	serving.Wait()
	s.endAll() // those whose turn was taken
	close(done)
	sweeping.Wait()
	mirroring.Wait()
	s.dropReflections()
	return nil
}

// closeGrace lets connections write the answer that they are at.
const closeGrace = time.Second

// drain waits for running sessions. Listeners stay open meanwhile, because some
// CPEs open a connection for every POST of a session.
func (s *Server) drain() {
	s.draining.Store(true)
	limit := s.gen.Load().cfg.DrainTimeout
	s.log.Info("draining", zap.Int64("sessions", s.table.live.Load()), zap.Duration("limit", limit))
	end := time.Now().Add(limit)
	for s.table.live.Load() > 0 && time.Now().Before(end) {
		time.Sleep(20 * time.Millisecond)
	}
	if n := s.table.live.Load(); n > 0 {
		s.log.Warn("sessions did not finish in time", zap.Int64("sessions", n))
	}
}

// sweep ends sessions whose CPE is silent and buries those that have ended.
func (s *Server) sweep(done <-chan struct{}) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			s.table.byID.Range(func(_ string, sess *session) bool {
				s.sweepOne(sess, now)
				return true
			})
		}
	}
}

const sweepEvery = time.Second

func (s *Server) sweepOne(sess *session, now time.Time) {
	idle := sess.idleSince(now)
	if idle <= tombstone && sess.doom.Load() == nil && idle < sess.idleLimit() {
		return
	}
	if sess.over.Load() {
		s.table.byID.Delete(sess.id)
		return
	}
	doomed := sess.doom.Load() != nil
	if idle < sess.idleLimit() && !doomed || !sess.tryTake() {
		return
	}
	defer sess.give()
	if doomed || sess.idleSince(now) >= sess.idleLimit() {
		s.end(sess, sess.silence(), nil)
	}
}

// idleLimit is how long the CPE may be silent.
func (s *session) idleLimit() time.Duration {
	if patience := s.patience.Load(); patience > 0 {
		return time.Duration(patience)
	}
	return s.gen.cfg.Session.Idle
}

// silence names what a silent CPE left behind.
func (s *session) silence() string {
	if s.opened {
		return Idle
	}
	return Unauthorized
}

// endAll ends what is left when the server stops.
func (s *Server) endAll() {
	s.table.byID.Range(func(_ string, sess *session) bool {
		if sess.over.Load() {
			return true
		}
		sess.abort(Stopped)
		if sess.tryTake() {
			s.end(sess, Stopped, nil)
			sess.give()
		}
		return true
	})
}

// end closes the books of a session. The caller has its turn.
func (s *Server) end(sess *session, outcome string, err error) {
	if !sess.over.CompareAndSwap(false, true) {
		return
	}
	if forced := sess.doom.Load(); forced != nil {
		outcome = *forced
	}
	sess.link.cut(true)
	s.leave(sess.up, sess.route)
	sess.up.metrics.sessions.Dec()
	s.table.leave(sess)
	now := time.Now()
	sess.endedAt = now
	sess.touch(now)
	s.endInjections(sess, outcome)
	sum := &sess.sum
	sum.Route, sum.ACS, sum.Outcome, sum.Err = sess.route, sess.up.cfg.Name, outcome, err
	sum.Took = now.Sub(sum.Started)
	s.metrics.ended.WithLabelValues(sum.ACS, outcome).Inc()
	if outcome == Complete {
		sess.up.metrics.sessionTime.Observe(sum.Took.Seconds())
	}
	sess.jar, sess.offers, sess.guard = jar{}, nil, nil
	if !sess.leg.open { // else its last leg belongs to it
		s.conclude(sess)
	}
}

// conclude tells of a session that has ended. The caller has its turn.
func (s *Server) conclude(sess *session) {
	sum := &sess.sum
	s.logSummary(sum)
	if s.deps.Ended != nil {
		s.deps.Ended(*sum)
	}
	if sess.tap != nil {
		sess.tap.End(sess.endedAt, sum.Outcome)
	}
	sess.tap, sess.sum = nil, Summary{}
}

// sleep waits, unless the server is being stopped.
func (s *Server) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.life.Done():
		return false
	}
}

// Draining reports whether new sessions are refused because the server stops.
func (s *Server) Draining() bool { return s.draining.Load() }

// Addr returns the address that a listener is bound to, by the listener's name.
func (s *Server) Addr(name string) (string, error) {
	for _, l := range s.listeners {
		if l.name == name {
			return l.nl.Addr().String(), nil
		}
	}
	return "", fmt.Errorf("no listener %q", name)
}

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		if err := l.nl.Close(); err != nil && !isClosed(err) {
			s.log.Warn("listener did not close", zap.String("listener", l.name), zap.Error(err))
		}
	}
}

// logSummary writes the one line that each session leaves.
func (s *Server) logSummary(sum *Summary) {
	level := zap.InfoLevel
	if sum.Outcome == ACSFailed {
		level = zap.WarnLevel
	}
	line := s.log.Check(level, "session")
	if line == nil {
		return
	}
	device := "" // an empty POST for a challenge, or what is no CWMP
	if sum.Known {
		device = sum.Device.String()
	}
	fields := []zap.Field{
		zap.String("device", device), zap.String("outcome", sum.Outcome), zap.String("acs", sum.ACS),
		zap.String("rule", sum.Route.Rule), zap.String("reason", sum.Route.Reason),
		zap.Strings("events", sum.Events), zap.Strings("rpcs", sum.RPCs), zap.Int("exchanges", sum.Exchanges),
		zap.Duration("took", sum.Took), zap.String("listener", sum.Listener), zap.Stringer("remote", sum.Remote),
	}
	if sum.TLS != "" {
		fields = append(fields, zap.String("tls", sum.TLS))
	}
	if sum.Reconnects > 0 {
		fields = append(fields, zap.Int("reconnects", sum.Reconnects))
	}
	if len(sum.Faults) > 0 {
		fields = append(fields, zap.Strings("faults", sum.Faults))
	}
	if len(sum.Injections) > 0 {
		fields = append(fields, zap.Strings("injections", injectionLines(sum.Injections)))
	}
	if sum.Err != nil {
		fields = append(fields, zap.Error(sum.Err))
	}
	line.Write(fields...)
}
