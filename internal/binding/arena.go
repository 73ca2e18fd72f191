package binding

const (
	slotStep   = 16              // sizes of slots are multiples of it
	maxSlot    = 1024            // bytes of the largest record
	chunkBytes = 64 << 10        // slots are allocated in chunks of about this size
	slotBits   = 24              // of a ref that number the slot
	maxSlots   = 1<<slotBits - 1 // slots of one size
)

// ref says where in an arena a record lies: its size class and its slot.
type ref uint32

// arena keeps records in slots of a few sizes. It has few pointers whatever it
// holds, so that the garbage collector has little to look at, and uses slots
// again, so that changes leave no garbage.
type arena struct {
	classes [maxSlot/slotStep + 1]class // by size in steps
	used    int                         // bytes in slots that are in use
}

type class struct {
	chunks [][]byte
	slots  uint32   // that were ever used
	free   []uint32 // of these, not in use
}

// alloc returns a slot for n bytes.
func (a *arena) alloc(n int) ref {
	steps := (n + slotStep - 1) / slotStep
	a.used += steps * slotStep
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
	steps, slot := int(r>>slotBits), uint32(r)&maxSlots
	per := perChunk(steps)
	size := uint32(steps * slotStep)
	start := slot % per * size
	return a.classes[steps].chunks[slot/per][start : start+size : start+size]
}

// fits reports whether a slot is the one for n bytes.
func (a *arena) fits(r ref, n int) bool { return int(r>>slotBits) == (n+slotStep-1)/slotStep }

// release gives a slot back.
func (a *arena) release(r ref) {
	steps, slot := int(r>>slotBits), uint32(r)&maxSlots
	a.used -= steps * slotStep
	a.classes[steps].free = append(a.classes[steps].free, slot)
}

func newRef(steps int, slot uint32) ref { return ref(uint32(steps)<<slotBits | slot) }

func perChunk(steps int) uint32 { return uint32(max(1, chunkBytes/(steps*slotStep))) }
