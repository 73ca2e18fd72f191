package journal

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// What one device may keep.
const (
	maxRecords = 64
	maxShare   = 32 << 10 // bytes
	fairShare  = 8 << 10  // bytes, beyond which its records are the first to go
)

// timeline is the last events of each device, in a memory that is bounded by bytes. A
// device keeps up to 64 events and 32 KB, so one that is chatty forgets its own. When
// the memory is full the devices that have more than 8 KB lose their oldest events,
// those first to which nothing has happened for the longest time; when there are none
// of them, so do all others. Its methods are safe for concurrent use.
type timeline struct {
	seeds [2]maphash.Seed
	most  int // bytes

	mu      sync.Mutex
	devices map[key]uint32 // numbers of queues
	queues  []queue
	free    uint32 // the first of the queues that are free, by next
	orders  [2]order
	blocks  blocks
	records int
	scratch []byte
}

// key stands for a device: 128 bits of a hash with random seeds, so that two devices
// share one neither by chance nor by intent.
type key [2]uint64

// deviceCost is what a device takes beside its blocks, in bytes: its queue, with the
// spare room of a slice that grows, and its place in the map. Measured.
const deviceCost = 168

func newTimeline(most int) *timeline {
	return &timeline{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, most: most,
		devices: map[key]uint32{}, free: none, orders: [2]order{{none, none}, {none, none}}, blocks: blocks{free: none},
	}
}

func (t *timeline) key(id cwmp.Key) key {
	return key{maphash.Comparable(t.seeds[0], id), maphash.Comparable(t.seeds[1], id)}
}

// add takes the notes that concern a device.
func (t *timeline) add(notes []note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range notes {
		if id := notes[i].header.Device.Key(); id != (cwmp.Key{}) {
			t.scratch = appendRecord(t.scratch[:0], &notes[i])
			t.push(t.key(id), t.scratch)
		}
	}
}

// push adds a record to those of a device and forgets what it takes the place of.
func (t *timeline) push(k key, record []byte) {
	n, known := t.devices[k]
	if !known {
		n = t.newQueue(k)
	}
	for q := &t.queues[n]; q.records >= maxRecords || q.records > 0 && int(q.size)+lengthSize+len(record) > maxShare; {
		q.pop(&t.blocks)
		t.records--
	}
	t.leave(n)
	t.enter(n) // in front, so it is the last to lose one
	for t.size()+t.queues[n].blocksFor(len(record))*blockSize > t.most && t.evict(n) {
	}
	t.queues[n].push(&t.blocks, record)
	t.records++
	t.place(n)
}

// evict forgets a record for one of queue n. It tells whether there was any.
func (t *timeline) evict(n uint32) bool {
	victim := t.orders[rich].last
	if victim == none {
		victim = t.orders[poor].last
	}
	q := &t.queues[victim]
	if q.records == 0 { // n itself, alone
		return false
	}
	q.pop(&t.blocks)
	t.records--
	if q.records == 0 && victim != n {
		t.remove(victim)
	} else {
		t.place(victim)
	}
	return true
}

// size is how much memory is in use, in bytes. Blocks that are free are kept, so what
// the process has of it can be more, for a time in which there were fewer devices.
func (t *timeline) size() int { return t.blocks.used*blockSize + len(t.devices)*deviceCost }

func (t *timeline) newQueue(k key) uint32 {
	n := t.free
	if n == none {
		n = uint32(len(t.queues))
		t.queues = append(t.queues, queue{})
	} else {
		t.free = t.queues[n].next
	}
	t.queues[n] = queue{key: k}
	t.devices[k] = n
	t.enter(n)
	return n
}

func (t *timeline) remove(n uint32) {
	t.leave(n)
	delete(t.devices, t.queues[n].key)
	t.queues[n] = queue{next: t.free}
	t.free = n
}

// of returns the entries of a device, newest first.
func (t *timeline) of(id cwmp.Key, limit int) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, known := t.devices[t.key(id)]
	if !known {
		return nil
	}
	q := &t.queues[n]
	r := reading{blocks: &t.blocks, block: q.first, at: q.start}
	entries := make([]Entry, 0, q.records)
	for range q.records {
		record := make([]byte, r.length())
		r.read(record)
		entries = append(entries, parseRecord(record))
	}
	slices.Reverse(entries)
	if limit > 0 && limit < len(entries) {
		entries = entries[:limit]
	}
	return entries
}

// counts is how much there is.
type counts struct{ devices, records, bytes int }

func (t *timeline) count() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return counts{len(t.devices), t.records, t.size()}
}
