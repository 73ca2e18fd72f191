package device

import (
	"cmp"
	"slices"

	"github.com/acsgate/acsgate/internal/store"
)

// batch is changes on their way to the store.
type batch struct {
	changes []change
	written bool // something was

	// Memory that is used again; the store copies what it takes.
	all    []change
	buffer []byte
	writes []store.Write
}

// change is what is to be written of a device, and of which, to mark it again if
// that fails.
type change struct {
	store.Write
	shard  *shard
	number uint32
	urgent bool
}

// collectRow moves the urgent changes of a row into the batch, and the quiet ones
// too if they are due.
func (s *shard) collectRow(row int, quiet bool, b *batch) {
	from, to := uint32(row*rowSize), uint32((row+1)*rowSize)
	for s.collect(&s.urgent, from, to, true, b) == collectMost {
	}
	for quiet && s.collect(&s.quiet, from, to, false, b) == collectMost {
	}
}

// collect moves up to collectMost changes into the batch and returns how many.
func (s *shard) collect(set *bitset, from, to uint32, urgent bool, b *batch) int {
	var numbers [collectMost]uint32
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := set.take(from, to, numbers[:0])
	for _, number := range taken {
		s.quiet.clear(number)
		st := unpack(s.record(number))
		id := s.id(&st)
		start := len(b.buffer)
		b.buffer = s.encodeSoft(b.buffer, &st)
		value := b.buffer[start:len(b.buffer):len(b.buffer)]
		b.changes = append(b.changes, change{
			Write: store.Write{Key: devicePrefix + id.String(), Value: value}, shard: s, number: number, urgent: urgent,
		})
	}
	return len(taken)
}

func (b *batch) sort() {
	slices.SortFunc(b.changes, func(x, y change) int { return cmp.Compare(x.Key, y.Key) })
	b.all = b.changes
}

// next returns the writes of the first n changes.
func (b *batch) next(n int) []store.Write {
	b.writes = b.writes[:0]
	for _, c := range b.changes[:n] {
		b.writes = append(b.writes, c.Write)
	}
	return b.writes
}

func (b *batch) reset() {
	b.changes, b.buffer = b.all[:0], b.buffer[:0]
}

// markAgain marks what is left as changed.
func (b *batch) markAgain() {
	for _, c := range b.changes {
		c.shard.mu.Lock()
		c.shard.mark(c.number, c.urgent)
		c.shard.mu.Unlock()
	}
}
