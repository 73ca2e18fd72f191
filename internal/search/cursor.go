package search

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// Cursor says where a page ends, so that the next one can begin there. It is
// short, safe in a URL, and opaque to those who get it. The empty Cursor is the
// beginning.
type Cursor string

// Errors of Cursor.Position. Who asks for pages begins with the first one again.
var (
	// ErrMalformed says that a text is no cursor, or one of another list.
	ErrMalformed = errors.New("is not a cursor of this list: leave it out to begin at the first page")
	// ErrOtherRun says that what the cursor refers to is gone.
	ErrOtherRun = errors.New("is from before the gateway was started: leave it out to begin at the first page")
)

const (
	cursorVersion = 1
	cursorBytes   = 1 + 1 + 4 + 8 + 4 // version, list, run, position, check
)

// NewCursor returns a cursor. list tells lists and their orders apart; run is a
// number that another run of the program does not have, since positions mean
// nothing to it.
func NewCursor(list byte, run uint32, position uint64) Cursor {
	b := make([]byte, 0, cursorBytes)
	b = append(b, cursorVersion, list)
	b = binary.BigEndian.AppendUint32(b, run)
	b = binary.BigEndian.AppendUint64(b, position)
	b = binary.BigEndian.AppendUint32(b, check(b))
	return Cursor(base64.RawURLEncoding.EncodeToString(b))
}

// Position returns the position of a cursor that NewCursor made for that list in
// this run.
func (c Cursor) Position(list byte, run uint32) (position uint64, err error) {
	const longest = 40 // bytes that an error repeats
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(c))
	sum := len(b) - 4
	switch {
	case err != nil || len(b) != cursorBytes || b[0] != cursorVersion || b[1] != list || binary.BigEndian.Uint32(b[sum:]) != check(b[:sum]):
		return 0, fmt.Errorf("cursor %.*q %w", longest, string(c), ErrMalformed)
	case binary.BigEndian.Uint32(b[2:]) != run:
		return 0, fmt.Errorf("cursor %q %w", string(c), ErrOtherRun)
	}
	return binary.BigEndian.Uint64(b[6:]), nil
}

// check finds cursors that were cut or mistyped. It keeps nobody from making one:
// a cursor says where to go on, and gives no right to see anything.
func check(b []byte) uint32 {
	h := fnv.New32a()
	_, _ = h.Write(b) // which never fails
	return h.Sum32()
}
