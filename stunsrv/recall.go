package stunsrv

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync"
	"time"
)

// recall remembers a small value each for many keys in a fixed amount of memory:
// 16 bytes a key. Keys are hashes under a secret seed, so that nobody can choose
// which of them meet. Where four share a set, the one written longest ago is
// forgotten for the fifth. It is safe for concurrent use.
type recall struct {
	seed  maphash.Seed
	locks [32]sync.Mutex
	sets  [][4]recollection
}

type recollection struct {
	key   uint64 // 0: none
	value uint32
	at    uint32 // Unix seconds
}

// newRecall returns one for about so many keys.
func newRecall(keys int) *recall {
	return &recall{seed: maphash.MakeSeed(), sets: make([][4]recollection, 1<<bits.Len(uint(keys/4-1)))}
}

// key hashes what a memory is about: a user, bytes that say more, an address.
func (r *recall) key(username, more []byte, from netip.AddrPort) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.Write(username)
	h.WriteByte(0) // a trimmed USERNAME has no NUL
	h.Write(more)
	ip := from.Addr().As16()
	h.Write(ip[:])
	h.WriteByte(byte(from.Port() >> 8))
	h.WriteByte(byte(from.Port()))
	return h.Sum64() | 1 // never 0
}

// update calls f with what is remembered of key, the zero value if nothing, and
// remembers what f makes of it. With the value 0 after f nothing is remembered.
func (r *recall) update(key uint64, now time.Time, f func(value uint32, age time.Duration) uint32) {
	// The lock's index is part of the set's, so that a set has one lock.
	i := key >> 1 & uint64(len(r.sets)-1)
	lock := &r.locks[i%uint64(len(r.locks))]
	lock.Lock()
	defer lock.Unlock()
	set := &r.sets[i]
	slot := &set[0]
	for j := range set {
		if set[j].key == key {
			slot = &set[j]
			break
		}
		if set[j].at < slot.at {
			slot = &set[j]
		}
	}
	seconds := uint32(now.Unix())
	old := recollection{key: key, at: seconds}
	if slot.key == key {
		old = *slot
	}
	age := max(0, int64(seconds)-int64(old.at)) // the clock may be set back
	value := f(old.value, time.Duration(age)*time.Second)
	switch {
	case value == old.value:
	case value == 0:
		*slot = recollection{}
	default:
		*slot = recollection{key: key, value: value, at: seconds}
	}
}
