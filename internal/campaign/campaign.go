package campaign

import (
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// campaign is one campaign in memory. Its head and members are those of the
// store: they change when a write has succeeded, under the engine's lock.
type campaign struct {
	head
	slot     uint32
	revision uint64
	ids      arena
	texts    texts
	members  []member
	limit    time.Duration // ArriveWithin of those that do not say
	// unsure is until when notes may have been lost, in seconds.
	unsure *atomic.Uint32

	verdict policy.Verdict // of the last look
	quiet   atomic.Bool    // nothing happens without a note or a command

	// The rest belongs to whoever has the engine's turn.
	pacer  pacer
	cursor uint32        // where to look for devices whose turn comes
	hand   uint32        // where sweeping goes on
	dirty  bool          // members have changed since the last look
	looked time.Time     // at the wave and at what has expired
	step   time.Duration // of the clock since the present wave, or the wait between phases, began
	woke   []wakened     // what came of waking, not stored yet
	asleep []uint32      // members that a gateway before this one has not woken
}

// wakened is what came of waking a member.
type wakened struct {
	number uint32
	err    error
}

func (c *campaign) arriveWithin() time.Duration {
	if c.ArriveWithin > 0 {
		return c.ArriveWithin
	}
	return c.limit
}

// rate is how many devices a second the present wave may begin with.
func (c *campaign) rate(otherwise float64) float64 {
	rate := c.RatePerSecond
	if rate <= 0 {
		rate = otherwise
	}
	if c.Wave < len(c.Steps) && c.Status != RollingBack {
		if own := c.Steps[c.Wave].PerSecond; own > 0 {
			rate = min(rate, own)
		}
	}
	return rate
}

// over tells whether nothing happens any more to devices that the campaign has
// not begun with, so that later campaigns may take them.
func (s Status) over() bool { return s == Done || s == Cancelled || s == RolledBack }

// tally is how far the present wave is, and how many devices of it and those
// before it wait for their turn.
func (c *campaign) tally() (n policy.WaveCounts, waiting int) {
	for i := range c.members {
		m := &c.members[i]
		if int(m.wave) <= c.Wave && c.waits(m) {
			waiting++
		}
		if int(m.wave) == c.Wave {
			c.count(m, &n)
		}
	}
	return n, waiting
}

func (c *campaign) count(m *member, n *policy.WaveCounts) {
	if m.state == Skipped || c.Phase == 2 && !m.flags.has(phase2) && m.state != Arrived {
		return
	}
	n.Total++
	if c.waits(m) || m.state == Asked {
		return
	}
	n.Tried++
	switch {
	case m.state == Failed, m.state == Arrived && m.flags.has(faulted):
		n.Failed++
	case m.state == Arrived:
		n.Arrived++
		if m.flags.has(held) {
			n.Second++
		}
	}
}

// open is how many devices are still to be moved back, but for those that a later
// campaign has taken. The caller has the turn.
func (e *Engine) open(c *campaign) (open, failed int) {
	for i := range c.members {
		m := &c.members[i]
		_, _, _, more := c.undone(*m)
		switch {
		case (more || m.state == Undoing) && !e.owns(c, uint32(i)):
		case more || m.state == Undoing:
			open++
		case m.state == Failed && m.flags.has(changed):
			failed++
		}
	}
	return open, failed
}
