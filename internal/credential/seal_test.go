package credential

import (
	"bytes"
	"testing"
)

// FuzzParseSet: what is read is written the same way, but for what a later version
// has appended; what was written is read.
func FuzzParseSet(f *testing.F) {
	f.Add(appendSet(nil, full), "a", "b")
	f.Add([]byte{}, "", "")
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, "\x00", "x")
	f.Fuzz(func(t *testing.T, data []byte, username, password string) {
		if s, err := parseSet(data); err == nil {
			again, err := parseSet(appendSet(nil, s))
			if err != nil || again != s || !s.fits() {
				t.Errorf("%q becomes %q: %v", data, appendSet(nil, s), err)
			}
		}
		s := Set{STUN: Login{username, Secret(password)}, ConnectionRequest: Login{password, Secret(username)}}
		if !s.fits() {
			return
		}
		if got, err := parseSet(append(appendSet(nil, s), data...)); err != nil || got != s {
			t.Errorf("%q is not read: %v", appendSet(nil, s), err)
		}
	})
}

// FuzzSealed: nothing opens but what was sealed, for the entry that it was sealed
// for.
func FuzzSealed(f *testing.F) {
	s, err := newSealer(bytes.Repeat([]byte{7}, keySize))
	if err != nil {
		f.Fatal(err)
	}
	// Sealed with another key: nothing that grows out of it may open.
	other, err := newSealer(bytes.Repeat([]byte{8}, keySize))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{sealed}, "credential/1", []byte("text"))
	f.Add(other.seal("credential/1", []byte("x")), "credential/1", []byte{})
	f.Fuzz(func(t *testing.T, value []byte, entry string, text []byte) {
		if _, err := s.open(entry, value); err == nil {
			t.Errorf("%x opens", value)
		}
		good := s.seal(entry, text)
		if got, err := s.open(entry, good); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%x does not open: %v", good, err)
		}
		if _, err := s.open(entry+"x", good); err == nil {
			t.Error("opens for another entry")
		}
		if other := s.seal(entry, text); bytes.Equal(other, good) {
			t.Error("the nonce is not random")
		}
	})
}
