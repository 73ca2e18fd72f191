package journal

import (
	"container/list"
	"slices"
	"strings"
	"sync"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Bounds of a journal.
const (
	maxEntries = 16 // of a device
)

type memory struct {
	most int

	mu      sync.Mutex
	devices map[cwmp.Key]*list.Element
	order   list.List // of *device, the one that was written to last in front
}

type device struct {
	key     cwmp.Key
	entries []Entry // oldest first
}

// New returns a journal of at most so many devices that only Note and Of use. It is
// what stands before Open.
func New(devices int) *Journal {
	return &Journal{memory: memory{most: devices, devices: map[cwmp.Key]*list.Element{}}}
}

// Note adds an entry. Text beyond 512 bytes is cut.
func (j *memory) Note(id cwmp.DeviceID, e Entry) {
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
func (j *memory) makeRoom() {
	if j.order.Len() < j.most {
		return
	}
	last := j.order.Back()
	delete(j.devices, last.Value.(*device).key)
	j.order.Remove(last)
}

// Of returns the entries of a device, oldest first.
func (j *memory) Of(id cwmp.DeviceID) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, known := j.devices[id.Key()]
	if !known {
		return nil
	}
	return slices.Clone(at.Value.(*device).entries)
}

// Len returns how many devices have entries.
func (j *memory) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.devices)
}
