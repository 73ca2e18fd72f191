package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	tickInterval = 100 * time.Millisecond
	lookInterval = time.Second      // between two looks at all members
	maxBackOff   = 10 * time.Second // between two attempts at a failing store
	lastWrites   = 10 * time.Second // for what is queued when the gateway stops
	maxSweep     = 10 * store.MaxWrites
)

// Run moves devices until ctx ends: it records what sessions tell, begins with
// devices at the campaigns' rates, and ends what is over. A store that fails is
// tried again, at growing intervals, and nothing moves meanwhile.
func (e *Engine) Run(ctx context.Context) error {
	timer := time.NewTimer(tickInterval)
	defer timer.Stop()
	for {
		var notes []note
		select {
		case <-ctx.Done():
			return e.stop(context.WithoutCancel(ctx))
		case n := <-e.notes:
			notes = e.more(n)
		case <-timer.C:
		}
		if err := e.step(ctx, notes); err != nil && ctx.Err() == nil {
			e.log.Error("the store fails: no device is moved", zap.Error(err))
			if e.recover(ctx) {
				e.log.Info("the store takes moves again")
			}
		}
		if len(notes) == 0 {
			timer.Reset(tickInterval)
		}
	}
}

// recover tries until the store takes what is to be written, or ctx ends. It
// refuses beginnings, whose sessions wait, and keeps some of the other notes.
func (e *Engine) recover(ctx context.Context) bool {
	var kept []note
	delay := tickInterval
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		notes := e.notes
		if len(kept) >= store.MaxWrites {
			notes = nil
		}
		select {
		case <-ctx.Done():
			return false
		case n := <-notes:
			if n.kind == beginning {
				n.answer(errStoreFails)
			} else {
				kept = append(kept, n)
			}
			continue
		case <-timer.C:
		}
		// What is left comes first, so that the others are kept until it is saved.
		err := e.record(ctx, nil)
		if err == nil && len(kept) > 0 {
			err = e.record(ctx, kept)
			kept = nil
		}
		if err == nil && e.step(ctx, nil) == nil {
			return true
		}
		delay = min(2*delay, maxBackOff)
		timer.Reset(delay)
	}
}

var errStoreFails = errors.New("the store fails: the URL must not be set")

// more takes what else is queued, as much as is written together.
func (e *Engine) more(n note) []note {
	notes := []note{n}
	for len(notes) < store.MaxWrites {
		select {
		case n := <-e.notes:
			notes = append(notes, n)
		default:
			return notes
		}
	}
	return notes
}

// stop writes what is left, and refuses who waits.
func (e *Engine) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastWrites)
	defer cancel()
	for {
		select {
		case n := <-e.notes:
			if n.kind == beginning {
				n.answer(context.Canceled)
				continue
			}
			if err := e.record(ctx, e.more(n)); err != nil {
				return fmt.Errorf("campaigns: what the last sessions told is not stored: %w", err)
			}
		default:
			return nil
		}
	}
}

