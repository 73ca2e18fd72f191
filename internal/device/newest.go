package device

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/acsgate/acsgate/internal/search"
)

// newestKey orders devices: a device whose last Inform is newer has a higher key,
// and no two have the same.
func newestKey(last uint32, h Handle) uint64 { return uint64(last)<<32 | uint64(^h) }

// newest is the devices with the highest keys that were found so far, up to a
// number of them.
type newest struct {
	from uint64 // the highest key that counts
	most int

	least atomic.Uint64 // all keys that count are higher

	mu   sync.Mutex
	keys keyHeap
}

func (n *newest) wants(key uint64) bool { return key <= n.from && key > n.least.Load() }

func (n *newest) add(key uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case !n.wants(key):
		return
	case len(n.keys) < n.most:
		n.keys = append(n.keys, key)
		heap.Fix(&n.keys, len(n.keys)-1)
	default:
		n.keys[0] = key
		heap.Fix(&n.keys, 0)
	}
	if len(n.keys) == n.most {
		n.least.Store(n.keys[0])
	}
}

// byLastInform finds at most most devices. The position of a cursor is the key of
// the first device that is not shown yet.
func (f *finder) byLastInform(ctx context.Context, after search.Cursor, most int) ([]Handle, search.Cursor, error) {
	f.newest = &newest{from: 1<<64 - 1, most: most}
	if after != "" {
		var err error
		if f.newest.from, err = after.Position(informCursor, f.run()); err != nil {
			return nil, "", err
		}
	}
	if err := f.addNewest(ctx); err != nil {
		return nil, "", err
	}
	keys := f.newest.keys
	slices.SortFunc(keys, func(x, y uint64) int {
		if x > y {
			return -1
		}
		return 1
	})
	handles := make([]Handle, len(keys))
	for i, key := range keys {
		handles[i] = ^Handle(uint32(key))
	}
	if len(keys) < most {
		return handles, "", nil
	}
	return handles, search.NewCursor(informCursor, f.run(), keys[most-1]), nil
}

// addNewest adds the devices that fit, where they are new enough.
func (f *finder) addNewest(ctx context.Context) error {
	add := func(c *candidates) {
		for i, key := range c.keys {
			if c.keep(i) {
				f.newest.add(key)
			}
		}
	}
	if f.among != nil {
		return f.eachNamed(ctx, add)
	}
	return search.Each(ctx, len(f.shards), func(place int) error {
		var c candidates
		for from, more := uint32(0), true; more && ctx.Err() == nil; from += chunk {
			more = f.read(place, from, chunk, &c)
			add(&c)
		}
		return nil
	})
}

// keyHeap is a heap with the lowest key first, which grows by hand.
type keyHeap []uint64

// The methods of heap.Interface; Push and Pop are not called.
func (h keyHeap) Len() int           { return len(h) }
func (h keyHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h keyHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *keyHeap) Push(any)          {}
func (h *keyHeap) Pop() any          { return nil }
