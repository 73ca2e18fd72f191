package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// minToken is the shortest token that is accepted, in bytes.
const minToken = 20

// hashPrefix marks the hash of a token where the token itself might stand.
const hashPrefix = "sha256:"

// readToken returns the token that a file holds.
func readToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if len(text) < minToken || strings.ContainsAny(text, " \t\r\n") {
		return "", fmt.Errorf("%q holds no single word of at least %d characters", path, minToken)
	}
	return text, nil
}

// readHash returns the hash of the token that a file holds, or the hash that it
// holds as sha256:HEX.
func readHash(path string) (hash [sha256.Size]byte, err error) {
	text, err := readToken(path)
	if err != nil {
		return hash, err
	}
	if digits, is := strings.CutPrefix(text, hashPrefix); is {
		if hash, err = parseHash(digits); err != nil {
			return hash, fmt.Errorf("%q holds a hash that %w", path, err)
		}
		return hash, nil
	}
	return sha256.Sum256([]byte(text)), nil
}

// parseHash reads the 64 hexadecimal digits of a SHA-256.
func parseHash(digits string) (hash [sha256.Size]byte, err error) {
	data, err := hex.DecodeString(digits)
	if err != nil || len(data) != sha256.Size {
		return hash, fmt.Errorf("is not %d hexadecimal digits, such as printf %%s TOKEN | sha256sum prints", 2*sha256.Size)
	}
	copy(hash[:], data)
	return hash, nil
}
