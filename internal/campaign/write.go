package campaign

import (
	"context"
	"errors"
	"time"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/policy"
)

// change is what a member is to become.
type change struct {
	c      *campaign
	number uint32
	m      member
	done   []chan error // who waits for it; elements may be nil
}

// changed makes a change. The caller holds the lock.
func (c *campaign) changed(number uint32, m member, why string, now time.Time) change {
	if why != "" {
		m.reason, m.at = c.texts.reason(why), seconds(now)
	}
	return change{c: c, number: number, m: m}
}

// save writes changes, and then makes them hold. What the store does not take is
// kept for later: what came of the write is open then, and the same is written
// again. The caller has the turn.
func (e *Engine) save(ctx context.Context, changes []change) error {
	for len(changes) > 0 {
		n := min(len(changes), store.MaxWrites)
		if err := e.saveSome(ctx, changes[:n]); err != nil {
			e.metrics.storeErrors.Inc()
			for i := range changes {
				changes[i].answer(err)
			}
			e.unsaved = append(e.unsaved, changes...)
			return err
		}
		changes = changes[n:]
	}
	return nil
}

func (e *Engine) saveSome(ctx context.Context, changes []change) error {
	writes := make([]store.Write, len(changes))
	var buffer []byte
	e.mu.RLock()
	for i := range changes {
		start := len(buffer)
		ch := &changes[i]
		buffer = ch.c.encode(buffer, &ch.m)
		writes[i] = store.Write{Key: ch.c.key(&ch.m), Value: buffer[start:len(buffer):len(buffer)]}
	}
	e.mu.RUnlock()
	if err := e.deps.Store.PutMany(ctx, writes); err != nil {
		return err
	}
	now := e.deps.Now()
	var events []Event
	e.mu.Lock()
	for i := range changes {
		ch := &changes[i]
		was := ch.c.members[ch.number].state
		ch.c.members[ch.number] = ch.m
		ch.c.dirty = true
		ch.c.quiet.Store(false)
		if was != ch.m.state {
			e.metrics.move(ch.c.Kind, ch.m.state)
		}
		if was != ch.m.state && ch.m.state.told() && e.deps.Changed != nil {
			events = append(events, ch.c.memberEvent(&ch.m, now))
		}
	}
	e.mu.Unlock()
	e.tell(events...)
	for i := range changes {
		changes[i].answer(nil)
	}
	return nil
}

func (ch *change) answer(err error) {
	for _, done := range ch.done {
		if done != nil {
			done <- err
		}
	}
	ch.done = nil
}

// saveLeft tries again to write what the store has not taken. Campaigns that are
// gone need it no more.
func (e *Engine) saveLeft(ctx context.Context) error {
	left := e.unsaved
	e.unsaved = nil
	kept := left[:0]
	e.mu.RLock()
	for _, ch := range left {
		if e.byName[ch.c.Name] == ch.c {
			kept = append(kept, ch)
		}
	}
	e.mu.RUnlock()
	return e.save(ctx, kept)
}

// setHead writes a campaign's head as edit makes it, and then makes it hold. The
// caller has the turn.
func (e *Engine) setHead(ctx context.Context, c *campaign, edit func(*head)) error {
	h, now := c.head, e.deps.Now()
	edit(&h)
	if h.Status != c.Status {
		h.Changed = now
	}
	told := h.Status != c.Status || h.Wave != c.Wave || h.Phase != c.Phase
	revision, err := e.putHead(ctx, &h, c.revision)
	if err != nil {
		e.metrics.storeErrors.Inc()
		return err
	}
	if !h.WaveStarted.Equal(c.WaveStarted) || !h.Routed.Equal(c.Routed) {
		c.step = 0
	}
	e.mu.Lock()
	c.head, c.revision = h, revision
	if told && (h.Status == Running || h.Status == RollingBack) {
		c.verdict = policy.Verdict{} // of what was before
	}
	c.cursor, c.hand, c.dirty, c.looked = 0, 0, true, time.Time{}
	e.mu.Unlock()
	c.quiet.Store(false)
	if told && c.Status != removing {
		e.tell(c.event(now))
	}
	return nil
}

// putHead writes a head over the revision that it replaces, 0 for none. When the
// outcome is open it looks.
func (e *Engine) putHead(ctx context.Context, h *head, over uint64) (revision uint64, err error) {
	value, err := h.encode()
	if err != nil {
		return 0, err
	}
	key := headPrefix + h.Name
	revision, err = e.deps.Store.Put(ctx, key, value, store.PutOptions{Expect: store.Revision(over)})
	if err == nil {
		return revision, nil
	}
	got, look := e.deps.Store.Get(context.WithoutCancel(ctx), key)
	switch {
	case look == nil && string(got.Value) == string(value):
		return got.Revision, nil
	case look == nil && over != 0 && errors.Is(err, store.ErrConflict):
		// The other writer was this one, when it could not look.
		return e.deps.Store.Put(ctx, key, value, store.PutOptions{Expect: store.Revision(got.Revision)})
	}
	return 0, err
}
