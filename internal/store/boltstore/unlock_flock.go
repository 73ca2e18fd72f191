//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package boltstore

import (
	"os"
	"syscall"
)

// unlock gives up bbolt's lock. Closing the file does not while it is mapped.
func unlock(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var unlockErr error
	err = raw.Control(func(fd uintptr) { unlockErr = syscall.Flock(int(fd), syscall.LOCK_UN) })
	if err != nil {
		return err
	}
	return unlockErr
}
