package connreq

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Errors of Begin, Request and Bulk.
var (
	// ErrUnknownDevice says that no such device has ever come.
	ErrUnknownDevice = errors.New("device is not known")
	// ErrBusy says that as many requests are under way as may be.
	ErrBusy = errors.New("too many Connection Requests are under way")
	// ErrStopped says that the service is stopping, or has stopped.
	ErrStopped = errors.New("connection requests have stopped")
)

// Service makes Connection Requests. Its methods are safe for concurrent use.
type Service struct {
	cfg     Config
	deps    Deps
	log     *zap.Logger
	metrics *metrics
	ways    []*way
	acs     *acsSide
	share   time.Duration // of Timeout for a transport that another follows

	hurry chan struct{}      // the schedule's first request has changed
	write chan struct{}      // a number must be made safe
	boots chan cwmp.DeviceID // restarted; not in memory

	ctx  context.Context // of exchanges; ends with Run
	stop context.CancelFunc

	mu       sync.Mutex // never held across I/O
	devices  devices
	sequence sequence
	lowered  bool // the floor, but not yet in the store
	schedule schedule
	parked   []*request
	inFlight int
	ended    []*request // to be told of when the lock is given back
	out      []*request // likewise: these have left
	pool     pool
	stopped  bool

	closed chan struct{} // is closed
}

// New returns a service that is not running yet; it binds the sockets that ACSs
// reach. What Begin accepts before Run leaves when Run has started. Run must
// follow, or Close.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := deps.check(); err != nil {
		return nil, err
	}
	cfg.SetDefaults()
	cfg.UDP.SetDefaults()
	cfg.HTTP.SetDefaults()
	s := &Service{
		cfg: cfg, deps: deps, log: deps.Log.Named("connreq"), share: cfg.Timeout / 3,
		hurry: make(chan struct{}, 1), write: make(chan struct{}, 1), boots: make(chan cwmp.DeviceID, bootsMost),
		devices: devices{known: map[cwmp.Key]*device{}, idle: list.New()},
		pool:    pool{most: cfg.HTTP.Concurrent},
		closed:  make(chan struct{}),
	}
	close(s.closed)
	s.ctx, s.stop = context.WithCancel(context.Background())
	var err error
	if s.metrics, err = newMetrics(s, deps.Metrics); err != nil {
		return nil, err
	}
	if err := s.addTransports(); err != nil {
		return nil, err
	}
	if err := s.addACSSide(); err != nil {
		return nil, err
	}
	return s, nil
}

// addTransports makes the transports that are on.
func (s *Service) addTransports() error {
	if c := &s.cfg.UDP; !c.Disabled {
		if s.deps.SendUDP == nil || len(c.Copies) == 0 {
			return errors.New("connreq: Deps.SendUDP and Config.UDP.Copies are required where UDP is on")
		}
		u := &udp{send: s.deps.SendUDP, now: s.deps.Now, metrics: s.metrics}
		s.ways = append(s.ways, &way{Transport: u, copies: c.Copies, numbered: true})
	}
	if c := &s.cfg.HTTP; !c.Disabled {
		h, err := newHTTPTransport(c, s.deps.Now, s.deps.Metrics)
		if err != nil {
			return err
		}
		s.ways = append(s.ways, &way{Transport: h, copies: []time.Duration{0}, timeout: c.Timeout})
	}
	return nil
}

func (s *Service) now() time.Time { return s.deps.Now() }

// Run sends, confirms, gives up, and serves ACSs until ctx ends; then what is under
// way ends as failed, and what must be kept is written to the store. Its error says
// that the store cannot be read at the start or written at the end, or that ACSs
// cannot be served.
func (s *Service) Run(ctx context.Context) error {
	if err := s.readFloor(ctx); err != nil {
		s.Close()
		return fmt.Errorf("connreq: %w", err)
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var acsErr error
	all.Go(func() { s.runSchedule(running) })
	all.Go(func() { s.runWriter(running) })
	all.Go(func() {
		defer cancel() // it ends before ctx only when a socket fails
		acsErr = s.acs.run(running)
	})
	s.startPool()
	<-running.Done()
	s.halt()
	all.Wait()
	s.pool.workers.Wait()
	return errors.Join(acsErr, s.writeLast(context.WithoutCancel(ctx)))
}

// Close ends a service that never ran. What was begun ends as failed.
func (s *Service) Close() {
	s.halt()
	s.acs.close()
}

// halt accepts nothing more, and ends what is under way.
func (s *Service) halt() {
	s.stop()
	s.mu.Lock()
	s.stopped, s.pool.running = true, false
	for _, d := range s.devices.known {
		if d.current != nil {
			s.finish(d.current, classStopped, nil, s.now())
		}
	}
	s.release()
}

// release gives the lock back, and then tells of what has happened. Who is told is
// settled before: others may join a request as soon as the lock is free.
func (s *Service) release() {
	out, ended := s.out, s.ended
	s.out, s.ended = nil, nil
	told := make([][]watcher, 0, len(out)+len(ended))
	for _, r := range out {
		told = append(told, r.watch)
	}
	for _, r := range ended {
		told = append(told, r.watch)
		r.watch = nil
	}
	s.mu.Unlock()
	for i := range out {
		for _, w := range told[i] {
			w.requestSent()
		}
	}
	for i, r := range ended {
		s.metrics.ended(r)
		for _, w := range told[len(out)+i] {
			w.requestDone(&r.result, r.class)
		}
		if s.deps.Finished != nil {
			s.deps.Finished(r.result)
		}
	}
}

func (s *Service) underWay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight
}

// Request makes a Connection Request and waits for its end. The error is ctx's, or
// one of Begin.
func (s *Service) Request(ctx context.Context, id cwmp.DeviceID, origin string) (Result, error) {
	p, err := s.Begin(id, origin)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-p.Done():
		return p.Result(), nil
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// Last returns the result of the device's last request that ended, if it is not
// too long ago: results are kept in memory, of a bounded number of devices.
func (s *Service) Last(id cwmp.DeviceID) (Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(&id)
	if d == nil || d.last == nil {
		return Result{}, false
	}
	return d.last.result, true
}
