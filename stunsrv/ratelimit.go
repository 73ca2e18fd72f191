package stunsrv

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	limiterShards = 64  // locks
	limiterSets   = 128 // of each shard
	limiterWays   = 8   // buckets of each set: 65,536 in all, 1 MB
)

// limiter bounds the packets of each source, an IPv4 address or an IPv6 /64, to
// rate a second and to one second's worth at once.
//
// A bucket is no more than the moment at which it will be full again (the
// virtual scheduling form of the leaky bucket, ITU-T I.371 annex A). One that is
// full is the same as none, so buckets age by themselves and the table needs no
// sweeper: a source takes room for 1/rate seconds a packet. The table is fixed
// in size. A source that finds all places of its set taken gets that of the
// bucket which is nearest to being full, and the source that is forgotten starts
// with a full one. So a flood from invented sources costs no memory, shuts
// nobody out, and leaves the heaviest senders limited; the most that it gains is
// that some sources may send more. Which sources share a set hangs on a secret
// seed.
type limiter struct {
	seed     maphash.Seed
	interval int64 // nanoseconds that refill one packet
	depth    int64 // nanoseconds that a bucket may be from full and still give
	shards   [limiterShards]limiterShard
}

type limiterShard struct {
	mu   sync.Mutex
	sets [limiterSets][limiterWays]bucket
}

// bucket of one source.
type bucket struct {
	source uint64 // its hash
	full   int64  // when it is full again, nanoseconds
}

// newLimiter returns a limiter of rate packets a second, at least 1.
func newLimiter(rate int) *limiter {
	interval := int64(time.Second) / int64(rate)
	return &limiter{seed: maphash.MakeSeed(), interval: interval, depth: interval * int64(rate-1)}
}

// allow takes a packet out of the bucket of its source and tells whether it held
// one. now is the time since some fixed moment and must not run backwards by
// much. It may be called from many goroutines and does not allocate.
func (l *limiter) allow(source netip.Addr, now time.Duration) bool {
	key := l.key(source)
	shard := &l.shards[key%limiterShards]
	set := &shard.sets[key/limiterShards%limiterSets]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	b := find(set, key, int64(now))
	if b.full-int64(now) > l.depth {
		return false
	}
	b.full = max(b.full, int64(now)) + l.interval
	return true
}

// find returns the bucket of a source, making one in place of the fullest.
func find(set *[limiterWays]bucket, source uint64, now int64) *bucket {
	fullest := &set[0]
	for i := range set {
		b := &set[i]
		if b.source == source {
			return b
		}
		if b.full < fullest.full {
			fullest = b
		}
	}
	*fullest = bucket{source: source, full: now}
	return fullest
}

func (l *limiter) key(source netip.Addr) uint64 {
	if source.Is4() {
		ip := source.As4()
		return maphash.Bytes(l.seed, ip[:])
	}
	ip := source.As16()
	return maphash.Bytes(l.seed, ip[:8])
}
