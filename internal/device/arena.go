package device

const (
	slotStep   = 16              // sizes of slots are multiples of it
	maxSlot    = 2048            // bytes of the largest record
	chunkBytes = 4 << 10         // slots are allocated in chunks of about this size
	slotBits   = 24              // of a ref that number the slot
	maxSlots   = 1<<slotBits - 1 // slots of one size: ten times what mostDevices needs
)

// ref says where in an arena a record lies: its size class and its slot.
type ref uint32

// arena keeps byte strings of up to maxSlot bytes in slots of a few sizes. It
// has few pointers whatever it holds, so that the garbage collector has little
// to look at, and reuses slots of its own, so that changes leave no garbage.
type arena struct {
	classes [maxSlot/slotStep + 1]class // by size in steps
}

type class struct {
	chunks [][]byte
	slots  uint32   // that were ever used
	free   []uint32 // of these, not in use
}

// slotSize returns how many bytes a record of n bytes takes.
func slotSize(n int) int { return (n + slotStep - 1) / slotStep * slotStep }

// alloc returns a slot for n bytes.
func (a *arena) alloc(n int) ref {
	steps := slotSize(n) / slotStep
	c := &a.classes[steps]
	if last := len(c.free) - 1; last >= 0 {
		slot := c.free[last]
		c.free = c.free[:last]
		return newRef(steps, slot)
	}
	if per := perChunk(steps); c.slots%per == 0 {
		c.chunks = append(c.chunks, make([]byte, int(per)*steps*slotStep))
	}
	c.slots++
	return newRef(steps, c.slots-1)
}

// bytes returns the slot, all of its size.
func (a *arena) bytes(r ref) []byte {
	steps, slot := r.split()
	per := perChunk(steps)
	size := uint32(steps * slotStep)
	start := slot % per * size
	return a.classes[steps].chunks[slot/per][start : start+size : start+size]
}

// release gives a slot back.
func (a *arena) release(r ref) {
	steps, slot := r.split()
	a.classes[steps].free = append(a.classes[steps].free, slot)
}

func newRef(steps int, slot uint32) ref { return ref(uint32(steps)<<slotBits | slot) }

func (r ref) split() (steps int, slot uint32) { return int(r >> slotBits), uint32(r) & maxSlots }

// size returns the bytes that the slot takes.
func (r ref) size() int { return int(r>>slotBits) * slotStep }

func perChunk(steps int) uint32 { return slotsPerChunk[steps] }

// slotsPerChunk is by size in steps.
var slotsPerChunk = func() (per [maxSlot/slotStep + 1]uint32) {
	for steps := 1; steps < len(per); steps++ {
		per[steps] = uint32(max(1, chunkBytes/(steps*slotStep)))
	}
	return per
}()
