package campaign

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Failover begins to rewrite the URLs of an ACS's devices to its backup's. The
// campaign is named "failover-ACS", and takes the place of one of an earlier
// outage that is over. d says the rest: rate, canary, criteria, credentials; Name,
// Kind, From, To and Mode are filled in. It does nothing while such a campaign goes
// on already, or was ended in this outage by an operator or its criteria. One that
// is being returned begins anew, with those that are back already. Devices of other campaigns that are neither over nor
// drafts are left out. What could not be set back after an earlier outage does not
// stand in the way: rules decide about it from then on. What an operator has left
// moved does: see Return.
func (e *Engine) Failover(ctx context.Context, acs, backup string, d Definition) error {
	d.Name, d.Kind, d.From, d.To, d.Mode = failoverName(acs), Failover, []string{acs}, backup, Rewrite
	_, h, ok := e.named(d.Name)
	switch {
	case !ok:
	case h.Kind != Failover:
		return fmt.Errorf("campaign %q: %w", d.Name, refused("it is a %s: remove it, so that %s can fail over", h.Kind, acs))
	case h.Status == Draft:
		return e.begun(ctx, d.Name, acs)
	case !h.Over:
		return nil
	case h.Status == RolledBack:
		if err := e.Release(ctx, d.Name); err != nil {
			return err
		}
	case h.Status == Cancelled:
		if err := e.Remove(ctx, d.Name); err != nil {
			return err
		}
	default:
		return e.command(ctx, d.Name, nil, func(h *head, now time.Time) {
			if h.Over = false; h.Status == RollingBack {
				h.anew(acs+" is down again", now)
			}
		})
	}
	if _, err := e.Create(ctx, d); err != nil {
		return err
	}
	return e.begun(ctx, d.Name, acs)
}

// anew calls rolling back off. What was moved back is moved again, from the first
// wave on, by whose outage the waves are judged.
func (h *head) anew(why string, now time.Time) {
	h.Status, h.Reason, h.Back, h.Anew = Running, why, false, true
	h.Wave, h.Waived, h.WaveStarted = 0, false, now
}

// renew makes the devices of a failover ready that begins anew, before it begins
// with any. The caller has the turn.
func (e *Engine) renew(ctx context.Context, c *campaign) error {
	if err := e.sweep(ctx, c, c.renewed); err != nil || int(c.hand) < len(c.members) {
		return err
	}
	return e.setHead(ctx, c, func(h *head) { h.Anew = false })
}

func (e *Engine) begun(ctx context.Context, name, acs string) error {
	return e.command(ctx, name, []Status{Draft}, func(h *head, now time.Time) {
		h.Status, h.Reason, h.Started, h.WaveStarted = Running, acs+" is down", now, now
	})
}

// Return sets the URLs back that Failover has rewritten, at the rate of that
// campaign. It does nothing if there is none. One that the operator has cancelled
// stays as it is: its devices keep the backup's URL until it is rolled back, and
// until then a further outage is not failed over by rewriting. Devices that a later
// campaign has taken are left to that.
func (e *Engine) Return(ctx context.Context, acs string) error {
	return e.outageOver(ctx, acs, func(h *head) {
		switch h.Status {
		case Running, Paused, Halted, Done:
			h.Status, h.Reason, h.Back = RollingBack, acs+" is up again", true
		}
	})
}

// Recovered tells that an ACS is up whose URLs are set back when an operator says
// so: the next outage is another one.
func (e *Engine) Recovered(ctx context.Context, acs string) error {
	return e.outageOver(ctx, acs, func(*head) {})
}

func (e *Engine) outageOver(ctx context.Context, acs string, edit func(*head)) error {
	_, h, ok := e.named(failoverName(acs))
	if !ok || h.Kind != Failover || h.Status == Draft {
		return nil
	}
	after := h
	after.Over = true
	if edit(&after); h.Over && h.Status == after.Status {
		return nil
	}
	return e.command(ctx, h.Name, nil, func(h *head, _ time.Time) {
		h.Over = true
		edit(h)
	})
}

// failoverPrefix begins the names of failovers, and of no other campaigns.
const failoverPrefix = string(Failover) + "-"

// FailedOver returns the ACS whose failover has a name; false for other campaigns.
func FailedOver(campaign string) (acs string, ok bool) {
	return strings.CutPrefix(campaign, failoverPrefix)
}

func failoverName(acs string) string { return failoverPrefix + acs }
