package stunsrv

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Server is the STUN server. All of its methods may be called from many
// goroutines.
type Server struct {
	deps    Deps
	handler *handler
	limiter *limiter
	metrics *metrics
	sockets []*socket
	local   map[netip.AddrPort]*socket
	lost    []uint32 // by socket: what the kernel had dropped when it was last asked
	lostMu  sync.Mutex
	epoch   time.Time // what the limits count from

	rewritten, faults seldom // warnings

	// relay takes the packets of TURN, and each of tasks runs beside the readers
	// until its context ends. addRelay sets them before Run; nil where TURN is off.
	relay relayFunc
	tasks []func(context.Context) error
}

// New binds all sockets of cfg.Listen and returns the server, or binds none and
// says why. The TURN relay is a part of it if turn enables it. What arrives before Run waits in the sockets' buffers. Either Run or
// Close gives the sockets back.
func New(cfg Config, turn TURNConfig, deps Deps) (*Server, error) {
	if err := deps.check(); err != nil {
		return nil, err
	}
	cfg.SetDefaults()
	l, err := listen(cfg.Listen, machineAddresses)
	if err != nil {
		return nil, err
	}
	s := &Server{
		deps: deps, handler: newHandler(cfg, deps), limiter: newLimiter(cfg.RequestsPerSource),
		sockets: l.sockets, local: make(map[netip.AddrPort]*socket, len(l.sockets)),
		lost: make([]uint32, len(l.sockets)), epoch: deps.Now(),
	}
	for _, socket := range s.sockets {
		s.local[socket.local] = socket
	}
	if s.metrics, err = newMetrics(deps.Metrics, s.dropped); err != nil {
		closeAll(s.sockets)
		return nil, err
	}
	if turn.Enabled {
		if _, err := s.addRelay(turn); err != nil {
			closeAll(s.sockets)
			return nil, err
		}
	}
	s.tellSockets(l.skipped)
	return s, nil
}

func (s *Server) tellSockets(skipped []netip.AddrPort) {
	if len(s.sockets) == 0 {
		return
	}
	size := smallest(s.sockets)
	s.deps.Log.Info("STUN listens", zap.Stringers("addresses", s.Addrs()), zap.Int("receive_buffer", size))
	if size != 0 && size < wishedBuffer/8 {
		s.deps.Log.Info("the receive buffer is small for a large fleet: raise net.core.rmem_max",
			zap.Int("receive_buffer", size), zap.Int("wished", wishedBuffer))
	}
	if len(skipped) != 0 {
		s.deps.Log.Warn("some addresses of the machine cannot be bound now", zap.Stringers("addresses", skipped))
	}
}

// Run serves until ctx ends, closes the sockets, and returns nil. It is called
// once. An error is that of the TURN relay, which ends it as well.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	failures := make(chan error, len(s.tasks))
	for _, task := range s.tasks {
		running.Go(func() {
			failures <- task(ctx)
			cancel()
		})
	}
	for _, socket := range s.sockets {
		running.Go(func() { newReader(s, socket).run(ctx) })
	}
	<-ctx.Done()
	s.dropped() // for the last time: a closed socket does not tell
	s.Close()
	running.Wait()
	close(failures)
	var err error
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	return err
}

// Close closes the sockets of a server that never ran.
func (s *Server) Close() { closeAll(s.sockets) }

// Addrs returns the addresses of all sockets: those configured in their order,
// then those that CHANGE-REQUEST needs besides.
func (s *Server) Addrs() []netip.AddrPort {
	out := make([]netip.AddrPort, len(s.sockets))
	for i, socket := range s.sockets {
		out[i] = socket.local
	}
	return out
}

// SendFrom sends one datagram from the very socket that is bound to local: the
// NAT of a CPE lets nothing else in (quirk S-30). It never waits; where the
// kernel has no room the datagram is lost and the error says so.
func (s *Server) SendFrom(local, to netip.AddrPort, payload []byte) error {
	socket := s.local[unmap(local)]
	if socket == nil {
		return fmt.Errorf("no STUN socket has the address %q, those that exist are %v", local, s.Addrs())
	}
	to = unmap(to)
	if to.Addr().Is4() != socket.local.Addr().Is4() || !to.IsValid() || to.Port() == 0 {
		return fmt.Errorf("%q cannot be reached from %q", to, local)
	}
	if err := socket.send(to, payload); err != nil {
		s.metrics.unsent(err)
		return fmt.Errorf("sending from %q to %q: %w", local, to, err)
	}
	return nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// dropped returns how many datagrams the kernel dropped before we read them.
func (s *Server) dropped() (sum float64) {
	s.lostMu.Lock()
	defer s.lostMu.Unlock()
	for i, socket := range s.sockets {
		if n, ok := socket.dropped(); ok {
			s.lost[i] = n
		}
		sum += float64(s.lost[i])
	}
	return sum
}
