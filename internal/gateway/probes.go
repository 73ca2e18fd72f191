package gateway

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// prober asks each ACS at its interval whether it works, and tells the health
// machine of the answers and of the passing of time.
type prober struct {
	ask     func(ctx context.Context, acs, kind string) error
	observe func(acs string, o policy.Observation)
	tick    func(now time.Time)
	next    chan []policy.ACSConfig // a new configuration, at most one waiting
}

func newProber(acs []policy.ACSConfig) *prober {
	p := &prober{next: make(chan []policy.ACSConfig, 1)}
	p.next <- acs
	return p
}

// reload replaces what is probed. It never blocks: a configuration that has not
// been taken up yet is replaced.
func (p *prober) reload(acs []policy.ACSConfig) {
	select {
	case <-p.next:
	default:
	}
	p.next <- acs
}

// Run probes until ctx ends.
func (p *prober) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	stop := func() {}
	for {
		select {
		case <-ctx.Done():
			stop()
			return nil
		case now := <-tick.C:
			p.tick(now)
		case acs := <-p.next:
			stop()
			stop = p.begin(ctx, acs)
		}
	}
}

// begin watches the ACSs until the function that it returns is called, which
// waits for the last probe.
func (p *prober) begin(ctx context.Context, acs []policy.ACSConfig) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var probes sync.WaitGroup
	for _, a := range acs {
		if a.Probe.Type != "off" {
			probes.Go(func() { p.watch(ctx, a) })
		}
	}
	return func() {
		cancel()
		probes.Wait()
	}
}

// watch probes one ACS. Probes of several gateways and ACSs are spread by a
// random start.
func (p *prober) watch(ctx context.Context, a policy.ACSConfig) {
	wait := rand.N(min(a.Probe.Interval, time.Second)) //nolint:gosec // spreads load, protects nothing
	for sleep(ctx, wait) {
		began := time.Now()
		err := p.once(ctx, a)
		if ctx.Err() != nil {
			return
		}
		if o, meant := policy.NewObservation(policy.Probe, 0, err, time.Since(began)); meant {
			p.observe(a.Name, o)
		}
		wait = max(0, a.Probe.Interval-time.Since(began))
	}
}

func (p *prober) once(ctx context.Context, a policy.ACSConfig) error {
	ctx, cancel := context.WithTimeout(ctx, a.Probe.Timeout)
	defer cancel()
	return p.ask(ctx, a.Name, a.Probe.Type)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
