package connreq

import (
	"container/list"
	"context"
	"errors"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	// historySize is of how many devices, beside those with a request under way,
	// the last result is kept in memory.
	historySize = 50_000
	// unwrittenMost is how many devices may wait to be written to the store.
	unwrittenMost = 500_000
	// recordPrefix is where records are in the store, by DeviceID.
	recordPrefix = "request/"
	// readPatience bounds the reading of a record.
	readPatience = time.Second
)

// device is what the service knows of one CPE. Service.mu guards it.
type device struct {
	record
	id  cwmp.DeviceID
	key string // in the store

	// reserved is the highest number of the sequence of which the store knows, if
	// it is above the floor. demanded is one that it must know before it is used.
	reserved, demanded int64

	current *request
	last    *request  // the one that ended last, or nil
	askedAt time.Time // when the last request left, also before a restart

	relayedAt     time.Time // the last request of an ACS of its own
	relayedMillis bool

	dirty, writing bool // to be written; being written
	idle           *list.Element
}

// devices are those in memory: all that are busy, and as many others as there is
// room for, the longest idle leave first.
type devices struct {
	known map[cwmp.Key]*device
	idle  *list.List // of *device; the longest idle at the front
	dirty []*device
}

// find returns a device that is in memory, or nil. The caller holds the lock.
func (s *Service) find(id *cwmp.DeviceID) *device { return s.devices.known[id.Key()] }

// read returns what the store has of a device, as a device that is not in memory
// yet. It must not be called with the lock held.
func (s *Service) read(ctx context.Context, id cwmp.DeviceID) *device {
	d := &device{id: id, key: recordPrefix + id.String()}
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	entry, err := s.deps.Store.Get(ctx, d.key)
	if err == nil {
		d.record, err = decodeRecord(entry.Value)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.metrics.storeErrors.Inc()
		d.record.seconds = true // what it has answered to is not known: try nothing (quirk S-44)
	}
	if now := s.now(); d.record.last <= now.Unix() && d.record.last > 0 {
		d.askedAt = time.Unix(d.record.last, 0)
	}
	return d
}

// adopt takes a device that was read into memory, unless it is there. The caller
// holds the lock, and settles the device when done with it.
func (s *Service) adopt(read *device) *device {
	key := read.id.Key()
	if d := s.devices.known[key]; d != nil {
		return d
	}
	s.devices.known[key] = read
	return read
}

// settle lets a device go when there is nothing more to do for it and no room.
// The caller holds the lock.
func (s *Service) settle(d *device) {
	busy := d.current != nil || d.dirty || d.writing
	all := &s.devices
	switch {
	case busy && d.idle != nil:
		all.idle.Remove(d.idle)
		d.idle = nil
	case !busy && d.idle == nil:
		d.idle = all.idle.PushBack(d)
	case !busy:
		all.idle.MoveToBack(d.idle)
	}
	for all.idle.Len() > historySize {
		oldest := all.idle.Remove(all.idle.Front()).(*device)
		oldest.idle = nil
		delete(all.known, oldest.id.Key())
	}
}

// changed has a device's record written soon. The caller holds the lock.
func (s *Service) changed(d *device) {
	if !d.dirty {
		d.dirty = true
		s.devices.dirty = append(s.devices.dirty, d)
	}
	s.settle(d)
}

// full tells whether no more devices can be remembered. The caller holds the lock.
func (s *Service) full() bool {
	return len(s.devices.dirty) >= unwrittenMost
}
