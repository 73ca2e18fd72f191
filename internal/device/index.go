package device

// index finds devices by the hash of their identity: an open-addressing table
// of device numbers. Entries are never removed.
type index struct {
	table []uint64 // hash in the upper half, number plus 1 in the lower; 0 is empty
	count int
}

// find returns the device with that hash for which is reports true.
func (x *index) find(hash uint32, is func(number uint32) bool) (uint32, bool) {
	if len(x.table) == 0 {
		return 0, false
	}
	mask := uint32(len(x.table) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := x.table[i]
		if e == 0 {
			return 0, false
		}
		if uint32(e>>32) == hash && is(uint32(e)-1) {
			return uint32(e) - 1, true
		}
	}
}

// add enters a device that find has not found.
func (x *index) add(hash, number uint32) {
	if x.count*4 >= len(x.table)*3 {
		x.grow()
	}
	x.insert(uint64(hash)<<32 | uint64(number+1))
	x.count++
}

func (x *index) insert(e uint64) {
	mask := uint32(len(x.table) - 1)
	i := uint32(e>>32) & mask
	for x.table[i] != 0 {
		i = (i + 1) & mask
	}
	x.table[i] = e
}

func (x *index) grow() {
	old := x.table
	x.table = make([]uint64, max(64, 2*len(old)))
	for _, e := range old {
		if e != 0 {
			x.insert(e)
		}
	}
}
