package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/acsgate/acsgate/internal/store"
)

// Buckets of the file.
var (
	bucketMeta    = []byte("acsgate") // what the file is
	bucketEntries = []byte("entries") // key → record
	bucketExpiry  = []byte("expiry")  // time of expiry and key → nothing

	keyFormat = []byte("format")
)

// format is the version of the file's layout. A file of a higher one was
// written by a newer acsgate.
const format = 1

// mapSize is how much address space the mapped file is given from the start, so
// that it seldom has to be mapped anew, for which bbolt waits for all readers.
const mapSize = 1 << 30

const (
	// minSize is that of an empty store with the smallest pages.
	minSize = 4 * 4096
	// growSize is by how much the file grows at least; growing costs a sync.
	growSize = 4 << 20
)

// Open opens the file, creating it and its directory (readable for this user
// alone) if there is none, and reads the time from now to decide on expiry. Its
// errors name the file, what is wrong with it, and what to do about it; it
// returns ErrLocked when another process has the file, and store.ErrDamaged
// when the file is none of ours or not whole. An empty file is damaged too: a
// new file appears complete or not at all.
func Open(cfg Config, now func() time.Time) (*Store, error) {
	s, err := open(cfg, now)
	if err != nil {
		return nil, explain(cfg.Path, err)
	}
	return s, nil
}

func open(cfg Config, now func() time.Time) (*Store, error) {
	cfg.SetDefaults()
	if err := ensure(cfg.Path); err != nil {
		return nil, err
	}
	if err := guard(cfg.Path, func() error { return inspect(cfg.Path, cfg.LockTimeout) }); err != nil {
		return nil, err
	}
	s := &Store{path: cfg.Path, now: now, turn: make(chan struct{}, 1)}
	s.nextExpiry.Store(never)
	if err := guard(cfg.Path, func() error { return s.open(cfg.LockTimeout) }); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

// ensure makes sure that there is a regular file with something in it.
func ensure(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path)
	}
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return &fileError{path, "is a directory", remedyForeign, store.ErrDamaged}
	case !info.Mode().IsRegular():
		return &fileError{path, "is not a regular file", remedyForeign, store.ErrDamaged}
	case info.Size() == 0:
		return damaged(path, "is empty")
	case info.Size() < minSize:
		return damaged(path, "truncated to %d bytes", info.Size())
	}
	return nil
}

// create makes an empty store under another name and then gives it its own, so
// that a process that is killed here leaves no half of a store behind.
func create(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(f.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(db.Update(layOut), db.Close()); err != nil {
		return err
	}
	// Another process may have been quicker; its file is as good.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		// Some file systems know no links.
		if err := os.Rename(f.Name(), path); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir durable, where the system can do that.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// layOut creates the buckets of an empty file.
func layOut(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketEntries, bucketExpiry} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	b, err := tx.CreateBucket(bucketMeta)
	if err != nil {
		return err
	}
	return b.Put(keyFormat, binary.AppendUvarint(nil, format))
}

func (s *Store) open(timeout time.Duration) (err error) {
	options := *bolt.DefaultOptions
	options.Timeout = timeout
	options.FreelistType = bolt.FreelistMapType
	options.NoStatistics = true
	options.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		s.file = f
		return f, err
	}
	// Windows extends the file to the size of the mapping.
	if strconv.IntSize == 64 && runtime.GOOS != "windows" {
		options.InitialMmapSize = mapSize
	}
	if s.db, err = bolt.Open(s.path, 0o600, &options); err != nil {
		return err
	}
	s.db.AllocSize = growSize
	return s.db.View(s.check)
}

// check makes sure that the file is of acsgate and of a format that we know.
func (s *Store) check(tx *bolt.Tx) error {
	b := tx.Bucket(bucketMeta)
	if b == nil || tx.Bucket(bucketEntries) == nil || tx.Bucket(bucketExpiry) == nil {
		return &fileError{s.path, "is a database, but not one of acsgate", remedyForeign, store.ErrDamaged}
	}
	found, n := binary.Uvarint(b.Get(keyFormat))
	if n <= 0 {
		return damaged(s.path, "has no format version")
	}
	if found > format {
		problem := fmt.Sprintf("has format %d, written by a newer acsgate; this one reads up to %d", found, format)
		return &fileError{s.path, problem, "run that version, or restore the backup made before the upgrade", store.ErrDamaged}
	}
	s.nextExpiry.Store(firstExpiry(tx.Bucket(bucketExpiry)))
	return nil
}

// abandon lets go of the file without the help of bbolt, which may hold locks
// for ever after a panic. The file stays mapped until the process ends.
func (s *Store) abandon() error {
	if s.file == nil {
		return nil
	}
	err := unlock(s.file)
	if closeErr := s.file.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if errors.Is(err, fs.ErrClosed) { // by bbolt
		return nil
	}
	return err
}

// explain puts the operator's words to an error of opening the file.
func explain(path string, err error) error {
	var file *fileError
	switch {
	case errors.As(err, &file):
		return file
	case errors.Is(err, berrors.ErrTimeout):
		return &fileError{path, ErrLocked.Error(), remedyLocked, ErrLocked}
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return damaged(path, "is not a store (%v)", err)
	case errors.Is(err, fs.ErrPermission):
		return &fileError{path, err.Error(), remedyAccess, err}
	}
	return &fileError{path, err.Error(), "check the path and the disk", err}
}
