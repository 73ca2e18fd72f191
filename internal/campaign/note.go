package campaign

import (
	"context"
	"fmt"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// SessionEnd is how a session ended.
type SessionEnd struct {
	Device   cwmp.DeviceID
	ACS      string
	Complete bool // ended as sessions should
	Faults   int  // SOAP faults of either side
	Events   []string
}

// Rewritten is what came of a Task.
type Rewritten struct {
	Device cwmp.DeviceID
	Task   Task
	policy.MoveOutcome
}

type noteKind uint8

const (
	informing noteKind = iota
	ending
	beginning
	rewriting
	writingBack
)

// note is what sessions tell.
type note struct {
	kind         noteKind
	id           cwmp.DeviceID
	acs          string
	bootstrap    bool // the Inform had the event
	good, faults bool // the session's
	task         Task
	was          Was
	out          policy.MoveOutcome
	done         chan error // of who waits for it
}

// NoteInform tells that an ACS has accepted a device's Inform. It never blocks.
func (e *Engine) NoteInform(id cwmp.DeviceID, acs string, events []string) {
	e.note(note{kind: informing, id: id, acs: acs, bootstrap: bootstraps(events)})
}

// NoteSession tells how a session ended. It never blocks.
func (e *Engine) NoteSession(s SessionEnd) {
	e.note(note{kind: ending, id: s.Device, acs: s.ACS, bootstrap: bootstraps(s.Events), good: s.Complete, faults: s.Faults > 0})
}

// NoteRewrite tells what came of a Task, also when the session broke. It never
// blocks.
func (e *Engine) NoteRewrite(r Rewritten) {
	e.note(note{kind: rewriting, id: r.Device, task: r.Task, out: r.MoveOutcome})
}

// NoteWriteBack tells that an ACS has set the URL that a device had before a
// campaign rewrote it, and that the CPE was given To's instead. After
// policy.MaxWriteBacks of them the campaign gives the device up: it stays where it
// is, and is not moved again. It never blocks.
func (e *Engine) NoteWriteBack(id cwmp.DeviceID, campaign, acs string) {
	e.note(note{kind: writingBack, id: id, acs: acs, task: Task{Campaign: campaign}})
}

// Conclude is NoteRewrite for a session that still runs, and returns when what
// came of the Task is durable: the CPE may begin its next session as soon as this
// one ends, and belongs to another ACS by then. After an error it may still be
// recorded later. It needs Run.
func (e *Engine) Conclude(ctx context.Context, r Rewritten) error {
	return e.ask(ctx, note{kind: rewriting, id: r.Device, task: r.Task, out: r.MoveOutcome})
}

// ask queues a note and waits until it is recorded, or refused.
func (e *Engine) ask(ctx context.Context, n note) error {
	n.done = make(chan error, 1)
	select {
	case e.notes <- n:
	case <-ctx.Done():
		return fmt.Errorf("device %s: its move is not recorded: %w", n.id, ctx.Err())
	}
	select {
	case err := <-n.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("device %s: its move is not recorded: %w", n.id, ctx.Err())
	}
}

// note queues what changes something. When there is no room it is dropped: the
// device's next session tells the same.
func (e *Engine) note(n note) {
	if !e.any.Load() || !e.matters(&n) {
		return
	}
	select {
	case e.notes <- n:
	default:
		e.unsure.Store(seconds(e.deps.Now()))
		e.metrics.dropped.Inc()
	}
}

func (e *Engine) matters(n *note) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c, number, ok := e.find(&n.id, n.claim())
	if !ok {
		return false
	}
	m := &c.members[number]
	switch { // what waits in the queue may change the answer for these
	case n.kind == rewriting:
		return c.Name == n.task.Campaign
	case n.kind == ending && n.acs == c.To && (m.state == Asked || m.state == Setting || m.state == Set):
		return c.Status != Draft
	}
	_, _, ok = c.apply(*m, n)
	return ok
}

// apply returns what a member becomes by a note other than a beginning.
func (c *campaign) apply(m member, n *note) (_ member, why string, ok bool) {
	switch n.kind {
	case informing:
		return c.informed(m, n.acs, n.bootstrap)
	case ending:
		return c.ended(m, n.acs, n.bootstrap, n.good, n.faults)
	case rewriting:
		if n.task.Campaign == c.Name {
			return c.rewritten(m, n.task.Undo, &n.out)
		}
	case writingBack:
		if n.task.Campaign == c.Name {
			return c.writtenBack(m, n.acs)
		}
	}
	return m, "", false
}

// claim is what a campaign must have of a member to be told.
func (n *note) claim() claim {
	if n.kind == writingBack {
		return (*campaign).rewrote
	}
	return (*campaign).begun
}

// place is a member.
type place struct {
	c      *campaign
	number uint32
}

// digest returns the changes that notes make, one a member, in the notes' order,
// and answers the beginnings that are refused.
func (e *Engine) digest(notes []note, now time.Time) []change {
	var changes []change
	at := map[place]int{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range notes {
		n := &notes[i]
		c, number, ok := e.find(&n.id, n.claim())
		if !ok {
			n.answer(fmt.Errorf("device %s is in no campaign: its URL must not be set", n.id))
			continue
		}
		p := place{c, number}
		m := c.members[number]
		earlier, twice := at[p]
		if twice {
			m = changes[earlier].m
		}
		was := m
		m, why, err := c.digested(m, n)
		switch {
		case err != nil:
			n.answer(err)
			continue
		case m == was && twice:
			changes[earlier].done = append(changes[earlier].done, n.done)
			continue
		case m == was:
			n.answer(nil)
			continue
		}
		ch := c.changed(number, m, why, now)
		if !twice {
			at[p] = len(changes)
			ch.done = []chan error{n.done}
			changes = append(changes, ch)
			continue
		}
		ch.done = append(changes[earlier].done, n.done)
		changes[earlier] = ch
	}
	return changes
}

// digested is apply for all kinds of notes. It interns what it records, so that
// the caller holds the lock.
func (c *campaign) digested(m member, n *note) (_ member, why string, err error) {
	if n.kind != beginning {
		m, why, _ = c.apply(m, n)
		return m, why, nil
	}
	if c.Name != n.task.Campaign {
		return m, "", fmt.Errorf("device %s is in campaign %q now: its URL must not be set", n.id, c.Name)
	}
	if m, why, err = c.begins(m, n.task.Undo); err == nil && !n.task.Undo && m.url == 0 {
		m.url, m.user = c.texts.number(n.was.URL), c.texts.number(n.was.Username)
	}
	return m, why, err
}

func (n *note) answer(err error) {
	if n.done != nil {
		n.done <- err
	}
}
