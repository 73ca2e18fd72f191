package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/policy"
)

var errCannotWake = errors.New("this gateway sends no Connection Requests")

// look looks at all members of a campaign: who was not seen in time, and what
// becomes of the campaign. The caller has the turn.
func (e *Engine) look(ctx context.Context, c *campaign, now time.Time) error {
	if c.dirty {
		c.cursor, c.hand, c.dirty = 0, 0, false
	}
	if c.Status != Draft {
		var from uint32
		late := e.collect(c, &from, maxSweep, now, (*campaign).begun, func(m member) (member, string, bool) { return c.expired(m, e.watch.unseen(fromSeconds(m.at), now)) })
		if err := e.save(ctx, late); err != nil {
			return err
		}
	}
	switch c.Status {
	case Running:
		if c.Anew {
			return e.renew(ctx, c)
		}
		return e.judge(ctx, c, now)
	case RollingBack:
		return e.isBack(ctx, c)
	}
	e.rest(c)
	return nil
}

// rest makes a campaign idle in which nothing can happen without a note or a
// command.
func (e *Engine) rest(c *campaign) {
	if c.dirty || len(c.asleep) > 0 || len(c.woke) > 0 || c.Status == Cancelled && int(c.hand) < len(c.members) {
		return
	}
	for i := range c.members {
		m := &c.members[i]
		if m.state == Setting || m.state == Set || m.state == Undoing || c.Status == Done && c.waits(m) {
			return
		}
	}
	c.quiet.Store(true)
}

// judge looks at the present wave.
func (e *Engine) judge(ctx context.Context, c *campaign, now time.Time) error {
	if c.Phase == 1 && !c.Routed.IsZero() {
		if c.clock(now).Before(c.Routed.Add(c.RewriteAfter)) {
			return nil
		}
		return e.change(ctx, c, func(h *head) { h.rewrite(now) })
	}
	n, waiting := c.tally()
	v := c.Steps[c.Wave].Criteria.Judge(n, c.WaveStarted, c.clock(now))
	if c.Waived && (v.Judgement == policy.Halt || v.Judgement == policy.RollBack) {
		v = policy.Verdict{Judgement: policy.Wait, Reason: "the operator goes on though " + v.Reason}
		if n.Tried >= n.Total && n.Arrived+n.Failed >= n.Tried {
			v.Judgement = policy.Advance
		}
	}
	if v.Judgement == policy.Advance && waiting > 0 {
		v = policy.Verdict{Judgement: policy.Wait, Reason: fmt.Sprintf("%s; %d wait for their turn", v.Reason, waiting)}
	}
	e.mu.Lock()
	c.verdict = v
	e.mu.Unlock()
	switch v.Judgement {
	case policy.Advance:
		return e.change(ctx, c, func(h *head) { h.advance(v.Reason, now) })
	case policy.Halt:
		return e.change(ctx, c, func(h *head) { h.Status, h.Reason = Halted, v.Reason })
	case policy.RollBack:
		return e.change(ctx, c, func(h *head) { h.Status, h.Reason, h.Back = RollingBack, v.Reason, true })
	}
	return nil
}

// advance goes on to the next wave, or ends the phase or the campaign.
func (h *head) advance(why string, now time.Time) {
	h.Waived = false
	switch {
	case h.Wave+1 < len(h.Steps):
		h.Wave++
		h.WaveStarted, h.Reason = now, fmt.Sprintf("wave %d began: in the one before it %s", h.Wave+1, why)
	case h.Mode == RouteThenRewrite && h.Phase == 1:
		h.Routed = now
		h.Reason = "all waves are routed: URLs are rewritten after " + h.RewriteAfter.String()
		if h.RewriteAfter == 0 {
			h.Status, h.Reason = Paused, "all waves are routed: resume to rewrite URLs"
		}
	default:
		h.Status, h.Reason = Done, why
	}
}

// rewrite begins with the second phase of two.
func (h *head) rewrite(now time.Time) {
	h.Status, h.Phase, h.Wave, h.Waived, h.WaveStarted = Running, 2, 0, false, now
	h.Reason = "URLs are rewritten"
}

// isBack ends rolling back when nobody is left.
func (e *Engine) isBack(ctx context.Context, c *campaign) error {
	open, failed := e.open(c)
	if open > 0 {
		return nil
	}
	return e.change(ctx, c, func(h *head) {
		h.Status = RolledBack
		if failed > 0 {
			h.Reason = fmt.Sprintf("%s; %d devices could not be moved back", h.Reason, failed)
		}
	})
}

// change is setHead for what the engine itself decides, which it logs.
func (e *Engine) change(ctx context.Context, c *campaign, edit func(*head)) error {
	before := c.Status
	if err := e.setHead(ctx, c, edit); err != nil {
		return err
	}
	fields := []zap.Field{
		zap.String("campaign", c.Name), zap.String("status", string(c.Status)), zap.String("was", string(before)),
		zap.Int("wave", c.Wave+1), zap.String("reason", c.Reason),
	}
	if c.Status == Halted || c.Status == RollingBack {
		e.log.Error("campaign changed", fields...)
	} else {
		e.log.Info("campaign changed", fields...)
	}
	return nil
}
