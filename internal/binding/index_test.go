package binding

import (
	"math/rand/v2"
	"testing"
)

// The index against a map of sets, with few hashes so that keys collide.
func TestIndexAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	const devices, keys = 60, 40
	hashOf := func(key int) uint64 { return uint64(key%13)<<40 | uint64(key%7) } // 13 x 7 > keys: all differ
	for range 200 {
		var x index
		has := [devices][keys]bool{}
		is := func(key int) func(uint32) bool { return func(n uint32) bool { return has[n][key] } }
		for range 500 {
			n, key := uint32(random.IntN(devices)), random.IntN(keys)
			if has[n][key] {
				x.remove(hashOf(key), n)
			} else {
				x.add(hashOf(key), n, is(key))
			}
			has[n][key] = !has[n][key]
			key = random.IntN(keys)
			want, last := 0, uint32(0)
			for n := range has {
				if has[n][key] {
					want, last = want+1, uint32(n)
				}
			}
			if number, count := x.get(hashOf(key), is(key)); count != want || want == 1 && number != last {
				t.Fatalf("key %d: %d devices, %d, want %d, %d", key, count, number, want, last)
			}
		}
	}
}

func TestIndexEmptiesItself(t *testing.T) {
	var x index
	for round := range 3 {
		for n := range uint32(1000) {
			x.add(uint64(n%100)*0x9E3779B97F4A7C15, n, func(other uint32) bool { return other%100 == n%100 })
		}
		if x.count != 100 || len(x.table) != 128 || len(x.shared) != 100 {
			t.Errorf("round %d: %d keys in %d places, %d shared", round, x.count, len(x.table), len(x.shared))
		}
		for n := range uint32(1000) {
			x.remove(uint64(n%100)*0x9E3779B97F4A7C15, n)
		}
		for _, e := range x.table {
			if e != 0 {
				t.Fatalf("round %d: %x is left", round, e)
			}
		}
	}
}
