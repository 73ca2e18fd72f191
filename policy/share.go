package policy

import "github.com/acsgate/acsgate/internal/cwmp"

// share is a percentage of devices. A device stands at a fixed point of [0, 1),
// derived from the name of the rule and the identity of the device, and belongs
// to the share when that point lies below the percentage. So raising the
// percentage adds devices and never takes one away, and rules of different
// names choose independently of each other.
//
// The point must never change, in any version: operators rely on devices
// staying where a migration put them. It is the 64-bit FNV-1a hash of
//
//	rule name, 0x00, OUI, 0x00, ProductClass, 0x00, SerialNumber
//
// passed through the finalizer of MurmurHash3 (fmix64), the upper 53 bits of
// the result divided by 2^53. The finalizer is there because the upper bits of
// FNV-1a hardly depend on the last bytes, where serial numbers differ.
type share struct {
	seed  uint64 // the hash of the rule's name and the zero after it
	below uint64 // in units of 2^-53
	asked float64
}

const pointBits = 53

func newShare(rule string, percent float64) *share {
	return &share{
		seed:  hashByte(hashText(fnvOffset, rule), 0),
		below: uint64(percent / 100 * (1 << pointBits)),
		asked: percent,
	}
}

// point is where a device stands, in units of 2^-53.
func (s *share) point(id cwmp.Key) uint64 {
	h := hashByte(hashText(s.seed, id.OUI), 0)
	h = hashByte(hashText(h, id.ProductClass), 0)
	return mix(hashText(h, id.SerialNumber)) >> (64 - pointBits)
}

// has tells whether a device belongs to the share. A nil share has them all.
func (s *share) has(id cwmp.Key) bool { return s == nil || s.point(id) < s.below }

// percent is where a device stands, as a percentage.
func (s *share) percent(id cwmp.Key) float64 {
	return float64(s.point(id)) / (1 << pointBits) * 100
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = hashByte(h, s[i])
	}
	return h
}

func hashByte(h uint64, b byte) uint64 { return (h ^ uint64(b)) * fnvPrime }

func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
