package search

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	// fewAsked is after how many devices it is worth a scan to know who can fit.
	fewAsked = 16 << 10
	// fewMost is how many may fit for that to help.
	fewMost = 64 << 10
	fewBits = 16 * fewMost
)

// Few makes a test of devices quick that few of many pass. Looking up a device at a
// random place of a large table costs several times as much as reading it where it
// lies. So once the test was asked of many, which means that most did not pass, all
// who do are looked for by one scan, and their hashes kept in a small set. It is
// for one search: who comes to pass after the scan may be missed.
type Few struct {
	scan  func(*Few) error
	asked atomic.Int64
	once  sync.Once
	known atomic.Bool
	count atomic.Int64
	seed  maphash.Seed
	bits  []atomic.Uint64
}

// NewFew returns a Few whose scan calls AddFew for all who pass, concurrently if it
// likes. If scan fails, or there are many, Few is of no use, and does no harm.
func NewFew(scan func(*Few) error) *Few { return &Few{scan: scan} }

// AddFew notes that a device, of which parts are bytes or strings, passes. It
// reports whether it is worth going on.
func AddFew[O, C, S string | []byte](f *Few, oui O, class C, serial S) (goOn bool) {
	h := hashIdentity(f.seed, oui, class, serial)
	f.bits[h/64].Or(1 << (h % 64))
	return f.count.Add(1) <= fewMost
}

// Ask reports whether Excludes can be asked about the next n devices; else all of
// them must be tested. It does the scan when the time has come.
func (f *Few) Ask(n int) bool {
	if f.known.Load() {
		return true
	}
	if f.asked.Add(int64(n)) < fewAsked {
		return false
	}
	f.once.Do(func() {
		f.seed, f.bits = maphash.MakeSeed(), make([]atomic.Uint64, fewBits/64)
		err := f.scan(f)
		f.known.Store(err == nil && f.count.Load() <= fewMost)
	})
	return f.known.Load()
}

// Excludes reports that a device does not pass. Those that it does not exclude
// have to be tested.
func (f *Few) Excludes(oui, class, serial string) bool {
	h := hashIdentity(f.seed, oui, class, serial)
	return f.bits[h/64].Load()&(1<<(h%64)) == 0
}

func hashIdentity[O, C, S string | []byte](seed maphash.Seed, oui O, class C, serial S) uint64 {
	var room [256]byte // of most
	b := append(append(append(room[:0], serial...), 0), class...)
	return maphash.Bytes(seed, append(append(b, 0), oui...)) % fewBits
}
