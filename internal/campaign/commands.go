package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of commands, to be told apart by errors.Is. Others are of the store.
var (
	ErrUnknown = errors.New("no such campaign")
	ErrRefused = errors.New("refused") // wraps the reason, for people
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Start begins to move devices, if CheckTarget finds nothing wrong with the new
// ACS, and no other campaign has them that is not over.
func (e *Engine) Start(ctx context.Context, name string) error {
	_, h, ok := e.named(name)
	if !ok {
		return fmt.Errorf("campaign %q: %w", name, ErrUnknown)
	}
	if err := e.checkTarget(ctx, &h.Definition); err != nil {
		return fmt.Errorf("campaign %q: %w", name, err)
	}
	if err := take(ctx, e.turn); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	c, _, ok := e.named(name)
	hidden := false
	if ok && c.Status == Draft {
		var err error
		if hidden, err = e.startable(c); err != nil {
			return fmt.Errorf("campaign %q: %w", name, err)
		}
	}
	err := e.commanded(ctx, name, []Status{Draft}, func(h *head, now time.Time) {
		h.Status, h.Reason, h.Started, h.WaveStarted = Running, "started by the operator", now, now
		if hidden {
			h.Seq = e.seq + 1
		}
	})
	if err == nil && hidden {
		e.raise(c)
	}
	return err
}

// startable says whether a draft may be started, and whether campaigns were made
// after it that have its devices. The caller has the turn.
func (e *Engine) startable(c *campaign) (hidden bool, err error) {
	var names []string
	for i := range c.members {
		id := c.ids.id(c.members[i].id)
		if other := e.busy(&id, c, false); other != nil && len(names) < maxShown {
			names = append(names, id.String()+" ("+other.Name+")")
		}
		hidden = hidden || e.latest(&id).slot != c.slot+1
	}
	return hidden, busyError(names)
}

func busyError(names []string) error {
	if len(names) == 0 {
		return nil
	}
	return refused("devices are in another campaign that is not over: %s; cancel or remove it first", strings.Join(names, ", "))
}

// raise makes a campaign the latest of its devices. The caller has the turn.
func (e *Engine) raise(c *campaign) {
	fresh := e.reindexed(nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seq = max(e.seq, c.Seq)
	e.index = fresh
}

// Pause stops moving devices. Those that were moved stay moved.
func (e *Engine) Pause(ctx context.Context, name string) error {
	return e.command(ctx, name, []Status{Running}, func(h *head, _ time.Time) {
		h.Status, h.Reason = Paused, "paused by the operator"
	})
}

// Resume goes on after Pause, after a halt, and between the phases of
// RouteThenRewrite. After a halt the wave whose criteria have failed is not
// judged by these again.
func (e *Engine) Resume(ctx context.Context, name string) error {
	return e.command(ctx, name, []Status{Paused, Halted}, func(h *head, now time.Time) {
		if h.Phase == 1 && !h.Routed.IsZero() {
			h.rewrite(now)
			return
		}
		h.Waived = h.Waived || h.Status == Halted
		h.Status, h.Reason = Running, "resumed by the operator"
	})
}

// Cancel ends a campaign, or its rolling back. Devices that were moved stay
// moved.
func (e *Engine) Cancel(ctx context.Context, name string) error {
	return e.command(ctx, name, []Status{Draft, Running, Paused, Halted, RollingBack}, func(h *head, _ time.Time) {
		h.Status, h.Reason = Cancelled, "cancelled by the operator"
	})
}

// RollBack moves every device back, also after the campaign is done. Campaigns
// that have taken some of its devices since must be rolled back and removed
// before it.
func (e *Engine) RollBack(ctx context.Context, name string) error {
	return e.rollBack(ctx, name, "the operator rolls back")
}

func (e *Engine) rollBack(ctx context.Context, name, why string) error {
	if err := take(ctx, e.turn); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	if c, _, ok := e.named(name); ok {
		if later, n := e.takers(c); n > 0 {
			return fmt.Errorf("campaign %q: %w", name, refused("campaign %q has taken %d of its devices since: roll that back and remove it first", later, n))
		}
	}
	return e.commanded(ctx, name, []Status{Running, Paused, Halted, Done, Cancelled}, func(h *head, _ time.Time) {
		h.Status, h.Reason, h.Back = RollingBack, why, true
	})
}

// takers is how many devices of a campaign later ones have taken, and one of
// these. The caller has the turn.
func (e *Engine) takers(c *campaign) (later string, n int) {
	for i := range c.members {
		if owner := e.taker(c, uint32(i), (*campaign).claims); owner != nil {
			later = owner.Name
			n++
		}
	}
	return later, n
}

// command changes the head of a campaign that has one of some statuses, nil for
// any.
func (e *Engine) command(ctx context.Context, name string, from []Status, edit func(*head, time.Time)) error {
	if err := take(ctx, e.turn); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	return e.commanded(ctx, name, from, edit)
}

// commanded is command for who has the turn.
func (e *Engine) commanded(ctx context.Context, name string, from []Status, edit func(*head, time.Time)) error {
	c, _, ok := e.named(name)
	switch {
	case !ok:
		return fmt.Errorf("campaign %q: %w", name, ErrUnknown)
	case from != nil && !slices.Contains(from, c.Status):
		return fmt.Errorf("campaign %q: %w", name, refused("it is %s, and would have to be %s", c.Status, oneOf(from)))
	}
	if err := e.change(ctx, c, func(h *head) { edit(h, e.deps.Now()) }); err != nil {
		return fmt.Errorf("campaign %q: %w", name, err)
	}
	return nil
}

func oneOf(all []Status) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s)
	}
	return strings.Join(names, " or ")
}

