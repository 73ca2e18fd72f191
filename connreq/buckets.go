package connreq

import (
	"hash/maphash"
	"sync"
	"time"
)

// buckets limits how often something happens for each of many keys. A key may do
// burst things at once, and one more each refill. It remembers at most max keys
// that are not at rest; when there are more, those that are new share one bucket.
type buckets struct {
	burst  int
	refill time.Duration
	max    int
	seed   maphash.Seed

	mu    sync.Mutex
	rest  map[uint64]int64 // when the key's bucket is full again, in Unix nanoseconds
	swept int64
}

func newBuckets(burst int, refill time.Duration, most int) *buckets {
	return &buckets{burst: burst, refill: refill, max: most, seed: maphash.MakeSeed(), rest: map[uint64]int64{}}
}

// hash makes a key of a value.
func hash[K comparable](b *buckets, key K) uint64 { return maphash.Comparable(b.seed, key) }

// take tells whether the key may do one more thing now, and counts it if so.
func (b *buckets) take(key uint64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := now.UnixNano()
	key = b.own(key, at)
	next, ok := b.next(key, at)
	if ok {
		b.rest[key] = next
	}
	return ok
}

// left tells whether take would be true, and whether the key is at rest or new.
func (b *buckets) left(key uint64, now time.Time) (left, fresh bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := now.UnixNano()
	rest, known := b.rest[key]
	_, left = b.next(key, at)
	return left, !known || rest <= at
}

// next is when the bucket is full again after one more thing.
func (b *buckets) next(key uint64, at int64) (next int64, ok bool) {
	most := at + int64(b.burst)*int64(b.refill)
	next = max(b.rest[key], at)
	if next > most { // the clock was set back
		next = at
	}
	next += int64(b.refill)
	return next, next <= most
}

// own returns the key, or the shared one if there is no room for another.
func (b *buckets) own(key uint64, at int64) uint64 {
	if _, known := b.rest[key]; known || len(b.rest) < b.max {
		return key
	}
	if at-b.swept >= int64(b.refill) || at < b.swept {
		b.swept = at
		for k, rest := range b.rest {
			if rest <= at {
				delete(b.rest, k)
			}
		}
	}
	if len(b.rest) < b.max {
		return key
	}
	return 0
}