// step records notes and, without any, lets all campaigns go on.
func (e *Engine) step(ctx context.Context, notes []note) error {
	if err := e.watchClock(ctx); err != nil {
		return err
	}
	if len(notes) > 0 {
		return e.record(ctx, notes)
	}
	if len(e.unsaved) > 0 {
		if err := e.record(ctx, nil); err != nil {
			return err
		}
	}
	for _, c := range e.all() {
		calls, err := e.goOn(ctx, c)
		for _, call := range calls {
			w := wakened{number: call.number, err: errCannotWake}
			if e.deps.Wake != nil {
				w.err = e.deps.Wake(ctx, call.id)
			}
			e.metrics.wake(w.err)
			c.woke = append(c.woke, w) // Run alone touches it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// record makes what sessions told durable.
func (e *Engine) record(ctx context.Context, notes []note) error {
	if err := take(ctx, e.turn); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	if err := e.saveLeft(ctx); err != nil {
		for i := range notes {
			notes[i].answer(err)
		}
		if len(notes) > 0 { // they are lost
			e.unsure.Store(seconds(e.deps.Now()))
			e.metrics.dropped.Add(float64(len(notes)))
		}
		return err
	}
	return e.save(ctx, e.digest(notes, e.deps.Now()))
}

// call is a device that is to be woken.
type call struct {
	number uint32
	id     cwmp.DeviceID
}

// goOn lets one campaign go on.
func (e *Engine) goOn(ctx context.Context, c *campaign) ([]call, error) {
	if c.idle() {
		return nil, nil
	}
	if err := take(ctx, e.turn); err != nil {
		return nil, err
	}
	defer func() { <-e.turn }()
	if now, _, _ := e.named(c.Name); now != c {
		return nil, nil // removed meanwhile
	}
	if err := e.saveLeft(ctx); err != nil {
		return nil, err
	}
	now := e.deps.Now()
	if err := e.saveWoken(ctx, c); err != nil {
		return nil, err
	}
	if now.Sub(c.looked) >= lookInterval || now.Before(c.looked) {
		c.looked = now
		if err := e.look(ctx, c, now); err != nil {
			return nil, err
		}
	}
	switch c.Status {
	case Running, Done:
		if c.Anew {
			return nil, nil
		}
		return e.release(ctx, c, now)
	case RollingBack:
		return e.takeBack(ctx, c, now)
	case Cancelled:
		return nil, e.sweep(ctx, c, c.dropped)
	}
	return nil, nil
}

// idle tells without waiting for anybody that there is nothing to do. Run sets
// and commands clear it.
func (c *campaign) idle() bool { return c.quiet.Load() }

// release begins with as many devices as may be begun with now.
func (e *Engine) release(ctx context.Context, c *campaign, now time.Time) ([]call, error) {
	rate := c.rate(e.cfg.RatePerSecond)
	n := c.pacer.allow(now, rate)
	calls, n := e.forgotten(c, n)
	return e.begin(ctx, c, now, n, calls, func(m member) (member, string, bool) {
		if int(m.wave) > c.Wave {
			return m, "", false
		}
		return c.released(m)
	})
}

// takeBack moves devices back: those that are only routed at once, and those with
// a rewritten URL at the campaign's rate.
func (e *Engine) takeBack(ctx context.Context, c *campaign, now time.Time) ([]call, error) {
	err := e.sweep(ctx, c, func(m member) (member, string, bool) {
		m, why, paced, ok := c.undone(m)
		return m, why, ok && !paced
	})
	if err != nil {
		return nil, err
	}
	n := c.pacer.allow(now, c.rate(e.cfg.RatePerSecond))
	calls, n := e.forgotten(c, n)
	return e.begin(ctx, c, now, n, calls, func(m member) (member, string, bool) {
		m, why, paced, ok := c.undone(m)
		return m, why, ok && paced
	})
}

// begin makes the change that fn tells to the next n members, and returns who is
// to be woken.
func (e *Engine) begin(ctx context.Context, c *campaign, now time.Time, n int, calls []call, fn func(member) (member, string, bool)) ([]call, error) {
	if n <= 0 {
		return calls, nil
	}
	changes := e.collect(c, &c.cursor, n, now, (*campaign).claims, fn)
	c.pacer.take(len(changes))
	if err := e.save(ctx, changes); err != nil {
		return calls, err
	}
	if c.Wake {
		for i := range changes {
			calls = append(calls, call{changes[i].number, c.ids.id(changes[i].m.id)})
		}
	}
	return calls, nil
}

// forgotten returns members that a gateway before this one has begun with and
// not woken, and how many of n are left.
func (e *Engine) forgotten(c *campaign, n int) ([]call, int) {
	var calls []call
	for n > 0 && len(c.asleep) > 0 {
		number := c.asleep[0]
		c.asleep = c.asleep[1:]
		m := &c.members[number]
		if m.flags.has(woken) || m.state != Asked && m.state != Undoing || !e.owns(c, number) {
			continue
		}
		calls = append(calls, call{number, c.ids.id(m.id)})
		n--
	}
	c.pacer.take(len(calls))
	return calls, n
}

// sweep makes the change that fn tells to all members, some at a time.
func (e *Engine) sweep(ctx context.Context, c *campaign, fn func(member) (member, string, bool)) error {
	return e.save(ctx, e.collect(c, &c.hand, maxSweep, e.deps.Now(), (*campaign).claims, fn))
}

// collect returns the changes that fn tells of up to n members from *from on, and
// moves *from behind them. Members on whose devices a later campaign has a claim
// are left alone.
func (e *Engine) collect(c *campaign, from *uint32, n int, now time.Time, has claim, fn func(member) (member, string, bool)) []change {
	var changes []change
	for int(*from) < len(c.members) && len(changes) < n {
		end := min(int(*from)+together, len(c.members))
		e.mu.Lock()
		for ; int(*from) < end && len(changes) < n; *from++ {
			if m, why, ok := fn(c.members[*from]); ok && e.taker(c, *from, has) == nil {
				changes = append(changes, c.changed(*from, m, why, now))
			}
		}
		e.mu.Unlock()
	}
	return changes
}

// saveWoken records what came of waking.
func (e *Engine) saveWoken(ctx context.Context, c *campaign) error {
	if len(c.woke) == 0 {
		return nil
	}
	var changes []change
	e.mu.Lock()
	for _, w := range c.woke {
		m := c.members[w.number]
		if m.state != Asked && m.state != Undoing {
			continue
		}
		if m.flags |= woken; w.err != nil {
			m.reason = c.texts.reason("waits for its next session, it cannot be woken: " + w.err.Error())
		}
		changes = append(changes, change{c: c, number: w.number, m: m})
	}
	e.mu.Unlock()
	c.woke = nil
	return e.save(ctx, changes)
}
