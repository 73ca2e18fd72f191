package campaign

import (
	"context"
	"errors"
	"iter"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Errors of commands, to be told apart by errors.Is. Others are of the store.
var (
	ErrUnknown = errors.New("no such campaign")
	ErrRefused = errors.New("refused") // wraps the reason, for people
)

// Move is what a campaign would do with one device.
type Move struct {
	Device cwmp.DeviceID
	Moves  bool
	Wave   int
	From   string
	Reason string // why, or why not
}

// Create makes a draft of a campaign, or with DryRun tells what it would be. Its
// members are those devices that it selects now; later ones are not taken.
func (e *Engine) Create(ctx context.Context, d Definition) (View, error) { return View{}, nil }

// Preview yields every known device and whether the campaign would move it. It
// stops at the first error.
func (e *Engine) Preview(ctx context.Context, d Definition) iter.Seq2[Move, error] {
	return func(func(Move, error) bool) {}
}

// Start begins to move devices.
func (e *Engine) Start(ctx context.Context, name string) error { return nil }

// Pause stops moving devices. Those that were moved stay moved.
func (e *Engine) Pause(ctx context.Context, name string) error { return nil }

// Resume goes on after Pause, after a halt, and between the phases of
// RouteThenRewrite.
func (e *Engine) Resume(ctx context.Context, name string) error { return nil }

// Cancel ends a campaign. Devices that were moved stay moved.
func (e *Engine) Cancel(ctx context.Context, name string) error { return nil }

// RollBack moves every device back, also after the campaign is done.
func (e *Engine) RollBack(ctx context.Context, name string) error { return nil }

// Remove forgets a campaign that is over and has no device moved any more.
func (e *Engine) Remove(ctx context.Context, name string) error { return nil }

// Failover begins to rewrite the URLs of an ACS's devices to its backup's. The
// campaign is named "failover-ACS". d says the rest: rate, canary, criteria,
// credentials; Name, Kind, From, To and Mode are filled in.
func (e *Engine) Failover(ctx context.Context, acs, backup string, d Definition) error { return nil }

// Return sets the URLs back that Failover has rewritten, at the rate of that
// campaign.
func (e *Engine) Return(ctx context.Context, acs string) error { return nil }

// List returns all campaigns, oldest first.
func (e *Engine) List() []View { return nil }

// Get returns a campaign.
func (e *Engine) Get(name string) (View, bool) { return View{}, false }

// Members yields the devices of a campaign.
func (e *Engine) Members(name string) iter.Seq[Member] { return func(func(Member) bool) {} }

// Of returns the campaign that a device belongs to, and how far it is with it.
func (e *Engine) Of(id cwmp.DeviceID) (campaign string, m Member, ok bool) {
	return "", Member{}, false
}
