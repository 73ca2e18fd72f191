//go:build linux || darwin

package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/acsgate/acsgate/internal/store"
)

// filled returns the path of a closed store with entries on many pages.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "acsgate.db")
	s, err := Open(Config{Path: path}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 { // the later rounds leave free pages behind
		for batch := range 4 {
			writes := make([]store.Write, 500)
			for i := range writes {
				writes[i] = store.Write{Key: fmt.Sprintf("%d/%03d", batch, i), Value: makeValue(round, 100)}
			}
			if err := s.PutMany(t.Context(), writes); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents returns what a filled store uses of its file, without the room to grow.
func contents(t *testing.T) []byte {
	t.Helper()
	path := filled(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	editFile(t, path, func(tx *bolt.Tx) error { size = tx.Size(); return nil })
	return content[:size]
}

// wantFileError checks that an error says what is wrong with which file, and
// what to do.
func wantFileError(t *testing.T, err error, path string, kind error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("error %q is not %q", err, kind)
	}
	for _, word := range append(words, fmt.Sprintf("%q", path)) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	whole := contents(t)
	garbage := make([]byte, 64<<10)
	fillRandom(newRandom(t), garbage)
	noMeta := bytes.Clone(whole)
	clear(noMeta[:2*4096])
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content []byte
		words   []string
	}{
		"empty":          {nil, []string{"is empty", "backup", "move it away"}},
		"text":           {bytes.Repeat([]byte("not a database\n"), 2000), []string{"is not a store", "backup"}},
		"garbage":        {garbage, []string{"is not a store", "backup"}},
		"one byte":       {whole[:1], []string{"truncated to 1 byte"}},
		"one page":       {whole[:4096], []string{"truncated to 4096 bytes"}},
		"four pages":     {whole[:4*4096], []string{"truncated to 4 of "}},
		"last byte":      {whole[:len(whole)-1], []string{"truncated to "}},
		"half":           {whole[:len(whole)/2], []string{"truncated to "}},
		"odd end":        {whole[:len(whole)/2-77], []string{"truncated to "}},
		"no meta":        {noMeta, []string{"is not a store"}},
		"zeros":          {make([]byte, len(whole)), []string{"is not a store"}},
		"shifted":        {append([]byte{0}, whole...), []string{"is not a store"}},
		"another format": {append([]byte("SQLite format 3\x00"), whole...), []string{"is not a store"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(Config{Path: path}, time.Now)
			wantFileError(t, err, path, store.ErrDamaged, c.words...)
			if after, _ := os.ReadFile(path); !bytes.Equal(after, c.content) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpenRefusesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(Config{Path: dir}, time.Now)
	wantFileError(t, err, dir, nil, "is a directory", "path of its own")

	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Config{Path: fifo}, time.Now)
	wantFileError(t, err, fifo, nil, "not a regular file")

	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(plain, "acsgate.db")
	_, err = Open(Config{Path: below}, time.Now)
	wantFileError(t, err, below, nil, "not a directory", "check the path")

	foreign := filepath.Join(dir, "foreign.db")
	editFile(t, foreign, func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("of something else"))
		return err
	})
	_, err = Open(Config{Path: foreign}, time.Now)
	wantFileError(t, err, foreign, store.ErrDamaged, "not one of acsgate")
}

func TestOpenRefusesNewerFormat(t *testing.T) {
	path := filled(t)
	editFile(t, path, func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte{format + 1}) })
	_, err := Open(Config{Path: path}, time.Now)
	wantFileError(t, err, path, store.ErrDamaged, "format 2", "newer acsgate", "run that version")
}

func editFile(t *testing.T, path string, edit func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(edit), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenNeedsPermission(t *testing.T) {
	path := filled(t)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		_, err := Open(Config{Path: path}, time.Now)
		wantFileError(t, err, path, os.ErrPermission, "readable and writable")
		return
	}
	// The superuser may read everything, so somebody else has to try.
	for dir := path; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil && filepath.Dir(dir) != os.TempDir() {
			t.Fatal(err)
		}
	}
	t.Run("other user", func(t *testing.T) { openAsNobody(t, path) })
}

