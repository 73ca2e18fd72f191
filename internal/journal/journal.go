// Package journal remembers the last things that happened to each device, for
// people who ask why. It owns a bounded memory of short lines: the devices that
// nothing has happened to for the longest time are forgotten first. It keeps no
// secrets, writes nothing to the store, and decides nothing.
package journal

import (
	"container/list"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Bounds of a journal.
const (
	maxEntries = 16  // of a device
	maxText    = 512 // bytes of an entry
)

// Entry is one thing that happened.
type Entry struct {
	At   time.Time
	What string // such as "url_move", a constant of the gateway
	Text string // for people
}

// Journal remembers entries. Its methods are safe for concurrent use and take
// microseconds.
type Journal struct {
	most int

	mu      sync.Mutex
	devices map[cwmp.Key]*list.Element
	order   list.List // of *device, the one that was written to last in front
}

type device struct {
	key     cwmp.Key
	entries []Entry // oldest first
}

// New returns a journal of at most so many devices.
func New(devices int) *Journal {
	return &Journal{most: devices, devices: map[cwmp.Key]*list.Element{}}
}

// Note adds an entry. Text beyond 512 bytes is cut.
func (j *Journal) Note(id cwmp.DeviceID, e Entry) {
	if len(e.Text) > maxText { // a copy: the rest may be a whole message
		e.Text = strings.ToValidUTF8(strings.Clone(e.Text[:maxText]), "")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	at, known := j.devices[id.Key()]
	if !known {
		j.makeRoom()
		at = j.order.PushFront(&device{key: id.Key()})
		j.devices[id.Key()] = at
	}
	j.order.MoveToFront(at)
	d := at.Value.(*device)
	if len(d.entries) == maxEntries {
		d.entries = slices.Delete(d.entries, 0, 1)
	}
	d.entries = append(d.entries, e)
}

// makeRoom forgets the device that was written to the longest time ago. The caller
// holds the lock.
func (j *Journal) makeRoom() {
	if j.order.Len() < j.most {
		return
	}
	last := j.order.Back()
	delete(j.devices, last.Value.(*device).key)
	j.order.Remove(last)
}

// Of returns the entries of a device, oldest first.
func (j *Journal) Of(id cwmp.DeviceID) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, known := j.devices[id.Key()]
	if !known {
		return nil
	}
	return slices.Clone(at.Value.(*device).entries)
}

// Len returns how many devices have entries.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.devices)
}
