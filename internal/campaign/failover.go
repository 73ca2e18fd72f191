package campaign

import (
	"context"
	"time"
)

// Failover begins to rewrite the URLs of an ACS's devices to its backup's. The
// campaign is named "failover-ACS", and takes the place of an earlier one that
// is over. d says the rest: rate, canary, criteria, credentials; Name, Kind,
// From, To and Mode are filled in. It does nothing while such a campaign goes on
// already, and stops one that is being returned. Devices of other campaigns that
// are not over are left out.
func (e *Engine) Failover(ctx context.Context, acs, backup string, d Definition) error {
	d.Name, d.Kind, d.From, d.To, d.Mode = failoverName(acs), Failover, []string{acs}, backup, Rewrite
	if _, h, ok := e.named(d.Name); ok {
		switch h.Status {
		case RollingBack:
			return e.command(ctx, d.Name, []Status{RollingBack}, func(h *head, _ time.Time) {
				h.Status, h.Reason, h.Back = Running, acs+" is down again", false
			})
		case RolledBack, Cancelled:
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
// campaign. It does nothing if there is none.
func (e *Engine) Return(ctx context.Context, acs string) error {
	_, h, ok := e.named(failoverName(acs))
	if !ok || h.Status == RollingBack || h.Status == RolledBack || h.Status == Draft {
		return nil
	}
	return e.rollBack(ctx, h.Name, acs+" is up again")
}

func failoverName(acs string) string { return string(Failover) + "-" + acs }
