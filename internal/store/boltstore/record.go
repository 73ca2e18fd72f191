package boltstore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// A value in the file is, in order: the CRC-32C of the key and of all that
// follows, little endian; a byte of flags; the revision, as a varint; the time
// of expiry in nanoseconds since 1970, 8 bytes, if the flag says so; the value.
const (
	checksumSize = 4
	flagExpires  = 1 << 0
	knownFlags   = flagExpires
	headerSize   = checksumSize + 1 + binary.MaxVarintLen64 + 8 // at most

	// never is the expiry of entries that have none.
	never = math.MaxInt64
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errChecksum = errors.New("checksum does not match")
	errHeader   = errors.New("header makes no sense")
)

// record is one decoded value; it refers to the bytes that it was decoded from.
type record struct {
	revision uint64
	expires  int64 // Unix nanoseconds, or never
	value    []byte
}

func (r record) expired(now int64) bool { return r.expires <= now }

// encode returns the bytes of the record and, in them, those of its value.
func (r record) encode(key string) (encoded, value []byte) {
	b := make([]byte, checksumSize+1, headerSize+len(r.value))
	if r.expires != never {
		b[checksumSize] = flagExpires
	}
	b = binary.AppendUvarint(b, r.revision)
	if r.expires != never {
		b = binary.BigEndian.AppendUint64(b, uint64(r.expires))
	}
	header := len(b)
	b = append(b, r.value...)
	binary.LittleEndian.PutUint32(b, checksum([]byte(key), b[checksumSize:]))
	return b, b[header:]
}

// decode is the inverse of encode.
func decode(key, b []byte) (record, error) {
	if len(b) < checksumSize+1 {
		return record{}, errHeader
	}
	rest := b[checksumSize:]
	if binary.LittleEndian.Uint32(b) != checksum(key, rest) {
		return record{}, errChecksum
	}
	flags := rest[0]
	revision, n := binary.Uvarint(rest[1:])
	if n <= 0 || flags&^knownFlags != 0 {
		return record{}, errHeader
	}
	r := record{revision: revision, expires: never, value: rest[1+n:]}
	if flags&flagExpires != 0 {
		if len(r.value) < 8 {
			return record{}, errHeader
		}
		r.expires = int64(binary.BigEndian.Uint64(r.value))
		r.value = r.value[8:]
	}
	return r, nil
}

func checksum(key, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, rest)
}