// TestDamagedPages changes pages of a whole file at random and uses it: whatever
// comes of it, it must be an error or right, and never a panic. What is wrong
// with the structure must be noticed before the store is used.
func TestDamagedPages(t *testing.T) {
	whole := contents(t)
	random := newRandom(t)
	path := filepath.Join(t.TempDir(), "acsgate.db")
	refused := 0
	for range 200 {
		content := bytes.Clone(whole)
		for range 1 + random.IntN(8) {
			damage(random, content)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Config{Path: path}, time.Now)
		if err != nil {
			refused++
			wantFileError(t, err, path, store.ErrDamaged)
			continue
		}
		if err := useDamaged(t, s); err != nil {
			wantFileError(t, err, path, store.ErrDamaged, "checksum")
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if refused < 50 {
		t.Errorf("only %d of 200 damaged files were refused", refused)
	}
}

// TestPagesDamagedWhileInUse overwrites pages under an open store.
func TestPagesDamagedWhileInUse(t *testing.T) {
	random := newRandom(t)
	size := len(contents(t))
	failed := 0
	for range 25 {
		path := filled(t)
		s := mustOpen(t, path, time.Now)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			garbage := make([]byte, 4096)
			if random.IntN(2) == 0 {
				fillRandom(random, garbage)
			}
			if _, err := f.WriteAt(garbage, int64(2+random.IntN(size/4096-2))*4096); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := useDamaged(t, s); err != nil {
			failed++
			wantFileError(t, err, path, store.ErrDamaged)
		}
	}
	if failed < 10 {
		t.Errorf("only %d of 25 damaged files were noticed", failed)
	}
}

func newRandom(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func fillRandom(random *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(random.Uint32())
	}
}

// damage changes one page. It spares the two meta pages: when one of them is
// damaged, the other is the state before the last commit, as after a power
// failure in the middle of that commit.
func damage(random *rand.Rand, content []byte) {
	const size = 4096
	pick := func() []byte {
		at := (2 + random.IntN(len(content)/size-2)) * size
		return content[at : at+size]
	}
	page := pick()
	switch random.IntN(4) {
	case 0: // all of it
		fillRandom(random, page)
	case 1: // its header
		fillRandom(random, page[:16])
	case 2: // where its elements lie
		for range 4 {
			page[16+random.IntN(64)] ^= byte(1 << random.IntN(8))
		}
	default: // another page's
		copy(page, pick())
	}
}

// useDamaged does a bit of everything and returns the first error.
func useDamaged(t *testing.T, s *Store) (first error) {
	note := func(err error) {
		if first == nil && err != nil && !errors.Is(err, store.ErrNotFound) {
			first = err
		}
	}
	note(s.Scan(t.Context(), "", func(e store.Entry) error {
		if n, _, whole := parseValue(e.Value); !whole || n != 2 {
			t.Fatalf("a damaged file gave %s as %d, %q", e.Key, n, e.Value)
		}
		return nil
	}))
	for i := range 40 {
		_, err := s.Get(t.Context(), fmt.Sprintf("%d/%03d", i%4, i*12))
		note(err)
	}
	for i := range 20 {
		_, err := s.Put(t.Context(), fmt.Sprintf("%d/%03d", i%4, i*25), makeValue(2, 100), store.PutOptions{})
		note(err)
	}
	note(s.Delete(t.Context(), "1/001", 0))
	return first
}

// TestFileCutWhileInUse takes the end of the file away under an open store: what
// was there can no longer be read, which is a fault in the mapped memory.
func TestFileCutWhileInUse(t *testing.T) {
	for _, size := range []int64{4 * 4096, 0} {
		path := filled(t)
		s := mustOpen(t, path, time.Now)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		err := s.Scan(t.Context(), "", func(store.Entry) error { return nil })
		wantFileError(t, err, path, store.ErrDamaged, "unreadable")
		for range 3 {
			_, err = s.Get(t.Context(), "0/000")
			wantFileError(t, err, path, store.ErrDamaged)
			_, err = s.Put(t.Context(), "0/000", nil, store.PutOptions{})
			wantFileError(t, err, path, store.ErrDamaged)
			wantFileError(t, s.Delete(t.Context(), "0/000", 0), path, store.ErrDamaged)
		}
	}
}

// TestDamagedEntry flips one bit of one value.
func TestDamagedEntry(t *testing.T) {
	path := filled(t)
	editFile(t, path, func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketEntries)
		v := bytes.Clone(b.Get([]byte("2/222")))
		v[len(v)-1] ^= 1
		return b.Put([]byte("2/222"), v)
	})
	s := mustOpen(t, path, time.Now)
	_, err := s.Get(t.Context(), "2/222")
	wantFileError(t, err, path, store.ErrDamaged, `"2/222"`, "checksum")
	n := 0
	err = s.Scan(t.Context(), "", func(store.Entry) error { n++; return nil })
	wantFileError(t, err, path, store.ErrDamaged, `"2/222"`, "checksum")
	if n != 1999 {
		t.Errorf("scan gave %d entries, want the 1999 others", n)
	}
	_, err = s.Put(t.Context(), "2/222", nil, store.PutOptions{Expect: store.Absent})
	wantFileError(t, err, path, store.ErrDamaged, `"2/222"`)
	if err := s.Delete(t.Context(), "2/222", 0); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := s.Scan(t.Context(), "", func(store.Entry) error { return nil }); err != nil {
		t.Errorf("scan after the damaged entry was deleted: %v", err)
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	path := filled(t)
	cmd, lines := startChild(t, "open", path)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the child says %q", lines.Text())
	}
	cfg := Config{Path: path, LockTimeout: 100 * time.Millisecond}
	_, err := Open(cfg, time.Now)
	wantFileError(t, err, path, ErrLocked, "another acsgate running?")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	mustOpen(t, path, time.Now)
	_, err = Open(cfg, time.Now) // by ourselves
	wantFileError(t, err, path, ErrLocked)
}
