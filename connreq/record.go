package connreq

import (
	"encoding/binary"
	"errors"
)

// record is what is kept of a device, in the store too.
type record struct {
	last      int64  // highest number of the sequence that was used, by an ACS too
	relayedID uint32 // id of the last UDP Connection Request of an ACS
	worked    string // transport that woke it last, or ""

	// The unit of ts (see unit.go).
	seconds bool  // it has answered to seconds, ever
	millis  bool  // it has answered to milliseconds since its last BOOT
	tried   bool  // milliseconds were tried since its last BOOT
	silent  uint8 // requests in seconds in a row that it did not answer
}

const (
	recordVersion = 1

	flagSeconds = 1 << 0
	flagMillis  = 1 << 1
	flagTried   = 1 << 2
	flagUDP     = 1 << 3
	flagHTTP    = 1 << 4
)

var errRecord = errors.New("record of connection requests makes no sense")

func (r *record) encode() []byte {
	flags := flag(flagSeconds, r.seconds) | flag(flagMillis, r.millis) | flag(flagTried, r.tried) |
		flag(flagUDP, r.worked == UDP) | flag(flagHTTP, r.worked == HTTP)
	b := append(make([]byte, 0, 24), recordVersion, flags, r.silent)
	b = binary.AppendVarint(b, r.last)
	return binary.AppendUvarint(b, uint64(r.relayedID))
}

func flag(bit byte, set bool) byte {
	if set {
		return bit
	}
	return 0
}

func decodeRecord(b []byte) (r record, err error) {
	if len(b) < 3 || b[0] != recordVersion {
		return r, errRecord
	}
	flags := b[1]
	r.seconds, r.millis, r.tried = flags&flagSeconds != 0, flags&flagMillis != 0, flags&flagTried != 0
	switch {
	case flags&flagUDP != 0:
		r.worked = UDP
	case flags&flagHTTP != 0:
		r.worked = HTTP
	}
	r.silent = b[2]
	last, n := binary.Varint(b[3:])
	if n <= 0 {
		return record{}, errRecord
	}
	id, m := binary.Uvarint(b[3+n:])
	if m <= 0 || 3+n+m != len(b) || id > 1<<32-1 {
		return record{}, errRecord
	}
	r.last, r.relayedID = last, uint32(id)
	return r, nil
}
