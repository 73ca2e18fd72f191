package credential

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// keySize is the size of the key, in bytes.
const keySize = 32

var (
	errKeyMode = errors.New("can be read by others than its owner: run chmod 600 on it")
	errKeyForm = fmt.Errorf("does not hold a key, which is %d hexadecimal digits, as `openssl rand -hex %d` writes them", 2*keySize, keySize)
)

func isAbs(path string) bool { return filepath.IsAbs(path) }

// readKey reads a key file. An error wraps fs.ErrNotExist when there is none.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, errKeyMode
	}
	text := make([]byte, 2*keySize+8)
	n, err := f.Read(text)
	if err != nil && n == 0 && info.Size() > 0 {
		return nil, err
	}
	key := make([]byte, keySize)
	text = bytes.TrimSpace(text[:n])
	if len(text) != 2*keySize {
		return nil, errKeyForm
	}
	if _, err := hex.Decode(key, text); err != nil { // whose error would show a part of the key
		return nil, errKeyForm
	}
	return key, nil
}

// makeKey writes a new key to a file that only its owner can read. The file is
// there as a whole or not at all.
func makeKey(path string) (key []byte, err error) {
	key = newKey()
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	err = os.Link(f.Name(), path) // which never replaces a key
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(f.Name(), path) // of file systems without links
	}
	if err != nil {
		return nil, err
	}
	return key, syncDir(dir)
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // which never fails
	return key
}

// syncDir makes a new name in a directory survive a loss of power.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// obtainKey reads the key file, or makes it where that is allowed.
func obtainKey(path string, mayMake bool) ([]byte, error) {
	key, err := readKey(path)
	switch {
	case err == nil:
		return key, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("credentials: key file %q: %w", path, err)
	case !mayMake:
		return nil, fmt.Errorf("credentials: key file %q is missing, and %s", path, lostKey)
	}
	if key, err = makeKey(path); err != nil {
		return nil, fmt.Errorf("credentials: make key file %q: %w", path, err)
	}
	return key, nil
}

// lostKey says what a wrong key means and what to do.
const lostKey = "the store holds secrets that were encrypted with its key: put the former key file back, from a backup; " +
	"without it these secrets are lost, and the gateway needs a new store"
