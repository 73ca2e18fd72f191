package stunsrv

import (
	"net/netip"
	"testing"
	"time"
)

func (r *recall) get(key uint64, now time.Time) (uint32, time.Duration) {
	var value uint32
	var old time.Duration
	r.update(key, now, func(v uint32, age time.Duration) uint32 {
		value, old = v, age
		return v
	})
	return value, old
}

func (r *recall) set(key uint64, now time.Time, value uint32) {
	r.update(key, now, func(uint32, time.Duration) uint32 { return value })
}

// TestRecall remembers, replaces and forgets.
func TestRecall(t *testing.T) {
	r := newRecall(64)
	a, b := r.key([]byte("a"), nil, netip.AddrPort{}), r.key([]byte("b"), nil, netip.AddrPort{})
	r.set(a, clock, 7)
	later := clock.Add(90 * time.Second)
	if v, age := r.get(a, later); v != 7 || age != 90*time.Second {
		t.Errorf("%d after %v", v, age)
	}
	if v, _ := r.get(b, later); v != 0 {
		t.Errorf("b: %d", v)
	}
	r.set(a, later, 8)
	if v, age := r.get(a, later); v != 8 || age != 0 {
		t.Errorf("%d after %v", v, age)
	}
	if v, age := r.get(a, clock); v != 8 || age != 0 {
		t.Errorf("with the clock set back: %d after %v", v, age)
	}
	r.set(a, later, 0)
	if v, _ := r.get(a, later); v != 0 {
		t.Errorf("forgotten: %d", v)
	}
}

// TestRecallForgetsTheOldest has one set, of four.
func TestRecallForgetsTheOldest(t *testing.T) {
	r := newRecall(4)
	if len(r.sets) != 1 {
		t.Fatalf("%d sets", len(r.sets))
	}
	for i := range uint64(5) {
		r.set(2*i+1, clock.Add(time.Duration(i)*time.Second), 1)
	}
	for i := range uint64(5) {
		if v, _ := r.get(2*i+1, clock.Add(time.Minute)); (v == 1) != (i > 0) {
			t.Errorf("key %d: %d", i, v)
		}
	}
}

// TestRecallKeys differ by each part, and where one ends.
func TestRecallKeys(t *testing.T) {
	r := newRecall(4)
	seen := map[uint64]bool{}
	for _, key := range []uint64{
		r.key([]byte("ab"), nil, netip.AddrPort{}), r.key([]byte("a"), []byte("b"), netip.AddrPort{}),
		r.key(nil, []byte("ab"), netip.AddrPort{}), r.key([]byte("ab"), nil, primaryAddr),
		r.key([]byte("ab"), nil, secondaryAddr), r.key([]byte("ab"), nil, source6),
	} {
		if key == 0 || seen[key] {
			t.Errorf("key %x is 0 or double", key)
		}
		seen[key] = true
	}
}

// TestRecallIsBounded fills it many times over.
func TestRecallIsBounded(t *testing.T) {
	r := newRecall(100)
	if len(r.sets) != 32 {
		t.Fatalf("%d sets for 100 keys", len(r.sets))
	}
	for i := range uint64(10000) {
		r.set(i*0x9E3779B97F4A7C15|1, clock, 1)
	}
	kept := 0
	for i := range uint64(10000) {
		if v, _ := r.get(i*0x9E3779B97F4A7C15|1, clock); v != 0 {
			kept++
		}
	}
	if kept != 128 {
		t.Errorf("%d kept, want 128", kept)
	}
}
