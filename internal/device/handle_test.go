package device

import "testing"

func TestHandle_LeadsBackToItsDevice(t *testing.T) {
	f := newMemory(t)
	seen := map[Handle]bool{}
	for n := range 500 {
		id := numberedID(n)
		if _, ok := f.Handle(id); ok {
			t.Fatalf("device %d has a handle before it is known", n)
		}
		f.NoteInform(sighting(id))
		h, ok := f.Handle(id)
		if !ok || seen[h] {
			t.Fatalf("device %d: handle %d, known %v, another's %v", n, h, ok, seen[h])
		}
		seen[h] = true
		got, ok := f.At(h)
		if !ok || got.OUI != id.OUI || got.ProductClass != id.ProductClass || got.SerialNumber != id.SerialNumber {
			t.Fatalf("handle %d: %v, want %v", h, got, id)
		}
	}
	for h := range Handle(64) {
		if _, ok := f.At(h<<handleBits | 1<<20); ok {
			t.Errorf("handle %d of nobody leads to a device", h<<handleBits|1<<20)
		}
	}
}
