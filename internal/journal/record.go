package journal

import (
	"encoding/binary"
	"time"
)

// A record is an event as its device's timeline keeps it: ID and time, each in 8
// bytes, then Kind, ACS and Text, each after its length in 2 bytes, then Data.

func appendRecord(b []byte, n *note) []byte {
	b = binary.LittleEndian.AppendUint64(b, n.header.ID)
	b = binary.LittleEndian.AppendUint64(b, uint64(n.at.UnixNano()))
	for _, s := range []string{string(n.header.Kind), n.header.ACS, n.text} {
		s = s[:min(len(s), 4*maxText)]
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	return append(b, n.data...)
}

// parseRecord is the inverse of appendRecord. The entry shares the record's memory.
func parseRecord(b []byte) Entry {
	e := Entry{ID: binary.LittleEndian.Uint64(b), At: time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:]))).UTC()}
	b = b[16:]
	take := func() string {
		n := 2 + int(binary.LittleEndian.Uint16(b))
		s := string(b[2:n])
		b = b[n:]
		return s
	}
	e.Kind, e.ACS, e.Text = Kind(take()), take(), take()
	if len(b) > 0 {
		e.Data = b
	}
	return e
}
