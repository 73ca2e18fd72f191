package boltstore

import (
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// releasePages unmaps the pages of the file that are in memory; they are mapped
// again when they are next read. The open transaction keeps the mapping in place.
func releasePages(tx *bolt.Tx) {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, tx.DB().Info().Data, uintptr(tx.Size()), syscall.MADV_DONTNEED)
}
