package campaign

import (
	"context"
	"time"
)

const (
	maxBlind = 15 * time.Second // between two looks of one that watches, or tries a failing store
	maxSlew  = 5 * time.Second  // by which the clock may be off without its being a step
)

// watch is how long the engine has watched without pause by a clock that made no
// step. What was due in a time that nobody has watched, because the clock was set
// or the gateway was not there, is not overdue: devices may have come in it. The
// zero value has not begun. It belongs to Run.
type watch struct {
	last  time.Time
	since time.Time // by the clock, as records have it
}

// look takes the time, and returns by how much more or less the clock has gone on
// than time was watched, 0 where that is the same.
func (w *watch) look(now time.Time) (step time.Duration) {
	if w.last.IsZero() {
		w.last, w.since = now, now
		return 0
	}
	watched := min(max(now.Sub(w.last), 0), maxBlind) // by the monotonic clock, if there is one
	step = now.Round(0).Sub(w.last.Round(0)) - watched
	w.last = now
	if step.Abs() <= maxSlew {
		return 0
	}
	w.since = now
	return step
}

// unseen is for how long a device whose state is of a time was watched and not
// seen.
func (w *watch) unseen(at, now time.Time) time.Duration {
	if at.Before(w.since) || at.After(now) {
		at = w.since
	}
	return now.Sub(at)
}

// watchClock takes the time, and tells all campaigns of a step of the clock.
func (e *Engine) watchClock(ctx context.Context) error {
	step := e.watch.look(e.deps.Now())
	if step == 0 {
		return nil
	}
	if err := take(ctx, e.turn); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	for _, c := range e.all() {
		c.step += step
	}
	return nil
}

// clock is the time by which the present wave of a campaign is judged: as if the
// clock had made no step since it began. The caller has the turn.
func (c *campaign) clock(now time.Time) time.Time { return now.Add(-c.step) }
