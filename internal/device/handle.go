package device

import "github.com/acsgate/acsgate/internal/cwmp"

// Handle stands for a device in four bytes, for indexes of a million. It is good
// as long as the registry lives, and means nothing to another one.
type Handle uint32

// handleBits is how many bits of a handle are the number in its shard.
const handleBits = 32 - shardBits

func newHandle(place int, number uint32) Handle { return Handle(uint32(place)<<handleBits | number) }

// Handle returns the device's handle; false if the device is not known.
func (r *Registry) Handle(id cwmp.DeviceID) (Handle, bool) {
	place, hash := r.place(&id)
	s := &r.shards[place]
	s.mu.RLock()
	defer s.mu.RUnlock()
	number, ok := s.find(hash, &id)
	if !ok || number >= 1<<handleBits {
		return 0, false
	}
	return Handle(place<<handleBits | number), true
}

// At returns the identity of the device that has the handle; false for a handle
// that is not of this registry.
func (r *Registry) At(h Handle) (cwmp.DeviceID, bool) {
	s, number := &r.shards[h>>handleBits], uint32(h)&(1<<handleBits-1)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if int(number) >= len(s.refs) {
		return cwmp.DeviceID{}, false
	}
	st := unpack(s.record(number))
	return s.id(&st), true
}
