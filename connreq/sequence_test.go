package connreq

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestS34_IDsAreABijection(t *testing.T) {
	seen := map[uint32]bool{}
	for seq := int64(1_795_000_000); seq < 1_795_200_000; seq++ {
		id := requestID(seq)
		if id < 1 || id > 1<<31-2 || seen[id] {
			t.Fatalf("id %d of %d", id, seq)
		}
		seen[id] = true
	}
	// The inverse exists, so no two numbers less than 68 years apart share an id.
	inverse := uint64(1)
	for n, b := idModulus-2, uint64(idFactor); n > 0; n >>= 1 {
		if n&1 == 1 {
			inverse = inverse * b % idModulus
		}
		b = b * b % idModulus
	}
	for range 100_000 {
		seq := rand.Int64N(1 << 33)
		if uint64(requestID(seq))*inverse%idModulus != uint64(seq)%idModulus {
			t.Fatalf("id of %d has another origin", seq)
		}
	}
}

func TestS32_SequenceGrows(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	for name, c := range map[string]struct {
		base, floor, last, reserved int64
		relayed                     uint32
		want                        int64
		safe                        bool
	}{
		"first":                     {floor: 1_795_000_010, want: 1_795_000_000, safe: true},
		"twice in a second":         {floor: 1_795_000_010, last: 1_795_000_000, want: 1_795_000_001, safe: true},
		"clock stepped back":        {floor: 1_795_003_610, last: 1_795_003_600, want: 1_795_003_601, safe: true},
		"after a crash":             {base: 1_795_000_007, floor: 1_795_000_010, want: 1_795_000_007, safe: true},
		"no floor yet":              {want: 1_795_000_000},
		"above the floor":           {floor: 1_795_000_010, last: 1_795_000_010, want: 1_795_000_011},
		"above it, but stored":      {floor: 1_795_000_010, last: 1_795_000_010, reserved: 1_795_000_011, want: 1_795_000_011, safe: true},
		"same id as an ACS's":       {floor: 1_795_000_010, relayed: requestID(1_795_000_000), want: 1_795_000_001, safe: true},
		"no id of zero, year 2038":  {floor: 2 * idModulus, last: idModulus - 1, want: idModulus + 1, safe: true},
		"its id is one of idFactor": {floor: 2 * idModulus, last: idModulus, want: idModulus + 1, safe: true},
	} {
		q := sequence{base: c.base, floor: c.floor}
		seq, safe := q.next(&record{last: c.last, relayedID: c.relayed}, c.reserved, now)
		if seq != c.want || safe != c.safe {
			t.Errorf("%s: %d, %v; want %d, %v", name, seq, safe, c.want, c.safe)
		}
	}
}

// However often the gateway crashes, what it starts with is hardly ahead.
func TestFloorDoesNotRunAway(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	stored := int64(0)
	for crash := range int64(1000) {
		var q sequence
		q.begin(stored)
		if q.base <= stored && crash > 0 {
			t.Fatalf("base %d is not above floor %d", q.base, stored)
		}
		stored = q.wanted(now)
		now = now.Add(time.Second)
		if ahead := stored - now.Unix(); ahead > floorAhead {
			t.Fatalf("after crash %d the floor is %d seconds ahead", crash, ahead)
		}
	}
}

func TestS33_MillisecondsGrow(t *testing.T) {
	last := int64(0)
	now := time.Unix(1_795_000_000, 999_000_000)
	for seq := now.Unix(); seq < now.Unix()+5; seq++ {
		ts := timestamp(seq, true, now)
		if ts <= last || !isMillis(ts) || isMillis(timestamp(seq, false, now)) {
			t.Fatalf("ts %d after %d", ts, last)
		}
		last = ts
	}
}

func FuzzRecord(f *testing.F) {
	f.Add((&record{last: 1_795_000_000, relayedID: 7, worked: UDP, seconds: true, silent: 2}).encode())
	f.Add((&record{millis: true, tried: true, worked: HTTP}).encode())
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		if back, err := decodeRecord(r.encode()); err != nil || back != r {
			t.Errorf("%+v reads back as %+v, %v", r, back, err)
		}
	})
}

func TestRecordKeepsAll(t *testing.T) {
	for _, r := range []record{
		{}, {last: 1 << 40, relayedID: 1<<32 - 1, worked: UDP, seconds: true, millis: true, tried: true, silent: 255},
		{worked: HTTP, silent: 1}, {millis: true}, {tried: true}, {seconds: true},
	} {
		if back, err := decodeRecord(r.encode()); err != nil || back != r {
			t.Errorf("%+v reads back as %+v, %v", r, back, err)
		}
	}
	for _, bad := range [][]byte{nil, {1}, {2, 0, 0, 0, 0}, {1, 0, 0, 0x80}, append((&record{}).encode(), 0)} {
		if _, err := decodeRecord(bad); err == nil {
			t.Errorf("%x makes sense", bad)
		}
	}
}
