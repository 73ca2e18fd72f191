package binding

import "math/bits"

// bitset is a set of device numbers, a bit each.
type bitset struct {
	words []uint64
	count int
}

func (b *bitset) has(n uint32) bool {
	return n/64 < uint32(len(b.words)) && b.words[n/64]&(1<<(n%64)) != 0
}

func (b *bitset) set(n uint32) {
	for uint32(len(b.words)) <= n/64 {
		b.words = append(b.words, 0)
	}
	if !b.has(n) {
		b.words[n/64] |= 1 << (n % 64)
		b.count++
	}
}

func (b *bitset) clear(n uint32) {
	if b.has(n) {
		b.words[n/64] &^= 1 << (n % 64)
		b.count--
	}
}

// take removes the lowest numbers of those from from on and below to, as many as
// into has room for, and returns them in order.
func (b *bitset) take(from, to uint32, into []uint32) []uint32 {
	if b.count == 0 {
		return into
	}
	for i := from / 64; i < uint32(len(b.words)) && i*64 < to; i++ {
		for word := b.words[i]; word != 0 && len(into) < cap(into); word &= word - 1 {
			if n := i*64 + uint32(bits.TrailingZeros64(word)); from <= n && n < to {
				into = append(into, n)
				b.clear(n)
			}
		}
	}
	return into
}
