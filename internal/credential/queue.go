package credential

import (
	"strings"
	"sync"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// change is what is to be done to one device's record.
type change struct {
	id  cwmp.DeviceID
	set Set // taken over what is stored
	// forget tells that what is stored is given up first.
	forget bool
}

// after returns the change that does both, first the earlier one.
func (c change) after(earlier change) change {
	if !c.forget {
		c.set, c.forget = c.set.Over(earlier.set), earlier.forget
	}
	return c
}

// queue holds changes until they are stored. Safe for concurrent use.
type queue struct {
	max int

	mu      sync.Mutex
	waiting map[cwmp.Key]change
	writing map[cwmp.Key]change // taken, and not known to be stored
}

func newQueue(most int) *queue { return &queue{max: most, waiting: map[cwmp.Key]change{}} }

// add takes a change and reports false if there is no room.
func (q *queue) add(c change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := c.id.Key()
	earlier, known := q.waiting[key]
	if !known && len(q.waiting)+len(q.writing) >= q.max {
		return false
	}
	for _, field := range c.set.fields() {
		*field = strings.Clone(*field) // which may be a part of a large message
	}
	q.waiting[key] = c.after(earlier)
	return true
}

// get returns what is to be done to a device's record.
func (q *queue) get(key cwmp.Key) change {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting[key].after(q.writing[key])
}

// take returns all changes. One goroutine at a time may write them; done ends
// that.
func (q *queue) take() map[cwmp.Key]change {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil
	}
	q.writing, q.waiting = q.waiting, map[cwmp.Key]change{}
	return q.writing // which is only read from now on
}

// done says what became of the changes that were taken. Those that were not
// stored wait again.
func (q *queue) done(stored bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !stored {
		for key, c := range q.writing {
			q.waiting[key] = q.waiting[key].of(c.id).after(c)
		}
	}
	q.writing = nil
}

// of returns the change with the device that it is of.
func (c change) of(id cwmp.DeviceID) change {
	c.id = id
	return c
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) + len(q.writing)
}
