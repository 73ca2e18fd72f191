package credential

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// sealer encrypts what goes to the store with AES-256-GCM. The key in the store
// is part of what is authenticated, so a value that was moved to another device
// is not taken for its own. Safe for concurrent use.
type sealer struct{ aead cipher.AEAD }

// sealed is the version of the stored form: this byte, a random nonce of 12
// bytes, then the encrypted text with its tag of 16 bytes.
const sealed = 1

var (
	errSealed = errors.New("is not what was stored, or was encrypted with another key")
	errForm   = errors.New("is in no form that this version knows")
)

func newSealer(key []byte) (sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead}, err
}

// seal returns text encrypted for an entry of the store.
func (s sealer) seal(entry string, text []byte) []byte {
	head := 1 + s.aead.NonceSize()
	out := make([]byte, head, head+len(text)+s.aead.Overhead())
	out[0] = sealed
	_, _ = rand.Read(out[1:head]) // which never fails
	return s.aead.Seal(out, out[1:head], text, []byte(entry))
}

// open is the inverse of seal.
func (s sealer) open(entry string, value []byte) ([]byte, error) {
	head := 1 + s.aead.NonceSize()
	if len(value) < head || value[0] != sealed {
		return nil, errForm
	}
	text, err := s.aead.Open(nil, value[1:head], value[head:], []byte(entry))
	if err != nil {
		return nil, errSealed
	}
	return text, nil
}

// derive returns a key of its own for a purpose (RFC 5869).
func derive(key []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, key, nil, "acsgate "+purpose, keySize)
}

// appendSet appends the plain form of a set: each field with its length.
// Versions to come may append more of them.
func appendSet(b []byte, s Set) []byte {
	for _, field := range s.fields() {
		b = binary.AppendUvarint(b, uint64(len(*field)))
		b = append(b, *field...)
	}
	return b
}

// parseSet is the inverse of appendSet. Fields of later versions are passed over.
func parseSet(b []byte) (s Set, err error) {
	for _, field := range s.fields() {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) || n > maxField {
			return Set{}, errForm
		}
		*field = string(b[used : used+int(n)])
		b = b[used+int(n):]
	}
	return s, nil
}
