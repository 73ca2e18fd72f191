package device

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestEncodedSizes(t *testing.T) {
	f := newMemory(t)
	f.NoteInform(sighting(numberedID(1)))
	f.flushAll(t)
	for key, value := range stored(t, f) {
		if n := len(key) + len(value); n > 200 {
			t.Errorf("%s takes %d bytes, want at most 200", key, n)
		}
	}
}

func TestEncodeIsWhatTheRegistryStores(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	f.NoteInform(sighting(id))
	if err := f.Assign(t.Context(), id, "south", "test", nil); err != nil {
		t.Fatal(err)
	}
	f.flushAll(t)
	want := stored(t, f)
	for _, w := range Encode(f.mustLookup(t, id)) {
		if want[w.Key] != string(w.Value) {
			t.Errorf("%s is encoded as %q, stored as %q", w.Key, w.Value, want[w.Key])
		}
		delete(want, w.Key)
	}
	if len(want) != 0 {
		t.Errorf("not encoded: %v", want)
	}
}

// The form of what is stored: files that are there must be read for ever.
func TestStoredForm(t *testing.T) {
	rec := Record{
		ID: numberedID(1), CurrentACS: "north", Root: "Device.", Sessions: 300,
		LastInform: time.Unix(1_800_000_000, 0), LastEvents: []string{"2 PERIODIC"},
		Assignment: Assignment{HomeACS: "south", AssignReason: "why", AssignedAt: time.Unix(1_800_000_000, 0)},
	}
	for i, want := range []string{
		"\x01\x03\x07Example\x05\x05north\x10\x01\x16\x80\xa4\xa7\xda\x06\x18\x04\x1a\xac\x02",
		"\x01\x03\x05south\x05\x03why\x06\x80\xa4\xa7\xda\x06",
	} {
		if got := string(Encode(rec)[i].Value); got != want {
			t.Errorf("value %d is %q, want %q", i, got, want)
		}
	}
}

func FuzzDecodeSoft(f *testing.F) {
	for _, w := range Encode(Record{ID: numberedID(1), CurrentACS: "north", Source: sighting(numberedID(1)).Source, Root: "Odd.", Sessions: 7}) {
		f.Add(w.Value)
	}
	f.Add([]byte{})
	f.Add([]byte{version, tagSource<<1 | 1, 3, 1, 2, 3})
	f.Add([]byte{version, tagACS<<1 | 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Add([]byte{version + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		tables := &tables{ours: newNames(), cpes: newNames()}
		var st, again state
		if err := tables.decodeSoft(b, &st); err != nil {
			if !errors.Is(err, errVersion) && !errors.Is(err, errTruncated) && !errors.Is(err, errField) {
				t.Errorf("error %v", err)
			}
			return
		}
		encoded := tables.encodeSoft(nil, &st)
		if err := tables.decodeSoft(encoded, &again); err != nil {
			t.Fatalf("%x is encoded as %x, which is %v", b, encoded, err)
		}
		if got := tables.encodeSoft(nil, &again); !bytes.Equal(got, encoded) {
			t.Errorf("%x is encoded as %x, then as %x", b, encoded, got)
		}
		if packed := st.append(nil); len(packed) > maxSlot {
			t.Errorf("%x takes %d bytes", b, len(packed))
		}
	})
}

func FuzzDecodeAssignment(f *testing.F) {
	f.Add(encodeAssignment(Assignment{HomeACS: "north", AssignReason: "why", AssignedAt: time.Unix(1, 0)}))
	f.Add([]byte{version})
	f.Add([]byte{version, tagAssigned << 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAssignment(b)
		if err != nil {
			return
		}
		again, err := decodeAssignment(encodeAssignment(a))
		if err != nil || a != again {
			t.Errorf("%x is %+v, then %+v, %v", b, a, again, err)
		}
	})
}
