package device

import "sync/atomic"

// reason says why something was not recorded. The values are those of the
// metric's label.
type reason string

const (
	refusedFull     reason = "full"     // there are MaxDevices
	refusedMemory   reason = "memory"   // their records take all the memory that they may
	refusedIdentity reason = "identity" // no identity, or one that cannot be a key
)

// slotBudget is how many bytes a device may take on average. Records of real
// devices take half of it; it is what bounds made-up ones.
const slotBudget = 256

// limits bound what all shards hold together.
type limits struct {
	maxDevices, maxBytes int64
	devices, bytes       atomic.Int64
}

func newLimits(maxDevices int) *limits {
	return &limits{maxDevices: int64(maxDevices), maxBytes: int64(maxDevices) * slotBudget}
}

func (l *limits) takeDevice() bool {
	if l.devices.Add(1) > l.maxDevices {
		l.devices.Add(-1)
		return false
	}
	return true
}

func (l *limits) giveDevice() { l.devices.Add(-1) }

// takeBytes takes n bytes, or gives some back; it tells whether that stays within
// the limit, and takes nothing if not.
func (l *limits) takeBytes(n int) bool {
	if l.bytes.Add(int64(n)) > l.maxBytes && n > 0 {
		l.bytes.Add(-int64(n))
		return false
	}
	return true
}

// forceBytes takes n bytes whatever the limit.
func (l *limits) forceBytes(n int) { l.bytes.Add(int64(n)) }
