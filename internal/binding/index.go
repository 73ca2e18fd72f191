package binding

// index finds devices by a key of theirs, such as a user name, that other devices
// may have too. It is an open-addressing table of words: 32 bits of the key's
// hash, and the number of the one device that has the key or of the sharers.
//
// How many share a key is not bounded, so they are not listed: they are counted,
// and their numbers are added up by exclusive or. That is enough to know the
// last one when all others have left.
type index struct {
	table  []uint64 // hash in the upper half, value in the lower; 0 is empty
	count  int
	shared []sharers
	free   []uint32 // of shared, not in use
}

type sharers struct {
	hash       uint64
	count, xor uint32
}

// sharedBit marks a value that is a number of sharers.
const sharedBit = 1 << 31

func entry(hash uint64, value uint32) uint64 { return hash<<32 | uint64(value) }

// find returns the place of a key, or that of the empty entry that ends its
// probes. Keys are compared by is, which tells whether a device has this one.
// Sharers come first: a device that is one of them may have an entry of its own
// for another key, whose hash is the same in 32 bits.
func (x *index) find(hash uint64, is func(number uint32) bool) (place uint32, found bool) {
	mask := uint32(len(x.table) - 1)
	for i := uint32(hash) & mask; ; i = (i + 1) & mask {
		e := x.table[i]
		switch value := uint32(e); {
		case e == 0 && found:
			return place, true
		case e == 0:
			return i, false
		case uint32(e>>32) != uint32(hash):
		case value&sharedBit != 0:
			if x.shared[value&^sharedBit].hash == hash {
				return i, true
			}
		case !found && is(value-1):
			place, found = i, true
		}
	}
}

// get returns how many devices have the key and, if it is one alone, its number.
func (x *index) get(hash uint64, is func(number uint32) bool) (number uint32, count int) {
	if len(x.table) == 0 {
		return 0, 0
	}
	place, found := x.find(hash, is)
	if !found {
		return 0, 0
	}
	value := uint32(x.table[place])
	if value&sharedBit != 0 {
		return 0, int(x.shared[value&^sharedBit].count)
	}
	return value - 1, 1
}

// add gives a key to a device that does not have it yet.
func (x *index) add(hash uint64, number uint32, is func(number uint32) bool) {
	if x.count*8 >= len(x.table)*7 {
		x.grow()
	}
	// The device's own entries are of other keys, whatever its record says.
	place, found := x.find(hash, func(n uint32) bool { return n != number && is(n) })
	if !found {
		x.table[place] = entry(hash, number+1)
		x.count++
		return
	}
	value := uint32(x.table[place])
	if value&sharedBit == 0 {
		x.table[place] = entry(hash, x.share(sharers{hash, 1, value - 1})|sharedBit)
		value = uint32(x.table[place])
	}
	s := &x.shared[value&^sharedBit]
	s.count++
	s.xor ^= number
}

func (x *index) share(s sharers) (number uint32) {
	if last := len(x.free) - 1; last >= 0 {
		number, x.free = x.free[last], x.free[:last]
		x.shared[number] = s
		return number
	}
	x.shared = append(x.shared, s)
	return uint32(len(x.shared) - 1)
}

// remove takes a key from a device that has it.
func (x *index) remove(hash uint64, number uint32) {
	if len(x.table) == 0 {
		return
	}
	place, found := x.find(hash, func(n uint32) bool { return n == number })
	if !found {
		return
	}
	value := uint32(x.table[place])
	if value&sharedBit == 0 {
		x.vacate(place)
		return
	}
	s := &x.shared[value&^sharedBit]
	s.count--
	s.xor ^= number
	if s.count == 1 {
		x.table[place] = entry(hash, s.xor+1)
		*s = sharers{}
		x.free = append(x.free, value&^sharedBit)
	}
}

// vacate empties a place, and moves up what had to go past it.
func (x *index) vacate(place uint32) {
	mask := uint32(len(x.table) - 1)
	for i := (place + 1) & mask; x.table[i] != 0; i = (i + 1) & mask {
		home := uint32(x.table[i]>>32) & mask
		if (i-home)&mask >= (i-place)&mask {
			x.table[place] = x.table[i]
			place = i
		}
	}
	x.table[place] = 0
	x.count--
}

func (x *index) grow() {
	old := x.table
	x.table = make([]uint64, max(64, 2*len(old)))
	mask := uint32(len(x.table) - 1)
	for _, e := range old {
		if e == 0 {
			continue
		}
		i := uint32(e>>32) & mask
		for x.table[i] != 0 {
			i = (i + 1) & mask
		}
		x.table[i] = e
	}
}
