package journal

import "encoding/binary"

// Sizes of the memory of timelines, in bytes.
const (
	blockSize = 256
	payload   = blockSize - 4 // a block begins with the number of the next
	slabSize  = 64 << 10      // by which memory is taken
	perSlab   = slabSize / blockSize
)

// none is the number of no block and no queue.
const none = ^uint32(0)

// blocks are pieces of memory of one size, by number. They are in slabs that hold no
// pointers, so the garbage collector does not look into them. Memory grows with its
// use and is not given back.
type blocks struct {
	slabs [][]byte
	free  uint32 // the first of the free ones, each of which names the next
	used  int
}

func (b *blocks) of(n uint32) []byte {
	return b.slabs[n/perSlab][n%perSlab*blockSize:][:blockSize:blockSize]
}

func (b *blocks) next(n uint32) uint32   { return binary.LittleEndian.Uint32(b.of(n)) }
func (b *blocks) setNext(n, next uint32) { binary.LittleEndian.PutUint32(b.of(n), next) }
func (b *blocks) data(n uint32) []byte   { return b.of(n)[blockSize-payload:] }

// take returns a block that nobody has.
func (b *blocks) take() uint32 {
	if b.free == none {
		b.grow()
	}
	n := b.free
	b.free = b.next(n)
	b.setNext(n, none)
	b.used++
	return n
}

func (b *blocks) give(n uint32) {
	b.setNext(n, b.free)
	b.free = n
	b.used--
}

func (b *blocks) grow() {
	first := uint32(len(b.slabs) * perSlab)
	b.slabs = append(b.slabs, make([]byte, slabSize))
	for n := first + perSlab; n > first; n-- {
		b.setNext(n-1, b.free)
		b.free = n - 1
	}
}