// named returns a campaign and its head at this moment.
func (e *Engine) named(name string) (*campaign, head, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c, ok := e.byName[name]
	if !ok {
		return nil, head{}, false
	}
	return c, c.head, true
}

func (e *Engine) checkTarget(ctx context.Context, d *Definition) error {
	if d.Mode == Route || e.deps.CheckTarget == nil {
		return nil
	}
	if err := e.deps.CheckTarget(ctx, d.To, d.From); err != nil {
		return refused("CPEs cannot be sent to ACS %q: %v", d.To, err)
	}
	return nil
}

// Remove forgets a campaign that is over and has no device moved any more. What
// it had taken from earlier campaigns is theirs again.
func (e *Engine) Remove(ctx context.Context, name string) error {
	return e.remove(ctx, name, false)
}

// Release forgets a campaign that is over, whatever it has moved: from their next
// session on, rules decide where its devices go. It is for campaigns whose outcome
// the rules have come to say.
func (e *Engine) Release(ctx context.Context, name string) error {
	return e.remove(ctx, name, true)
}

func (e *Engine) remove(ctx context.Context, name string, moved bool) error {
	if err := take(ctx, e.turn); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	c, _, ok := e.named(name)
	switch {
	case !ok:
		return fmt.Errorf("campaign %q: %w", name, ErrUnknown)
	case c.Status != Draft && !c.Status.over():
		return fmt.Errorf("campaign %q: %w", name, refused("it is %s: cancel it first", c.Status))
	}
	if n := c.moved(); n > 0 && !moved {
		return fmt.Errorf("campaign %q: %w", name, refused("%d devices are where it has moved them: roll it back first", n))
	}
	if err := e.setHead(ctx, c, func(h *head) { h.Status = removing }); err != nil {
		return fmt.Errorf("campaign %q: %w", name, err)
	}
	e.forget(c)
	gone := c.event(e.deps.Now())
	gone.Status, gone.Reason = Removed, "removed"
	e.tell(gone)
	if err := e.erase(ctx, c); err != nil {
		return fmt.Errorf("campaign %q: is removed, but not all of it from the store before the next start: %w", name, err)
	}
	return nil
}

// moved is how many devices are where a campaign has moved them.
func (c *campaign) moved() (n int) {
	for i := range c.members {
		if c.there(&c.members[i]) {
			n++
		}
	}
	return n
}

// forget takes a campaign out of memory. The caller has the turn, so that the
// index does not change while another is made.
func (e *Engine) forget(c *campaign) {
	fresh := e.reindexed(c)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.index = fresh
	e.any.Store(fresh.count > 0)
	delete(e.byName, c.Name)
	e.campaigns[c.slot] = nil
	e.members -= len(c.members)
}

// reindexed returns an index of all campaigns but one, in their order. The caller
// has the turn.
func (e *Engine) reindexed(without *campaign) index {
	fresh := &Engine{seed: e.seed, campaigns: e.campaigns}
	fresh.index.grow(len(e.index.table) / 2)
	fresh.index.grow(64)
	for _, c := range e.all() {
		if c != without {
			fresh.enter(c, 0, len(c.members))
		}
	}
	return fresh.index
}
