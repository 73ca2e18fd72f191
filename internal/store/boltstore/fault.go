package boltstore

import (
	"errors"
	"fmt"
	"runtime/debug"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/acsgate/acsgate/internal/store"
)

// ErrLocked says that another process has the store file open.
var ErrLocked = errors.New("locked by another process")

// What to do about a file that cannot be used.
const (
	remedyDamaged = "restore it from a backup, or move it away to start with an empty store"
	remedyLocked  = "is another acsgate running? stop it, or give this one a path of its own"
	remedyAccess  = "make it readable and writable for the user that acsgate runs as"
	remedyForeign = "give acsgate a path of its own"
)

// fileError is a problem with the store file, in words for its operator.
type fileError struct {
	path, problem, remedy string
	kind                  error // what errors.Is finds
}

func (e *fileError) Error() string {
	return fmt.Sprintf("store file %q: %s: %s", e.path, e.problem, e.remedy)
}

func (e *fileError) Unwrap() error { return e.kind }

func damaged(path, format string, args ...any) *fileError {
	return &fileError{path, fmt.Sprintf(format, args...), remedyDamaged, store.ErrDamaged}
}

// guard runs fn and turns its panics into an error. bbolt panics when it meets
// pages that make no sense, and an access to a part of the mapped file that is
// not there, or that the disk cannot read, is a fault; neither may end the
// process.
func guard(path string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged(path, "unreadable (%v)", r)
		}
	}()
	return fn()
}

// fail makes every later call fail with err. bbolt cannot be relied on after a
// panic in the middle of a write or while it held its locks.
func (s *Store) fail(err error) error {
	var file *fileError
	if errors.As(err, &file) {
		s.failed.CompareAndSwap(nil, file)
	}
	return err
}

// usable returns why the store cannot be used, if so.
func (s *Store) usable() error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	if err := s.failed.Load(); err != nil {
		return err
	}
	return nil
}

// wrap puts the contract's words and the file's name to an error of bbolt.
func (s *Store) wrap(err error) error {
	var file *fileError
	switch {
	case err == nil, errors.As(err, &file), errors.Is(err, store.ErrClosed):
		return err
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return store.ErrClosed
	}
	return fmt.Errorf("store file %q: %w", s.path, err)
}
