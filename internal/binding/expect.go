package binding

// abreast is how many packets are noted under one lock.
const abreast = 32

// expect brings what note will look at into the processor's caches. In a large
// table the place in the index, the number of the record and the record are three
// loads that miss them, of which each needs the one before. So each of them is
// made for all packets before the next: packets do not need each other's, and
// the processor waits for many loads at once.
func (t *Table) expect(batch []sighting) {
	if len(batch) < 2 || len(t.byUser.table) == 0 {
		return
	}
	sum := uint64(0)
	for i := range batch {
		sum += t.byUser.first(batch[i].user)
	}
	var refs [abreast]ref
	for i := range batch {
		refs[i] = t.refs[t.byUser.likely(batch[i].user)]
	}
	for _, r := range refs[:len(batch)] {
		sum += t.arena.touch(r)
	}
	t.touched = sum // else the compiler leaves the loads out
}

// first returns the entry where the search for a key begins. The table is not
// empty.
func (x *index) first(hash uint64) uint64 { return x.table[uint32(hash)&uint32(len(x.table)-1)] }

// likely returns the device that seems to have the key, as far as its hash tells,
// 0 if none does. The table is not empty.
func (x *index) likely(hash uint64) (number uint32) {
	mask := uint32(len(x.table) - 1)
	for i := uint32(hash) & mask; x.table[i] != 0; i = (i + 1) & mask {
		if e := x.table[i]; uint32(e>>32) == uint32(hash) && uint32(e)&sharedBit == 0 {
			return uint32(e) - 1
		}
	}
	return 0
}

// touch loads a slot and returns something that depends on it.
func (a *arena) touch(r ref) (sum uint64) {
	const line = 64 // bytes that a cache loads at once
	slot := a.bytes(r)
	for i := 0; i < len(slot); i += line {
		sum += uint64(slot[i])
	}
	return sum + uint64(slot[len(slot)-1])
}
