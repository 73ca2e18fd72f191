package tlsconf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/acsgate/acsgate/internal/store"
)

const (
	storagePrefix = "tls/"
	// lockTTL is how long the locks of a process that died stand in the way.
	lockTTL = 30 * time.Second
)

// storage lets certmagic keep its files in our store. Keys are paths;
// directories exist by what they hold.
type storage struct {
	store store.Store

	mu    sync.Mutex
	locks map[string]*heldLock
}

// heldLock is a lease that is renewed until stop is called, which waits for
// the renewing to end.
type heldLock struct {
	lease *store.Lease
	stop  func()
}

var _ certmagic.Storage = (*storage)(nil)

func newStorage(s store.Store) *storage {
	return &storage{store: s, locks: make(map[string]*heldLock)}
}

// String keeps the store's inside out of certmagic's logs.
func (*storage) String() string { return "store" }

// Lock implements certmagic.Locker.
func (s *storage) Lock(ctx context.Context, name string) error {
	lease, err := store.Lock(ctx, s.store, storagePrefix+name, lockTTL)
	if err != nil {
		return err
	}
	renewing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = lease.Run(renewing) // a lost lease shows when it is unlocked
	}()
	held := &heldLock{lease: lease, stop: func() { cancel(); <-done }}
	s.mu.Lock()
	s.locks[name] = held
	s.mu.Unlock()
	return nil
}

// Unlock implements certmagic.Locker.
func (s *storage) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	held := s.locks[name]
	delete(s.locks, name)
	s.mu.Unlock()
	if held == nil {
		return fmt.Errorf("lock %q is not held", name)
	}
	held.stop()
	ctx, cancel := context.WithTimeout(ctx, lockTTL)
	defer cancel()
	return held.lease.Unlock(ctx)
}

// Store implements certmagic.Storage.
func (s *storage) Store(ctx context.Context, key string, value []byte) error {
	_, err := s.store.Put(ctx, storagePrefix+key, value, store.PutOptions{})
	return err
}

// Load implements certmagic.Storage.
func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	entry, err := s.store.Get(ctx, storagePrefix+key)
	if err != nil {
		return nil, notExist(key, err)
	}
	return entry.Value, nil
}

// Delete implements certmagic.Storage: of a directory it deletes all that it
// holds.
func (s *storage) Delete(ctx context.Context, key string) error {
	keys, err := s.within(ctx, key)
	if err != nil {
		return err
	}
	for _, k := range append(keys, key) {
		if err := s.store.Delete(ctx, storagePrefix+k, 0); err != nil {
			return err
		}
	}
	return nil
}

// Exists implements certmagic.Storage.
func (s *storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// Stat implements certmagic.Storage. When a key was modified is not known.
func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	entry, err := s.store.Get(ctx, storagePrefix+key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Size: int64(len(entry.Value)), IsTerminal: true}, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return certmagic.KeyInfo{}, err
	}
	keys, err := s.within(ctx, key)
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	if len(keys) == 0 {
		return certmagic.KeyInfo{}, notExist(key, store.ErrNotFound)
	}
	return certmagic.KeyInfo{Key: key}, nil
}

// List implements certmagic.Storage: the files and directories right under
// path, or at any depth.
func (s *storage) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	files, err := s.within(ctx, path)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, notExist(path, store.ErrNotFound)
	}
	var keys []string
	seen := make(map[string]bool)
	for _, file := range files {
		for _, key := range pathsBelow(path, file, recursive) {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

// within returns the files of a directory, at any depth; "" is the root.
func (s *storage) within(ctx context.Context, dir string) ([]string, error) {
	var keys []string
	err := s.store.Scan(ctx, storagePrefix+asPrefix(dir), func(e store.Entry) error {
		keys = append(keys, strings.TrimPrefix(e.Key, storagePrefix))
		return nil
	})
	return keys, err
}

// pathsBelow returns the directories between dir and file and then file, or
// only the first of them.
func pathsBelow(dir, file string, recursive bool) []string {
	var paths []string
	at := len(asPrefix(dir))
	for {
		i := strings.IndexByte(file[at:], '/')
		if i < 0 {
			return append(paths, file)
		}
		paths = append(paths, file[:at+i])
		if !recursive {
			return paths
		}
		at += i + 1
	}
}

func asPrefix(dir string) string {
	dir = strings.Trim(dir, "/")
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// notExist gives certmagic the error that it expects.
func notExist(key string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return err
}
