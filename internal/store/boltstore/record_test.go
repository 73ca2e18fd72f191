package boltstore

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestRecord(t *testing.T) {
	for _, r := range []record{
		{revision: 1, expires: never},
		{revision: math.MaxUint64, expires: never, value: []byte("value")},
		{revision: 300, expires: 1_800_000_000_123_456_789, value: []byte{0, 0xff}},
		{revision: 1, expires: 0, value: nil},
	} {
		encoded, value := r.encode("key")
		if !bytes.Equal(value, r.value) {
			t.Errorf("%+v: encoded value %q", r, value)
		}
		got, err := decode([]byte("key"), encoded)
		if err != nil || got.revision != r.revision || got.expires != r.expires || !bytes.Equal(got.value, r.value) {
			t.Errorf("%+v became %+v, %v", r, got, err)
		}
		if _, err := decode([]byte("kez"), encoded); !errors.Is(err, errChecksum) {
			t.Errorf("%+v of another key: %v", r, err)
		}
		for i := range encoded {
			encoded[i] ^= 0x10
			if got, err := decode([]byte("key"), encoded); err == nil {
				t.Errorf("%+v with byte %d changed became %+v", r, i, got)
			}
			encoded[i] ^= 0x10
			if got, err := decode([]byte("key"), encoded[:i]); err == nil {
				t.Errorf("%+v cut at %d became %+v", r, i, got)
			}
		}
	}
}

// FuzzDecode gives the part after the checksum, with a right checksum: what is
// accepted must mean the same when it is encoded again.
func FuzzDecode(f *testing.F) {
	for _, r := range []record{{revision: 1, expires: never}, {revision: 9, expires: 77, value: []byte("v")}} {
		encoded, _ := r.encode("k")
		f.Add([]byte("k"), encoded[checksumSize:])
	}
	f.Add([]byte("k"), []byte{flagExpires, 1, 2})
	f.Add([]byte("k"), []byte{0x80, 1, 2})
	f.Add([]byte(""), []byte{0, 0x80})
	f.Fuzz(func(t *testing.T, key, rest []byte) {
		sum := checksum(key, rest)
		b := append([]byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}, rest...)
		r, err := decode(key, b)
		if err != nil {
			return
		}
		encoded, _ := r.encode(string(key))
		again, err := decode(key, encoded)
		if err != nil || again.revision != r.revision || again.expires != r.expires || !bytes.Equal(again.value, r.value) {
			t.Errorf("%x is %+v, then %+v, %v", rest, r, again, err)
		}
	})
}
