package campaign

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Failover begins to rewrite the URLs of an ACS's devices to its backup's. The
// campaign is named "failover-ACS", and takes the place of an earlier one that
// is over. d says the rest: rate, canary, criteria, credentials; Name, Kind,
// From, To and Mode are filled in. It does nothing while such a campaign goes on
// already, and stops one that is being returned. Devices of other campaigns that
// are not over are left out. What could not be set back after an earlier outage
// does not stand in the way: rules decide about it from then on.
func (e *Engine) Failover(ctx context.Context, acs, backup string, d Definition) error {
	d.Name, d.Kind, d.From, d.To, d.Mode = failoverName(acs), Failover, []string{acs}, backup, Rewrite
	if _, h, ok := e.named(d.Name); ok {
		if h.Kind != Failover {
			return fmt.Errorf("campaign %q: %w", d.Name, refused("it is a %s: remove it, so that %s can fail over", h.Kind, acs))
		}
		switch h.Status {
		case RollingBack:
			return e.command(ctx, d.Name, []Status{RollingBack}, func(h *head, _ time.Time) {
				h.Status, h.Reason, h.Back = Running, acs+" is down again", false
			})
		case RolledBack:
			if err := e.Release(ctx, d.Name); err != nil {
				return err
			}
		case Cancelled:
			if err := e.Remove(ctx, d.Name); err != nil {
				return err
			}
		case Draft:
			return e.begun(ctx, d.Name, acs)
		default:
			return nil
		}
	}
	if _, err := e.Create(ctx, d); err != nil {
		return err
	}
	return e.begun(ctx, d.Name, acs)
}

func (e *Engine) begun(ctx context.Context, name, acs string) error {
	return e.command(ctx, name, []Status{Draft}, func(h *head, now time.Time) {
		h.Status, h.Reason, h.Started, h.WaveStarted = Running, acs+" is down", now, now
	})
}

// Return sets the URLs back that Failover has rewritten, at the rate of that
// campaign. It does nothing if there is none, or if the operator has cancelled it.
// Devices that a later campaign has taken are left to that.
func (e *Engine) Return(ctx context.Context, acs string) error {
	_, h, ok := e.named(failoverName(acs))
	if !ok || h.Kind != Failover || !slices.Contains([]Status{Running, Paused, Halted, Done}, h.Status) {
		return nil
	}
	return e.command(ctx, h.Name, []Status{Running, Paused, Halted, Done}, func(h *head, _ time.Time) {
		h.Status, h.Reason, h.Back = RollingBack, acs+" is up again", true
	})
}

// failoverPrefix begins the names of failovers, and of no other campaigns.
const failoverPrefix = string(Failover) + "-"

// FailedOver returns the ACS whose failover has a name; false for other campaigns.
func FailedOver(campaign string) (acs string, ok bool) {
	return strings.CutPrefix(campaign, failoverPrefix)
}

func failoverName(acs string) string { return failoverPrefix + acs }
