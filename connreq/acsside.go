package connreq

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// loadTime bounds the reading of the relay's ports at start.
const loadTime = 30 * time.Second

// acsDeps are what the ACS-facing side needs of the rest of the service, and of
// others.
type acsDeps struct {
	Target    func(cwmp.DeviceID) (Target, bool)
	SendUDP   func(local, to netip.AddrPort, payload []byte) error
	ByToken   func(token string) (cwmp.DeviceID, bool)
	ByPort    func(port uint16) (cwmp.DeviceID, bool) // of the side's own ports
	ByBinding func(remote netip.AddrPort) (cwmp.DeviceID, bool)

	// Begin asks for a Connection Request of the gateway's own.
	Begin func(id cwmp.DeviceID, origin string) (begun, error)
	// Exchange makes one HTTP request to the CPE's ConnectionRequestURL, with this
	// Authorization if it is not "", and returns the answer. nil where HTTP is off.
	Exchange func(ctx context.Context, t Target, authorization string) (cpeAnswer, error)
	// NoteRelayed is told of a UDP Connection Request that an ACS made.
	NoteRelayed func(id cwmp.DeviceID, ts int64, crID uint32)

	NonceKey []byte // secret; nil for one of this process

	Store   store.Store
	Metrics prometheus.Registerer
	Log     *zap.Logger
	Now     func() time.Time
}

// begun is a Connection Request that is under way.
type begun struct {
	Sent   <-chan struct{} // closed once it is out, or at its end
	Done   <-chan struct{} // closed at its end
	Err    func() error    // after Sent: why it is not out
	Result func() Result   // after Done
}

// cpeAnswer is what a CPE answered to a Connection Request over HTTP.
type cpeAnswer struct {
	Status     int
	Challenges []string // values of WWW-Authenticate
}

// acsSide is what ACSs reach: the endpoint of the ConnectionRequestURLs that they
// see, and the relay behind the UDPConnectionRequestAddresses.
type acsSide struct {
	endpoint *endpoint // nil without url_base and stun_relay
	relay    *relay    // nil without relay
	ports    *Ports    // nil without relay.ports
}

// newACSSide binds the sockets; run must follow, or close.
func newACSSide(cfg *Config, deps acsDeps) (_ *acsSide, err error) {
	a := &acsSide{}
	if cfg.URLBase == "" && cfg.STUNRelay == nil && cfg.Relay == nil {
		return a, nil
	}
	acs, err := parseNetworks(cfg.ACSNetworks)
	if err != nil {
		return nil, err
	}
	m, err := newACSMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	if (cfg.URLBase != "" || cfg.Relay != nil && cfg.Relay.Host != "") && deps.ByToken == nil {
		return nil, errors.New("connreq: Deps.ByToken is required where ACSs are served")
	}
	if (cfg.Relay != nil || cfg.STUNRelay != nil) && deps.SendUDP == nil {
		return nil, errors.New("connreq: Deps.SendUDP is required with relay and stun_relay")
	}
	if cfg.Relay != nil && cfg.Relay.Ports != "" {
		if err := a.openPorts(cfg.Relay.Ports, &deps, m); err != nil {
			return nil, err
		}
	}
	pass := newPasser(cfg, &deps)
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if cfg.Relay != nil {
		if a.relay, err = newRelay(cfg.Relay, acs, pass, &deps, m.datagram); err != nil {
			return nil, err
		}
	}
	if cfg.URLBase != "" || cfg.STUNRelay != nil {
		if a.endpoint, err = newEndpoint(cfg, acs, pass, &deps, m); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// openPorts reads which device has which port, and lets the relay know.
func (a *acsSide) openPorts(ports string, deps *acsDeps, m *acsMetrics) (err error) {
	if a.ports, err = NewPorts(ports, deps.Store, deps.Log); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTime)
	defer cancel()
	if err := a.ports.Load(ctx); err != nil {
		return err
	}
	deps.ByPort = a.ports.Device
	return m.ports(deps.Metrics, a.ports)
}

// run serves until ctx is done, or until a part of it fails.
func (a *acsSide) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts []func(context.Context) error
	if a.endpoint != nil {
		parts = append(parts, a.endpoint.run)
	}
	if a.relay != nil {
		parts = append(parts, a.relay.run)
	}
	if a.ports != nil {
		parts = append(parts, a.ports.Run)
	}
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() {
			defer cancel()
			errs[i] = part(ctx)
		})
	}
	<-ctx.Done()
	all.Wait()
	return errors.Join(errs...)
}

// close closes the sockets of a side that does not run.
func (a *acsSide) close() {
	if a.endpoint != nil {
		a.endpoint.listener.Close()
	}
	if a.relay != nil {
		_ = a.relay.conn.Close()
	}
}
