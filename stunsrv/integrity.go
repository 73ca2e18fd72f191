package stunsrv

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 3489 11.2.8 prescribes HMAC-SHA1
	"encoding/binary"
	"hash"
	"sync"
)

// convention is a way to compute MESSAGE-INTEGRITY. RFC 3489 11.2.8 leaves open
// which length the header has while the text is signed; clients differ in that,
// in whether the text is filled with zeros up to a multiple of 64 bytes, and in
// the byte order of the result (quirk S-07). It is one of the lengths, with or
// without the flags.
type convention uint8

// What the header's length says while the text is signed.
const (
	withIntegrity    convention = iota // counts MESSAGE-INTEGRITY: RFC 8489 14.5, icwmp, tr069agent
	zeroLength                         // 0: RDK-B
	withoutIntegrity                   // does not count it: Works Systems, "total - 44"
	onWire                             // as it arrived, though other attributes follow
	fourMore                           // four bytes more than withoutIntegrity
	fourTooMany                        // four bytes more than withIntegrity
	fortyFourLess                      // 44 bytes less than withIntegrity
	lengths                            // their number

	lengthMask convention = 0x0F
	padded     convention = 0x10 // filled up to a multiple of 64: RFC 3489, icwmp
	swapped    convention = 0x20 // each word of the result reversed: Tecom
)

// header returns the length that the header has while a text of n bytes, all of
// the message before MESSAGE-INTEGRITY, is signed; wire is what it really says.
func (c convention) header(n int, wire uint16) uint16 {
	without := uint16(n - headerSize)
	switch c & lengthMask {
	case zeroLength:
		return 0
	case withoutIntegrity:
		return without
	case onWire:
		return wire
	case fourMore:
		return without + 4
	case fourTooMany:
		return without + integritySize + 4
	case fortyFourLess:
		return without + integritySize - 44
	}
	return without + integritySize
}

// signer computes HMAC-SHA1 in memory that is used again.
type signer struct {
	hash   hash.Hash
	block  [sha1.BlockSize]byte
	zeros  [sha1.BlockSize]byte
	header [4]byte
	sum    [sha1.Size]byte
	other  [sha1.Size]byte // sum in the other byte order
}

var signers = sync.Pool{New: func() any { return &signer{hash: sha1.New()} }} //nolint:gosec // as above

// compute leaves the signature of text, the message before MESSAGE-INTEGRITY, in
// s.sum and, in the other byte order, in s.other.
func (s *signer) compute(key, text []byte, c convention) {
	s.start(key, 0x36)
	copy(s.header[:], text[:2])
	binary.BigEndian.PutUint16(s.header[2:], c.header(len(text), binary.BigEndian.Uint16(text[2:])))
	s.hash.Write(s.header[:])
	s.hash.Write(text[4:])
	if c&padded != 0 {
		s.hash.Write(s.zeros[:-len(text)&(sha1.BlockSize-1)])
	}
	s.hash.Sum(s.sum[:0])
	s.start(key, 0x5C)
	s.hash.Write(s.sum[:])
	s.hash.Sum(s.sum[:0])
	for i := 0; i < len(s.sum); i += 4 {
		binary.LittleEndian.PutUint32(s.other[i:], binary.BigEndian.Uint32(s.sum[i:]))
	}
}

// start begins the inner or the outer hash of HMAC (RFC 2104 2).
func (s *signer) start(key []byte, pad byte) {
	clear(s.block[:])
	if len(key) > len(s.block) {
		sum := sha1.Sum(key) //nolint:gosec // as above
		copy(s.block[:], sum[:])
	} else {
		copy(s.block[:], key)
	}
	for i := range s.block {
		s.block[i] ^= pad
	}
	s.hash.Reset()
	s.hash.Write(s.block[:])
}

// verify tells whether the MESSAGE-INTEGRITY of m was made with key, and in which
// convention. Those that ship come first. The signature is compared in constant
// time; which convention it is in is no secret.
func verify(m *message, key []byte) (convention, bool) {
	s := signers.Get().(*signer)
	defer signers.Put(s)
	text := m.raw[:m.integrity]
	given := m.raw[m.integrity+attrHeaderSize:][:sha1.Size]
	wire := binary.BigEndian.Uint16(m.raw[2:])
	for length := range lengths {
		if length == onWire && wire == withIntegrity.header(len(text), wire) {
			continue
		}
		for _, c := range [...]convention{length, length | padded} {
			if c&padded != 0 && ambiguous(m) {
				continue
			}
			s.compute(key, text, c)
			switch {
			case hmac.Equal(given, s.sum[:]):
				return c, true
			case hmac.Equal(given, s.other[:]):
				return c | swapped, true
			}
		}
	}
	return 0, false
}

// ambiguous tells that the signed text of m is a multiple of 64 bytes, so that it
// does not show whether its sender fills it up.
func ambiguous(m *message) bool { return m.integrity%sha1.BlockSize == 0 }

// appendIntegrity signs a reply in a convention and appends MESSAGE-INTEGRITY;
// after is the number of bytes that will follow it.
func appendIntegrity(b, key []byte, c convention, after int) []byte {
	s := signers.Get().(*signer)
	defer signers.Put(s)
	setLength(b, integritySize+after)
	s.compute(key, b, c)
	b = appendAttr(b, attrMessageIntegrity, sha1.Size)
	if c&swapped != 0 {
		return append(b, s.other[:]...)
	}
	return append(b, s.sum[:]...)
}
