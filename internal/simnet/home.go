package simnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// HomeConfig describes a CPE behind a NAT.
type HomeConfig struct {
	// CPE holds the sessions. Its make should be one WithSTUN.
	CPE *CPE
	// STUN is the client; Conn, Bound and Requested are set by NewHome.
	STUN STUNConfig
	// Private is the CPE's own address.
	Private netip.AddrPort
	// Outside is the NAT's socket. Run closes it.
	Outside net.PacketConn
	// Requested is told of each Connection Request that the CPE takes, and Session
	// of each session; both are called by Run's goroutines and must not block.
	// Optional.
	Requested func(ConnectionRequest)
	Session   func(Result, error)
}

// Home is a CPE behind a NAT that nobody can reach but by what the NAT lets in. It
// reports its binding, and comes when it is called.
type Home struct {
	cfg    HomeConfig
	nat    *HomeNAT
	stun   *STUNClient
	called chan struct{} // a valid Connection Request came
	moved  chan bound    // the binding is another
}

type bound struct {
	mapped netip.AddrPort
	nat    bool
}

// NewHome checks the configuration. It sends nothing.
func NewHome(cfg HomeConfig) (*Home, error) {
	if cfg.CPE == nil || cfg.Outside == nil {
		return nil, errors.New("home without a CPE or without a socket")
	}
	h := &Home{cfg: cfg, nat: NewHomeNAT(cfg.Private, cfg.Outside), called: make(chan struct{}, 1), moved: make(chan bound, 16)}
	cfg.STUN.Conn, cfg.STUN.Bound, cfg.STUN.Requested = h.nat, h.bind, h.call
	var err error
	h.stun, err = NewSTUNClient(cfg.STUN)
	return h, err
}

// NAT is what the CPE is behind.
func (h *Home) NAT() *HomeNAT { return h.nat }

// Status is what the STUN client has come to know.
func (h *Home) Status() STUNStatus { return h.stun.Status() }

func (h *Home) bind(mapped netip.AddrPort, nat bool) {
	select {
	case h.moved <- bound{mapped, nat}:
	default: // the session that is under way is slow; the next keep-alive tells again
	}
}

func (h *Home) call(r ConnectionRequest) {
	if h.cfg.Requested != nil {
		h.cfg.Requested(r)
	}
	select {
	case h.called <- struct{}{}:
	default: // a session for it is due already
	}
}

// Run boots the CPE, and holds sessions as it is called and as its binding
// changes, until the context ends; it returns nil then.
func (h *Home) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var client sync.WaitGroup
	var failure error
	h.hold(ctx, "1 BOOT")
	client.Go(func() {
		defer cancel()
		failure = h.stun.Run(ctx)
	})
	h.live(ctx)
	_ = h.nat.Close() // ends the client
	client.Wait()
	return failure
}

func (h *Home) live(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-h.moved:
			h.cfg.CPE.SetBinding(b.mapped, b.nat)
			h.hold(ctx, cwmp.EventValueChange)
		case <-h.called:
			h.hold(ctx, EventConnectionRequest)
		}
	}
}

// homeRetries bounds the attempts at one session, homeSessions the sessions that
// follow from each other.
const (
	homeRetries  = 5
	homeSessions = 5
)

// hold holds a session, again if it fails, and those that follow from it, such
// as the one at a new URL.
func (h *Home) hold(ctx context.Context, event string) {
	life := Life{
		Sessions: homeSessions, Retries: homeRetries - 1,
		Wait: func(ctx context.Context, _ time.Duration) error { return sleep(ctx, homeWait) },
	}
	if h.cfg.Session != nil {
		life.Done = func(s Held) {
			if ctx.Err() == nil {
				h.cfg.Session(s.Result, s.Err)
			}
		}
	}
	_, _ = h.cfg.CPE.Live(ctx, life, event) // Session is told of failures
}

// homeWait is waited after a failed session: a home is impatient.
const homeWait = 400 * time.Millisecond
