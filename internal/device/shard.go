package device

import (
	"sync"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// shard is one part of the devices, by hash. Within it devices are numbered from
// 0 in the order in which they came, and never removed.
type shard struct {
	*limits
	*tables

	mu      sync.RWMutex
	index   index
	refs    []ref // where each device's record lies
	arena   arena
	urgent  bitset // devices whose soft state is to be stored at once
	quiet   bitset // devices of which only time and counters have changed
	scratch []byte // for packing, with the lock held
}

// tables are the shared names of a registry. Those that operators choose are
// kept apart, so that no CPE can use up their room.
type tables struct {
	ours *names // ACSs, rules, listeners, reasons
	cpes *names // manufacturers, OUIs, product classes, versions, roots
}

// find returns the number of a device. The caller holds the lock.
func (s *shard) find(hash uint32, id *cwmp.DeviceID) (uint32, bool) {
	return s.index.find(hash, func(number uint32) bool {
		var st state
		u := unpacker{s.record(number)}
		u.identity(&st)
		return string(st.serial.own) == id.SerialNumber &&
			st.oui.is(s.cpes, id.OUI) && st.class.is(s.cpes, id.ProductClass)
	})
}

// mark notes that a device's soft state is newer than the store's. The caller
// holds the lock.
func (s *shard) mark(number uint32, urgent bool) {
	if urgent {
		s.urgent.set(number)
		s.quiet.clear(number)
	} else if !s.urgent.has(number) {
		s.quiet.set(number)
	}
}

func (s *shard) record(number uint32) []byte { return s.arena.bytes(s.refs[number]) }

// add enters a device that find has not found, if there is room for it.
func (s *shard) add(hash uint32, st *state) (number uint32, refused reason) {
	if !s.takeDevice() {
		return 0, refusedFull
	}
	packed := s.pack(st)
	if !s.takeBytes(slotSize(len(packed))) {
		s.giveDevice()
		return 0, refusedMemory
	}
	r := s.arena.alloc(len(packed))
	copy(s.arena.bytes(r), packed)
	number = uint32(len(s.refs))
	s.refs = append(s.refs, r)
	s.index.add(hash, number)
	return number, ""
}

// replace changes a device's record, if there is room for it; else it stays as it
// is. What must not be lost makes room for itself.
func (s *shard) replace(number uint32, st *state, must bool) (refused reason) {
	packed := s.pack(st)
	old := s.refs[number]
	size := slotSize(len(packed))
	if size != old.size() {
		if !s.takeBytes(size - old.size()) {
			if !must {
				return refusedMemory
			}
			s.forceBytes(size - old.size())
		}
		s.refs[number] = s.arena.alloc(len(packed))
		s.arena.release(old)
	}
	copy(s.arena.bytes(s.refs[number]), packed)
	return ""
}

// pack returns the state's bytes, which are valid until the next call. It cannot
// be done in place: the state refers to the record that it replaces.
func (s *shard) pack(st *state) []byte {
	s.scratch = st.append(s.scratch[:0])
	return s.scratch
}
