package device

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

func TestArenaAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var a arena
	want := map[ref][]byte{}
	content := func() []byte {
		b := make([]byte, 1+random.IntN(maxSlot))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for range 5000 {
		if random.IntN(3) == 0 {
			for r := range want {
				a.release(r)
				delete(want, r)
				break
			}
			continue
		}
		b := content()
		r := a.alloc(len(b))
		if _, used := want[r]; used {
			t.Fatalf("slot %#x is given twice", r)
		}
		if slot := a.bytes(r); len(slot) != r.size() || len(slot) < len(b) || len(slot) >= len(b)+slotStep {
			t.Fatalf("slot of %d bytes for %d", len(slot), len(b))
		}
		copy(a.bytes(r), b)
		want[r] = b
	}
	for r, b := range want {
		if !bytes.HasPrefix(a.bytes(r), b) {
			t.Fatalf("slot %#x has changed", r)
		}
	}
}

func TestArenaReusesSlots(t *testing.T) {
	var a arena
	for range 10_000 {
		a.release(a.alloc(100))
	}
	if n := len(a.classes[slotSize(100)/slotStep].chunks); n != 1 {
		t.Errorf("%d chunks for one slot", n)
	}
}

func TestIndexFindsAllInSpiteOfCollisions(t *testing.T) {
	var x index
	const devices = 5000
	hash := func(number uint32) uint32 { return number % 7 * 0x10000 } // only 7 hashes
	for number := range uint32(devices) {
		is := func(n uint32) bool { return n == number }
		if _, found := x.find(hash(number), is); found {
			t.Fatalf("device %d is found before it was added", number)
		}
		x.add(hash(number), number)
	}
	for number := range uint32(devices) {
		if got, found := x.find(hash(number), func(n uint32) bool { return n == number }); !found || got != number {
			t.Fatalf("device %d is found as %d, %v", number, got, found)
		}
	}
	if _, found := x.find(12345, func(uint32) bool { return true }); found {
		t.Error("a hash was found that was not added")
	}
}

func TestBitsetAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var b bitset
	want := map[uint32]bool{}
	for range 20_000 {
		n := uint32(random.IntN(1000))
		switch random.IntN(4) {
		case 0, 1:
			b.set(n)
			want[n] = true
		case 2:
			b.clear(n)
			delete(want, n)
		default:
			from := n / 64 * 64
			for _, taken := range b.take(from, from+128, make([]uint32, 0, 5)) {
				if !want[taken] || taken < from || taken >= from+128 {
					t.Fatalf("took %d from %d", taken, from)
				}
				delete(want, taken)
			}
		}
		if b.has(n) != want[n] || b.count != len(want) {
			t.Fatalf("%d: has %v of %d, want %v of %d", n, b.has(n), b.count, want[n], len(want))
		}
	}
}

func TestNames(t *testing.T) {
	n := newNames()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2 * maxNames {
				s := fmt.Sprint("name ", i)
				if number, ok := n.number(s); ok && n.at(number) != s {
					t.Errorf("%q is number %d, which is %q", s, number, n.at(number))
				}
			}
		})
	}
	wg.Wait()
	if len(*n.list.Load()) != maxNames || len(n.numbers) != maxNames {
		t.Errorf("%d names, %d numbers; want %d", len(*n.list.Load()), len(n.numbers), maxNames)
	}
	if _, ok := newNames().number(strings.Repeat("n", maxNameLength+1)); ok {
		t.Error("a long name is shared")
	}
}

// FuzzPacked packs a state and unpacks it.
func FuzzPacked(f *testing.F) {
	f.Add("serial", "url", uint32(0), uint64(0), uint32(1), []byte{192, 0, 2, 1}, uint16(80))
	f.Add("", strings.Repeat("u", maxURL), uint32(1<<16), uint64(1<<63), uint32(1<<32-1), make([]byte, 16), uint16(0))
	f.Add("s", "", uint32(7), uint64(1), uint32(0), []byte{}, uint16(7))
	f.Fuzz(func(t *testing.T, own, url string, name uint32, revision uint64, number uint32, addr []byte, port uint16) {
		own, url, name = own[:min(len(own), maxIdentityPart)], url[:min(len(url), maxURL)], name%(maxNames+1)
		st := state{
			oui: text{name: name}, class: text{own: []byte(own)}, serial: text{own: []byte(own)}, url: text{own: []byte(url)},
			acs: text{name: name}, software: text{own: []byte(own)}, first: number, last: ^number, events: eventSet(number),
			sessions: number, failed: number >> 1, faults: number >> 20,
		}
		if revision != 0 {
			st.revision, st.home, st.reason, st.assigned = revision, text{name: name}, text{own: []byte(own)}, number
		}
		if a, ok := netip.AddrFromSlice(addr); ok {
			st.source = netip.AddrPortFrom(a, port)
		}
		packed := st.append(nil)
		if got := unpack(append(packed, "rest of the slot"...)); fmt.Sprintf("%v", got) != fmt.Sprintf("%v", st) {
			t.Errorf("packed   %v\nunpacked %v", st, got)
		}
	})
}
